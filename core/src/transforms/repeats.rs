//! The same content again: re-reads and repeated output.

mod align;
mod lines;

use std::ops::Range;

use foldhash::HashMap;

use crate::ccr::{Hash, Marker};
use align::align;
use lines::Lines;

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
/// Line numbers that a tool printed do not count as a difference; where they differ, the reference says so.
///
/// Time is linear in the block, with a sort of the lines that occur once; memory is some words for every fourth line.
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
/// 256 bytes, 80 percent and two lines of context: chosen by hand. Finding similar blocks by a sample of line hashes:
/// Broder, "On the resemblance and containment of documents", 1997.
#[derive(Debug, Default)]
pub struct Repeats<'a> {
    blocks: Vec<Known<'a>>,
    /// The last block that shows an original, as it came or in a lossless form.
    visible: HashMap<Hash, usize>,
    /// The first block that shows a subset: by the hashes of the original and of the subset.
    subsets: HashMap<(Hash, Hash), usize>,
    /// The last two blocks that stand as they came and have a line with this hash, the last one first.
    sketches: HashMap<u64, (usize, Option<usize>)>,
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
    /// The hash of the text, when the caller has it already.
    pub hash: Option<Hash>,
    /// Whether the block may be changed: not one that carries a marker. One that may not is still referred to.
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
    /// The earlier block that shows the content, by its place among all that [`Repeats::see`] was given.
    pub of: usize,
}

#[derive(Debug)]
struct Known<'a> {
    sighting: Sighting<'a>,
    hash: Hash,
    /// Once it was needed.
    sketch: Option<Vec<u64>>,
}

