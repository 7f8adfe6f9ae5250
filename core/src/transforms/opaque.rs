//! Long stretches without words.

mod magic;
mod spans;

use std::ops::Range;

use crate::ccr::carries_marker;
use crate::detect::ContentKind;
use crate::relevance::Question;
use crate::transform::{Context, Fit, Outcome, Part, Transform, TransformError};
use spans::{Span, SpanKind, find};

/// Keeps the type, the length and the first characters of base64, hex, hex dumps and minified code inside any text.
///
/// The type comes from the first decoded bytes. Of hex dumps the first and last lines stay, of minified code the start,
/// the end and the statements that match the question strongly. A base64 or hex run that the question quotes stays whole.
/// All text around stays. In a text that an agent may quote back in an edit, whole lines go, and the label has
/// their number.
///
/// Declines in lossless mode, when no run is long enough, and on its own output. What is left out is announced in its
/// place; the marker at the end gives the original back.
///
/// ```text
/// src="data:image/png;base64,iVBORw0KGgo…48 more…[PNG image of 640x480 in base64: 35268 of 35332 characters left out]"
/// [1204/36472 characters shown; headroom_retrieve hash=…]
/// ```
///
/// # Sources
/// All lengths: chosen by hand.
pub struct Opaque;

/// Characters of base64 and hex that stay.
const HEAD_BYTES: usize = 64;
const CODE_HEAD_BYTES: usize = 240;
const CODE_TAIL_BYTES: usize = 120;
const DUMP_HEAD_LINES: usize = 4;
const DUMP_TAIL_LINES: usize = 2;
/// Lines of a dump or statements of minified code that stay at most because they match the question.
const MATCHES_MAX: usize = 12;
/// A stretch of a run this long that the question has too is no coincidence.
const MIN_QUOTED: usize = 8;
/// Shorter omissions are not worth their label.
const MIN_LEFT_OUT: usize = 200;

impl Transform for Opaque {
    fn name(&self) -> &'static str {
        "opaque"
    }

    fn fit(&self, part: &Part<'_>) -> Fit {
        let opaque_bytes: usize = find(part.text).iter().map(|span| span.bytes.len()).sum();
        if opaque_bytes == 0 || carries_marker(part.text) {
            return Fit::No;
        }
        let share = opaque_bytes as f32 / part.text.len() as f32;
        Fit::Yes(
            ContentKind::Opaque,
            if share > 0.8 {
                0.98
            } else if share > 0.5 {
                0.9
            } else {
                0.2
            },
        )
    }

    fn apply<'a>(&self, part: &Part<'a>, cx: &mut Context<'a>) -> Result<Outcome, TransformError> {
        if cx.lossless_only() || carries_marker(part.text) {
            return Ok(Outcome::Unchanged);
        }
        let mut out = String::new();
        let (mut written, mut left_out, mut line) = (0, 0, 1);
        for span in find(part.text) {
            let what = describe(part.text, &span);
            for range in omissions(part.text, &span, cx) {
                let range = if part.quotable { whole_lines(part.text, &range) } else { range };
                if range.start < written || range.len() < MIN_LEFT_OUT {
                    continue;
                }
                let characters = part.text[range.clone()].chars().count();
                out.push_str(&part.text[written..range.start]);
                line += line_breaks(&part.text[written..range.start]);
                let breaks = line_breaks(&part.text[range.clone()]);
                let last = line + breaks - usize::from(part.text[range.clone()].ends_with('\n'));
                let place = match part.quotable {
                    true if last > line => format!("lines {line}-{last}: "),
                    true => format!("line {line}: "),
                    false => String::new(),
                };
                line += breaks;
                let total = part.text[span.bytes.clone()].chars().count().max(characters);
                out.push_str(&format!("[{place}{what}: {characters} of {total} characters left out]"));
                if part.text[range.clone()].ends_with('\n') {
                    out.push('\n');
                }
                written = range.end;
                left_out += characters;
            }
        }
        if left_out == 0 {
            return Ok(Outcome::Unchanged);
        }
        out.push_str(&part.text[written..]);
        if !out.ends_with('\n') {
            out.push('\n');
        }
        let total = part.text.chars().count();
        out.push_str(&cx.marker(part.text, total - left_out, total, "characters"));
        Ok(Outcome::Subset(out))
    }
}

fn line_breaks(text: &str) -> usize {
    memchr::memchr_iter(b'\n', text.as_bytes()).count()
}

