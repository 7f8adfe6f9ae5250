//! Gemini: its streams put together, its responses as streams, and the rounds of a turn joined.

mod array;
mod assemble;
mod join;
mod replay;

pub(super) use array::Splitter as ArraySplitter;
pub(super) use assemble::Assembler;
pub(super) use join::{Sorter, join};
pub(super) use replay::stream_of;
