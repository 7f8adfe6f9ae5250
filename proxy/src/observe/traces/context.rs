//! Which trace a request belongs to, and what is noted for it on the way.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Instant;

use http::uri::Scheme;
use http::{HeaderMap, Method, Uri};

use crate::options::{self, Sampler};
use crate::providers::Ending;

/// What a trace needs of a request beside what its record has.
#[derive(Debug, Clone)]
pub struct Trace {
    /// The trace.
    pub(super) id: u128,
    /// The client's span.
    pub(super) parent: Option<u64>,
    pub(super) method: Method,
    pub(super) arrived: Instant,
    /// What the model is asked for; none when no model is asked, or nobody knows for what.
    pub(crate) operation: Option<&'static str>,
    /// Where it was sent.
    pub(crate) upstream: Option<Upstream>,
    /// From when to when upstreams were asked.
    pub(crate) asked: Option<(Instant, Instant)>,
    /// The status of the upstream's answer.
    pub(crate) upstream_status: Option<u16>,
    /// Why the proxy itself answered.
    pub(crate) error: Option<&'static str>,
    /// How the answer ended.
    pub(crate) ending: Ending,
    /// How many originals are named by markers.
    pub(crate) markers: usize,
}

/// Where a request was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upstream {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Upstream {
    /// The place that an address names.
    pub(crate) fn of(uri: &Uri) -> Option<Self> {
        let default = if uri.scheme() == Some(&Scheme::HTTP) { 80 } else { 443 };
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Self { host, port: uri.port_u16().unwrap_or(default) })
    }
}

/// Whether requests are traced.
#[derive(Debug)]
pub(super) struct Sampling {
    sampler: Sampler,
    ratio: f64,
}

impl Sampling {
    pub(super) fn new(options: &options::Traces) -> Self {
        Self { sampler: options.sampler, ratio: options.sampler_ratio }
    }

    /// The trace of a request; none when it is not traced.
    pub(super) fn begin(&self, method: &Method, headers: &HeaderMap) -> Option<Trace> {
        let parent = Parent::of(headers);
        let id = parent.as_ref().map_or_else(new_trace_id, |parent| parent.trace);
        let follows = parent.as_ref().map(|parent| parent.is_sampled);
        let is_traced = match self.sampler {
            Sampler::AlwaysOn => true,
            Sampler::AlwaysOff => false,
            Sampler::TraceIdRatio => is_within(id, self.ratio),
            Sampler::ParentAlwaysOn => follows.unwrap_or(true),
            Sampler::ParentAlwaysOff => follows.unwrap_or(false),
            Sampler::ParentTraceIdRatio => follows.unwrap_or_else(|| is_within(id, self.ratio)),
        };
        is_traced.then(|| Trace {
            id,
            parent: parent.map(|parent| parent.span),
            method: method.clone(),
            arrived: Instant::now(),
            operation: None,
            upstream: None,
            asked: None,
            upstream_status: None,
            error: None,
            ending: Ending::default(),
            markers: 0,
        })
    }
}

/// Whether the random part of an id is below a share of all, so that everybody who asks about a trace decides the same.
///
/// # Sources
/// OpenTelemetry: TraceIdRatioBased sampler; W3C Trace Context level 2 calls the last 56 bits random.
#[expect(clippy::cast_precision_loss, reason = "a share")]
fn is_within(id: u128, ratio: f64) -> bool {
    const RANDOM: u128 = (1 << 56) - 1;
    ((id & RANDOM) as f64) < ratio * (RANDOM + 1) as f64
}

/// A client's span.
#[derive(Debug, PartialEq, Eq)]
struct Parent {
    trace: u128,
    span: u64,
    is_sampled: bool,
}

impl Parent {
    /// The one that `traceparent` names. What is not as it should be names none.
    ///
    /// # Sources
    /// W3C Trace Context §3.2; later versions may have more behind the flags.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all("traceparent").iter();
        let text = values.next().filter(|_| values.next().is_none())?.to_str().ok()?;
        let mut parts = text.splitn(5, '-');
        let mut hex = |digits: usize| {
            let part = parts.next()?;
            let is_hex = part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            if is_hex { u128::from_str_radix(part, 16).ok() } else { None }
        };
        let (version, trace, span, flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
        let is_known = version != 0xff && (version != 0 || parts.next().is_none());
        let span = u64::try_from(span).ok()?;
        (is_known && trace != 0 && span != 0).then_some(Self { trace, span, is_sampled: flags & 1 == 1 })
    }
}

