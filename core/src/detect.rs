//! Content types.

use serde::Serialize;

/// What a block's text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ContentKind {
    /// A JSON array, or one JSON value a line.
    JsonArray,
    /// Any other JSON value.
    JsonObject,
    /// Lines of a log, of a build or of a test run.
    Log,
    /// Matches of a search, with paths and line numbers.
    Search,
    /// A unified diff.
    Diff,
    /// base64, minified bundles and other long strings without words.
    Opaque,
    /// Anything else.
    Text,
}

impl ContentKind {
    /// Its name in events and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::JsonArray => "json_array",
            Self::JsonObject => "json_object",
            Self::Log => "log",
            Self::Search => "search",
            Self::Diff => "diff",
            Self::Opaque => "opaque",
            Self::Text => "text",
        }
    }
}
