//! The variables of the environment.

use std::ffi::OsString;

use super::telemetry;
use crate::error::StartError;
use crate::options::ProxyOptions;
use crate::secret::Secret;

/// Every variable that is read, and what it sets. `HEADROOM_CONFIG` is read before the others.
pub const TABLE: &[(&str, &str)] = &[
    ("HEADROOM_CONFIG", "the file of options"),
    ("HEADROOM_HOST", "host"),
    ("HEADROOM_PORT", "port"),
    ("HEADROOM_PROXY_TOKEN", "token"),
    ("HEADROOM_STORE", "store"),
    ("HEADROOM_OPENAI_URL", "upstreams.openai"),
    ("HEADROOM_ANTHROPIC_URL", "upstreams.anthropic"),
    ("HEADROOM_GEMINI_URL", "upstreams.gemini"),
    ("HEADROOM_LOG_LEVEL", "log_level"),
    ("HEADROOM_LOG_FORMAT", "log_format"),
    // Those of OpenTelemetry: the one for traces after the one for everything, and what turns them off last.
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "traces.endpoint"),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "traces.endpoint"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "traces.headers"),
    ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "traces.headers"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "traces.timeout_ms"),
    ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "traces.timeout_ms"),
    ("OTEL_RESOURCE_ATTRIBUTES", "traces.resource_attributes"),
    ("OTEL_SERVICE_NAME", "traces.service_name"),
    ("OTEL_TRACES_SAMPLER", "traces.sampler"),
    ("OTEL_TRACES_SAMPLER_ARG", "traces.sampler_ratio"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "whether traces are sent"),
    ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "whether traces are sent"),
    ("OTEL_TRACES_EXPORTER", "whether traces are sent"),
    ("OTEL_SDK_DISABLED", "whether traces are sent"),
];

/// Lays what is set over the options.
pub(super) fn apply(options: &mut ProxyOptions, variable: impl Fn(&str) -> Option<OsString>) -> Result<(), StartError> {
    for (name, _) in TABLE {
        let Some(value) = variable(name) else { continue };
        let wrong = |message: String| StartError::Configuration(format!("{name}: {message}"));
        let value = value.into_string().map_err(|_| wrong("expected UTF-8, found something else".into()))?;
        match *name {
            "HEADROOM_HOST" => options.host = value,
            "HEADROOM_PORT" => {
                options.port = value
                    .trim()
                    .parse()
                    .map_err(|_| wrong(format!("expected a port from 0 to 65535, found {value:?}")))?;
            }
            "HEADROOM_PROXY_TOKEN" => options.token = Some(Secret::new(value)),
            "HEADROOM_STORE" => options.store = Some(value),
            "HEADROOM_OPENAI_URL" => options.upstreams.openai = value.parse().map_err(wrong)?,
            "HEADROOM_ANTHROPIC_URL" => options.upstreams.anthropic = value.parse().map_err(wrong)?,
            "HEADROOM_GEMINI_URL" => options.upstreams.gemini = value.parse().map_err(wrong)?,
            "HEADROOM_LOG_LEVEL" => options.log_level = value.parse().map_err(|error| wrong(format!("{error}")))?,
            "HEADROOM_LOG_FORMAT" => options.log_format = value.parse().map_err(|error| wrong(format!("{error}")))?,
            name if name.starts_with("OTEL_") && telemetry::counts(name, |name| variable(name).is_some()) => {
                telemetry::apply(&mut options.traces, name, &value);
            }
            _ => {}
        }
    }
    Ok(())
}
