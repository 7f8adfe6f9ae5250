//! The same content again: re-reads and repeated output.

mod align;

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

use crate::ccr::{Hash, Marker, carries_marker};
use align::align;

/// Finds content that an earlier block of the same conversation already shows.
///
/// Not a [`Transform`](crate::transform::Transform): it looks at all blocks in order. The caller makes one for each
/// conversation and goes through **every** block, protected and excluded ones too, in the order of the wire:
///
/// 1. [`see`](Self::see) with the block's original text, before any other transform. An answer is the block's new text:
///    if it is accepted, call [`settle`](Self::settle) with [`Shown::Repeat`] and go on with the next block.
/// 2. Otherwise, once it is decided how the block leaves, call [`settle`](Self::settle) with that. When the block leaves
///    as a subset, the answer may be a still shorter text: an earlier block had the same original and left as the
///    same subset.
///
/// What the answers depend on: this block and the ones before it, nothing else. A reference only ever names a block
/// that shows the content: as it came, in a lossless form, or, for equal subsets, the same part of it. Lines of a
/// similar block are only referred to when that block stands as it came. The marker of a reference has the hash of the
/// block's own original, so nothing depends on the earlier block when it is retrieved.
///
/// Time is linear in the text, with a sort of the lines that occur once; memory is 64 numbers and two hashes a block.
///
/// ```text
/// [same as messages[4] (read_file src/lib.rs)]
/// [0/212 lines shown; headroom_retrieve hash=…]
///
/// [messages[4] (read_file src/lib.rs) again, except for what is shown here]
/// [lines 1-39 as its 1-39]
/// fn changed() {
/// [lines 41-212 as its 43-214]
/// [1/212 lines shown; headroom_retrieve hash=…]
/// ```
///
/// # Sources
/// 256 bytes, 80 percent, two lines of context and 64 hashes a block: chosen by hand. Finding similar blocks by their
/// smallest line hashes: Broder, "On the resemblance and containment of documents", 1997.
#[derive(Debug, Default)]
pub struct Repeats<'a> {
    blocks: Vec<Known<'a>>,
    /// The last block that shows an original, as it came or in a lossless form.
    visible: HashMap<Hash, usize>,
    /// The first block that shows a subset: by the hashes of the original and of the subset.
    subsets: HashMap<(Hash, Hash), usize>,
    /// Blocks that stand as they came, by the hashes of their sketch.
    sketches: HashMap<u64, Vec<usize>>,
}

/// A block as it came.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'a> {
    /// Index of its message in the caller's list; `None` for a system text that stands beside the list.
    pub message: Option<usize>,
    /// The tool's name; empty for text of the system, the user or the assistant.
    pub tool_name: &'a str,
    /// What the tool was called with, as JSON text; empty when unknown.
    pub arguments: &'a str,
    /// The text.
    pub text: &'a str,
    /// Whether the block may be changed. One that may not is still referred to.
    pub eligible: bool,
}

/// How a block leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown<'t> {
    /// As it came.
    Whole,
    /// In a form that a decoder inverts.
    Lossless,
    /// As this subset.
    Subset(&'t str),
    /// As the reference that [`Repeats::see`] gave.
    Repeat,
}

/// A reference instead of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// The new text, with its marker line.
    pub text: String,
    /// The hash in the marker: of the block's whole text.
    pub hash: Hash,
    /// Lines that are shown.
    pub shown: usize,
    /// Lines of the block.
    pub total: usize,
}

#[derive(Debug)]
struct Known<'a> {
    sighting: Sighting<'a>,
    hash: Hash,
    sketch: Vec<u64>,
}

/// Smaller blocks are not worth a reference.
const MIN_BYTES: usize = 256;
/// The share of its bytes that a block must have in common with an earlier one.
const MIN_SHARE_PERCENT: usize = 80;
/// Lines around a change that are shown.
const CONTEXT_LINES: usize = 2;
/// Shorter stretches of equal lines are shown rather than referred to.
const MIN_STRETCH_BYTES: usize = 80;
const SKETCH_HASHES: usize = 64;
/// Earlier blocks that are compared line by line at most.
const CANDIDATES: usize = 3;
/// Earlier blocks that are so many times larger are not compared, so that time stays linear in the new block.
const MAX_SIZE_FACTOR: usize = 8;
/// Blocks remembered for one hash of a sketch; lines that many blocks share tell nothing.
const BLOCKS_PER_HASH: usize = 16;

