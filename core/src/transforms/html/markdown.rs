//! The blocks of a page as lines of Markdown, and which of them are no part of what the page says.

use std::fmt::Write as _;

use super::page::{Block, BlockKind, Page, Why};
use crate::relevance::Question;

/// A region with more than this share of all text is no navigation, whatever its name; in percent.
///
/// # Sources
/// Chosen by hand, as all shares and sizes here.
const REGION_PERCENT: usize = 40;
/// What names call navigation has at most this share of all text.
const ASIDE_PERCENT: usize = 70;
/// The main part has at least this share of the text that is in no such region.
const MAIN_PERCENT: usize = 40;
const MAIN_BYTES: usize = 500;
/// So many short blocks of links in a row are navigation, unless they are this share of the text.
const LINK_BLOCKS: usize = 4;
const LINK_BLOCK_BYTES: usize = 120;
const LINKS_PERCENT: usize = 50;
/// A row of a table with more text is written as paragraphs.
const ROW_BYTES: usize = 2000;
/// Terms of the question that a block of navigation must hold to be shown.
const RESCUING_TERMS: u32 = 2;
/// Attributes that are shown because the question names what is in them, at most.
const MAX_ATTRIBUTES: usize = 20;

/// A page in Markdown.
#[derive(Debug, Default)]
pub(super) struct Markdown {
    pub(super) text: String,
    /// Whether a line is of navigation and the like.
    pub(super) aside: Vec<bool>,
}

/// Writes a page; what the question names counts as part of it wherever it stands.
pub(super) fn write(page: &Page, question: &Question) -> Markdown {
    let aside = asides(page, question);
    let attributes = asked_attributes(page, question);
    let mut out = Markdown::default();
    let is_same = |heading: &str| heading.contains(page.title.trim()) || page.title.contains(heading);
    let heads = |block: &Block| block.kind == BlockKind::Heading(1) && is_same(text_of(page, block));
    let title = page.title.split_whitespace().collect::<Vec<_>>().join(" ");
    if !title.is_empty() && !page.blocks.iter().any(heads) {
        out.line(&format!("# {title}"), false);
        out.line("", false);
    }
    let mut attributes = attributes.into_iter().peekable();
    let mut at = 0;
    while let Some(block) = page.blocks.get(at) {
        while let Some((_, attribute)) = attributes.next_if(|(before, _)| *before <= at) {
            out.line(&format!("`{attribute}`"), false);
        }
        let hidden = aside.get(at).copied().unwrap_or_default();
        if let BlockKind::Cell(table, row, _) = block.kind {
            let is_row = |block: &Block| matches!(block.kind, BlockKind::Cell(_, other, _) if other == row);
            let end = at + page.blocks.iter().skip(at).take_while(|block| is_row(block)).count();
            let follows = at > 0
                && page
                    .blocks
                    .get(at - 1)
                    .is_some_and(|before| matches!(before.kind, BlockKind::Cell(other, ..) if other == table));
            out.row(page, page.blocks.get(at..end).unwrap_or_default(), follows, hidden);
            at = end;
            continue;
        }
        out.block(page, block, page.blocks.get(at + 1), hidden);
        at += 1;
    }
    attributes.for_each(|(_, attribute)| out.line(&format!("`{attribute}`"), false));
    out
}

fn text_of<'a>(page: &'a Page, block: &Block) -> &'a str {
    page.text.get(block.start..block.end).unwrap_or_default()
}

impl Markdown {
    fn line(&mut self, line: &str, aside: bool) {
        self.text.push_str(line);
        self.text.push('\n');
        self.aside.extend(std::iter::repeat_n(aside, 1 + line.matches('\n').count()));
    }

    fn block(&mut self, page: &Page, block: &Block, next: Option<&Block>, aside: bool) {
        let text = text_of(page, block);
        match block.kind {
            BlockKind::Heading(level) => {
                let one_line = text.replace('\n', " ");
                self.line(&format!("{} {one_line}", "#".repeat(usize::from(level))), aside);
            }
            BlockKind::Item(depth, number) => {
                let indent = "  ".repeat(usize::from(depth));
                let mark = number.map_or_else(|| "-".to_owned(), |number| format!("{number}."));
                self.line(&format!("{indent}{mark} {}", text.replace('\n', &format!("\n{indent}  "))), aside);
                if next.is_some_and(|next| matches!(next.kind, BlockKind::Item(..))) {
                    return;
                }
            }
            BlockKind::Pre => {
                let marks = text.split(|c| c != '`').map(str::len).max().unwrap_or(0).max(2) + 1;
                let fence = "`".repeat(marks);
                self.line(&format!("{fence}\n{text}\n{fence}"), aside);
            }
            BlockKind::Quote => self.line(&format!("> {}", text.replace('\n', "\n> ")), aside),
            BlockKind::Paragraph | BlockKind::Cell(..) => self.line(text, aside),
        }
        self.line("", aside);
    }

