//! Hashes of originals and the marker line that names them.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

/// The tool that gives an original back, the same name on every face of the product.
pub const RETRIEVE_TOOL: &str = "headroom_retrieve";

/// The first 12 bytes of the BLAKE3 hash of an original's UTF-8 bytes, written as 24 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 12]);

impl Hash {
    /// Hashes an original.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut bytes = [0; 12];
        bytes.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..12]);
        Self(bytes)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut bytes = [0; 12];
        let valid = text.len() == 24
            && text.is_ascii()
            && bytes.iter_mut().enumerate().all(|(index, byte)| {
                u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).map(|value| *byte = value).is_ok()
            });
        if valid {
            Ok(Self(bytes))
        } else {
            Err(Error::new(ErrorKind::InvalidInput, format!("hash: expected 24 hex digits, found {text:?}")))
        }
    }
}

/// The line that announces an omission: `[30/1707 rows shown; headroom_retrieve hash=…]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker<'a> {
    /// How many units are shown.
    pub shown: usize,
    /// How many there are.
    pub total: usize,
    /// What a unit is, in the plural.
    pub unit: &'a str,
    /// The original.
    pub hash: Hash,
}

impl fmt::Display for Marker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shown, total, unit, hash } = self;
        write!(f, "[{shown}/{total} {unit} shown; {RETRIEVE_TOOL} hash={hash}]")
    }
}
