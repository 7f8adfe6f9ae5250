//! The variables of OpenTelemetry. They are meant for every program of their user, so what is not understood here is no
//! reason not to start.
//!
//! # Sources
//! OpenTelemetry: Environment Variable Specification; OpenTelemetry Protocol Exporter.

use serde::Deserialize as _;
use serde::de::value::{Error, StrDeserializer};

use crate::options::{Sampler, Traces};
use crate::secret::Secret;

/// Whether a variable counts beside the others: the protocol is that of an endpoint of the environment, and the one for
/// traces stands above the one for everything.
pub(super) fn counts(name: &str, is_set: impl Fn(&str) -> bool) -> bool {
    let has_endpoint = || is_set("OTEL_EXPORTER_OTLP_ENDPOINT") || is_set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    match name {
        "OTEL_EXPORTER_OTLP_PROTOCOL" => has_endpoint() && !is_set("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"),
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL" => has_endpoint(),
        _ => true,
    }
}

/// Takes over one variable that is not empty. What is wrong in it goes to the log.
pub(super) fn apply(traces: &mut Traces, name: &str, value: &str) {
    if let Err(wrong) = take(traces, name, value.trim()) {
        log::warn!(target: "headroom.proxy", "{name}: {wrong}");
    }
}

fn take(traces: &mut Traces, name: &str, value: &str) -> Result<(), String> {
    match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => {
            traces.endpoint = None;
            traces.endpoint = Some(format!("{}/v1/traces", value.trim_end_matches('/')).parse()?);
        }
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" => {
            traces.endpoint = None;
            traces.endpoint = Some(value.parse()?);
        }
        "OTEL_EXPORTER_OTLP_HEADERS" | "OTEL_EXPORTER_OTLP_TRACES_HEADERS" => {
            let headers = pairs(value)?.into_iter().map(|(name, value)| (name, Secret::new(value))).collect();
            let before = std::mem::replace(&mut traces.headers, headers);
            if let Err(wrong) = traces.validate() {
                traces.headers = before;
                return Err(wrong.to_string());
            }
        }
        "OTEL_EXPORTER_OTLP_TIMEOUT" | "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT" => {
            let limit = value.parse().ok().filter(|limit| *limit > 0);
            traces.timeout_ms = limit.ok_or_else(|| format!("expected milliseconds above 0, found {value:?}"))?;
        }
        "OTEL_RESOURCE_ATTRIBUTES" => {
            traces.resource_attributes = pairs(value)?.into_iter().collect();
            if let Some(service) = traces.resource_attributes.remove("service.name") {
                traces.service_name = service;
            }
        }
        "OTEL_SERVICE_NAME" => value.clone_into(&mut traces.service_name),
        "OTEL_TRACES_SAMPLER" => {
            let sampler = Sampler::deserialize(StrDeserializer::<Error>::new(value));
            traces.sampler = sampler.map_err(|error| error.to_string())?;
        }
        "OTEL_TRACES_SAMPLER_ARG" => {
            let ratio = value.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
            traces.sampler_ratio =
                ratio.ok_or_else(|| format!("expected a number from 0.0 to 1.0, found {value:?}"))?;
        }
        // Receivers of OTLP over HTTP tell JSON from protobuf by the type of the body.
        "OTEL_EXPORTER_OTLP_PROTOCOL" | "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
            if !matches!(value, "http/json" | "http/protobuf") =>
        {
            traces.endpoint = None;
            return Err(format!("expected http/json, found {value:?}; no traces are sent"));
        }
        "OTEL_TRACES_EXPORTER" if value != "otlp" => traces.endpoint = None,
        "OTEL_SDK_DISABLED" if value.eq_ignore_ascii_case("true") => traces.endpoint = None,
        _ => {}
    }
    Ok(())
}

