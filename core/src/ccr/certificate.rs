//! A record of what was done to a request that anyone with the messages and the store can check.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Hash, Lookup, Store, markers_in};
use crate::error::{Error, ErrorKind, Result};

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

/// What was done to every block that was edited. Written and read as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The version of this format.
    pub version: u32,
    /// The version of the engine that edited.
    pub engine: String,
    /// The edited blocks, in order.
    pub blocks: Vec<CertifiedBlock>,
}

/// What was done to one block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertifiedBlock {
    /// Where it is, such as `messages[2].content`.
    pub path: String,
    /// The transform that made it smaller.
    pub transform: String,
    /// What the transform promises about the text.
    pub kind: EditKind,
    /// BLAKE3 of the text before, as 64 hex digits.
    pub before: String,
    /// BLAKE3 of the text after, as 64 hex digits.
    pub after: String,
    /// The hashes of the originals that its markers name, as 24 hex digits each.
    pub originals: Vec<String>,
}

/// What the text after an edit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EditKind {
    /// A re-encoding that a decoder inverts.
    Lossless,
    /// A verbatim subset with a marker for what is left out.
    Subset,
}

impl Default for Certificate {
    fn default() -> Self {
        Self { version: VERSION, engine: env!("CARGO_PKG_VERSION").into(), blocks: Vec::new() }
    }
}

impl Certificate {
    /// Records an edit; `before` is the digest of the text that it replaced.
    pub fn add(
        &mut self,
        path: &str,
        transform: &str,
        kind: EditKind,
        before: &blake3::Hash,
        after: &str,
        originals: &[Hash],
    ) {
        self.blocks.push(CertifiedBlock {
            path: path.into(),
            transform: transform.into(),
            kind,
            before: before.to_hex().to_string(),
            after: digest(after),
            originals: originals.iter().map(ToString::to_string).collect(),
        });
    }

    /// Reads a certificate from JSON.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when it is no certificate or one of a version that is not known here.
    pub fn from_json(json: &str) -> Result<Self> {
        /// Read first: another version may have other fields.
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let unreadable = |error: serde_json::Error| {
            Error::new(ErrorKind::InvalidInput, format!("certificate: expected a certificate as JSON, found {error}"))
        };
        let Versioned { version } = serde_json::from_str(json).map_err(unreadable)?;
        if version != VERSION {
            let message = format!("certificate: expected version {VERSION}, found {version}");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        serde_json::from_str(json).map_err(unreadable)
    }
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Edited blocks that were looked at.
    pub blocks: usize,
    /// Blocks whose text before was found, in the messages before or as an original in the store, and is the right one.
    pub blocks_confirmed: usize,
    /// Originals that were found in the store and are the right ones.
    pub originals: usize,
    /// Everything that is not as the certificate says.
    pub problems: Vec<Problem>,
}

/// Something that is not as the certificate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The path of the block.
    pub path: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

impl VerifyReport {
    /// Whether everything is as the certificate says.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, path: &str, expected: impl Into<String>, found: impl Into<String>) {
        self.problems.push(Problem { path: path.into(), expected: expected.into(), found: found.into() });
    }
}

