//! Where a text has no words.

use std::ops::Range;

/// What a stretch of text without words is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SpanKind {
    /// base64 or base64url in one run, or in lines of one length.
    Base64,
    /// Hex digits in one run, or in lines of one length.
    Hex,
    /// One run of other characters without blanks, such as one character again and again.
    Run,
    /// Lines with an offset and bytes, as `xxd` and `hexdump -C` write them.
    HexDump,
    /// A line of minified code.
    Minified,
}

/// A stretch of text without words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) kind: SpanKind,
    pub(super) bytes: Range<usize>,
}

/// The shortest run that is looked at, in bytes. Chosen by hand.
pub(super) const MIN_RUN: usize = 512;
const MIN_MINIFIED: usize = 2000;
/// No block starts with a shorter line.
const MIN_BLOCK_LINE: usize = 8;
const MIN_DUMP_LINES: usize = 24;

const DIGIT: u8 = 1;
const LOWER: u8 = 2;
const UPPER: u8 = 4;
const SIGN: u8 = 8;

/// The class of every byte that base64 and hex are written with; 0 for others.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' => LOWER,
            b'A'..=b'Z' => UPPER,
            b'+' | b'/' | b'-' | b'_' | b'=' => SIGN,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

fn in_alphabet(byte: u8) -> bool {
    CLASSES[usize::from(byte)] != 0
}

/// All spans, in order, none inside another.
pub(super) fn find(text: &str) -> Vec<Span> {
    let mut spans = runs(text);
    let in_lines = line_spans(text);
    spans.extend(in_lines);
    spans.sort_by_key(|span| (span.bytes.start, std::cmp::Reverse(span.bytes.end)));
    let mut end = 0;
    spans.retain(|span| {
        let apart = span.bytes.start >= end;
        end = end.max(span.bytes.end);
        apart
    });
    spans
}

/// Runs of the alphabet. Looks at every [`MIN_RUN`]th byte, which no long run can miss, and grows from there.
fn runs(text: &str) -> Vec<Span> {
    let bytes = text.as_bytes();
    let mut spans = Vec::new();
    let (mut at, mut seen) = (MIN_RUN - 1, 0);
    while at < bytes.len() {
        if !in_alphabet(bytes[at]) {
            seen = at + 1;
            at += MIN_RUN;
            continue;
        }
        let start = at - bytes[seen..at].iter().rev().take_while(|byte| in_alphabet(**byte)).count();
        let end = at + bytes[at..].iter().take_while(|byte| in_alphabet(**byte)).count();
        if end - start >= MIN_RUN
            && let Some(kind) = kind_of_run(&bytes[start..end])
        {
            spans.push(Span { kind, bytes: start..end });
        }
        seen = end;
        at = end + MIN_RUN;
    }
    spans
}

/// What a run is, from its first kilobytes; `None` when it may be words, or the rule of a table.
fn kind_of_run(run: &[u8]) -> Option<SpanKind> {
    let sample = &run[..run.len().min(4096)];
    let (mut counts, mut lower_pairs, mut before, mut all) = ([0_usize; 9], 0_usize, 0, 0);
    let mut is_hex = true;
    for byte in sample {
        let class = CLASSES[usize::from(*byte)];
        counts[usize::from(class)] += 1;
        lower_pairs += usize::from(class == LOWER && before == LOWER);
        is_hex &= byte.is_ascii_hexdigit();
        all |= class;
        before = class;
    }
    if sample.iter().all(|byte| *byte == sample[0]) {
        return Some(SpanKind::Run);
    }
    if all == SIGN {
        return None;
    }
    if is_hex && counts[usize::from(DIGIT)] > 0 {
        return Some(SpanKind::Hex);
    }
    // Words have long stretches of small letters; a random small letter is followed by one in four of ten cases.
    let is_mixed =
        [DIGIT, LOWER, UPPER].iter().filter(|class| counts[usize::from(**class)] * 33 >= sample.len()).count();
    let few_words = lower_pairs * 100 < counts[usize::from(LOWER)] * 65 || counts[usize::from(LOWER)] == 0;
    let few_signs = counts[usize::from(SIGN)] * 8 < sample.len();
    (is_mixed >= 2 && few_words && few_signs).then_some(SpanKind::Base64)
}