/// Smaller blocks are not worth a reference.
const MIN_BYTES: usize = 256;
/// The share of its bytes that a block must have in common with an earlier one.
const MIN_SHARE_PERCENT: usize = 80;
/// Lines around a change that are shown.
const CONTEXT_LINES: usize = 2;
/// Shorter stretches of equal lines are shown rather than referred to.
const MIN_STRETCH_BYTES: usize = 80;
/// Of longer texts only every fourth line is looked up, chosen by its hash.
const SKETCH_ALL_LINES: usize = 64;
const SKETCH_SHARE: u64 = 4;
/// One in so many looked-up lines must lead to the same earlier block, which may have looked up a fourth of its own.
const MIN_VOTES_SHARE: usize = 8;
/// Earlier blocks that are compared line by line at most.
const CANDIDATES: usize = 3;
/// Earlier blocks that are so many times larger are not compared, so that time stays linear in the new block.
const MAX_SIZE_FACTOR: usize = 16;

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
            self.blocks.push(Known { sighting, hash: Hash([0; 12]), sketch: None });
            return None;
        }
        let hash = sighting.hash.unwrap_or_else(|| Hash::of(text));
        let may_change = sighting.eligible;
        if let Some(earlier) = self.visible.get(&hash).copied().filter(|_| may_change) {
            let head = format!("[same as {}]\n", name(&self.blocks[earlier].sighting));
            self.blocks.push(Known { sighting, hash, sketch: None });
            return Some(reference(head, hash, 0, text.lines().count(), earlier));
        }
        // The lines of most blocks are never needed: nothing before them stands as it came, and neither do they.
        let (repeat, sketch) = if may_change && !self.sketches.is_empty() {
            let lines = Lines::of(text);
            let sketch = sketch_of(&lines.contents);
            (self.similar(&lines, &sketch, text.len(), hash), Some(sketch))
        } else {
            (None, None)
        };
        self.blocks.push(Known { sighting, hash, sketch });
        repeat
    }

    /// Says how the block of the last [`see`](Self::see) leaves. For a subset that an earlier block shows too, gives a
    /// reference to that block, which the caller may use instead.
    pub fn settle(&mut self, shown: Shown<'_>) -> Option<Repeat> {
        let index = self.blocks.len().checked_sub(1)?;
        let known = &mut self.blocks[index];
        let (sighting, hash, sketch) = (known.sighting, known.hash, known.sketch.take());
        if sighting.text.len() < MIN_BYTES {
            return None;
        }
        match shown {
            Shown::Repeat => None,
            Shown::Lossless => {
                self.visible.insert(hash, index);
                None
            }
            Shown::Whole => {
                self.visible.insert(hash, index);
                for line in sketch.unwrap_or_else(|| sketch_of(&Lines::of(sighting.text).contents)) {
                    let blocks = self.sketches.entry(line).or_insert((index, None));
                    if blocks.0 != index {
                        *blocks = (index, Some(blocks.0));
                    }
                }
                None
            }
            Shown::Subset(subset) => {
                let key = (hash, Hash::of(subset));
                let Some(&earlier) = self.subsets.get(&key) else {
                    self.subsets.insert(key, index);
                    return None;
                };
                let total = sighting.text.lines().count();
                let place = name(&self.blocks[earlier].sighting);
                let head = format!("[same as {place}, shortened there in the same way]\n");
                Some(reference(head, hash, 0, total, earlier))
            }
        }
    }

    /// A reference to an earlier block that stands as it came and has most of these lines.
    fn similar(&self, new: &Lines<'a>, sketch: &[u64], bytes: usize, hash: Hash) -> Option<Repeat> {
        let mut votes: HashMap<usize, usize> = HashMap::default();
        for (last, before) in sketch.iter().filter_map(|line| self.sketches.get(line)) {
            for index in [Some(*last), *before].into_iter().flatten() {
                *votes.entry(index).or_default() += 1;
            }
        }
        let is_close = |(index, votes): &(usize, usize)| {
            let size = self.blocks[*index].sighting.text.len();
            votes * MIN_VOTES_SHARE >= sketch.len() && size / MAX_SIZE_FACTOR <= bytes
        };
        let close = votes.into_iter().filter(is_close);
        // Most votes first, then the newest: an order that does not depend on the map's.
        let mut candidates: Vec<_> = close.map(|(index, votes)| (votes, index)).collect();
        candidates.sort_unstable_by(|a, b| b.cmp(a));
        let best = candidates.into_iter().take(CANDIDATES).filter_map(|(_, index)| {
            let old = Lines::of(self.blocks[index].sighting.text);
            let common = |partners: &[Option<usize>]| -> usize {
                new.whole
                    .iter()
                    .zip(partners)
                    .filter(|(_, partner)| partner.is_some())
                    .map(|(line, _)| line.len())
                    .sum()
            };
            let is_most = |partners: &Vec<Option<usize>>| common(partners) * 100 >= bytes * MIN_SHARE_PERCENT;
            // With their numbers, lines that repeat within a block can be told apart.
            let partners = Some(align(&old.whole, &new.whole)).filter(is_most);
            let partners = partners.or_else(|| Some(align(&old.contents, &new.contents)).filter(is_most))?;
            Some((common(&partners), index, old, partners))
        });
        let (_, index, old, partners) = best.max_by_key(|(common, index, ..)| (*common, *index))?;
        let head = format!("[{} again, except for what is shown here]\n", name(&self.blocks[index].sighting));
        let (text, shown) = changes(&old, new, &partners, head);
        (shown < new.whole.len()).then(|| reference(text, hash, shown, new.whole.len(), index))
    }
}

/// Writes the lines without a partner, with some lines around them, and a range for every stretch between.
fn changes(old: &Lines<'_>, new: &Lines<'_>, partners: &[Option<usize>], head: String) -> (String, usize) {
    let mut out = head;
    let mut shown = 0;
    let mut show = |range: Range<usize>, out: &mut String| {
        shown += range.len();
        new.whole[range].iter().for_each(|line| out.push_str(line));
        if !out.ends_with('\n') {
            out.push('\n');
        }
    };
    let mut at = 0;
    while at < new.whole.len() {
        let Some(first) = partners[at] else {
            show(at..at + 1, &mut out);
            at += 1;
            continue;
        };
        // Numbers before the lines must all be off by the same, or the label would not tell them.
        let shift = |offset: usize| Some(new.name(at + offset)?.wrapping_sub(old.name(first + offset)?));
        let follows =
            |offset: &usize| partners.get(at + offset) == Some(&Some(first + offset)) && shift(*offset) == shift(0);
        let end = at + (0..).take_while(follows).count();
        let start = if at == 0 { 0 } else { (at + CONTEXT_LINES).min(end) };
        let stop = if end == new.whole.len() { end } else { end.saturating_sub(CONTEXT_LINES).max(start) };
        let bytes: usize = new.whole[start..stop].iter().map(|line| line.len()).sum();
        if bytes < MIN_STRETCH_BYTES {
            show(at..end, &mut out);
        } else {
            show(at..start, &mut out);
            let its = first + (start - at);
            out.push_str(&stretch(old, its..its + (stop - start), new, start..stop));
            show(stop..end, &mut out);
        }
        at = end;
    }
    (out, shown)
}

