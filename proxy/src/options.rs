//! Every option of the proxy and its default, here and nowhere else.

use std::collections::BTreeMap;
use std::time::Duration;

use headroom_core::CompressOptions;
use http::{HeaderName, HeaderValue};
use serde::Deserialize;

use crate::base_url::BaseUrl;
use crate::error::StartError;
use crate::observe::logging::{LogFormat, LogLevel};
use crate::secret::Secret;

/// What a proxy is started with. Unset fields have the defaults below; unknown ones are an error.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxyOptions {
    /// The address to listen on; any other than a loopback address needs a token. Default: `127.0.0.1`.
    pub host: String,
    /// The port to listen on; 0 takes a free one. Default: 8787.
    pub port: u16,
    /// What clients must send as `x-headroom-proxy-token`, or on Headroom's own routes as a bearer token. Default: none.
    pub token: Option<Secret>,
    /// The store of originals: a file or `:memory:`. Default: `~/.headroom/store.db`.
    pub store: Option<String>,
    /// Where requests go.
    pub upstreams: Upstreams,
    /// Names beyond addresses and `localhost` that clients may have in `Host`. Default: none.
    pub allowed_hosts: Vec<String>,
    /// Origins beyond the proxy's own that browsers may send, such as `https://app.example`. Default: none.
    pub allowed_origins: Vec<String>,
    /// How much of everything.
    pub limits: Limits,
    /// How long for everything.
    pub timeouts: Timeouts,
    /// What is tried again.
    pub retries: Retries,
    /// Whether whole answers are kept and given again to the same request with the same credentials. Default: false.
    pub response_cache: bool,
    /// How many bytes of answers are kept; those that are asked for stay longer. Default: 64 MiB.
    pub cache_bytes: usize,
    /// How long an answer is kept at most, in milliseconds. Default: 3,600,000.
    pub cache_ttl_ms: u64,
    /// Whether the model is offered the tool that brings originals back, and its calls are answered here. Default: true.
    pub retrieval_tool: bool,
    /// Whether the dashboard shows texts before and after; without it none are kept. Default: true.
    pub dashboard_texts: bool,
    /// What models cost that have another price than their list price, in dollars per million input tokens; a name may end
    /// in `*`. Default: none.
    pub prices: BTreeMap<String, f64>,
    /// How much `headroom proxy` says on stderr; a host that has a logger keeps it. Default: `info`.
    pub log_level: LogLevel,
    /// How it says it. Default: `text`.
    pub log_format: LogFormat,
    /// Where traces go.
    pub traces: Traces,
    /// npm packages whose extensions `startProxy` of `headroom-sdk` runs; each has the keyword
    /// `headroom-pipeline-extension`. Hosts without Node leave them out and say so. Default: none.
    pub extension_packages: Vec<String>,
    /// How requests are compressed; the table `compress` beside `proxy` in `headroom.toml`.
    #[serde(skip)]
    pub compress: CompressOptions,
}

impl Default for ProxyOptions {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 8787,
            token: None,
            store: None,
            upstreams: Upstreams::default(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            retries: Retries::default(),
            response_cache: false,
            cache_bytes: 64 << 20,
            cache_ttl_ms: 3_600_000,
            retrieval_tool: true,
            dashboard_texts: true,
            prices: BTreeMap::new(),
            log_level: LogLevel::default(),
            log_format: LogFormat::default(),
            traces: Traces::default(),
            extension_packages: Vec::new(),
            compress: CompressOptions::default(),
        }
    }
}

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Upstreams {
    /// Default: `https://api.openai.com`.
    pub openai: BaseUrl,
    /// The backend of ChatGPT, for paths that begin with `/backend-api/`. Default: `https://chatgpt.com`.
    pub chatgpt: BaseUrl,
    /// Default: `https://api.anthropic.com`.
    pub anthropic: BaseUrl,
    /// Default: `https://generativelanguage.googleapis.com`.
    pub gemini: BaseUrl,
    /// More of them, which a client may choose with `x-headroom-base-url` by name or by address. Default: none.
    pub named: BTreeMap<String, BaseUrl>,
}

impl Default for Upstreams {
    fn default() -> Self {
        let url = |text: &str| text.parse().expect("the default addresses are tested");
        Self {
            openai: url("https://api.openai.com"),
            chatgpt: url("https://chatgpt.com"),
            anthropic: url("https://api.anthropic.com"),
            gemini: url("https://generativelanguage.googleapis.com"),
            named: BTreeMap::new(),
        }
    }
}

/// How much of everything.
///
/// # Sources
/// Chosen by hand: Anthropic takes requests of up to 32 MB, OpenAI up to 50 MB of files and Gemini 20 MB; common servers
/// take 8 to 64 KB of headers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a request's body. Default: 128 MiB.
    pub body_bytes: usize,
    /// Bytes of a request's headers, names and values together. Default: 64 KiB.
    pub header_bytes: usize,
    /// Connections at once; further ones wait. Default: 8192.
    pub connections: usize,
    /// Bytes of a WebSocket frame or of one server-sent event that is read. Default: 16 MiB.
    pub frame_bytes: usize,
    /// Bytes of a response that is held because an extension reads it; a larger one passes unread. Default: 64 MiB.
    pub response_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 128 << 20,
            header_bytes: 64 << 10,
            connections: 8192,
            frame_bytes: 16 << 20,
            response_bytes: 64 << 20,
        }
    }
}

