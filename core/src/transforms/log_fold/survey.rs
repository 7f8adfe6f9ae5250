//! What a log is made of: the template and the marks of every line.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::mask::{Values, mix, mix_bytes, template_hash};
use super::notable::{Marks, look};
use crate::transforms::lines::Lines;

/// Passes on a hash that is already one.
#[derive(Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = mix_bytes(self.0, bytes);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value ^ (value >> 32);
    }
}

/// A map whose keys are hashes. It is looked up and never iterated, so that its order decides nothing.
pub(super) type HashedMap<V> = HashMap<u64, V, BuildHasherDefault<Hashed>>;

/// Lines that differ in their values alone.
#[derive(Debug, Clone)]
pub(super) struct Template {
    /// Its first line.
    pub(super) first: usize,
    /// Its last line.
    pub(super) last: usize,
    /// How many lines have it.
    pub(super) count: usize,
    /// The first template of those that differ in a word alone.
    pub(super) family: usize,
}

/// What a log is made of.
#[derive(Debug)]
pub(super) struct Survey {
    /// The template of every line.
    pub(super) template_of: Vec<u32>,
    /// Templates in order of their first line.
    pub(super) templates: Vec<Template>,
    /// The marks of every line.
    pub(super) marks: Vec<Marks>,
}

impl Survey {
    pub(super) fn of(lines: &Lines<'_>) -> Self {
        let (template_of, mut templates) = templates(lines, true);
        group(lines, &mut templates);
        // One look at each template, and at every line of those whose values decide.
        let looks: Vec<(Marks, bool)> = templates.iter().map(|template| look(lines.get(template.first))).collect();
        let marks = template_of.iter().enumerate().map(|(line, &id)| match looks[id as usize] {
            (_, true) => look(lines.get(line)).0,
            (marks, false) => marks,
        });
        Self { marks: marks.collect(), template_of, templates }
    }

    /// The template of a line.
    pub(super) fn template(&self, line: usize) -> &Template {
        &self.templates[self.template_of[line] as usize]
    }
}

/// Gives every line the index of its template.
pub(super) fn templates(lines: &Lines<'_>, loose: bool) -> (Vec<u32>, Vec<Template>) {
    let mut known: HashedMap<u32> = HashedMap::default();
    let mut templates: Vec<Template> = Vec::new();
    let template_of = lines
        .iter()
        .enumerate()
        .map(|(index, line)| {
            #[expect(clippy::cast_possible_truncation, reason = "there are fewer lines than bytes, which fit")]
            let id = *known.entry(template_hash(line, loose)).or_insert_with(|| {
                templates.push(Template { first: index, last: index, count: 0, family: templates.len() });
                templates.len() as u32 - 1
            });
            let template = &mut templates[id as usize];
            template.last = index;
            template.count += 1;
            id
        })
        .collect();
    (template_of, templates)
}

/// Templates that differ in one word become a family when there are at least so many of them.
///
/// # Sources
/// Chosen by hand: opened and closed are two messages, four user names are one.
const FAMILY_TEMPLATES: u32 = 4;
/// Words of a line that are compared.
/// Templates that are compared; a text with more has no families to speak of.
const MAX_COMPARED: usize = 20_000;
const FAMILY_WORDS: std::ops::RangeInclusive<usize> = 4..=40;

/// Gives templates that differ in one word, a name that is no number, the same family.
fn group(lines: &Lines<'_>, templates: &mut [Template]) {
    // For each line with one word left out: the first template that has it and how many do.
    let mut members: HashedMap<(u32, u32)> = HashedMap::default();
    let mut pairs = Vec::new();
    for (id, template) in templates.iter().enumerate().take(MAX_COMPARED) {
        let words = masked_words(lines.get(template.first));
        if !FAMILY_WORDS.contains(&words.len()) {
            continue;
        }
        #[expect(clippy::cast_possible_truncation, reason = "there are fewer templates than bytes, which fit")]
        let id = id as u32;
        let mut after = vec![0; words.len() + 1];
        for (at, word) in words.iter().enumerate().rev() {
            after[at] = mix(after[at + 1], *word);
        }
        let mut before = 1;
        for (at, word) in words.iter().enumerate() {
            let key = mix(mix(before, 2), after[at + 1]);
            let (first, count) = members.entry(key).or_insert((id, 0));
            *count += 1;
            pairs.push((*first, id, key));
            before = mix(before, *word);
        }
    }
    let mut parents: Vec<usize> = (0..templates.len()).collect();
    for (first, id, key) in pairs {
        if members.get(&key).is_some_and(|(_, count)| *count >= FAMILY_TEMPLATES) {
            let (one, other) = (root(&mut parents, first as usize), root(&mut parents, id as usize));
            parents[one.max(other)] = one.min(other);
        }
    }
    for (id, template) in templates.iter_mut().enumerate() {
        template.family = root(&mut parents, id);
    }
}

/// The representative of a set, with the way to it halved.
fn root(parents: &mut [usize], mut id: usize) -> usize {
    while parents[id] != id {
        parents[id] = parents[parents[id]];
        id = parents[id];
    }
    id
}

/// The hash of every word of a line, values masked.
fn masked_words(line: &str) -> Vec<u64> {
    let bytes = line.as_bytes();
    let (mut words, mut from, mut hash) = (Vec::new(), 0, 0);
    let mut take = |part: &[u8], hash: &mut u64| {
        for (nth, word) in part.split(|byte| *byte == b' ').enumerate() {
            if nth > 0 && *hash != 0 {
                words.push(std::mem::take(hash));
            }
            if !word.is_empty() {
                *hash = mix_bytes(*hash, word);
            }
        }
    };
    for value in Values::of(line) {
        take(&bytes[from..value.start], &mut hash);
        hash = mix(hash, 0x1_0001);
        from = value.end;
    }
    take(&bytes[from..], &mut hash);
    if hash != 0 {
        words.push(hash);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_in_values_share_a_template() {
        let lines = Lines::of("took 5 ms\ntook 17 ms\nfailed\ntook 2 ms").unwrap();
        let survey = Survey::of(&lines);
        assert_eq!(survey.template_of, [0, 0, 1, 0]);
        assert_eq!((survey.template(0).count, survey.template(0).last), (3, 3));
    }

    #[test]
    fn names_that_vary_make_a_family_and_two_messages_do_not() {
        let text = "sshd: session opened for user a\nsshd: session closed for user a\n\
                    Invalid user bob from 1.2.3.4\nInvalid user eve from 1.2.3.4\n\
                    Invalid user joe from 1.2.3.4\nInvalid user sam from 1.2.3.4";
        let survey = Survey::of(&Lines::of(text).unwrap());
        let families: Vec<usize> = survey.templates.iter().map(|template| template.family).collect();
        assert_eq!(families, [0, 1, 2, 2, 2, 2]);
    }
}
