//! What a compression came to, in headers of the answer.

use headroom_core::CompressResult;
use http::{HeaderMap, HeaderName, HeaderValue};

const BEFORE: HeaderName = HeaderName::from_static("x-headroom-tokens-before");
const AFTER: HeaderName = HeaderName::from_static("x-headroom-tokens-after");
const SAVED: HeaderName = HeaderName::from_static("x-headroom-tokens-saved");
const TRANSFORMS: HeaderName = HeaderName::from_static("x-headroom-transforms");
const FAILED: HeaderName = HeaderName::from_static("x-headroom-compression-failed");

/// Transforms that are named at most.
///
/// # Sources
/// Chosen by hand: about 1 KB, far below what clients take.
const MOST_TRANSFORMS: usize = 24;

/// Says what became of the request.
pub(super) fn describe(headers: &mut HeaderMap, result: &CompressResult) {
    headers.insert(BEFORE, HeaderValue::from(result.tokens_before));
    headers.insert(AFTER, HeaderValue::from(result.tokens_after));
    headers.insert(SAVED, HeaderValue::from(result.tokens_saved()));
    if !result.transforms_applied.is_empty() {
        let named = result.transforms_applied.get(..MOST_TRANSFORMS).unwrap_or(&result.transforms_applied);
        if let Ok(value) = HeaderValue::from_str(&named.join(",")) {
            headers.insert(TRANSFORMS, value);
        }
    }
    if result.report.error.is_some() {
        mark_failed(headers);
    }
}

/// Says that the request went as it came because something failed.
pub(super) fn mark_failed(headers: &mut HeaderMap) {
    headers.insert(FAILED, HeaderValue::from_static("true"));
}
