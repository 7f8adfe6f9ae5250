//! A document in pieces and passages: what can be shown or left out, and what belongs to what.

use super::kinds::{LineKind, WEAK, classify, first_number, own_text};
use super::sentences::sentence_starts;
use crate::transforms::lines::Lines;

/// A paragraph or a block of code up to this size is shown or left out as one, in bytes.
///
/// # Sources
/// Chosen by hand: a label in its middle would cost a tenth of it.
const SMALL_BYTES: usize = 320;
/// Lines of code without a blank one between that are shown or left out together, at most.
const CODE_LINES: usize = 6;
/// Lines longer than this are cut at sentences, unless the text is to be quoted.
const LONG_LINE_BYTES: usize = 200;
/// Lines of one sentence at most.
const SENTENCE_LINES: usize = 6;
/// A shorter line ends a sentence, unless the next one goes on in lower case.
const FULL_LINE_BYTES: usize = 50;

/// The smallest thing that is shown or left out: a line without its break, or a sentence of a long line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Its line, from 0.
    pub(super) line: u32,
}

/// What a passage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PassageKind {
    /// A heading of a level.
    Heading(u8),
    /// A sentence or a small paragraph, also of a list item or a quote.
    Prose,
    /// The line that opens a block of code.
    Fence,
    /// Lines of code.
    Code,
    /// The first lines of a table, or a row.
    Table,
}

/// Pieces that are shown together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passage {
    pub(super) kind: PassageKind,
    /// Its pieces, from and to before. Passages may share a line, where one sentence ends and the next one starts.
    pub(super) first: u32,
    pub(super) end: u32,
    /// The passage that it makes no sense without: a heading, the line above a list, the head of a table, the line of code
    /// around it. Always an earlier one.
    pub(super) parent: Option<u32>,
    /// The heading it stands under.
    pub(super) heading: Option<u32>,
    /// Whether it is the first of its section, of its list item or of its block of code.
    pub(super) leads: bool,
}

/// A text as passages.
#[derive(Debug)]
pub(super) struct Document<'a> {
    pub(super) text: &'a str,
    /// Lines as a reader counts them.
    pub(super) line_count: usize,
    pub(super) pieces: Vec<Piece>,
    pub(super) passages: Vec<Passage>,
    /// The pieces that close blocks of code, each after the one that opens the block.
    pub(super) closers: Vec<(u32, u32)>,
    /// Whether lines carry numbers of their own that are not their places in the text.
    pub(super) numbered_otherwise: bool,
    /// Whether lines were cut.
    pub(super) cut: bool,
}

impl<'a> Document<'a> {
    /// Reads a text; `whole_lines` leaves lines uncut. `None` for a text of 4 GB and more.
    pub(super) fn of(text: &'a str, whole_lines: bool) -> Option<Self> {
        let lines = Lines::of(text)?;
        let first_number = first_number(&lines);
        let kinds = classify(&lines, first_number.is_some());
        let mut reader = Reader {
            document: Self {
                text,
                line_count: lines.count(),
                pieces: Vec::with_capacity(lines.len()),
                passages: Vec::new(),
                closers: Vec::new(),
                numbered_otherwise: first_number.is_some_and(|number| number != 1),
                cut: false,
            },
            lines,
            kinds,
            numbered: first_number.is_some(),
            whole_lines,
            headings: [None; 8],
            lead_in: None,
            items: Vec::new(),
            section_is_new: true,
        };
        let mut at = 0;
        while at < reader.kinds.len() {
            at = reader.block(at);
        }
        Some(reader.document)
    }

    /// Bytes of the passages without those that repeat another one.
    pub(super) fn distinct_bytes(&self) -> usize {
        let mut seen = std::collections::HashSet::with_capacity(self.passages.len());
        self.passages
            .iter()
            .map(|passage| bare(self.text_of(passage)))
            .filter(|text| seen.insert(*text))
            .map(str::len)
            .sum()
    }