/// The range grown to the start of its first and the end of its last line.
fn whole_lines(text: &str, range: &Range<usize>) -> Range<usize> {
    let start = memchr::memrchr(b'\n', &text.as_bytes()[..range.start]).map_or(0, |at| at + 1);
    // The line after a last line break is not part of the range.
    if range.end > start && text.as_bytes()[range.end - 1] == b'\n' {
        return start..range.end;
    }
    let end = memchr::memchr(b'\n', &text.as_bytes()[range.end..]).map_or(text.len(), |at| range.end + at);
    start..end
}

/// What a span is, for its label.
fn describe(text: &str, span: &Span) -> String {
    let text = &text[span.bytes.clone()];
    let (encoding, hex, start) = match span.kind {
        SpanKind::Base64 => ("base64", false, text),
        SpanKind::Hex => ("hex", true, text),
        SpanKind::HexDump => {
            // Behind the offset; two blanks or a bar start the column of characters.
            let line = text.lines().next().unwrap_or_default().trim_start();
            let bytes = line.split_once([':', ' ']).map_or("", |(_, bytes)| bytes).trim_start();
            ("a hex dump", true, bytes.split('|').next().unwrap_or_default())
        }
        SpanKind::Run => return format!("run of {:?}", text.chars().next().unwrap_or_default()),
        SpanKind::Minified => return "minified code".to_owned(),
    };
    match magic::name_of(&magic::decode_start(start, hex)) {
        Some(name) => format!("{name} in {encoding}"),
        None => encoding.to_owned(),
    }
}

/// What may go of a span, in order.
fn omissions(text: &str, span: &Span, cx: &Context<'_>) -> Vec<Range<usize>> {
    let Range { start, end } = span.bytes.clone();
    match span.kind {
        SpanKind::Base64 | SpanKind::Hex | SpanKind::Run => {
            let rest = start + HEAD_BYTES..end;
            if is_quoted(&text[start..end], cx.question()) { Vec::new() } else { Vec::from([rest]) }
        }
        SpanKind::HexDump => {
            let lines: Vec<_> = pieces(text, start..end, |byte| byte == b'\n').collect();
            let kept = |index| index < DUMP_HEAD_LINES || index + DUMP_TAIL_LINES >= lines.len();
            between_matches(text, &lines, kept, cx)
        }
        SpanKind::Minified => {
            let (head, tail) = (start + CODE_HEAD_BYTES, end - CODE_TAIL_BYTES);
            let statements: Vec<_> = pieces(text, start..end, |byte| matches!(byte, b';' | b'}')).collect();
            let kept = |index: usize| statements[index].start < head || statements[index].end > tail;
            between_matches(text, &statements, kept, cx)
        }
    }
}

/// Whether the question has a stretch of a run in it.
fn is_quoted(run: &str, question: &Question) -> bool {
    let terms = question.terms().iter().filter(|term| term.specific && term.text.len() >= MIN_QUOTED);
    let mut terms =
        terms.filter(|term| !term.text.contains(|char: char| char.is_whitespace() || char == '.')).peekable();
    if terms.peek().is_none() {
        return false;
    }
    // Terms are in lower case.
    let run = run.to_ascii_lowercase();
    terms.any(|term| memchr::memmem::find(run.as_bytes(), term.text.as_bytes()).is_some())
}

/// Cuts a range behind every byte that `ends` names.
fn pieces(text: &str, range: Range<usize>, ends: impl Fn(u8) -> bool) -> impl Iterator<Item = Range<usize>> {
    let mut start = range.start;
    let bytes = text.as_bytes();
    std::iter::from_fn(move || {
        let from = start;
        let rest = &bytes[from..range.end];
        start += rest.iter().position(|byte| ends(*byte)).map_or(rest.len(), |at| at + 1);
        (from < start).then_some(from..start)
    })
}

