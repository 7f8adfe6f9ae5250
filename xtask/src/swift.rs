//! The public names of the generated Swift, compared with a committed list: there is no Swift here that would compile it.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::cargo;

/// Beginnings of lines that declare something public, or a requirement of a public protocol.
const DECLARES: [&str; 8] = [
    "public protocol ",
    "public struct ",
    "public enum ",
    "public indirect enum ",
    "public var ",
    "public func ",
    "public convenience init",
    "case ",
];
/// What is for the generated code itself.
const INTERNAL: [&str; 7] = ["Ffi", "uniffi", "RustBuffer", "NoHandle", "Description", "case .", "case let "];

/// Compares the names with the list.
///
/// # Errors
/// When they differ; the list that would fit is then beside the generated file.
pub(crate) fn check(generated: &Path) -> Result<()> {
    let text = fs::read_to_string(generated).with_context(|| generated.display().to_string())?;
    let committed = cargo::root().join("bindings-uniffi/swift/api.txt");
    let found = public_names(&text);
    let expected = fs::read_to_string(&committed).unwrap_or_default();
    let written = generated.with_extension("api.txt");
    fs::write(&written, &found)?;
    let first = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
    ensure!(
        found == expected,
        "the public names of Swift differ from {}, first at {first:?}; if that is meant: cp {} {}",
        committed.display(),
        written.display(),
        committed.display(),
    );
    Ok(())
}

/// One line for each declaration, in the order of the file.
fn public_names(swift: &str) -> String {
    let mut names = String::new();
    let mut lines = swift.lines().skip_while(|line| !line.starts_with("public protocol "));
    let (mut is_protocol, mut is_private) = (false, false);
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if !line.starts_with(' ') && trimmed.ends_with('{') {
            is_protocol = trimmed.starts_with("public protocol ");
            is_private = trimmed.contains("private ");
        }
        let is_requirement = is_protocol && trimmed.starts_with("func ");
        let is_declared = is_requirement || DECLARES.iter().any(|start| trimmed.starts_with(start));
        // In a `switch`, a case ends with a colon or has its value behind one.
        let is_branch = trimmed.ends_with(':') || trimmed.contains(": return ");
        if !is_declared || is_private || is_branch || INTERNAL.iter().any(|word| trimmed.contains(word)) {
            continue;
        }
        let mut declaration = trimmed.split(" {").next().unwrap_or_default().trim_end().replace("  ", " ");
        if trimmed.ends_with('(') {
            let fields = lines.by_ref().map(str::trim).take_while(|line| !line.starts_with(')'));
            // The comment of a field ends on the line of the field.
            let fields = fields.map(|line| line.rsplit_once("*/").map_or(line, |(_, field)| field));
            let is_comment = |line: &&str| line.starts_with("/*") || line.starts_with('*');
            declaration.push_str(&fields.filter(|line| !is_comment(line)).collect::<Vec<_>>().join(" "));
            declaration.push(')');
        }
        let starts_a_group = ["protocol ", "struct ", "enum ", "indirect enum ", "func "];
        let is_indented = !starts_a_group.iter().any(|kind| declaration.starts_with(&format!("public {kind}")));
        names.push_str(if is_indented { "  " } else { "\n" });
        names.push_str(&declaration);
        names.push('\n');
    }
    names.trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_listed_and_the_plumbing_is_not() {
        let swift = "
public protocol Handler: AnyObject, Sendable {

    func log(level: Level)  -> Bool?
}
public struct FfiConverterLevel {
public struct Bias: Equatable {
    /** Documented. */
    public var message: UInt64
}
public enum Level {
    case warning
    case error(
        /**
         * Why.
         */reason: String,
        code: String
    )
        case 1: return .warning
        case .warning:
}
public func compress(messages: String)throws  -> String  {
    func inner() {
}
private enum Internal {
    case hidden
";
        let expected = "public protocol Handler: AnyObject, Sendable
  func log(level: Level) -> Bool?

public struct Bias: Equatable
  public var message: UInt64

public enum Level
  case warning
  case error(reason: String, code: String)

public func compress(messages: String)throws -> String
";
        assert_eq!(public_names(swift), expected);
    }
}