/// Checks a certificate against the texts of the messages, as pairs of path and text, and the store.
///
/// Every edited block must have the text that the certificate names, every marker in it and every original of the
/// certificate must resolve to a text with that hash, and a block with something left out must have a marker. Without
/// `after` only the originals are checked. The text before is checked when `before` is given; without it, a block counts
/// as confirmed when one of its originals is all of the text before. Looking originals up for this does not count as
/// retrieving them.
///
/// # Errors
/// Only when no check was possible: [`ErrorKind::InvalidInput`] for a certificate of another version. What is wrong is in
/// the report, a store that cannot be read included.
pub fn verify(
    certificate: &Certificate,
    before: Option<&[(&str, &str)]>,
    after: Option<&[(&str, &str)]>,
    store: &dyn Store,
) -> Result<VerifyReport> {
    if certificate.version != VERSION {
        let message = format!("certificate: expected version {VERSION}, found {}", certificate.version);
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    let before: Option<BTreeMap<&str, &str>> = before.map(|texts| texts.iter().copied().collect());
    let after: Option<BTreeMap<&str, &str>> = after.map(|texts| texts.iter().copied().collect());
    let mut report = VerifyReport::default();
    for block in &certificate.blocks {
        report.blocks += 1;
        if let Some(after) = &after {
            verify_after(block, after.get(block.path.as_str()).copied(), &mut report);
        }
        let holds_before = verify_originals(block, store, &mut report);
        let is_confirmed = match &before {
            None => holds_before,
            Some(before) => {
                is_text(block, "before", &block.before, before.get(block.path.as_str()).copied(), &mut report)
            }
        };
        report.blocks_confirmed += usize::from(is_confirmed);
    }
    Ok(report)
}

/// The text after is the one named, and its markers are those of the originals.
fn verify_after(block: &CertifiedBlock, text: Option<&str>, report: &mut VerifyReport) {
    if !is_text(block, "after", &block.after, text, report) {
        return;
    }
    let markers: BTreeSet<String> = markers_in(text.unwrap_or_default()).map(|hash| hash.to_string()).collect();
    let originals: BTreeSet<String> = block.originals.iter().cloned().collect();
    for hash in originals.difference(&markers) {
        report.problem(&block.path, format!("a marker of the original {hash}"), "none");
    }
    for hash in markers.difference(&originals) {
        report.problem(&block.path, "markers of the certificate's originals only", format!("one of {hash}"));
    }
    if block.kind == EditKind::Subset && originals.is_empty() {
        report.problem(&block.path, "an original for what is left out of a subset", "none");
    }
}

/// The originals are in the store; says whether one of them is all of the text before.
fn verify_originals(block: &CertifiedBlock, store: &dyn Store, report: &mut VerifyReport) -> bool {
    let mut holds_before = false;
    for written in &block.originals {
        let expected = format!("the original {written} in the store");
        let Ok(hash) = written.parse::<Hash>() else {
            report.problem(&block.path, "an original's hash of 24 hex digits", format!("{written:?}"));
            continue;
        };
        match store.peek(hash) {
            Ok(Lookup::Found { original, .. }) => {
                let found = Hash::of(&original.text);
                if found == hash {
                    report.originals += 1;
                    holds_before |= digest(&original.text) == block.before;
                } else {
                    report.problem(&block.path, expected, format!("a text with the hash {found}"));
                }
            }
            Ok(Lookup::Expired) => report.problem(&block.path, expected, "that it went by age"),
            Ok(Lookup::NotFound) => report.problem(&block.path, expected, "nothing"),
            Err(error) => report.problem(&block.path, expected, error.to_string()),
        }
    }
    holds_before
}

/// Whether `text` has the expected full hash.
fn is_text(block: &CertifiedBlock, side: &str, expected: &str, text: Option<&str>, report: &mut VerifyReport) -> bool {
    let found = text.map(digest);
    let is_right = found.as_deref() == Some(expected);
    if !is_right {
        let found = found.map_or_else(|| "no text at this path".into(), |digest| format!("BLAKE3 {digest}"));
        report.problem(&block.path, format!("text {side} with BLAKE3 {expected}"), found);
    }
    is_right
}

fn digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::super::contract::original;
    use super::super::{Marker, MemoryStore};
    use super::*;

    const PATH: &str = "messages[1].content";
    const BEFORE: &str = "a\nb\nc\n";

    fn after() -> String {
        format!("a\n{}\n", Marker { shown: 1, total: 3, unit: "lines", hash: Hash::of(BEFORE) })
    }

    fn certified() -> (Certificate, MemoryStore) {
        let store = MemoryStore::new(1 << 20);
        store.put(&[original(BEFORE)]).unwrap();
        let mut certificate = Certificate::default();
        certificate.add(PATH, "log", EditKind::Subset, &blake3::hash(BEFORE.as_bytes()), &after(), &[Hash::of(BEFORE)]);
        certificate.add("messages[2].content", "json", EditKind::Lossless, &blake3::hash(b"[1, 2]"), "[1,2]", &[]);
        (certificate, store)
    }

    fn check(
        certificate: &Certificate,
        before: Option<&[(&str, &str)]>,
        text: &str,
        store: &dyn Store,
    ) -> VerifyReport {
        verify(certificate, before, Some(&[(PATH, text), ("messages[2].content", "[1,2]")]), store).unwrap()
    }

    #[test]
    fn a_true_certificate_is_confirmed_with_and_without_the_texts_before() {
        let (certificate, store) = certified();
        let report = check(&certificate, None, &after(), &store);
        assert_eq!(report, VerifyReport { blocks: 2, blocks_confirmed: 1, originals: 1, problems: vec![] });
        let before = [(PATH, BEFORE), ("messages[2].content", "[1, 2]")];
        let report = check(&certificate, Some(&before), &after(), &store);
        assert!(report.is_ok() && report.blocks_confirmed == 2);
        assert_eq!(store.stats().unwrap().retrievals, 0);
    }

    #[test]
    fn a_changed_text_is_named_with_its_path_and_both_hashes() {
        let (certificate, store) = certified();
        let changed = after().replacen('a', "A", 1);
        let problems = check(&certificate, None, &changed, &store).problems;
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].path, PATH);
        assert_eq!(problems[0].expected, format!("text after with BLAKE3 {}", digest(&after())));
        assert_eq!(problems[0].found, format!("BLAKE3 {}", digest(&changed)));
        let before = [(PATH, "other"), ("messages[2].content", "[1, 2]")];
        let report = check(&certificate, Some(&before), &after(), &store);
        assert!(report.problems[0].expected.starts_with("text before with BLAKE3 "));
        assert_eq!(report.blocks_confirmed, 1);
        let report = verify(&certificate, Some(&[]), Some(&[]), &store).unwrap();
        assert_eq!(report.problems.iter().filter(|problem| problem.found == "no text at this path").count(), 4);
    }

    #[test]
    fn originals_can_be_checked_without_any_messages() {
        let (certificate, store) = certified();
        let report = verify(&certificate, None, None, &store).unwrap();
        assert_eq!(report, VerifyReport { blocks: 2, blocks_confirmed: 1, originals: 1, problems: vec![] });
        assert!(!verify(&certificate, None, None, &MemoryStore::new(1 << 20)).unwrap().is_ok());
    }

    #[test]
    fn a_missing_original_is_named() {
        let (certificate, store) = certified();
        let empty = MemoryStore::new(1 << 20);
        let problem = &check(&certificate, None, &after(), &empty).problems[0];
        assert_eq!(problem.expected, format!("the original {} in the store", Hash::of(BEFORE)));
        assert_eq!(problem.found, "nothing");
        store.purge(0).unwrap();
        assert_eq!(check(&certificate, None, &after(), &store).problems[0].found, "that it went by age");
    }

    #[test]
    fn markers_and_originals_must_be_the_same() {
        let (mut certificate, store) = certified();
        certificate.blocks[0].originals = vec!["xyz".into()];
        let problems = check(&certificate, None, &after(), &store).problems;
        let found: Vec<_> = problems.iter().map(|problem| problem.found.as_str()).collect();
        assert_eq!(found, ["none".to_string(), format!("one of {}", Hash::of(BEFORE)), "\"xyz\"".into()]);
        certificate.blocks[0].originals.clear();
        let problems = check(&certificate, None, &after(), &store).problems;
        assert_eq!(problems[1].expected, "an original for what is left out of a subset");
    }

    #[test]
    fn json_is_read_back_and_other_versions_are_refused() {
        let (mut certificate, store) = certified();
        let json = serde_json::to_string(&certificate).unwrap();
        assert_eq!(Certificate::from_json(&json).unwrap(), certificate);
        certificate.version = 2;
        let error = verify(&certificate, None, None, &store).unwrap_err();
        assert_eq!(error.to_string(), "certificate: expected version 1, found 2");
        let error = Certificate::from_json("{\"version\":2,\"new\":1}").unwrap_err();
        assert_eq!(error.to_string(), "certificate: expected version 1, found 2");
        for json in ["", "[]", "{\"version\":1}", "{\"version\":1,\"engine\":\"\",\"blocks\":[],\"x\":1}"] {
            assert_eq!(Certificate::from_json(json).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }
}
