//! JSON as tables, and parts of it.

mod affix;
mod cell;
mod change;
mod clip;
mod columns;
mod cut_off;
mod decode;
mod encode;
mod escapes;
mod failure;
mod frame;
mod groups;
mod header;
mod marks;
mod minify;
mod names;
mod quantity;
mod relations;
mod rows;
mod select;
mod spelling;
mod stats;
mod subset;
mod survey;
mod table;
mod traits;
mod wrapped;

use std::borrow::Cow;

use crate::detect::ContentKind;
use crate::json::{Document, Kind, encode_string};
use crate::transform::{Context, Fit, Outcome, Part, Transform, TransformError};

pub(super) use failure::FAILURE;
pub(super) use rows::Cells;

use clip::Clip;
use cut_off::CutOff;
use frame::Frame;
use minify::Minified;
use spelling::Spelling;
use subset::Writer;
use survey::Survey;
use wrapped::Wrapped;

/// Deeper JSON is left alone.
const MAX_DEPTH: usize = 64;

/// Shorter texts are left alone: the header would cost what the table saves.
const MIN_BYTES: usize = 400;

/// A lossless form that must be smaller by more than this is not tried.
const MAX_LOSSLESS_RATIO: usize = 24;

/// Of a list that is so many times larger than its lossless form may be, this part is written first.
const TRIAL_SHARE: usize = 8;

/// What the header and the first rows of a trial may take on top of its share. In bytes.
const TRIAL_EXTRA: usize = 1024;

/// The first word of a lossless form and of a sample.
const HEADER: &str = "#json";

/// Behind the header of a sample: what its signs mean.
const PART: &str = " part; cells are separated by tabs; empty = missing, \"\" = empty text, (name) = same as that column, … = left out";

/// Behind the header of a sample of JSON that breaks off.
const BROKEN: &str = " of JSON that breaks off below it";

/// Behind the header of a lossless form of JSON that breaks off: how many brackets the text lacks behind the last whole row.
const CUT: &str = " cut=";

/// Behind the header of a lossless form with tables: what its signs mean.
const LEGEND: &str = "; cells are separated by tabs; empty = missing, \"\" = empty text";

/// What a decoder writes at most, in bytes.
const MAX_DECODED: usize = 1 << 28;

/// Writes JSON as tables: lists of objects with their keys once, one row a line.
///
/// First a lossless form of the whole text is tried, which [`Transform::decode`] gives back byte for byte: columns named
/// once, values that all rows have in the header, nested objects as columns, numbers and escapes as they are written,
/// white space as a few words in the first line. The format is described in `encode.rs`. When it fits
/// [`Context::target_bytes`], that is all.
///
/// Otherwise the same tables hold some of their rows, in order, and a line says what is computed of all of them. Shown
/// whatever the size: first and last rows, failures (of many the first of each wording), what the question names, the
/// rows that answer it best and the records they refer to, and the first few in which columns differ that are equal in
/// nearly all others. Then ends of ranges, rare values, rows of every set of keys,
/// and rows spread evenly. Long texts and nested values are cut, columns of addresses and hashes left out, values that
/// nearly all rows have stated once.
///
/// Of JSON that breaks off, because a tool limits what it prints, the whole rows are written so, and what is left of the
/// next one stands below them as it is.
///
/// # When it declines
/// Texts below 400 bytes, files that may be edited ([`Part::quotable`]), text that is not one JSON value or one a line
/// with at most a few short lines around it, nesting beyond 64, and whatever does not get smaller. In lossless mode also
/// irregular white space.
///
/// # What is lost and how to get it back
/// Nothing in the lossless form. In a sample `…` stands where something was left out or cut, `…+3` for three members,
/// and the marker line has the hash of the whole text.
///
/// # Errors
/// [`TransformError`] when the text begins as JSON but is none, or is nested too deep.
///
/// # Examples
/// ```text
/// [{"id": 1, "kind": "Pod", "spec": {"port": 80}}, {"id": 2, "kind": "Pod", "spec": {"port": 81}}, …]
/// ```
/// becomes (with tabs between the cells)
/// ```text
/// #json spaced; cells are separated by tabs; empty = missing, "" = empty text
/// [20 rows: id  spec.port  in every row (columns 2): kind="Pod"
/// 1  80
/// 2  81
/// …
/// ]
/// ```
///
/// # Sources
/// The shares and limits in this folder are chosen by hand, but for the outliers (`marks.rs`).
#[derive(Debug, Default, Clone, Copy)]
pub struct JsonTable;