/// Joins the pieces that go: those that are not `kept` anyway and have no name of the question.
fn between_matches(
    text: &str,
    pieces: &[Range<usize>],
    kept: impl Fn(usize) -> bool,
    cx: &Context<'_>,
) -> Vec<Range<usize>> {
    let units: Vec<&str> = pieces.iter().map(|piece| &text[piece.clone()]).collect();
    let matches = cx.question().matches(&units);
    let mut left = MATCHES_MAX;
    let mut gaps: Vec<Range<usize>> = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let asked = matches[index].strong && left > 0;
        left -= usize::from(asked);
        if asked || kept(index) {
            continue;
        }
        match gaps.last_mut() {
            Some(gap) if gap.end == piece.start => gap.end = piece.end,
            _ => gaps.push(piece.clone()),
        }
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transforms::testing::{declines, run, subset};

    fn png(length: usize) -> String {
        let random = (0..length as u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58);
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let random = random.map(|value| char::from(alphabet[value as usize]));
        "iVBORw0KGgoAAAANSUhEUgAAAoAAAAHgCAYAAAA10dzk".chars().chain(random).take(length).collect()
    }

    #[test]
    fn keeps_type_length_and_first_characters_and_the_text_around() {
        let image = png(4000);
        let small =
            subset(&Opaque, &format!("<p>Before é</p><img src=\"data:image/png;base64,{image}\"><p>After</p>"), "");
        let start = &image[..64];
        let expected = format!(
            "<p>Before é</p><img src=\"data:image/png;base64,{start}[PNG image of 640x480 in base64: 3936 of 4000 \
             characters left out]\"><p>After</p>\n[125/4061 characters shown; headroom_retrieve hash="
        );
        assert!(small.starts_with(&expected), "{small}");
    }

    #[test]
    fn leaves_whole_lines_out_of_a_file_that_may_be_edited() {
        let image = png(4000);
        let text = format!("a {{\n  b: url({image});\n}}\n");
        let (outcome, _) = run(&Opaque, &text, true, "");
        let Outcome::Subset(small) = outcome else { panic!("{outcome:?}") };
        assert!(
            small.starts_with("a {\n[line 2: PNG image of 640x480 in base64: 4011 of 4011 characters left out]\n}\n[")
        );
    }

    #[test]
    fn a_label_for_several_lines_names_them_all() {
        let dump: String = (0..400).map(|n| format!("{:08x}  7f 45 4c 46 02 01 01 00  |.ELF....|\n", n * 8)).collect();
        let (outcome, _) = run(&Opaque, &format!("dump:\n{dump}end\n"), true, "");
        let Outcome::Subset(small) = outcome else { panic!("{outcome:?}") };
        let lines: Vec<&str> = small.lines().collect();
        assert!(lines[5].starts_with("[lines 6-399: ELF binary in a hex dump: "), "{small}");
        assert!(lines[6].starts_with("00000c70  7f") && lines[7].starts_with("00000c78  7f"), "{small}");
        assert_eq!((lines[8], lines.len()), ("end", 10));
    }

    #[test]
    fn keeps_the_ends_of_hex_dumps_and_names_what_they_dump() {
        let dump: String = (0..400).map(|n| format!("{:08x}  7f 45 4c 46 02 01 01 00  |.ELF....|\n", n * 8)).collect();
        let small = subset(&Opaque, &dump, "");
        let lines: Vec<&str> = small.lines().collect();
        assert_eq!(lines.len(), 8, "{small}");
        assert!(lines[4].starts_with("[ELF binary in a hex dump: "), "{small}");
        assert!(lines[6].starts_with("00000c78"), "{small}");
    }

    #[test]
    fn keeps_the_ends_of_minified_code() {
        let code: String = (0..400).map(|n| format!("function f{n}(a,b){{return a.c(b)||d[{n}]}};")).collect();
        let small = subset(&Opaque, &format!("bundle:\n{code}\n"), "");
        assert!(small.starts_with("bundle:\nfunction f0(a,b)"), "{small}");
        assert!(small.contains("[minified code: ") && small.contains("d[399]};\n["), "{small}");
        assert!(small.len() < 1000, "{small}");
    }

    #[test]
    fn what_the_question_names_stays() {
        let image = png(4000);
        assert!(declines_asked(&image, &format!("What is {} about?", &image[2000..2020])));
        let code: String = (0..400).map(|n| format!("function f{n}(a,b){{return a.call_{n}(b)||d[{n}]}};")).collect();
        let small = subset(&Opaque, &code, "Who calls `call_217`?");
        assert!(small.contains("]function f217(a,b){return a.call_217(b)||d[217]}[minified code: "), "{small}");
    }

    fn declines_asked(text: &str, question: &str) -> bool {
        run(&Opaque, text, false, question).0 == Outcome::Unchanged
    }

    #[test]
    fn declines_words_and_short_runs() {
        for text in ["", &png(511), &"some words\n".repeat(2000), &"=".repeat(100)] {
            assert!(declines(&Opaque, text));
        }
    }
}