impl<'a> Repeats<'a> {
    /// Starts a conversation.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the next block; gives its new text when earlier blocks show its content, all or nearly all of it.
    pub fn see(&mut self, sighting: Sighting<'a>) -> Option<Repeat> {
        let text = sighting.text;
        if text.len() < MIN_BYTES {
            self.blocks.push(Known { sighting, hash: Hash([0; 12]), sketch: Vec::new() });
            return None;
        }
        let known = Known { sighting, hash: Hash::of(text), sketch: sketch(text) };
        let repeat = if !sighting.eligible || carries_marker(text) {
            None
        } else if let Some(earlier) = self.visible.get(&known.hash).map(|index| &self.blocks[*index]) {
            let total = text.lines().count();
            Some(reference(format!("[same as {}]\n", name(&earlier.sighting)), known.hash, 0, total))
        } else {
            self.similar(&known)
        };
        self.blocks.push(known);
        repeat
    }

    /// Says how the block of the last [`see`](Self::see) leaves. For a subset that an earlier block shows too, gives a
    /// reference to that block, which the caller may use instead.
    pub fn settle(&mut self, shown: Shown<'_>) -> Option<Repeat> {
        let index = self.blocks.len().checked_sub(1)?;
        let Known { sighting, hash, sketch } = &self.blocks[index];
        if sighting.text.len() < MIN_BYTES {
            return None;
        }
        match shown {
            Shown::Repeat => None,
            Shown::Lossless => {
                self.visible.insert(*hash, index);
                None
            }
            Shown::Whole => {
                self.visible.insert(*hash, index);
                for line in sketch {
                    let blocks = self.sketches.entry(*line).or_default();
                    if blocks.len() == BLOCKS_PER_HASH {
                        blocks.remove(0);
                    }
                    blocks.push(index);
                }
                None
            }
            Shown::Subset(subset) => {
                let key = (*hash, Hash::of(subset));
                let Some(earlier) = self.subsets.get(&key) else {
                    self.subsets.insert(key, index);
                    return None;
                };
                let total = sighting.text.lines().count();
                let earlier = name(&self.blocks[*earlier].sighting);
                Some(reference(format!("[same as {earlier}, shortened there in the same way]\n"), *hash, 0, total))
            }
        }
    }

    /// A block that has most of its lines in common with an earlier one that stands as it came.
    fn similar(&self, known: &Known<'a>) -> Option<Repeat> {
        let mut votes: HashMap<usize, usize> = HashMap::new();
        for index in known.sketch.iter().filter_map(|line| self.sketches.get(line)).flatten() {
            *votes.entry(*index).or_default() += 1;
        }
        // Most votes first, then the newest: an order that does not depend on the map's.
        let is_close = |(index, votes): &(usize, usize)| {
            let size = self.blocks[*index].sighting.text.len();
            votes * 4 >= known.sketch.len() && size / MAX_SIZE_FACTOR <= known.sighting.text.len()
        };
        let close = votes.into_iter().filter(is_close);
        let mut candidates: Vec<_> = close.map(|(index, votes)| (votes, index)).collect();
        candidates.sort_unstable_by(|a, b| b.cmp(a));
        let new: Vec<&str> = known.sighting.text.split_inclusive('\n').collect();
        let best = candidates.into_iter().take(CANDIDATES).filter_map(|(_, index)| {
            let earlier = &self.blocks[index].sighting;
            let partners = align(&earlier.text.split_inclusive('\n').collect::<Vec<_>>(), &new);
            let common: usize =
                new.iter().zip(&partners).filter(|(_, p)| p.is_some()).map(|(line, _)| line.len()).sum();
            (common * 100 >= known.sighting.text.len() * MIN_SHARE_PERCENT).then_some((common, index, partners))
        });
        let (_, index, partners) = best.max_by_key(|(common, index, _)| (*common, *index))?;
        let earlier = &self.blocks[index].sighting;
        let head = format!("[{} again, except for what is shown here]\n", name(earlier));
        let (text, shown) = changes(&new, &partners, head);
        (shown < new.len()).then(|| reference(text, known.hash, shown, new.len()))
    }
}

