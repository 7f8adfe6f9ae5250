//! How well every passage answers the question, and what it is worth by itself.

use super::document::{Document, PassageKind};
use super::kinds::WEAK;
use super::notable::{is_links, notability};
use crate::relevance::{Holdings, Question};

/// How much a term counts that stands next to a passage and not in it.
///
/// # Sources
/// Chosen by hand: the answer often stands beside the sentence with the question's words, under a heading that has them.
const BESIDE: f32 = 0.4;
const IN_HEADING: f32 = 0.5;
const IN_OUTER_HEADING: f32 = 0.25;
/// Headings above a passage that are looked at.
const OUTER_HEADINGS: usize = 4;
/// Longer passages weigh less, because they hold more by accident; in bytes.
const USUAL_BYTES: f32 = 600.0;

/// The ranks of all passages.
pub(super) struct Ranks {
    holdings: Holdings,
    /// Terms in the heading above each passage, in the headings above that, and beside it.
    near: Vec<Near>,
    /// What each passage is worth by itself; below 0.0 when it is better left out.
    pub(super) worth: Vec<f32>,
    damping: Vec<f32>,
}

#[derive(Clone, Copy, Default)]
struct Near {
    heading: u64,
    outer: u64,
    beside: u64,
}

impl Ranks {
    pub(super) fn of(document: &Document<'_>, question: &Question) -> Self {
        let texts: Vec<&str> = document.passages.iter().map(|passage| document.text_of(passage)).collect();
        let holdings = question.holdings(&texts);
        let near = near(document, &holdings.sets);
        let worth = document.passages.iter().zip(&texts).enumerate().map(|(at, (passage, text))| {
            let own = match passage.kind {
                PassageKind::Fence => return -1.0,
                // A short line that stands alone may be a heading or all that there is to say.
                PassageKind::Heading(WEAK) => return 0.05 + 0.5 * notability(text),
                PassageKind::Heading(_) => return -0.5,
                // The headings that a table of contents points at are in the text.
                PassageKind::Prose if is_links(text) => return if text.contains("](#") { -1.0 } else { -0.5 },
                // The head of a table comes with its rows.
                PassageKind::Table if passage.leads => return 0.0,
                PassageKind::Prose => notability(text),
                PassageKind::Code | PassageKind::Table => notability(text) * 0.5,
            };
            let leads = if passage.leads { 0.8 } else { 0.0 };
            let opens = if at < 3 { 1.0 } else { 0.0 };
            // A few characters say little.
            let size = if text.len() < 25 { 0.3 } else { 1.0 };
            (0.1 + own + leads + opens) * size
        });
        let worth = worth.collect();
        #[expect(clippy::cast_precision_loss, reason = "a factor")]
        let damping = texts.iter().map(|text| 1.0 / (1.0 + text.len() as f32 / USUAL_BYTES)).collect();
        Self { holdings, near, worth, damping }
    }

    /// Whether a passage holds a specific term of the question that few passages hold.
    pub(super) fn is_strong(&self, passage: usize) -> bool {
        self.terms(passage) & self.holdings.strong != 0
    }

    /// The terms that a passage holds.
    pub(super) fn terms(&self, passage: usize) -> u64 {
        self.holdings.sets.get(passage).copied().unwrap_or_default()
    }

    /// How well a passage answers the question when its terms count by their factors.
    pub(super) fn answers(&self, passage: usize, mut factor: impl FnMut(usize) -> f32) -> f32 {
        let own = self.terms(passage);
        let Near { heading, outer, beside } = self.near.get(passage).copied().unwrap_or_default();
        let mut worth = self.holdings.worth(own, &mut factor);
        worth += IN_HEADING * self.holdings.worth(heading & !own, &mut factor);
        let above = own | heading;
        worth += BESIDE * self.holdings.worth(beside & !above, &mut factor);
        worth += IN_OUTER_HEADING * self.holdings.worth(outer & !above & !beside, &mut factor);
        worth * self.damping.get(passage).copied().unwrap_or_default()
    }
}

fn near(document: &Document<'_>, sets: &[u64]) -> Vec<Near> {
    let set = |passage: Option<usize>| passage.and_then(|at| sets.get(at)).copied().unwrap_or_default();
    let passages = &document.passages;
    let heading_of = |at: usize| passages.get(at).and_then(|passage| passage.heading).map(|heading| heading as usize);
    let beside = |at: usize, other: usize| {
        let is_there = passages.get(other).is_some_and(|passage| !matches!(passage.kind, PassageKind::Heading(_)));
        if is_there && heading_of(at) == heading_of(other) { set(Some(other)) } else { 0 }
    };
    (0..passages.len())
        .map(|at| {
            let heading = heading_of(at);
            let (mut outer, mut above) = (0, heading);
            for _ in 0..OUTER_HEADINGS {
                above = above.and_then(heading_of);
                outer |= set(above);
            }
            let before = at.checked_sub(1).map_or(0, |other| beside(at, other));
            Near { heading: set(heading), outer, beside: before | beside(at, at + 1) }
        })
        .collect()
}