/// Blocks of equally long lines of the alphabet, hex dumps, and lines of minified code.
fn line_spans(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut block = Block::default();
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]) {
        let line = &text[start..end];
        block.add(line, start, text, &mut spans);
        if line.len() >= MIN_MINIFIED && is_minified(line.as_bytes()) {
            spans.push(Span { kind: SpanKind::Minified, bytes: start..end });
        }
        start = end + 1;
    }
    block.close(text, &mut spans);
    spans
}

/// The lines before, as far as they may be one block of encoded bytes.
#[derive(Default)]
struct Block {
    is_dump: bool,
    start: usize,
    end: usize,
    lines: usize,
    /// Of wrapped lines: the length of all but the last. Of a dump: the distance of offsets, 0 until it is known.
    step: u64,
    offset: u64,
    is_last: bool,
}

impl Block {
    fn add(&mut self, line: &str, start: usize, text: &str, spans: &mut Vec<Span>) {
        if self.lines == 0 && line.len() < MIN_BLOCK_LINE {
            return;
        }
        let content = line.trim_end();
        let dump = dump_offset(content);
        let wrapped = dump.is_none() && content.len() <= 128 && !content.is_empty() && content.bytes().all(in_alphabet);
        let length = content.len() as u64;
        let goes_on = self.lines > 0
            && match dump {
                _ if self.is_dump && content == "*" => true,
                Some(offset) if self.is_dump && self.step == 0 => offset > self.offset,
                // After a `*`, which stands for repeated lines, offsets jump.
                Some(offset) if self.is_dump => {
                    offset > self.offset && (offset - self.offset).is_multiple_of(self.step)
                }
                None => !self.is_dump && wrapped && !self.is_last && length <= self.step,
                Some(_) => false,
            };
        if !goes_on {
            self.close(text, spans);
            let starts = dump.is_some() || (wrapped && content.len() >= 40);
            if starts {
                let step = if dump.is_some() { 0 } else { length };
                let offset = dump.unwrap_or_default();
                *self = Self { is_dump: dump.is_some(), start, lines: 0, end: 0, step, offset, is_last: false };
            } else {
                return;
            }
        } else if let Some(offset) = dump {
            if self.step == 0 {
                self.step = offset - self.offset;
            }
            self.offset = offset;
        }
        self.is_last = !self.is_dump && length < self.step;
        self.lines += 1;
        self.end = start + content.len();
    }

    fn close(&mut self, text: &str, spans: &mut Vec<Span>) {
        let block = std::mem::take(self);
        let bytes = block.start..block.end;
        if block.is_dump {
            if block.lines >= MIN_DUMP_LINES {
                spans.push(Span { kind: SpanKind::HexDump, bytes });
            }
        } else if block.lines >= 2 && bytes.len() >= MIN_RUN {
            // Lines as long as a digest are a list of digests, not one stretch of bytes.
            let letters: Vec<u8> =
                text.as_bytes()[bytes.clone()].iter().copied().filter(|byte| in_alphabet(*byte)).take(4096).collect();
            let is_list = matches!(block.step, 40 | 56 | 64 | 96 | 128);
            match kind_of_run(&letters) {
                Some(SpanKind::Hex) if is_list => {}
                Some(kind @ (SpanKind::Hex | SpanKind::Base64)) => spans.push(Span { kind, bytes }),
                _ => {}
            }
        }
    }
}

/// The offset of a line such as `00000010: 7f45 4c46 …` or `00000010  7f 45 4c 46 … |.ELF|`.
fn dump_offset(line: &str) -> Option<u64> {
    let line = line.trim_start_matches(' ');
    let digits = line.bytes().take(17).take_while(u8::is_ascii_hexdigit).count();
    let (offset, rest) = line.split_at(digits);
    let colon = rest.starts_with(':');
    if !(digits >= 7 || (digits >= 4 && colon)) || digits > 16 {
        return None;
    }
    let mut groups = rest.trim_start_matches(':').split(' ').filter(|group| !group.is_empty());
    let is_group =
        |group: &str| matches!(group.len(), 2 | 4 | 8 | 16) && group.bytes().all(|byte| byte.is_ascii_hexdigit());
    // The last line of a dump may be short, so one group is enough; distances between offsets do the rest.
    groups.next().is_some_and(is_group).then(|| u64::from_str_radix(offset, 16).ok()).flatten()
}