/// Writes the lines without a partner, with some lines around them, and a range for every stretch between.
fn changes(new: &[&str], partners: &[Option<usize>], head: String) -> (String, usize) {
    let mut out = head;
    let mut shown = 0;
    let mut show = |range: std::ops::Range<usize>, out: &mut String| {
        shown += range.len();
        new[range].iter().for_each(|line| out.push_str(line));
        if !out.ends_with('\n') {
            out.push('\n');
        }
    };
    let mut at = 0;
    while at < new.len() {
        let Some(first) = partners[at] else {
            show(at..at + 1, &mut out);
            at += 1;
            continue;
        };
        let follows = |offset: &usize| partners.get(at + offset) == Some(&Some(first + offset));
        let end = at + (0..).take_while(follows).count();
        let start = if at == 0 { 0 } else { (at + CONTEXT_LINES).min(end) };
        let stop = if end == new.len() { end } else { end.saturating_sub(CONTEXT_LINES).max(start) };
        let bytes: usize = new[start..stop].iter().map(|line| line.len()).sum();
        if bytes < MIN_STRETCH_BYTES {
            show(at..end, &mut out);
        } else {
            show(at..start, &mut out);
            let its = first + (start - at);
            let count = stop - start;
            // Writing to a string cannot fail.
            let _ = writeln!(out, "[lines {}-{} as its {}-{}]", start + 1, start + count, its + 1, its + count);
            show(stop..end, &mut out);
        }
        at = end;
    }
    (out, shown)
}

/// Puts the marker line under a text that ends with a line break.
fn reference(mut text: String, hash: Hash, shown: usize, total: usize) -> Repeat {
    text.push_str(&Marker { shown, total, unit: "lines", hash }.to_string());
    Repeat { text, hash, shown, total }
}

/// What a reader finds a block by: its place, its tool, and the first words of the call.
fn name(sighting: &Sighting<'_>) -> String {
    let place = sighting.message.map_or("the system text".to_owned(), |index| format!("messages[{index}]"));
    let values = serde_json::from_str::<serde_json::Map<_, _>>(sighting.arguments).unwrap_or_default();
    let value = values.values().find_map(serde_json::Value::as_str).unwrap_or_default();
    let is_plain = |char: &char| !char.is_control() && !matches!(char, '[' | ']');
    let value: String = value.lines().next().unwrap_or_default().chars().filter(is_plain).take(60).collect();
    match (sighting.tool_name, value.trim()) {
        ("", _) => place,
        (tool, "") => format!("{place} ({tool})"),
        (tool, value) => format!("{place} ({tool} {value})"),
    }
}

/// The smallest hashes of the lines that say something, in order.
fn sketch(text: &str) -> Vec<u64> {
    let mut smallest = BTreeSet::new();
    for line in text.split('\n') {
        let line = line.trim_ascii();
        if line.len() < 8 {
            continue;
        }
        let hash = line_hash(line.as_bytes());
        if smallest.len() < SKETCH_HASHES {
            smallest.insert(hash);
        } else if smallest.last().is_some_and(|largest| hash < *largest) && smallest.insert(hash) {
            smallest.pop_last();
        }
    }
    smallest.into_iter().collect()
}

