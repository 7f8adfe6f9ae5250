//! What a gap in a listing leaves out, counted.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::parse::{Entries, Entry, Style};

/// Folders or extensions that a label names.
const MAX_NAMED: usize = 5;

/// Longer folders are named by their end. In characters.
const LONGEST: usize = 48;

/// Adds what the entries from `first` to before `end` are: `: ./src/ 12, ./tests/ 9`, or `: .py 12, folders 2`.
pub(super) fn write(listing: &Entries<'_>, first: usize, end: usize, out: &mut String) {
    let entries = listing.entries.get(first..end).unwrap_or_default();
    let mut order: Vec<(String, usize)> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    // Of a long listing the folders are counted where they are entries.
    let counts = |entry: &&Entry<'_>| !(entry.is_aside || entry.is_heading && listing.style == Style::Long);
    for entry in entries.iter().filter(counts) {
        let key = match listing.style {
            Style::Paths | Style::Sizes => {
                entry.name.trim_end_matches('/').rfind('/').map_or("", |at| &entry.name[..=at])
            }
            _ if entry.is_heading || entry.class.starts_with('d') => "folders",
            _ => extension(entry.name),
        };
        let at = *known.entry(key).or_insert(order.len());
        match order.get_mut(at) {
            Some((_, count)) => *count += 1,
            None => order.push((key.to_owned(), 1)),
        }
    }
    let is_by_folder = matches!(listing.style, Style::Paths | Style::Sizes);
    if !is_by_folder {
        order.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), name.clone()));
    }
    if order.len() < 2 && order.iter().all(|(name, _)| name.is_empty()) {
        return;
    }
    for (place, (name, count)) in order.iter().take(MAX_NAMED).enumerate() {
        out.push_str(if place == 0 { ": " } else { ", " });
        // Writing to a string cannot fail.
        let _ = write!(out, "{} {count}", label(name, if is_by_folder { "top folder" } else { "other" }));
    }
    let (rest, total) =
        order.iter().skip(MAX_NAMED).fold((0, 0), |(names, total), (_, count)| (names + 1, total + count));
    if rest > 0 {
        let _ = write!(out, ", {rest} more {} {total}", if is_by_folder { "folders" } else { "kinds" });
    }
}

/// `.py`, without what no extension has in it; empty for none.
fn extension(name: &str) -> &str {
    let name = name.trim_end();
    let start = name.rfind('.').filter(|at| *at > 0);
    let extension = start.map_or("", |at| &name[at..]);
    let is_plain =
        (2..=9).contains(&extension.len()) && extension.bytes().skip(1).all(|byte| byte.is_ascii_alphabetic());
    if is_plain { extension } else { "" }
}

/// A name without brackets, which end a label.
fn label(name: &str, empty: &str) -> String {
    let count = name.chars().count();
    let start = name.char_indices().nth(count.saturating_sub(LONGEST)).map_or(0, |(at, _)| at);
    match name.get(start..).unwrap_or(name) {
        "" => empty.to_owned(),
        end => [if start > 0 { "…" } else { "" }, &end.replace(['[', ']'], "?")].concat(),
    }
}