    pub(super) fn text_of(&self, passage: &Passage) -> &'a str {
        let pieces = self.pieces.get(passage.first as usize..passage.end as usize).unwrap_or_default();
        match pieces {
            [first, .., last] => self.text.get(first.start as usize..last.end as usize).unwrap_or_default(),
            [only] => self.text.get(only.start as usize..only.end as usize).unwrap_or_default(),
            [] => "",
        }
    }
}

/// A text without the marks of its place: a heading and the same words below it are one.
pub(super) fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '#' | '*' | '-' | '>' | '|' | '_'))
}

struct Reader<'a> {
    document: Document<'a>,
    lines: Lines<'a>,
    kinds: Vec<LineKind>,
    numbered: bool,
    whole_lines: bool,
    /// The last heading of each level that is still open.
    headings: [Option<u32>; 8],
    /// A passage that ends with a colon right above, and introduces what follows.
    lead_in: Option<u32>,
    /// The open list items with their indentation.
    items: Vec<(usize, u32)>,
    section_is_new: bool,
}

impl<'a> Reader<'a> {
    /// Reads what starts at a line and gives the line behind it.
    fn block(&mut self, at: usize) -> usize {
        let kind = self.kinds.get(at).copied().unwrap_or(LineKind::Blank);
        let same = |kinds: &[LineKind], wanted: LineKind| {
            at + 1 + kinds.iter().skip(at + 1).take_while(|&&kind| kind == wanted).count()
        };
        match kind {
            LineKind::Blank | LineKind::Underline | LineKind::FenceEnd => {
                self.line(at);
                at + 1
            }
            LineKind::Heading(level) => self.heading(at, level),
            LineKind::Fence | LineKind::Code => self.fence(at),
            LineKind::Table => {
                let end = same(&self.kinds, LineKind::Table);
                self.table(at, end);
                end
            }
            LineKind::Quote => {
                let end = same(&self.kinds, LineKind::Quote);
                self.items.clear();
                self.paragraph(at, end, None, false);
                end
            }
            LineKind::Item | LineKind::Text => {
                let end = same(&self.kinds, LineKind::Text);
                self.text_or_item(at, end, kind == LineKind::Item);
                end
            }
        }
    }

