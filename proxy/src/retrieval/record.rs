//! What is kept of a turn in which the proxy answered calls.

use serde::{Deserialize, Serialize};

/// Bytes of the digest in front of a record.
const SEAL_BYTES: usize = 8;

/// The strength of the compression: answers are mostly text that repeats itself.
///
/// # Sources
/// zstd's own default.
const LEVEL: i32 = 3;

/// What a turn was, beyond what the client saw of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Messages or items as JSON with commas between, in the place of those that the client has of the turn.
    pub(super) turn: String,
    /// Answers that stand beside those of the client: entries, or blocks or parts of its next message.
    pub(super) beside: String,
    /// The entries of the client's conversation before it whose turns were put back.
    pub(super) restored: Vec<usize>,
    /// The id under which the server holds the turn, when the client saw another.
    pub(super) id: Option<String>,
}

impl Record {
    /// As it lies in a store.
    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        let packed = zstd::encode_all(&*serde_json::to_vec(self).ok()?, LEVEL).ok()?;
        Some([&blake3::hash(&packed).as_bytes()[..SEAL_BYTES], &packed].concat())
    }

    /// Reads what [`Record::to_bytes`] wrote. What is damaged is no record.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (seal, packed) = bytes.split_at_checked(SEAL_BYTES)?;
        if blake3::hash(packed).as_bytes()[..SEAL_BYTES] != *seal {
            return None;
        }
        serde_json::from_slice(&zstd::decode_all(packed).ok()?).ok()
    }

    /// Bytes that it holds.
    pub(super) fn size(&self) -> usize {
        self.turn.len() + self.beside.len() + 8 * self.restored.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was_or_not_at_all() {
        let record =
            Record { turn: "{},{}".repeat(99), beside: "é\u{0}".into(), restored: vec![1, 5], id: Some("r".into()) };
        let bytes = record.to_bytes().unwrap();
        assert!(bytes.len() < 200);
        assert_eq!(Record::from_bytes(&bytes), Some(record));
        for damaged in [&bytes[1..], &bytes[..bytes.len() - 1], &[], &[0; 9]] {
            assert_eq!(Record::from_bytes(damaged), None);
        }
    }
}
