//! JSON as spans: a scanner that never changes a byte, for wire bodies and for transforms.
//!
//! [`Document::parse`] checks a text once and leaves a compact tape of where every value begins and ends. A [`Cursor`]
//! walks the tape without parsing again and always knows the source bytes of a value, so that numbers such as `1e400`,
//! spellings such as `1.0`, key order, spacing and duplicate keys survive whatever is done with the rest.
//!
//! What follows changes a text: [`splice`] puts new bytes at spans, and [`patch`] makes a text say what a changed
//! [`serde_json::Value`] says while everything equal keeps its bytes.

mod cursor;
mod document;
mod patch;
mod scan;
mod splice;
mod string;
mod value;
mod word;

pub use cursor::{Cursor, Items, Kind, Member, Members};
pub use document::{Document, OwnedDocument};
pub use patch::patch;
pub(crate) use patch::patch_value;
pub use scan::{Found, ParseError};
pub use splice::splice;
pub use string::encode_string;
pub use value::VALUE_DEPTH;