impl Transform for JsonTable {
    fn name(&self) -> &'static str {
        "json_table"
    }

    fn fit(&self, part: &Part<'_>) -> Fit {
        if part.text.len() < MIN_BYTES || part.quotable {
            return Fit::No;
        }
        match Frame::of(part.text) {
            Some(frame) if frame.json.trim_start().starts_with('[') => Fit::Yes(ContentKind::JsonArray, 0.9),
            Some(frame) if frame::is_one_value_a_line(frame.json) => Fit::Yes(ContentKind::JsonArray, 0.9),
            Some(_) => Fit::Yes(ContentKind::JsonObject, 0.9),
            None => match CutOff::of(part.text) {
                Some(CutOff { whole, closers: 1.., .. }) if whole.starts_with('{') => {
                    Fit::Yes(ContentKind::JsonObject, 0.9)
                }
                Some(_) => Fit::Yes(ContentKind::JsonArray, 0.9),
                None => Fit::No,
            },
        }
    }

    fn apply<'a>(&self, part: &Part<'a>, cx: &mut Context<'a>) -> Result<Outcome, TransformError> {
        if part.text.len() < MIN_BYTES || part.quotable {
            return Ok(Outcome::Unchanged);
        }
        let framed = Frame::of(part.text).map(|frame| Around::of(part.text, &frame));
        let outcome = framed.as_ref().map(|around| self.write(around, part, cx));
        match outcome {
            Some(Ok(outcome)) => Ok(outcome),
            // What begins as JSON and is none may break off.
            none_or_failed => match CutOff::of(part.text) {
                Some(cut_off) => self.write(&Around::of_cut_off(cut_off), part, cx),
                None => none_or_failed.unwrap_or(Ok(Outcome::Unchanged)),
            },
        }
    }

    fn decode(&self, encoded: &str) -> Option<String> {
        let mut start = 0;
        let header = loop {
            let (line, _) = encoded.get(start..)?.split_once('\n')?;
            if let Some(words) = line.strip_prefix(HEADER) {
                break words.split_once(';').map_or(words, |(words, _legend)| words);
            }
            start += line.len() + 1;
        };
        let (before, rest) = encoded.split_at(start);
        let (value, after) = decode::decode(rest.split_once('\n')?.1)?;
        Document::parse(&value, MAX_DEPTH).ok()?;
        let after = if after.is_empty() { "" } else { after.strip_prefix('\n')? };
        if let Some((closers, words)) = header.strip_prefix(CUT).and_then(|words| words.split_once('.')) {
            let json = Spelling::from_words(words)?.apply(&value, MAX_DECODED)?;
            return Some([before, CutOff::reopened(&json, closers.parse().ok()?)?, after].concat());
        }
        match header.strip_prefix(" string") {
            Some(words) => {
                let json = Spelling::from_words(words)?.apply(&value, MAX_DECODED)?;
                let mut out = before.strip_suffix('\n')?.to_owned();
                encode_string(&json, &mut out);
                out.push_str(after);
                Some(out)
            }
            None => Some([before, &Spelling::from_words(header)?.apply(&value, MAX_DECODED)?, after].concat()),
        }
    }
}

impl JsonTable {
    /// The smaller of the forms that are worth it.
    fn write<'a>(self, around: &Around<'_>, part: &Part<'a>, cx: &mut Context<'a>) -> Result<Outcome, TransformError> {
        let minified = Minified::new(&around.json).ok_or_else(|| TransformError("the text is not JSON".into()))?;
        let document = Document::parse(&minified.text, MAX_DEPTH).map_err(|error| TransformError(error.to_string()))?;
        if !matches!(document.root().kind(), Kind::Array | Kind::Object) {
            return Ok(Outcome::Unchanged);
        }
        let room = cx.target_bytes(part.text.len());
        let lossless_room = room.saturating_mul(2);
        let spelling = minified.spelling.as_ref().filter(|_| may_fit(&document, lossless_room));
        let lossless = spelling
            .and_then(|spelling| around.lossless(spelling, &document, lossless_room))
            .filter(|encoded| encoded.len() < part.text.len() && self.decode(encoded).as_deref() == Some(part.text));
        match lossless {
            Some(encoded) if encoded.len() <= room => Ok(Outcome::Lossless(encoded)),
            None if cx.lossless_only() => Ok(Outcome::Unchanged),
            lossless => {
                let subset = around.subset(&document, part.text, room, cx);
                // What a subset leaves out must be worth it.
                let enough = lossless.as_ref().map_or(part.text.len(), |encoded| encoded.len() / 4 * 3);
                if subset.len() < enough {
                    return Ok(Outcome::Subset(subset));
                }
                Ok(lossless.map_or(Outcome::Unchanged, Outcome::Lossless))
            }
        }
    }
}