/// A hash of a line that is the same on every machine: eight bytes at a time, multiplied and folded.
fn line_hash(line: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = line.len() as u64;
    for chunk in line.chunks(8) {
        let mut bytes = [0; 8];
        bytes[..chunk.len()].copy_from_slice(chunk);
        hash = (hash ^ u64::from_le_bytes(bytes)).wrapping_mul(FACTOR);
        hash ^= hash >> 29;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> String {
        (1..=60).map(|line| format!("{name}: line {line} of the file says {}\n", line * 7)).collect()
    }

    fn sighting(message: usize, text: &str) -> Sighting<'_> {
        let arguments = r#"{"limit": 3, "path": "src/lib.rs"}"#;
        Sighting { message: Some(message), tool_name: "read_file", arguments, text, eligible: true }
    }

    #[test]
    fn the_same_text_again_becomes_a_reference_with_the_hash_of_the_original() {
        let text = file("a");
        let mut repeats = Repeats::new();
        assert_eq!(repeats.see(sighting(2, &text)), None);
        assert_eq!(repeats.settle(Shown::Whole), None);
        let repeat = repeats.see(sighting(4, &text)).expect("a reference");
        let hash = Hash::of(&text);
        let expected =
            format!("[same as messages[2] (read_file src/lib.rs)]\n[0/60 lines shown; headroom_retrieve hash={hash}]");
        assert_eq!(repeat, Repeat { text: expected, hash, shown: 0, total: 60 });
    }

    #[test]
    fn a_small_edit_shows_the_changed_lines_and_where_the_others_stand() {
        let old = file("a");
        let new = old
            .replace("a: line 30 of the file says 210\n", "an edited line\nand a new one\n")
            .replace("a: line 50 of the file says 350\n", "");
        let mut repeats = Repeats::new();
        repeats.see(sighting(0, &old));
        repeats.settle(Shown::Whole);
        let repeat = repeats.see(sighting(1, &new)).expect("a reference");
        let hash = Hash::of(&new);
        let expected = format!(
            "[messages[0] (read_file src/lib.rs) again, except for what is shown here]\n\
             [lines 1-27 as its 1-27]\n\
             a: line 28 of the file says 196\na: line 29 of the file says 203\nan edited line\nand a new one\n\
             a: line 31 of the file says 217\na: line 32 of the file says 224\n\
             [lines 34-48 as its 33-47]\n\
             a: line 48 of the file says 336\na: line 49 of the file says 343\n\
             a: line 51 of the file says 357\na: line 52 of the file says 364\n\
             [lines 53-60 as its 53-60]\n\
             [10/60 lines shown; headroom_retrieve hash={hash}]"
        );
        assert_eq!(repeat.text, expected);
    }

    #[test]
    fn never_points_at_what_is_not_shown() {
        let text = file("a");
        let mut repeats = Repeats::new();
        repeats.see(sighting(0, &text));
        assert_eq!(repeats.settle(Shown::Subset("part")), None);
        assert_eq!(repeats.see(sighting(1, &text)), None);
        assert_eq!(repeats.settle(Shown::Subset("another part")), None);
        assert_eq!(repeats.see(sighting(2, &text)), None);
        let same = repeats.settle(Shown::Subset("part")).expect("a reference");
        assert!(
            same.text.starts_with("[same as messages[0] (read_file src/lib.rs), shortened there in the same way]\n")
        );
        let edited = text.replace("line 30", "row 30");
        assert_eq!(repeats.see(sighting(3, &edited)), None);
    }

    #[test]
    fn protected_blocks_are_referred_to_and_never_changed() {
        let text = file("a");
        let mut repeats = Repeats::new();
        for message in 0..2 {
            let protected = Sighting { eligible: false, ..sighting(message, &text) };
            assert_eq!(repeats.see(protected), None);
            repeats.settle(Shown::Whole);
        }
        let user = Sighting { message: None, tool_name: "", arguments: "", ..sighting(0, &text) };
        let repeat = repeats.see(sighting(2, &text)).expect("a reference");
        assert!(repeat.text.starts_with("[same as messages[1] (read_file"));
        assert_eq!(name(&user), "the system text");
    }

    #[test]
    fn small_and_different_texts_stay() {
        let mut repeats = Repeats::new();
        for (message, text) in [file("a"), file("b"), "x\n".repeat(100), "x\n".repeat(100)].iter().enumerate() {
            assert_eq!(repeats.see(sighting(message, text)), None, "{message}");
            repeats.settle(Shown::Whole);
        }
    }
}
