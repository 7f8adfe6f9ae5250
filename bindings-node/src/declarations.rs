//! What an extension declares about itself, read once when it is registered.

use std::time::Duration;

use headroom_core::extension::{FailurePolicy, Filter, Policy};
use headroom_core::pipeline::StageSet;
use headroom_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value};

/// The declarations of one extension.
pub(crate) struct Declarations {
    pub(crate) name: String,
    pub(crate) stages: StageSet,
    pub(crate) filter: Filter,
    pub(crate) policy: Policy,
}

impl Declarations {
    /// Reads `name`, `stages`, `filter`, `priority`, `before`, `after`, `timeoutMs` and `failurePolicy` of a JSON object;
    /// `null` is not declared.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] that names extension and field, what was expected and what was found.
    pub(crate) fn read(declared: &str) -> Result<Self> {
        let declared: Map<String, Value> = serde_json::from_str(declared).map_err(|cause| {
            Error::new(ErrorKind::Configuration, "extension: its declarations have no JSON form").caused_by(cause)
        })?;
        let name = declared.get("name").and_then(Value::as_str).unwrap_or("extension").to_owned();
        let field = |field: &'static str| Field::of(&declared, &name, "", field);
        let stages = match field("stages") {
            None => StageSet::ALL,
            Some(stages) => {
                let names = stages.names("a list of stages")?;
                names
                    .iter()
                    .map(|stage| stage.parse().map_err(|_| stages.wrong("a list of stages")))
                    .collect::<Result<_>>()?
            }
        };
        let names = |name| field(name).map_or_else(|| Ok(Vec::new()), |names| names.names("a list of strings"));
        let policy = Policy {
            priority: field("priority").map_or(Ok(0), |priority| priority.integer())?,
            before: names("before")?,
            after: names("after")?,
            timeout: field("timeoutMs").map(|limit| limit.milliseconds()).transpose()?,
            failure: field("failurePolicy").map_or(Ok(FailurePolicy::Open), |policy| policy.failure_policy())?,
        };
        let filter = field("filter").map_or_else(|| Ok(Filter::default()), |filter| filter.filter())?;
        Ok(Self { name, stages, filter, policy })
    }
}

/// One declared value.
struct Field<'a> {
    extension: &'a str,
    path: String,
    value: &'a Value,
}

impl<'a> Field<'a> {
    fn of(members: &'a Map<String, Value>, extension: &'a str, prefix: &str, name: &str) -> Option<Self> {
        let value = members.get(name).filter(|value| !value.is_null())?;
        Some(Self { extension, path: format!("{prefix}{name}"), value })
    }

    fn wrong(&self, expected: &str) -> Error {
        let (extension, path, found) = (self.extension, &self.path, self.value);
        Error::new(
            ErrorKind::Configuration,
            format!("extension {extension}: {path}: expected {expected}, found {found}"),
        )
    }

    fn names(&self, expected: &str) -> Result<Vec<String>> {
        let items = self.value.as_array().ok_or_else(|| self.wrong(expected))?;
        items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(|| self.wrong(expected))).collect()
    }

    fn integer(&self) -> Result<i64> {
        self.value.as_i64().ok_or_else(|| self.wrong("an integer"))
    }

    fn milliseconds(&self) -> Result<Duration> {
        let limit = self.value.as_f64().filter(|limit| *limit > 0.0 && *limit < 1e12);
        limit
            .map(|limit| Duration::from_secs_f64(limit / 1000.0))
            .ok_or_else(|| self.wrong("a number of milliseconds above 0"))
    }

    fn failure_policy(&self) -> Result<FailurePolicy> {
        match self.value.as_str() {
            Some("open") => Ok(FailurePolicy::Open),
            Some("closed") => Ok(FailurePolicy::Closed),
            _ => Err(self.wrong("\"open\" or \"closed\"")),
        }
    }

    fn filter(&self) -> Result<Filter> {
        let expected = "an object with any of providers, models, tools, operations, minTokens";
        let declared = self.value.as_object().ok_or_else(|| self.wrong(expected))?;
        let mut filter = Filter::default();
        for key in declared.keys() {
            let Some(member) = Field::of(declared, self.extension, "filter.", key) else { continue };
            match key.as_str() {
                "providers" => filter.providers = member.names("a list of strings")?,
                "models" => filter.models = member.names("a list of strings")?,
                "tools" => filter.tools = member.names("a list of strings")?,
                "operations" => filter.operations = member.names("a list of strings")?,
                "minTokens" => {
                    filter.min_tokens =
                        member.value.as_u64().ok_or_else(|| member.wrong("a number of tokens from 0"))?;
                }
                _ => return Err(self.wrong(expected)),
            }
        }
        Ok(filter)
    }
}
