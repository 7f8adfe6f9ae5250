//! Whether a text is prose, and whether it is a document with headings.

use super::kinds::{LineKind, classify, first_number, own_text};
use crate::conversation::ToolCall;
use crate::detect::{ContentKind, file_read};
use crate::transforms::lines::Lines;
use crate::transforms::sample::spread;

/// Bytes looked at, at the start, in the middle and at the end.
const SAMPLE_BYTES: usize = 16 * 1024;
/// Texts below this size stay whole.
///
/// # Sources
/// Chosen by hand: about 500 tokens.
pub(super) const MIN_BYTES: usize = 2048;

/// Endings of the names of files that hold documents.
const DOCUMENT_FILES: [&str; 10] = ["md", "markdown", "mdx", "rst", "adoc", "asciidoc", "txt", "org", "textile", "mkd"];

/// What a text is and how sure that is; `None` when it is something else.
///
/// # Sources
/// All shares and confidences are chosen by hand.
pub(super) fn look(text: &str, tool: Option<&ToolCall>) -> Option<(ContentKind, f32)> {
    let start = text.trim_start();
    if text.len() < MIN_BYTES || start.starts_with(['{', '<']) && !is_documents(start) || is_json_array(start) {
        return None;
    }
    let sample = spread(text, SAMPLE_BYTES);
    let lines = Lines::of(&sample)?;
    let numbered = first_number(&lines).is_some();
    let kinds = classify(&lines, numbered);
    let own = |at: usize| own_text(lines.get(at), numbered);
    let count = |wanted: fn(&LineKind) -> bool| kinds.iter().filter(|kind| wanted(kind)).count();
    let headings = count(|kind| matches!(kind, LineKind::Heading(1..=6)));
    let documents = count(|kind| matches!(kind, LineKind::Heading(0)));
    let fences = count(|kind| *kind == LineKind::Fence);
    let (mut prose_bytes, mut item_bytes, mut other_bytes, mut paragraphs) = (0, 0, 0, 0);
    let mut at = 0;
    while at < kinds.len() {
        let first = at;
        at += 1;
        match kinds[first] {
            LineKind::Text | LineKind::Item | LineKind::Quote => {
                at += kinds[at..].iter().take_while(|kind| **kind == LineKind::Text).count();
                let bytes: usize = (first..at).map(|line| own(line).len()).sum();
                let lines: Vec<&str> = (first..at).map(own).collect();
                if is_prose(&lines) {
                    prose_bytes += bytes;
                    paragraphs += 1;
                } else if kinds[first] == LineKind::Item && lines.iter().all(|line| is_wordy(line)) {
                    item_bytes += bytes;
                } else {
                    other_bytes += bytes;
                }
            }
            LineKind::Table => other_bytes += own(first).len() / 2,
            _ => {}
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    let share_of = |bytes: usize| bytes as f32 / (prose_bytes + item_bytes + other_bytes).max(1) as f32;
    // Items of lists in documents have no full stops; elsewhere they are data as well.
    let (share, listed) = (share_of(prose_bytes), share_of(prose_bytes + item_bytes));
    // Comments of scripts and settings look like headings, but there are no paragraphs below them.
    let structured = (headings >= 2 || documents >= 2) && headings <= 6 * (paragraphs + fences);
    let extension = tool.and_then(file_read).and_then(|path| Some(path.rsplit_once('.')?.1.to_ascii_lowercase()));
    let extension = extension.filter(|extension| !extension.contains('/'));
    let kind = if structured && (headings >= 2 || fences > 0) { ContentKind::Markdown } else { ContentKind::Prose };
    let confidence = match extension {
        Some(extension)
            if DOCUMENT_FILES.contains(&&*extension) && listed > 0.3 && (paragraphs > 2 || headings > 2) =>
        {
            0.9
        }
        // A file of another kind is nearly always what its name says.
        Some(extension) if !DOCUMENT_FILES.contains(&&*extension) && share < 0.85 => return None,
        _ if structured && listed > if documents >= 2 { 0.2 } else { 0.4 } && paragraphs > 2 => 0.85,
        _ if share > 0.65 && paragraphs > 1 => 0.75,
        _ => return None,
    };
    Some((kind, confidence))
}

/// `<document …>`: the tags that search tools put around their results.
fn is_documents(start: &str) -> bool {
    [
        "<document",
        "<result",
        "<search",
        "<doc>",
        "<doc ",
        "<source",
        "<chunk",
        "<passage",
        "<file",
        "<content",
        "<output",
    ]
    .iter()
    .any(|tag| start.starts_with(tag))
}

fn is_json_array(start: &str) -> bool {
    start.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with(['{', '[', '"']))
}

/// Whether lines are sentences: words in letters, few symbols, and the end of a sentence somewhere.
fn is_prose(lines: &[&str]) -> bool {
    let wordy = lines.iter().filter(|line| is_wordy(line)).count();
    let Some(last) = lines.iter().rev().map(|line| line.trim_end()).find(|line| !line.is_empty()) else { return false };
    let ends = |line: &str| line.ends_with(['.', '!', '?', ':', '。', '！', '？', '…', '؟', '।']);
    let closes = ends(last.trim_end_matches([')', '"', '”', '*', '_', '`', '」', '」', '\'', '’']));
    let goes_on = || {
        lines.iter().any(|line| {
            line.contains(['。', '！', '？'])
                || line.match_indices(". ").any(|(at, _)| line[at + 2..].starts_with(char::is_uppercase))
        })
    };
    // Lines of a log are each on their own; those of a paragraph run on.
    let runs_on = lines.len() < 4 || {
        let starts_low = lines.iter().skip(1).filter(|line| line.trim_start().starts_with(char::is_lowercase)).count();
        let ended = lines.iter().filter(|line| ends(line.trim_end())).count();
        let cjk = lines.iter().filter(|line| line.contains(|c: char| ('\u{3000}'..='\u{d7ff}').contains(&c))).count();
        starts_low * 5 >= lines.len() || ended * 2 >= lines.len() || cjk * 2 >= lines.len()
    };
    wordy * 10 >= lines.len() * 7 && (closes || goes_on()) && runs_on
}

/// Whether a line is mostly words: four and more, or letters of a script without spaces.
fn is_wordy(line: &str) -> bool {
    let (mut words, mut letters, mut wide, mut symbols, mut digits, mut in_word) =
        (0_usize, 0_usize, 0_usize, 0_usize, 0_usize, false);
    if line.trim_start().starts_with("//") {
        return false;
    }
    for c in line.chars().take(2000) {
        if c.is_alphabetic() {
            letters += 1;
            wide += usize::from(c >= '\u{0e00}');
            words += usize::from(!in_word);
            in_word = true;
            continue;
        }
        in_word &= matches!(c, '\'' | '’' | '-');
        digits += usize::from(c.is_ascii_digit());
        symbols += usize::from(matches!(
            c,
            '{' | '}' | ';' | '=' | '<' | '>' | '|' | '&' | '$' | '@' | '\\' | '+' | '%' | '^' | '~'
        ));
    }
    (words >= 4 || wide >= 8 || (words >= 1 && line.len() < 40)) && symbols * 12 <= letters && digits * 4 <= letters
}