/// `name=value,name=value` with percent-encoded values. What is found is not repeated: it may be a key.
fn pairs(list: &str) -> Result<Vec<(String, String)>, String> {
    let pair = |part: &str| {
        let (name, value) = part.split_once('=')?;
        let (name, value) = (name.trim(), decoded(value.trim())?);
        (!name.is_empty()).then(|| (name.to_owned(), value))
    };
    let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
    let found: Option<Vec<_>> = parts.map(pair).collect();
    found.ok_or_else(|| "expected name=value,name=value with percent-encoded values, found something else".to_owned())
}

/// A text without its percent-encoding.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Traces {
        let mut traces = Traces::default();
        for (name, value) in variables {
            apply(&mut traces, name, value);
        }
        traces
    }

    #[test]
    fn the_endpoint_of_everything_gets_the_path_of_traces_and_the_one_of_traces_stays() {
        let endpoint =
            |name: &str, value: &str| of(&[(name, value)]).endpoint.map(|endpoint| endpoint.as_str().to_owned());
        let everything = "OTEL_EXPORTER_OTLP_ENDPOINT";
        for (name, value, expected) in [
            (everything, "http://collector:4318", "http://collector:4318/v1/traces"),
            (everything, "https://a.example/otlp/", "https://a.example/otlp/v1/traces"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://a.example/x", "https://a.example/x"),
        ] {
            assert_eq!(endpoint(name, value).as_deref(), Some(expected));
        }
        // As programs that speak gRPC write it.
        assert_eq!(endpoint(everything, "collector:4317"), None);
    }

    #[test]
    fn headers_and_attributes_are_lists_with_encoded_values() {
        let traces = of(&[
            ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Basic%20a%3D%3D, x-team = red,"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=shop,deployment.environment.name=test"),
        ]);
        assert_eq!(traces.headers["Authorization"].expose(), "Basic a==");
        assert_eq!(traces.headers["x-team"].expose(), "red");
        assert_eq!((&*traces.service_name, traces.resource_attributes.len()), ("shop", 1));
        for wrong in ["hunter2", "a=%zz", "a=%4", "=hunter2", "a=hunter2%0a"] {
            let error = take(&mut Traces::default(), "OTEL_EXPORTER_OTLP_HEADERS", wrong).unwrap_err();
            assert!(error.contains("expected") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn samplers_are_known_by_their_names_and_others_are_left_aside() {
        let sampler = |name: &str| of(&[("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", "0.25")]).sampler;
        assert_eq!(sampler("always_off"), Sampler::AlwaysOff);
        assert_eq!(sampler("traceidratio"), Sampler::TraceIdRatio);
        assert_eq!(sampler("parentbased_traceidratio"), Sampler::ParentTraceIdRatio);
        assert_eq!(sampler("jaeger_remote"), Sampler::ParentAlwaysOn);
        let ratio = |text: &str| of(&[("OTEL_TRACES_SAMPLER_ARG", text)]).sampler_ratio;
        assert_eq!([ratio("0.25"), ratio("2"), ratio("endpoint=x")], [0.25, 1.0, 1.0]);
    }

    #[test]
    fn the_protocol_is_that_of_an_endpoint_beside_it() {
        let counts = |name: &str, set: &[&str]| counts(name, |name| set.contains(&name));
        let (all, traces) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL");
        assert!(!counts(all, &[all]) && !counts(traces, &[all]));
        assert!(counts(all, &[all, "OTEL_EXPORTER_OTLP_ENDPOINT"]));
        assert!(!counts(all, &[all, traces, "OTEL_EXPORTER_OTLP_ENDPOINT"]));
        assert!(counts("OTEL_SERVICE_NAME", &[]));
    }

    #[test]
    fn what_cannot_be_spoken_here_turns_traces_off() {
        let is_on = |name: &str, value: &str| {
            of(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"), (name, value)]).endpoint.is_some()
        };
        assert!(is_on("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"));
        assert!(!is_on("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"));
        assert!(is_on("OTEL_TRACES_EXPORTER", "otlp") && !is_on("OTEL_TRACES_EXPORTER", "none"));
        assert!(is_on("OTEL_SDK_DISABLED", "false") && !is_on("OTEL_SDK_DISABLED", "TRUE"));
    }
}
