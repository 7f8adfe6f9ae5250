//! What a log is made of: the template and the marks of every line.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::mask::{mix_bytes, template_hash};
use super::notable::{Marks, mark};
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
    /// What templates have in common that differ in a word in their middle.
    pub(super) family: u64,
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
    pub(super) fn of(text: &str, lines: &Lines<'_>) -> Self {
        let (template_of, templates) = templates(lines, true);
        Self { template_of, templates, marks: mark(text, lines) }
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
                let family = if loose { family(line) } else { 0 };
                templates.push(Template { first: index, last: index, count: 0, family });
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

/// The first words of a line, without values, and how many words it has.
///
/// # Sources
/// Five words are enough to tell messages apart behind a host, a component and a level; chosen by hand.
fn family(line: &str) -> u64 {
    let words = |word: &&[u8]| word.len() > 1 && word.iter().all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80);
    let split = || line.as_bytes()[..line.len().min(400)].split(|byte| !byte.is_ascii_alphanumeric() && *byte < 0x80);
    let hash = split().filter(words).take(5).fold(0, mix_bytes);
    mix_bytes(hash, &(split().filter(words).count() as u64 / 2).to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_in_values_share_a_template() {
        let lines = Lines::of("took 5 ms\ntook 17 ms\nfailed\ntook 2 ms").unwrap();
        let survey = Survey::of("took 5 ms\ntook 17 ms\nfailed\ntook 2 ms", &lines);
        assert_eq!(survey.template_of, [0, 0, 1, 0]);
        assert_eq!((survey.template(0).count, survey.template(0).last), (3, 3));
    }

    #[test]
    fn a_name_late_in_the_line_keeps_the_family() {
        let family_of = |line| Survey::of(line, &Lines::of(line).unwrap()).templates[0].family;
        assert_eq!(
            family_of("Dec 10 host sshd[1]: Failed password for invalid user bob from 1.2.3.4 port 5 ssh2"),
            family_of("Dec 10 host sshd[7]: Failed password for invalid user eve from 1.2.3.4 port 6 ssh2")
        );
        assert_ne!(family_of("Dec 10 host sshd[1]: session opened"), family_of("Dec 10 host sshd[1]: session closed"));
    }
}