/// Whether a lossless form could take no more than `room` bytes, as far as the start of a long list tells.
fn may_fit(document: &Document<'_>, room: usize) -> bool {
    let bytes = document.source().len();
    if bytes / MAX_LOSSLESS_RATIO > room / 2 {
        // Such a table would be one of rows that are all the same.
        return false;
    }
    let root = document.root();
    let lists = root.members().map(|(_, member)| member).chain([root]).filter(|value| value.kind() == Kind::Array);
    let longest = lists.max_by_key(|list| list.raw().len());
    let Some(list) = longest.filter(|list| bytes / TRIAL_SHARE > room / 2 && list.raw().len() > bytes / 4 * 3) else {
        return true;
    };
    let share = list.len() / TRIAL_SHARE;
    let Some(last) = share.checked_sub(1).and_then(|last| list.items().nth(last)) else { return true };
    let start = [&document.source()[list.span().start..last.span().end], "]"].concat();
    let Ok(start) = Document::parse(&start, MAX_DEPTH) else { return true };
    let is_late = start.source().len() > bytes / TRIAL_SHARE * 2;
    is_late || encode::encode(start.root(), room / TRIAL_SHARE + TRIAL_EXTRA).is_some()
}

/// The JSON of a text, and what stands around it.
struct Around<'a> {
    before: &'a str,
    json: Cow<'a, str>,
    after: &'a str,
    /// Whether the JSON is the content of a string that stands between `before` and `after`.
    is_string: bool,
    /// How many brackets at the end of the JSON are not in the text, when it breaks off.
    closers: Option<usize>,
}

impl<'a> Around<'a> {
    fn of(text: &'a str, frame: &Frame<'a>) -> Self {
        // Most texts have no string that begins with an escaped line of JSON, and are not read once more.
        let may_wrap = [r#""{"#, r#""["#]
            .iter()
            .any(|start| memchr::memmem::find(frame.json.as_bytes(), start.as_bytes()).is_some());
        let wrapped = may_wrap.then(|| Document::parse(frame.json, MAX_DEPTH).ok()).flatten();
        match wrapped.and_then(|document| Wrapped::of(&document)) {
            Some(Wrapped { span, text: json }) => Self {
                before: &text[..frame.before.len() + span.start],
                json: Cow::Owned(json),
                after: &text[frame.before.len() + span.end..],
                is_string: true,
                closers: None,
            },
            None => Self {
                before: frame.before,
                json: Cow::Borrowed(frame.json),
                after: frame.after,
                is_string: false,
                closers: None,
            },
        }
    }

    fn of_cut_off(CutOff { before, whole, closers, rest }: CutOff<'a>) -> Self {
        Self { before, json: Cow::Owned(whole), after: rest, is_string: false, closers: Some(closers) }
    }

    fn lossless(&self, spelling: &Spelling, document: &Document<'_>, room: usize) -> Option<String> {
        let string = match self.closers {
            Some(closers) => format!("{CUT}{closers}."),
            None => if self.is_string { " string" } else { "" }.to_owned(),
        };
        let encoded = encode::encode(document.root(), room)?;
        let has_tables = [" rows: ", " lists:\n"].iter().any(|sign| encoded.contains(sign));
        let mut out = self.start(&format!("{string}{spelling}{}", if has_tables { LEGEND } else { "" }));
        out.push_str(&encoded);
        self.end(&mut out);
        Some(out)
    }

    fn subset<'t>(&self, document: &Document<'_>, original: &'t str, room: usize, cx: &mut Context<'t>) -> String {
        let survey = Survey::of(document.source(), document.root(), cx.question());
        let (words, signs) = PART.split_once(';').unwrap_or((PART, ""));
        let broken = if self.closers.is_some() { BROKEN } else { "" };
        let mut out = self.start(&[words, broken, ";", signs].concat());
        let clip = Clip { survey: &survey, left_out: 0, is_generous: true };
        let mut writer = Writer { cx, original, clip };
        writer.write(document.root(), None, room, &mut out);
        let total = survey.count(document.root().span());
        let shown = total.saturating_sub(writer.clip.left_out);
        out.push('\n');
        out.push_str(&writer.cx.marker(original, shown, total, "values"));
        self.end(&mut out);
        out
    }

    fn start(&self, words: &str) -> String {
        let line_break = if self.is_string { "\n" } else { "" };
        [self.before, line_break, HEADER, words, "\n"].concat()
    }

    fn end(&self, out: &mut String) {
        if !self.after.is_empty() {
            out.push('\n');
            out.push_str(self.after);
        }
    }
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
