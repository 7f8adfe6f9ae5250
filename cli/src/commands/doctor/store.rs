//! The store of originals: opens, can be written, is nobody else's to read.

use headroom_core::ccr::open_store;

use super::check::Check;
use crate::failure::Failure;
use crate::screen::{number, size};
use crate::store::named;

const NAME: &str = "store";

/// What the check writes: a fact that nobody asks for, always the same.
const PROBE: [u8; 16] = *b"headroom doctor ";

pub(super) fn check(given: Option<String>) -> Check {
    let name = match named(given) {
        Ok(name) => name,
        Err(failure) => return broken(failure),
    };
    let outcome = open_store(&name).and_then(|store| {
        store.remember(&[(PROBE, Vec::new())])?;
        let stats = store.stats()?;
        Ok((store.kind(), stats))
    });
    let (kind, stats) = match outcome {
        Ok(found) => found,
        Err(error) => return broken(error.into()),
    };
    if let Some(mode) = open_to_others(&name) {
        let message = format!("{name} can be read by others (mode {mode:o})");
        return Check::warn(NAME, message, format!("chmod 600 {name}"));
    }
    let found = format!("{name} ({kind}): {} originals, {}", number(stats.entries), size(stats.stored_bytes));
    if stats.stored_bytes.saturating_mul(10) > stats.max_bytes.saturating_mul(9) {
        let hint = "`headroom store purge --older-than 7d` makes room";
        return Check::warn(NAME, format!("{found} of {} allowed", size(stats.max_bytes)), hint);
    }
    Check::ok(NAME, found)
}

fn broken(failure: Failure) -> Check {
    match failure {
        Failure::Told { message, hint } => Check {
            hint: hint.or_else(|| Some("--store or HEADROOM_STORE names another place".into())),
            ..Check::fail(NAME, message, "")
        },
        Failure::ReaderGone => Check::fail(NAME, "it cannot be written", "--store names another place"),
    }
}

/// The mode of a file that more than its owner may open.
#[cfg(unix)]
fn open_to_others(name: &str) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;

    let path = name.strip_prefix("sqlite://").unwrap_or(name);
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn open_to_others(_name: &str) -> Option<u32> {
    None
}