    fn own(&self, at: usize) -> &'a str {
        own_text(self.lines.get(at), self.numbered)
    }

    fn heading_above(&self, level: u8) -> Option<u32> {
        self.headings.iter().take(usize::from(level)).rev().find_map(|heading| *heading)
    }

    #[expect(clippy::cast_possible_truncation, reason = "there are fewer pieces and passages than bytes, which fit")]
    fn add(&mut self, kind: PassageKind, first: usize, end: usize, parent: Option<u32>, leads: bool) -> u32 {
        let heading = match kind {
            PassageKind::Heading(level) => self.heading_above(level),
            _ => self.heading_above(WEAK + 1),
        };
        self.document.passages.push(Passage {
            kind,
            first: first as u32,
            end: end as u32,
            parent: parent.or(heading),
            heading,
            leads,
        });
        self.document.passages.len() as u32 - 1
    }

    /// Makes a line a piece.
    fn line(&mut self, at: usize) -> usize {
        let start = self.lines.get(at).as_ptr() as usize - self.document.text.as_ptr() as usize;
        self.piece(at, start, start + self.lines.get(at).len())
    }

    #[expect(clippy::cast_possible_truncation, reason = "the length of the text fits")]
    fn piece(&mut self, line: usize, start: usize, end: usize) -> usize {
        self.document.pieces.push(Piece { start: start as u32, end: end as u32, line: line as u32 });
        self.document.pieces.len()
    }

    fn heading(&mut self, at: usize, level: u8) -> usize {
        let first = self.document.pieces.len();
        let mut end = self.line(at);
        let underlined = self.kinds.get(at + 1) == Some(&LineKind::Underline);
        if underlined {
            end = self.line(at + 1);
        }
        let passage = self.add(PassageKind::Heading(level), first, end, None, false);
        let level = usize::from(level);
        if let Some(deeper) = self.headings.get_mut(level..) {
            deeper.fill(None);
        }
        if let Some(own) = self.headings.get_mut(level) {
            *own = Some(passage);
        }
        self.lead_in = None;
        self.items.clear();
        self.section_is_new = true;
        at + 1 + usize::from(underlined)
    }

    /// A block of code with the lines that open and close it.
    fn fence(&mut self, at: usize) -> usize {
        let end =
            at + self.kinds.iter().skip(at).position(|kind| *kind == LineKind::FenceEnd).map_or(1, |ahead| ahead + 1);
        let parent = self.lead_in.take();
        let first = self.document.pieces.len();
        if self.lines.span(at, end).len() <= SMALL_BYTES * 2 {
            let last = (at..end).fold(first, |_, line| self.line(line));
            let leads = std::mem::take(&mut self.section_is_new);
            self.add(PassageKind::Code, first, last, parent, leads);
            return end;
        }
        let opened = self.line(at);
        let fence = self.add(PassageKind::Fence, first, opened, parent, false);
        self.code(at + 1, end - 1, fence);
        let closed = self.line(end - 1);
        #[expect(clippy::cast_possible_truncation, reason = "there are fewer pieces than bytes, which fit")]
        self.document.closers.push((first as u32, closed as u32 - 1));
        end
    }

    /// Lines of code: those between two blank ones together when they are few, else one by one. What is indented belongs to
    /// the line above that is less so.
    fn code(&mut self, at: usize, end: usize, fence: u32) {
        let mut outer: Vec<(usize, u32)> = Vec::new();
        let mut line = at;
        let (mut leads, mut paragraph_starts) = (true, true);
        while line < end {
            if self.own(line).trim().is_empty() {
                self.line(line);
                line += 1;
                paragraph_starts = true;
                continue;
            }
            let run = (line..end).take(CODE_LINES + 1).take_while(|&at| !self.own(at).trim().is_empty()).count();
            let is_small = run <= CODE_LINES && self.lines.span(line, line + run).len() <= SMALL_BYTES;
            let count = if std::mem::take(&mut paragraph_starts) && is_small { run } else { 1 };
            let own = self.own(line);
            let indent = own.len() - own.trim_start().len();
            while outer.last().is_some_and(|(other, _)| *other >= indent) {
                outer.pop();
            }
            let first = self.document.pieces.len();
            let last = (line..line + count).fold(first, |_, at| self.line(at));
            let parent = outer.last().map_or(fence, |(_, passage)| *passage);
            let passage = self.add(PassageKind::Code, first, last, Some(parent), std::mem::take(&mut leads));
            // Deep nesting is not shown in full.
            if outer.len() < 8 {
                outer.push((indent, passage));
            }
            line += count;
        }
    }

    fn table(&mut self, at: usize, end: usize) {
        let parent = self.lead_in.take();
        let head_lines = if end - at > 2 { 2 } else { 1 };
        let first = self.document.pieces.len();
        let last = (at..at + head_lines).fold(first, |_, line| self.line(line));
        let head = self.add(PassageKind::Table, first, last, parent, true);
        for line in at + head_lines..end {
            let first = self.document.pieces.len();
            let last = self.line(line);
            self.add(PassageKind::Table, first, last, Some(head), false);
        }
    }

    fn text_or_item(&mut self, at: usize, end: usize, is_item: bool) {
        let own = self.own(at);
        let indent = own.len() - own.trim_start().len();
        while self.items.last().is_some_and(|(other, _)| *other >= indent + usize::from(!is_item)) {
            self.items.pop();
        }
        if !is_item && indent == 0 {
            self.items.clear();
        }
        let mut parent = self.items.last().map(|(_, item)| *item);
        if is_item && parent.is_none() {
            parent = self.lead_in;
        }
        // A term with its meaning below, as in manuals.
        let hangs = !is_item && at + 1 < end && {
            let next = self.own(at + 1);
            next.len() - next.trim_start().len() > indent
        };
        let first = self.paragraph(at, end, parent, hangs);
        if is_item {
            if self.items.len() < 8 {
                self.items.push((indent, first));
            }
        } else {
            let ends_with_colon = self.own(end - 1).trim_end().ends_with([':', '：']);
            #[expect(clippy::cast_possible_truncation, reason = "there are fewer passages than bytes, which fit")]
            let last = self.document.passages.len() as u32 - 1;
            self.lead_in = ends_with_colon.then_some(last);
        }
    }

    /// The sentences of a paragraph, a list item or a quote; gives its first passage. When it `hangs` on its first line, no
    /// sentence is shown without that.
    fn paragraph(&mut self, at: usize, end: usize, parent: Option<u32>, hangs: bool) -> u32 {
        let leads = std::mem::take(&mut self.section_is_new);
        let first = self.document.pieces.len();
        let cuts = |reader: &Self, line: usize| !reader.whole_lines && reader.lines.get(line).len() > LONG_LINE_BYTES;
        let span = self.lines.span(at, end);
        if span.len() <= SMALL_BYTES && end - at <= SENTENCE_LINES && !(at..end).any(|line| cuts(self, line)) {
            let last = (at..end).fold(first, |_, line| self.line(line));
            return self.add(PassageKind::Prose, first, last, parent, leads);
        }
        let head = self.document.passages.len();
        #[expect(clippy::cast_possible_truncation, reason = "there are fewer passages than bytes, which fit")]
        let mut place = |reader: &mut Self, first: usize, last: usize| {
            let nth = reader.document.passages.len() - head;
            // Of a list item no sentence goes without its first, which has the mark.
            let parent = if (hangs || parent.is_some()) && nth > 0 { Some(head as u32) } else { parent };
            reader.add(PassageKind::Prose, first, last, parent, leads && nth == 0);
        };
        let mut line = at;
        while line < end {
            if cuts(self, line) {
                self.cut_line(line, &mut place);
                line += 1;
                continue;
            }
            let run = (line..end).take_while(|&at| !cuts(self, at)).count();
            self.wrapped_lines(line, line + run, &mut place);
            line += run;
        }
        #[expect(clippy::cast_possible_truncation, reason = "there are fewer passages than bytes, which fit")]
        let head = head as u32;
        head
    }

    fn cut_line(&mut self, line: usize, place: &mut impl FnMut(&mut Self, usize, usize)) {
        let text = self.lines.get(line);
        let start = text.as_ptr() as usize - self.document.text.as_ptr() as usize;
        let mut starts = sentence_starts(text, |_| false);
        self.document.cut |= starts.len() > 1;
        starts.push(text.len());
        for pair in starts.windows(2) {
            let first = self.document.pieces.len();
            let last = self.piece(line, start + pair[0], start + pair[1]);
            place(self, first, last);
        }
    }

    /// Sentences that run over whole lines: each is shown with all lines that it touches.
    fn wrapped_lines(&mut self, at: usize, end: usize, place: &mut impl FnMut(&mut Self, usize, usize)) {
        let first = self.document.pieces.len();
        (at..end).for_each(|line| {
            self.line(line);
        });
        let (text, from) = (self.lines.span(at, end), self.document.pieces.get(first).map_or(0, |piece| piece.start));
        let breaks = |offset: usize| {
            let before = text.get(..offset).unwrap_or_default();
            let line = before.rsplit('\n').next().unwrap_or_default();
            let next = text.get(offset + 1..).unwrap_or_default().trim_start_matches([' ', '\t', '>']);
            line.len() < FULL_LINE_BYTES && !next.starts_with(char::is_lowercase)
        };
        let mut starts = sentence_starts(text, breaks);
        starts.push(text.len());
        let pieces_end = first + end - at;
        let offset = |document: &Document<'_>, piece: usize| {
            document.pieces.get(piece).map_or(usize::MAX, |piece| (piece.start - from) as usize)
        };
        let (mut piece, mut placed) = (first, None);
        for pair in starts.windows(2) {
            while offset(&self.document, piece + 1) <= pair[0] {
                piece += 1;
            }
            let mut last = piece + 1;
            while last < pieces_end && offset(&self.document, last) < pair[1] {
                last += 1;
            }
            // Sentences of one line are one passage.
            if placed == Some((piece, last)) {
                continue;
            }
            placed = Some((piece, last));
            let mut part = piece;
            while part < last {
                let stop = last.min(part + SENTENCE_LINES);
                place(self, part, stop);
                part = stop;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passages(text: &str, whole_lines: bool) -> Vec<&str> {
        let document = Document::of(text, whole_lines).unwrap();
        document.passages.iter().map(|passage| document.text_of(passage)).collect()
    }

    fn parents(text: &str) -> Vec<(&str, &str)> {
        let document = Document::of(text, true).unwrap();
        let text_of = |at: u32| document.text_of(&document.passages[at as usize]);
        document
            .passages
            .iter()
            .filter_map(|passage| Some((document.text_of(passage), text_of(passage.parent?))))
            .collect()
    }

    #[test]
    fn pieces_cover_the_text() {
        let long = "One sentence of some words. ".repeat(20);
        for text in ["", "\n", "a\n\nb", &long, &format!("# A\n{long}\n- x\n```\n{long}\n```"), "```\n```", "|a|b|\n"] {
            for whole_lines in [true, false] {
                let document = Document::of(text, whole_lines).unwrap();
                let mut at = 0;
                for piece in &document.pieces {
                    assert!(text[at..piece.start as usize].chars().all(|c| c == '\n'), "{text:?}");
                    at = piece.end as usize;
                }
                assert!(text[at..].chars().all(|c| c == '\n'), "{text:?}");
            }
        }
    }

    #[test]
    fn long_lines_are_cut_at_sentences_unless_they_are_to_be_quoted() {
        let line = format!("First one here. {} Last one.", "The middle is a long sentence of many words.".repeat(6));
        assert_eq!(passages(&line, false).len(), 3);
        assert_eq!(passages(&line, true), [line.as_str()]);
    }

    #[test]
    fn a_wrapped_sentence_has_all_its_lines() {
        let filler = "and so on with more words that make this paragraph a long one, really, and even\n".repeat(4);
        let text =
            format!("The first sentence starts here and goes over the end of its\nline. The second {filler}done.\n");
        let found = passages(&text, true);
        assert_eq!(
            found[0],
            "The first sentence starts here and goes over the end of its\nline. The second and so on with more words that make this paragraph a long one, really, and even"
        );
        assert!(found[1].starts_with("line. The second") && found[1].ends_with("done."), "{found:?}");
    }

    #[test]
    fn many_sentences_of_a_line_are_one_passage_of_a_file() {
        let line = "A short sentence here. ".repeat(5000);
        assert_eq!(passages(&format!("{line}\nnext\n{line}"), true).len(), 3);
    }

    #[test]
    fn passages_know_what_they_make_no_sense_without() {
        let code = "x: 1\n".repeat(200);
        let text = format!(
            "# A\n## B\nThese are:\n\n* one\n  * two\n\n```\nouter:\n  inner: 1\n{code}```\n|a|b|\n|-|-|\n|1|2|\n"
        );
        let found = parents(&text);
        for (child, parent) in [
            ("## B", "# A"),
            ("These are:", "## B"),
            ("* one", "These are:"),
            ("  * two", "* one"),
            ("  inner: 1", "outer:"),
            ("|1|2|", "|a|b|\n|-|-|"),
        ] {
            assert!(found.contains(&(child, parent)), "{child} in {found:?}");
        }
    }

    #[test]
    fn hostile_texts_are_read() {
        for unit in [
            "#", "# ", "- ", " - a\n", "|", "||\n", "```\n", "> ", "a:\n", "[1] ", "\r", "\0", "👍", "a\n\n", "= \n",
            "x. Y",
        ] {
            for whole_lines in [true, false] {
                assert!(Document::of(&unit.repeat(400_000 / unit.len()), whole_lines).is_some());
            }
        }
    }
}