    /// The cells of a row as a row of a table, or, when they hold whole texts or stand alone, as paragraphs.
    fn row(&mut self, page: &Page, cells: &[Block], follows: bool, aside: bool) {
        let bytes: usize = cells.iter().map(|cell| cell.end - cell.start).sum();
        let first = cells.first().map(|cell| cell.kind);
        if bytes > ROW_BYTES || cells.iter().all(|cell| Some(cell.kind) == first) {
            for cell in cells {
                self.block(page, cell, None, aside);
            }
            return;
        }
        let (mut row, mut last, mut columns) = (String::from("|"), None, 0);
        for cell in cells {
            // Several paragraphs of a cell stand beside each other.
            if last.is_some_and(|last| last != cell.kind) {
                row.push_str(" |");
            }
            columns += usize::from(last != Some(cell.kind));
            // Writing to a string cannot fail.
            let _ = write!(row, " {}", text_of(page, cell).replace('\n', " "));
            last = Some(cell.kind);
        }
        row.push_str(" |");
        self.line(&row, aside);
        if !follows {
            self.line(&format!("|{}", "---|".repeat(columns)), aside);
        }
    }
}

/// Which blocks are navigation and the like.
fn asides(page: &Page, question: &Question) -> Vec<bool> {
    let blocks = &page.blocks;
    let size = |block: &Block| block.end - block.start;
    let total: usize = blocks.iter().map(size).sum();
    // Where names call most of the text navigation, only the surer signs count.
    let by = |least: Why| -> Vec<bool> {
        let in_region = regions(page, total, least);
        blocks.iter().map(|block| block.region.is_some_and(|at| in_region.get(at as usize) == Some(&true))).collect()
    };
    let bytes_of = |aside: &[bool]| -> usize {
        blocks.iter().zip(aside).filter(|(_, aside)| **aside).map(|(block, _)| size(block)).sum()
    };
    let is_much = |aside: &Vec<bool>| bytes_of(aside) * 100 > total * ASIDE_PERCENT;
    let mut aside = by(Why::Name);
    if is_much(&aside) {
        aside = by(Why::Element);
    }
    if is_much(&aside) {
        aside = by(Why::Hidden);
    }
    let rest: usize = blocks.iter().zip(&aside).filter(|(_, aside)| !**aside).map(|(block, _)| size(block)).sum();
    let main: usize = blocks
        .iter()
        .zip(&aside)
        .filter(|(block, aside)| !**aside && block.in_main)
        .map(|(block, _)| size(block))
        .sum();
    if main >= MAIN_BYTES && main * 100 >= rest * MAIN_PERCENT {
        aside.iter_mut().zip(blocks).for_each(|(aside, block)| *aside |= !block.in_main);
    }
    let mut links = vec![false; blocks.len()];
    let is_link = |block: &Block| {
        size(block) <= LINK_BLOCK_BYTES
            && block.link_bytes * 10 >= size(block) * 8
            && !matches!(block.kind, BlockKind::Heading(_) | BlockKind::Cell(..))
    };
    let mut at = 0;
    while at < blocks.len() {
        let run = blocks.iter().skip(at).take_while(|block| is_link(block)).count();
        if run >= LINK_BLOCKS
            && let Some(run) = links.get_mut(at..at + run)
        {
            run.fill(true);
        }
        at += run.max(1);
    }
    let of = |wanted: &[bool]| -> usize {
        blocks.iter().enumerate().filter(|(at, _)| wanted[*at] && !aside[*at]).map(|(_, block)| size(block)).sum()
    };
    if of(&links) * 100 <= rest * LINKS_PERCENT {
        aside.iter_mut().zip(&links).for_each(|(aside, link)| *aside |= link);
    }
    rescue(page, question, &mut aside);
    aside
}

/// Which regions are what they seem by a sign that is sure enough: hidden ones, and others that do not hold most of the page.
fn regions(page: &Page, total: usize, least: Why) -> Vec<bool> {
    let mut bytes = vec![0; page.regions.len()];
    for block in &page.blocks {
        if let Some(own) = block.region.and_then(|region| bytes.get_mut(region as usize)) {
            *own += block.end - block.start;
        }
    }
    // An outer region comes before those inside of it.
    for at in (0..page.regions.len()).rev() {
        let own = bytes[at];
        if let Some(outer) = page.regions[at].parent.and_then(|parent| bytes.get_mut(parent as usize)) {
            *outer += own;
        }
    }
    let mut valid = Vec::with_capacity(page.regions.len());
    for (region, bytes) in page.regions.iter().zip(&bytes) {
        let inside = region.parent.is_some_and(|parent| valid.get(parent as usize) == Some(&true));
        let is_small = region.why == Why::Hidden || bytes * 100 <= total * REGION_PERCENT;
        valid.push(inside || (region.why >= least && is_small));
    }
    valid
}

