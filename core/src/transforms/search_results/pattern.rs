//! What was searched for: the pattern in the arguments of the call.

use serde_json::Value;

use crate::conversation::ToolCall;

/// Whether a call is a search.
pub(super) fn is_search(tool: &ToolCall) -> bool {
    let name = tool.name.to_ascii_lowercase();
    ["grep", "search", "ripgrep", "find_in"].iter().any(|part| name.contains(part))
        || name == "rg"
        || pattern_of(tool).is_some()
}

/// The names that the call searched for, the longest first, at most four.
pub(super) fn words(tool: Option<&ToolCall>) -> Vec<String> {
    let Some(pattern) = tool.and_then(pattern_of) else { return Vec::new() };
    let mut words: Vec<String> = pattern
        .split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')
        .filter(|word| word.len() >= 3 && !KEYWORDS.contains(word) && !word.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
        .collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.dedup();
    words.truncate(4);
    words
}

/// Words that a pattern has around a name.
const KEYWORDS: [&str; 14] = [
    "def",
    "class",
    "func",
    "function",
    "struct",
    "enum",
    "trait",
    "interface",
    "const",
    "let",
    "var",
    "import",
    "from",
    "use",
];

fn pattern_of(tool: &ToolCall) -> Option<String> {
    let arguments: Value = serde_json::from_str(&tool.arguments).ok()?;
    let fields = arguments.as_object()?;
    let name = tool.name.to_ascii_lowercase();
    let searching = ["grep", "search", "rg", "find"].iter().any(|part| name.contains(part));
    let given = ["pattern", "regex", "query", "search_term", "keyword", "needle"];
    if let Some(pattern) = given.iter().filter(|_| searching).find_map(|key| fields.get(*key)?.as_str()) {
        return Some(pattern.to_owned());
    }
    ["command", "cmd", "script", "code"].iter().find_map(|key| match fields.get(*key)? {
        Value::String(command) => from_command(command),
        Value::Array(words) => {
            from_words(&words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect::<Vec<_>>())
                .or_else(|| words.iter().filter_map(Value::as_str).find_map(from_command))
        }
        _ => None,
    })
}

/// The pattern of the first search in a shell command.
fn from_command(command: &str) -> Option<String> {
    from_words(&shell_words(command))
}

/// Words of a command, quotes removed; operators are words of their own.
fn shell_words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut open) = (Vec::new(), String::new(), None, false);
    let mut characters = command.chars().take(4000);
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (None | Some('"'), '\\') => word.extend(characters.next()),
            (Some(_), c) => word.push(c),
            (None, '\'' | '"') => (quote, open) = (Some(c), true),
            (None, '|' | ';' | '&' | '\n' | ' ' | '\t') => {
                if open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
                if !matches!(c, ' ' | '\t') {
                    words.push(";".to_owned());
                }
            }
            (None, c) => word.push(c),
        }
    }
    if open || !word.is_empty() {
        words.push(word);
    }
    words
}

/// Options of grep and ripgrep that take the next word.
const TAKES_VALUE: [&str; 24] = [
    "-g",
    "-t",
    "-T",
    "-M",
    "-A",
    "-B",
    "-C",
    "-m",
    "-d",
    "-D",
    "-f",
    "-r",
    "--sort",
    "--glob",
    "--type",
    "--type-not",
    "--color",
    "--context",
    "--after-context",
    "--before-context",
    "--max-count",
    "--max-columns",
    "--include",
    "--exclude",
];

fn from_words(words: &[String]) -> Option<String> {
    let tool = |word: &String| {
        matches!(word.rsplit('/').next(), Some("rg" | "grep" | "egrep" | "fgrep" | "zgrep" | "ag" | "ack"))
    };
    let at = words.iter().position(tool)?;
    let grep = words[at].ends_with("grep");
    let mut rest = words[at + 1..].iter().take_while(|word| *word != ";");
    while let Some(word) = rest.next() {
        if matches!(word.as_str(), "-e" | "--regexp" | "--") {
            return rest.next().cloned();
        } else if let Some(pattern) = word.strip_prefix("--regexp=") {
            return Some(pattern.to_owned());
        } else if TAKES_VALUE.contains(&word.as_str()) && !(grep && word == "-r") {
            rest.next();
        } else if !word.starts_with('-') || word.len() == 1 {
            return Some(word.clone());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words_of(name: &str, arguments: &str) -> Vec<String> {
        words(Some(&ToolCall { name: name.into(), arguments: arguments.into(), ..Default::default() }))
    }

    #[test]
    fn the_pattern_of_a_shell_command_is_found() {
        for command in [
            r#"rg -n -w --sort path -M 300 MatchError"#,
            r#"cd src && grep -rnw 'MatchError' . | sort | head -20"#,
            r#"git grep -n \"MatchError\""#,
            r#"/usr/bin/rg -C 2 -e MatchError src"#,
            r#"grep -rn --include=*.py \"def MatchError\" ."#,
            r#"rg -n 'class\\s+MatchError\\b'"#,
        ] {
            assert_eq!(words_of("bash", &format!(r#"{{"command":"{command}"}}"#)), ["MatchError"], "{command}");
        }
    }

    #[test]
    fn a_pattern_argument_of_a_search_tool_is_taken() {
        assert_eq!(words_of("Grep", r#"{"pattern":"set_theme|getTheme","path":"src"}"#), ["set_theme", "getTheme"]);
        assert_eq!(words_of("run", r#"{"pattern":"x_y_z"}"#), [] as [&str; 0]);
        assert_eq!(words_of("Grep", "not json"), [] as [&str; 0]);
    }

    #[test]
    fn a_search_is_known_by_its_name_or_its_command() {
        let tool = |name: &str, arguments: &str| ToolCall {
            name: name.into(),
            arguments: arguments.into(),
            ..Default::default()
        };
        assert!(is_search(&tool("Grep", "{}")) && is_search(&tool("bash", r#"{"command":"rg foo"}"#)));
        assert!(!is_search(&tool("bash", r#"{"command":"cargo test"}"#)));
    }
}
