//! Content types.

use serde::{Deserialize, Serialize};

use crate::conversation::ToolCall;

/// What a block's text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// Source code.
    Code,
    /// Separated values, a table of Markdown or of a database, columns of fixed width.
    Table,
    /// A listing of folders, or a tree of dependencies.
    Listing,
    /// Metrics in the text format of Prometheus.
    Metrics,
    /// YAML, TOML, or the lock file of a package manager.
    Manifest,
    /// base64, minified bundles and other long strings without words.
    Opaque,
    /// Several of these, one after the other.
    Mixed,
    /// A page of HTML.
    Html,
    /// Markdown and other documents with headings.
    Markdown,
    /// Sentences in paragraphs.
    Prose,
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
            Self::Code => "code",
            Self::Table => "table",
            Self::Listing => "listing",
            Self::Metrics => "metrics",
            Self::Manifest => "manifest",
            Self::Opaque => "opaque",
            Self::Mixed => "mixed",
            Self::Html => "html",
            Self::Markdown => "markdown",
            Self::Prose => "prose",
            Self::Text => "text",
        }
    }
}

/// Extensions of files that hold data rather than text that a person or an agent edits line by line.
const DATA_FILES: [&str; 16] = [
    "json", "jsonl", "ndjson", "geojson", "har", "csv", "tsv", "log", "out", "xml", "html", "htm", "svg", "sarif",
    "trace", "dump",
];

/// Names of tools that show a file.
const READ_TOOLS: [&str; 13] = [
    "read",
    "read_file",
    "readfile",
    "view",
    "view_file",
    "open_file",
    "cat",
    "show_file",
    "get_file_contents",
    "read_text_file",
    "fs_read",
    "file_read",
    "notebookread",
];

/// Shell commands that print files as they are.
const PRINT_COMMANDS: [&str; 7] = ["cat", "head", "tail", "sed", "nl", "bat", "less"];

/// Whether a call shows a file: a read tool, or a shell command such as `cat src/lib.rs` or `sed -n 1,80p src/lib.rs`.
#[must_use]
pub fn is_file_read(tool: &ToolCall) -> bool {
    file_read(tool).is_some()
}

/// Whether a call shows a file that an agent may edit afterwards: one without a data file's extension, and no log.
#[must_use]
pub fn is_editable_file_read(tool: &ToolCall) -> bool {
    file_read(tool).is_some_and(|path| {
        !is_data_file(path.rsplit('/').next().unwrap_or_default()) && !path.starts_with("/var/log/")
    })
}

/// Whether a file of this name holds data: by its extension, also before the number of a rotated log as in `app.log.1`,
/// or by the ending of a server's log as in `error_log`.
fn is_data_file(name: &str) -> bool {
    let name = name.rsplit_once('.').filter(|(_, end)| is_number(end)).map_or(name, |(name, _)| name);
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    let is_data = extension.is_some_and(|extension| DATA_FILES.iter().any(|data| data.eq_ignore_ascii_case(extension)));
    is_data || name.ends_with("_log")
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The path that a call shows; empty when the call shows a file and does not say which.
pub(crate) fn file_read(tool: &ToolCall) -> Option<String> {
    // MCP clients put the server's name first, as in `mcp__filesystem__read_file`.
    let name = tool.name.to_ascii_lowercase();
    let name = name.rsplit("__").next().unwrap_or_default();
    let arguments: serde_json::Value = serde_json::from_str(&tool.arguments).unwrap_or_default();
    let argument = |names: &[&str]| names.iter().find_map(|name| arguments.get(*name)?.as_str()).map(str::to_owned);
    // Editors of the `str_replace_editor` family show a file with one of several commands.
    let is_editor = name.starts_with("str_replace_");
    if is_editor || READ_TOOLS.contains(&name) {
        let shows = !is_editor || argument(&["command"]).as_deref() == Some("view");
        let path = || argument(&["path", "file_path", "filename", "file", "target_file"]).unwrap_or_default();
        return shows.then(path);
    }
    let command = argument(&["command", "cmd", "script"])
        .or_else(|| arguments.get("command")?.as_array()?.last()?.as_str().map(str::to_owned))?;
    let last = command.rsplit("&&").next()?.trim();
    if last.contains(['|', '>', ';', '\n', '`', '$']) {
        return None;
    }
    let mut words = last.split_whitespace();
    let program = words.next()?.rsplit('/').next()?;
    PRINT_COMMANDS
        .contains(&program)
        .then(|| words.next_back().unwrap_or_default().trim_matches(['"', '\'']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, arguments: &str) -> ToolCall {
        ToolCall { id: String::new(), name: name.into(), arguments: arguments.into() }
    }

    #[test]
    fn source_files_that_are_read_may_be_edited() {
        for (name, arguments) in [
            ("read_file", r#"{"path":"src/lib.rs"}"#),
            ("Read", r#"{"file_path":"a/b.py","limit":10}"#),
            ("bash", r#"{"command":"cat ./src/L060.py"}"#),
            ("bash", r#"{"command":"cd x && sed -n '1,80p' src/main.c"}"#),
            ("str_replace_editor", r#"{"command":"view","path":"a.py"}"#),
            ("str_replace_based_edit_tool", r#"{"command":"view","path":"config.yaml"}"#),
            ("mcp__filesystem__read_text_file", r#"{"path":"a.py"}"#),
            ("shell", r#"{"command":["bash","-lc","cat Cargo.toml"]}"#),
        ] {
            assert!(is_editable_file_read(&call(name, arguments)), "{name} {arguments}");
        }
    }

    #[test]
    fn data_files_and_other_commands_are_not_edited() {
        for (name, arguments) in [
            ("read_file", r#"{"path":"data/flights.json"}"#),
            ("bash", r#"{"command":"cat logs/sshd.log"}"#),
            ("bash", r#"{"command":"tail -n 500 /var/log/syslog"}"#),
            ("bash", r#"{"command":"sed -n '1,2000p' httpd/error_log"}"#),
            ("read_file", r#"{"path":"logs/app.log.12"}"#),
            ("bash", r#"{"command":"cat a.py | grep x"}"#),
            ("bash", r#"{"command":"pytest -x"}"#),
            ("str_replace_editor", r#"{"command":"create","path":"a.py"}"#),
            ("kubectl", "not json"),
        ] {
            assert!(!is_editable_file_read(&call(name, arguments)), "{name} {arguments}");
        }
        assert!(is_file_read(&call("read_file", r#"{"path":"data/flights.json"}"#)));
    }
}