/// Takes back what the question names: for certain, with several of its terms, or with a word that stands nowhere else.
fn rescue(page: &Page, question: &Question, aside: &mut [bool]) {
    if question.is_empty() {
        return;
    }
    let texts: Vec<&str> = page.blocks.iter().map(|block| text_of(page, block)).collect();
    let holdings = question.holdings(&texts);
    let elsewhere =
        holdings.sets.iter().zip(&*aside).filter(|(_, aside)| !**aside).fold(0, |found, (set, _)| found | set);
    let terms = question.terms().iter().enumerate();
    // What comes from the arguments of the call, such as parts of the address, weighs less.
    let asked = terms.filter(|(_, term)| term.weight >= 1.0).fold(0_u64, |asked, (at, _)| asked | 1 << at.min(63));
    for (aside, set) in aside.iter_mut().zip(holdings.sets) {
        let certain = set & (holdings.strong | asked & !elsewhere) != 0;
        *aside &= !certain && set.count_ones() < RESCUING_TERMS;
    }
}

/// Attributes that hold what the question names for certain and the text does not.
fn asked_attributes(page: &Page, question: &Question) -> Vec<(usize, String)> {
    if !question.terms().iter().any(|term| term.specific) {
        return Vec::new();
    }
    let in_text = question.holdings(&[page.text.as_str(), page.title.as_str()]);
    let known = in_text.sets.iter().fold(0, |known, set| known | set);
    let values: Vec<&str> = page.attributes.iter().map(|(_, value)| value.as_str()).collect();
    let holdings = question.holdings(&values);
    let asked = page.attributes.iter().zip(&holdings.sets);
    asked
        .filter(|(_, set)| *set & holdings.strong & !known != 0)
        .map(|(attribute, _)| attribute.clone())
        .take(MAX_ATTRIBUTES)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::page::read;
    use super::*;

    fn markdown(html: &str, question: &str) -> String {
        let page = read(html, false);
        let Markdown { text, aside } = write(&page, &Question::new(question, ""));
        assert_eq!(text.lines().count(), aside.len());
        text.lines().zip(aside).filter(|(_, aside)| !aside).map(|(line, _)| format!("{line}\n")).collect()
    }

    #[test]
    fn a_page_becomes_markdown() {
        let html = "<title>Pool</title><h1>Pool</h1><p>A <code>pool</code>.</p><ul><li>one<li>two</ul><ol><li>first</ol>\
            <table><tr><th>name<th>size<tr><td>a<td>5</table><pre>let x = `1`;\n</pre><blockquote>well</blockquote>";
        assert_eq!(
            markdown(html, ""),
            "# Pool\n\nA `pool`.\n\n- one\n- two\n1. first\n\n| name | size |\n|---|---|\n| a | 5 |\n```\nlet x = `1`;\n```\n\n> well\n\n"
        );
    }

    #[test]
    fn navigation_goes_unless_the_question_names_it() {
        let words = "Some sentence of the page itself that is long enough. ".repeat(20);
        let html = format!("<nav><ul><li>Home<li>Press office</ul></nav><p>{words}</p><footer>Call 555-0199</footer>");
        assert!(!markdown(&html, "").contains("Press office") && !markdown(&html, "").contains("0199"));
        assert!(markdown(&html, "What is the number of the press office?").contains("Press office"));
        assert!(markdown(&html, "Is there a home?").contains("- Home"));
        assert!(markdown(&html, "Who has 555-0199?").contains("Call 555-0199"));
    }

    #[test]
    fn a_region_with_most_of_the_text_is_no_navigation() {
        let html = format!("<div class='content-with-sidebar'><p>{}</p></div><p>x</p>", "All of it. ".repeat(100));
        assert!(markdown(&html, "").contains("All of it."));
    }

    #[test]
    fn names_that_call_nearly_everything_navigation_are_not_believed() {
        let part = |at: usize| format!("<div class='menu-item'><p>Dish {at} is made of rice.</p></div>");
        let html = (0..40).map(part).collect::<String>() + "<nav>Home</nav><div hidden>draft</div>";
        let found = markdown(&html, "");
        assert!(found.contains("Dish 7 ") && !found.contains("Home") && !found.contains("draft"), "{found}");
        assert!(markdown(&html, "Where is the draft?").contains("draft"));
    }

    #[test]
    fn what_the_question_names_is_found_in_attributes() {
        let html = "<meta property='og:url' content='https://a.example/p?sku=B071ZN4K8V'><p>A page.</p>";
        assert!(markdown(html, "Is the sku B071ZN4K8V?").contains("`content=\"https://a.example/p?sku=B071ZN4K8V\"`"));
        assert!(!markdown(html, "What is it?").contains("B071ZN4K8V"));
    }

    #[test]
    fn cells_with_texts_are_paragraphs() {
        let html = format!("<table><tr><td>{}</td><td>side</td></tr></table>", "A sentence. ".repeat(300));
        assert!(!markdown(&html, "").contains('|'));
    }
}
