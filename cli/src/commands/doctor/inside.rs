//! What runs inside: extensions, and the counting of tokens.

use std::time::Instant;

use headroom_core::tokens;

use super::check::Check;
use crate::host::Host;

/// Extensions that were found, and those that could not be loaded.
pub(super) fn extensions(host: &Host) -> Vec<Check> {
    const NAME: &str = "extensions";
    let names: Vec<&str> = host.extensions.names().collect();
    let found = match &*names {
        [] => Check::ok(NAME, "none"),
        names => Check::ok(NAME, names.join(", ")),
    };
    let problems = host.problems.iter().map(|problem| {
        Check::fail(NAME, problem.as_str(), "install it again, or uninstall it; requests go on without it")
    });
    std::iter::once(found).chain(problems).collect()
}

/// Loads the vocabulary that most models count with.
pub(super) fn vocabulary() -> Check {
    const NAME: &str = "vocabulary";
    let start = Instant::now();
    let count = tokens::for_model("gpt-4o").count("Hello, world!");
    let message = format!("loads; the first count took {} ms", start.elapsed().as_millis());
    match count {
        1..=13 => Check::ok(NAME, message),
        found => Check::fail(NAME, format!("expected 1 to 13 tokens, found {found}"), "install Headroom again"),
    }
}