/// How long for everything, in milliseconds.
///
/// # Sources
/// The SDKs of OpenAI and Anthropic wait 10 minutes for an answer; the others are chosen by hand.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// A connection to an upstream, TLS included. Default: 10,000.
    pub connect_ms: u64,
    /// From the request to the head of the upstream's answer. Default: 600,000.
    pub first_byte_ms: u64,
    /// Between two pieces of a body, in either direction. Default: 600,000.
    pub idle_ms: u64,
    /// For the head of a request, and for the next one on the same connection. Default: 90,000.
    pub headers_ms: u64,
    /// For compressing one request; then it goes as it came. Default: 30,000.
    pub compress_ms: u64,
    /// For requests under way when the proxy is to stop. Default: 30,000.
    pub drain_ms: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect_ms: 10_000,
            first_byte_ms: 600_000,
            idle_ms: 600_000,
            headers_ms: 90_000,
            compress_ms: 30_000,
            drain_ms: 30_000,
        }
    }
}

impl Timeouts {
    pub(crate) fn connect(&self) -> Duration {
        Duration::from_millis(self.connect_ms)
    }

    pub(crate) fn first_byte(&self) -> Duration {
        Duration::from_millis(self.first_byte_ms)
    }

    pub(crate) fn idle(&self) -> Duration {
        Duration::from_millis(self.idle_ms)
    }

    pub(crate) fn headers(&self) -> Duration {
        Duration::from_millis(self.headers_ms)
    }

    pub(crate) fn compress(&self) -> Duration {
        Duration::from_millis(self.compress_ms)
    }

    pub(crate) fn drain(&self) -> Duration {
        Duration::from_millis(self.drain_ms)
    }
}

/// What is tried again. Only a request whose body is held here is, and only before a byte of an answer went to the client.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retries {
    /// Further attempts after the first, when no connection came about or it broke before an answer. Default: 2.
    pub attempts: u32,
    /// Statuses after which it is tried again too. The SDKs of the providers do that themselves, and two layers that do
    /// multiply. Default: none; 429, 502, 503, 504 and 529 make sense.
    pub statuses: Vec<u16>,
    /// The pause before the second attempt; it doubles from then on. Default: 250.
    pub backoff_ms: u64,
    /// The longest pause; an answer with a longer `Retry-After` goes to the client. Default: 10,000.
    pub max_backoff_ms: u64,
}

impl Default for Retries {
    fn default() -> Self {
        Self { attempts: 2, statuses: Vec::new(), backoff_ms: 250, max_backoff_ms: 10_000 }
    }
}

/// Where traces go, over OTLP/HTTP as JSON. There are none without an endpoint.
///
/// # Sources
/// Defaults of times and sizes are those of OpenTelemetry's batch processor and exporter.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Traces {
    /// The whole address, such as `http://127.0.0.1:4318/v1/traces`. Default: none.
    pub endpoint: Option<BaseUrl>,
    /// Headers of the requests to it, such as a key. Default: none.
    pub headers: BTreeMap<String, Secret>,
    /// How long one request to it may take, in milliseconds. Default: 10,000.
    pub timeout_ms: u64,
    /// The name of this service. Default: `headroom`.
    pub service_name: String,
    /// What else is said of this service. Default: none.
    pub resource_attributes: BTreeMap<String, String>,
    /// Which requests are traced. Default: `parentbased_always_on`.
    pub sampler: Sampler,
    /// The share of traces that the samplers with `traceidratio` take, from 0.0 to 1.0. Default: 1.0.
    pub sampler_ratio: f64,
    /// How long a span waits for others that go with it, in milliseconds. Default: 5,000.
    pub delay_ms: u64,
    /// How many requests may wait; what comes then is counted as dropped. Default: 2048.
    pub queue_requests: usize,
}

impl Default for Traces {
    fn default() -> Self {
        Self {
            endpoint: None,
            headers: BTreeMap::new(),
            timeout_ms: 10_000,
            service_name: "headroom".into(),
            resource_attributes: BTreeMap::new(),
            sampler: Sampler::default(),
            sampler_ratio: 1.0,
            delay_ms: 5000,
            queue_requests: 2048,
        }
    }
}

/// Which requests are traced. Those that are `parentbased_` do as the client's `traceparent` says and decide only without
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sampler {
    /// All.
    #[serde(rename = "always_on")]
    AlwaysOn,
    /// None.
    #[serde(rename = "always_off")]
    AlwaysOff,
    /// A share, chosen by the id of the trace.
    TraceIdRatio,
    /// As the client, else all.
    #[default]
    #[serde(rename = "parentbased_always_on")]
    ParentAlwaysOn,
    /// As the client, else none.
    #[serde(rename = "parentbased_always_off")]
    ParentAlwaysOff,
    /// As the client, else a share.
    #[serde(rename = "parentbased_traceidratio")]
    ParentTraceIdRatio,
}

