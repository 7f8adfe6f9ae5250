//! Server-sent events, read as they arrive in pieces of any size.

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its `event:` field; empty when there is none.
    pub name: &'a str,
    /// Its `data:` lines joined by line feeds.
    pub data: &'a str,
}