/// The label of lines that stand in the earlier block, by the names that a reader sees there and here.
fn stretch(old: &Lines<'_>, its: Range<usize>, new: &Lines<'_>, here: Range<usize>) -> String {
    let ends = |lines: &Lines<'_>, range: &Range<usize>| Some((lines.name(range.start)?, lines.name(range.end - 1)?));
    let numbers = if old.whole[its.clone()] == new.whole[here.clone()] { "" } else { ", but for the numbers" };
    match (ends(old, &its), ends(new, &here)) {
        (Some((its_first, its_last)), Some((first, last))) => {
            format!("[lines {first}-{last} as its {its_first}-{its_last}{numbers}]\n")
        }
        _ => format!("[{} lines as there{numbers}]\n", here.len()),
    }
}

/// Puts the marker line under a text that ends with a line break.
fn reference(mut text: String, hash: Hash, shown: usize, total: usize, of: usize) -> Repeat {
    text.push_str(&Marker { shown, total, unit: "lines", hash }.to_string());
    Repeat { text, hash, shown, total, of }
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

/// The hashes of the lines that say something: of all, or of a sample that is the same for the same line in any text.
fn sketch_of(lines: &[&str]) -> Vec<u64> {
    let share = if lines.len() <= SKETCH_ALL_LINES { 1 } else { SKETCH_SHARE };
    let says_something = lines.iter().map(|line| line.trim_ascii()).filter(|line| line.len() >= 8);
    says_something.map(|line| line_hash(line.as_bytes())).filter(|hash| hash.is_multiple_of(share)).collect()
}

/// A hash of a line that is the same on every machine: eight bytes at a time, multiplied and folded.
fn line_hash(line: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = line.len() as u64;
    let (words, rest) = line.as_chunks();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    for word in words.iter().chain([&last]) {
        hash = (hash ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR);
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
        Sighting { message: Some(message), tool_name: "read_file", arguments, text, hash: None, eligible: true }
    }

    #[test]
    fn a_number_that_does_not_follow_the_others_is_shown() {
        let rows = |offset: usize, odd: usize| -> String {
            (1..=60)
                .map(|row| {
                    format!("{}|user_{row} has a row of its own here\n", if row == 31 { odd } else { row + offset })
                })
                .collect()
        };
        let (first, second) = (rows(0, 31), rows(100, 777));
        let mut repeats = Repeats::new();
        assert_eq!(repeats.see(sighting(2, &first)), None);
        repeats.settle(Shown::Whole);
        let repeat = repeats.see(sighting(4, &second)).expect("a reference");
        assert!(repeat.text.contains("777|user_31"), "{}", repeat.text);
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
        assert_eq!(repeat, Repeat { text: expected, hash, shown: 0, total: 60, of: 0 });
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
    fn printed_line_numbers_may_move_and_a_part_is_found_in_the_whole() {
        let numbered = |text: &str| -> String {
            text.lines().enumerate().map(|(at, line)| format!("{:>6}\t{line}\n", at + 1)).collect()
        };
        let (old, new) = (file("a"), file("a").replacen("a: line 3 ", "new\na: line 3 ", 1));
        let (old, new) = (numbered(&old), numbered(&new));
        let part: String = old.lines().skip(20).take(20).map(|line| format!("{line}\n")).collect();
        let mut repeats = Repeats::new();
        repeats.see(sighting(0, &old));
        repeats.settle(Shown::Whole);
        let text = repeats.see(sighting(1, &new)).expect("a reference").text;
        assert!(text.contains("     3\tnew\n"), "{text}");
        assert!(text.contains("\n[lines 6-61 as its 5-60, but for the numbers]\n"), "{text}");
        let text = repeats.see(sighting(2, &part)).expect("a reference").text;
        assert!(text.contains("]\n[lines 21-40 as its 21-40]\n[0/20 lines shown;"), "{text}");
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