/// Whether a long line is code without blanks: mostly ASCII, few blanks, many brackets and separators, and not JSON.
fn is_minified(line: &[u8]) -> bool {
    let (mut blanks, mut marks, mut pairs, mut ascii, mut before) = (0_usize, 0_usize, 0_usize, 0_usize, 0);
    for byte in line {
        blanks += usize::from(matches!(byte, b' ' | b'\t'));
        marks += usize::from(matches!(byte, b';' | b'{' | b'}' | b'(' | b')' | b',' | b'=' | b'.'));
        pairs += usize::from(before == b'"' && *byte == b':');
        ascii += usize::from(byte.is_ascii());
        before = *byte;
    }
    let brackets = line.iter().filter(|byte| matches!(byte, b'{' | b'}' | b';')).count();
    ascii * 10 >= line.len() * 9
        && blanks * 12 < line.len()
        && marks * 12 > line.len()
        && brackets * 80 > line.len()
        && pairs * 100 < line.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Characters that look random, always the same.
    pub(crate) fn noise(alphabet: &str, length: usize) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        let mut state = 7_u64;
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            alphabet[(state >> 33) as usize % alphabet.len()]
        };
        (0..length).map(next).collect()
    }

    const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    fn kinds(text: &str) -> Vec<(SpanKind, Range<usize>)> {
        find(text).into_iter().map(|span| (span.kind, span.bytes)).collect()
    }

    #[test]
    fn finds_runs_wherever_they_stand() {
        for before in [0, 1, 300, 511, 512, 513, 1023, 5000] {
            let text = format!("{}{} the end", " ".repeat(before), noise(BASE64, 512));
            assert_eq!(kinds(&text), [(SpanKind::Base64, before..before + 512)], "{before}");
            let short = format!("{}{} the end", " ".repeat(before), noise(BASE64, 511));
            assert_eq!(kinds(&short), [], "{before}");
        }
        assert_eq!(kinds(&noise("0123456789abcdef", 600)), [(SpanKind::Hex, 0..600)]);
        assert_eq!(kinds(&"A".repeat(600)), [(SpanKind::Run, 0..600)]);
    }

    #[test]
    fn words_without_blanks_and_rules_are_not_opaque() {
        assert_eq!(kinds(&"someVeryLongIdentifier/".repeat(50)), []);
        assert_eq!(kinds(&"+------".repeat(100)), []);
        assert_eq!(kinds(&"word ".repeat(500)), []);
    }

    #[test]
    fn finds_wrapped_base64_but_not_lists_of_digests() {
        let body = noise(BASE64, 1000);
        let lines: Vec<&str> = (0..1000).step_by(64).map(|at| &body[at..(at + 64).min(1000)]).collect();
        let text = format!("-----BEGIN X-----\n{}\n-----END X-----\n", lines.join("\n"));
        assert_eq!(kinds(&text), [(SpanKind::Base64, 18..18 + 1015)]);
        let digests: String = (0..50).map(|n| noise("0123456789abcdef", 40 + n)[n..].to_owned() + "\n").collect();
        assert_eq!(kinds(&digests), []);
    }

    #[test]
    fn finds_hex_dumps_but_not_tables_of_numbers() {
        let dump: String = (0..40).map(|n| format!("{:08x}: 7f45 4c46 0201 0100  .ELF....\n", n * 8)).collect();
        assert_eq!(kinds(&dump), [(SpanKind::HexDump, 0..dump.len() - 1)]);
        let table: String = (0..40).map(|n| format!("{} 1234 5678 9012\n", 2000 + n)).collect();
        assert_eq!(kinds(&table), []);
        let unequal: String = (0..40).map(|n| format!("{:08}  12 34 56\n", 20_240_101 + n * n * 7)).collect();
        assert_eq!(kinds(&unequal), []);
    }

    #[test]
    fn finds_minified_code_but_not_json_or_prose() {
        let code = "function a(b,c){return b.d(c)||e[f]};".repeat(80);
        assert_eq!(kinds(&format!("x\n{code}\n")), [(SpanKind::Minified, 2..2 + code.len())]);
        assert_eq!(kinds(&r#"{"id":1,"name":"a"},"#.repeat(200)), []);
        assert_eq!(kinds(&"Sentences, one after the other; all in one line. ".repeat(80)), []);
    }
}