impl ProxyOptions {
    /// What a host without Node tells its user: which packages it leaves out.
    #[must_use]
    pub fn packages_left_out(&self) -> Option<String> {
        let names = self.extension_packages.join(", ");
        let sentence = "extension_packages: only startProxy of headroom-sdk runs them; left out here:";
        (!names.is_empty()).then(|| format!("{sentence} {names}"))
    }

    /// Checks what types alone cannot.
    ///
    /// # Errors
    /// [`StartError::Configuration`] that names the option, what was expected and what was found.
    pub fn validate(&self) -> Result<(), StartError> {
        let Limits { body_bytes, header_bytes, connections, frame_bytes, response_bytes } = self.limits;
        let limits = [
            ("limits.body_bytes", body_bytes as u64),
            ("limits.header_bytes", header_bytes as u64),
            ("limits.connections", connections as u64),
            ("limits.frame_bytes", frame_bytes as u64),
            ("limits.response_bytes", response_bytes as u64),
        ];
        let Timeouts { connect_ms, first_byte_ms, idle_ms, headers_ms, compress_ms, drain_ms: _ } = self.timeouts;
        let traces = [
            ("traces.timeout_ms", self.traces.timeout_ms),
            ("traces.delay_ms", self.traces.delay_ms),
            ("traces.queue_requests", self.traces.queue_requests as u64),
        ];
        let cache = [("cache_bytes", self.cache_bytes as u64), ("cache_ttl_ms", self.cache_ttl_ms)];
        let timeouts = [
            ("timeouts.connect_ms", connect_ms),
            ("timeouts.first_byte_ms", first_byte_ms),
            ("timeouts.idle_ms", idle_ms),
            ("timeouts.headers_ms", headers_ms),
            ("timeouts.compress_ms", compress_ms),
        ];
        let mut positive = limits.iter().chain(&cache).chain(&timeouts).chain(&traces);
        if let Some((name, _)) = positive.find(|(_, value)| *value == 0) {
            return Err(StartError::Configuration(format!("{name}: expected a number above 0, found 0")));
        }
        if let Some(status) = self.retries.statuses.iter().find(|status| !(400..600).contains(*status)) {
            let message = format!("retries.statuses: expected statuses from 400 to 599, found {status}");
            return Err(StartError::Configuration(message));
        }
        self.traces.validate()?;
        if self.token.as_ref().is_some_and(Secret::is_empty) {
            return Err(StartError::Configuration("token: expected a text that is not empty, found \"\"".into()));
        }
        self.compress.validate().map_err(|error| StartError::Configuration(error.to_string()))
    }
}

impl Traces {
    pub(crate) fn validate(&self) -> Result<(), StartError> {
        let ratio = self.sampler_ratio;
        if !(0.0..=1.0).contains(&ratio) {
            let message = format!("traces.sampler_ratio: expected a number from 0.0 to 1.0, found {ratio}");
            return Err(StartError::Configuration(message));
        }
        // A value is not repeated: it may be a key.
        let is_header = |name: &str, value: &Secret| {
            HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value.expose()).is_ok()
        };
        match self.headers.iter().find(|(name, value)| !is_header(name, value)) {
            Some((name, _)) => {
                let message =
                    format!("traces.headers: expected a name and a value of a header, found neither at {name:?}");
                Err(StartError::Configuration(message))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        ProxyOptions::default().validate().unwrap();
    }

    #[test]
    fn packages_that_only_node_can_run_are_named() {
        let mut options = ProxyOptions::default();
        assert_eq!(options.packages_left_out(), None);
        options.extension_packages = vec!["a".into(), "@b/c".into()];
        assert!(options.packages_left_out().unwrap().ends_with("left out here: a, @b/c"));
    }

    #[test]
    fn an_option_that_cannot_be_is_named() {
        let message = |change: fn(&mut ProxyOptions)| {
            let mut options = ProxyOptions::default();
            change(&mut options);
            options.validate().unwrap_err().to_string()
        };
        assert_eq!(message(|o| o.limits.body_bytes = 0), "limits.body_bytes: expected a number above 0, found 0");
        assert_eq!(message(|o| o.timeouts.idle_ms = 0), "timeouts.idle_ms: expected a number above 0, found 0");
        assert_eq!(message(|o| o.cache_ttl_ms = 0), "cache_ttl_ms: expected a number above 0, found 0");
        assert!(message(|o| o.retries.statuses = vec![200]).contains("found 200"));
        assert!(message(|o| o.token = Some(Secret::new(""))).starts_with("token:"));
        assert!(message(|o| o.traces.sampler_ratio = f64::NAN).contains("traces.sampler_ratio"));
        let error = message(|o| drop(o.traces.headers.insert("a".into(), Secret::new("hunter2\n"))));
        assert!(error.starts_with("traces.headers") && !error.contains("hunter2"), "{error}");
        assert!(message(|o| o.compress.target_ratio = Some(2.0)).contains("target_ratio"));
    }
}