fn new_trace_id() -> u128 {
    u128::from(random()) << 64 | u128::from(random())
}

/// The id of a new span.
pub(super) fn new_span_id() -> u64 {
    random()
}

/// A number that is not 0. It tells traces apart and protects nothing: the standard library's hasher has random keys.
fn random() -> u64 {
    RandomState::new().hash_one(0_u8).max(1)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn headers(values: &[&str]) -> HeaderMap {
        let name = http::HeaderName::from_static("traceparent");
        values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn begin(sampler: Sampler, ratio: f64, values: &[&str]) -> Option<Trace> {
        Sampling { sampler, ratio }.begin(&Method::POST, &headers(values))
    }

    #[test]
    fn a_client_s_trace_is_continued() {
        for rest in ["01", "03", "01-more"] {
            let version = if rest.contains('-') { "01" } else { "00" };
            let trace =
                begin(Sampler::default(), 1.0, &[&format!("{version}-{TRACE}-00f067aa0ba902b7-{rest}")]).unwrap();
            assert_eq!((format!("{:032x}", trace.id), trace.parent), (TRACE.to_owned(), Some(0x00f0_67aa_0ba9_02b7)));
        }
    }

    #[test]
    fn what_is_no_traceparent_begins_a_new_trace() {
        let good = format!("00-{TRACE}-00f067aa0ba902b7-01");
        for wrong in [
            "".to_owned(),
            format!("00-{TRACE}-00f067aa0ba902b7"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{:032}-00f067aa0ba902b7-01", 0),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            format!("00-+{}-00f067aa0ba902b7-01", &TRACE[1..]),
        ] {
            let trace = begin(Sampler::default(), 1.0, &[&wrong]).unwrap();
            assert!(trace.parent.is_none() && trace.id != 0, "{wrong}");
        }
        assert_eq!(begin(Sampler::default(), 1.0, &[&good, &good]).unwrap().parent, None, "two of them name none");
    }

    #[test]
    fn a_sampler_decides_with_or_without_the_client() {
        let taken = |flags: &str| format!("00-{TRACE}-00f067aa0ba902b7-{flags}");
        let (yes, no) = (taken("01"), taken("00"));
        use Sampler::{AlwaysOff, AlwaysOn, ParentAlwaysOff, ParentAlwaysOn, ParentTraceIdRatio, TraceIdRatio};
        for (sampler, ratio, without, with_yes, with_no) in [
            (AlwaysOn, 0.0, true, true, true),
            (AlwaysOff, 1.0, false, false, false),
            (TraceIdRatio, 0.0, false, false, false),
            (TraceIdRatio, 1.0, true, true, true),
            (ParentAlwaysOn, 0.0, true, true, false),
            (ParentAlwaysOff, 1.0, false, true, false),
            (ParentTraceIdRatio, 0.0, false, true, false),
            (ParentTraceIdRatio, 1.0, true, true, false),
        ] {
            let is_traced = |values: &[&str]| begin(sampler, ratio, values).is_some();
            assert_eq!(
                [is_traced(&[]), is_traced(&[&yes]), is_traced(&[&no])],
                [without, with_yes, with_no],
                "{sampler:?}"
            );
        }
    }

    #[test]
    fn a_share_of_the_traces_is_taken() {
        let taken = (0..4000).filter(|_| begin(Sampler::TraceIdRatio, 0.25, &[]).is_some()).count();
        assert!((700..1300).contains(&taken), "{taken}");
    }

    #[test]
    fn an_upstream_is_a_host_and_a_port() {
        let of = |uri: &str| Upstream::of(&uri.parse().unwrap()).map(|upstream| (upstream.host, upstream.port));
        assert_eq!(of("https://api.openai.com/v1"), Some(("api.openai.com".into(), 443)));
        assert_eq!(of("http://[::1]:8080/"), Some(("::1".into(), 8080)));
        assert_eq!(of("http://a.example"), Some(("a.example".into(), 80)));
    }
}
