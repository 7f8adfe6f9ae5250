//! JSON as tables.

mod cell;
mod clip;
mod columns;
mod decode;
mod encode;
mod frame;
mod marks;
mod select;
mod spelling;
mod stats;
mod subset;
mod survey;
mod table;

use crate::detect::ContentKind;
use crate::json::{Document, Kind};
use crate::transform::{Context, Fit, Outcome, Part, Transform, TransformError};

use clip::Clip;
use frame::Frame;
use spelling::{Minified, Spelling};
use subset::Writer;
use survey::Survey;

/// Deeper JSON is left alone.
const MAX_DEPTH: usize = 64;

/// Shorter texts are left alone: the header would cost what the table saves.
const MIN_BYTES: usize = 400;

/// What a lossless form begins with.
const HEADER: &str = "#json";

/// Writes JSON as tables.
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
            Some(_) => Fit::Yes(ContentKind::JsonObject, 0.9),
            None => Fit::No,
        }
    }

    fn apply<'a>(&self, part: &Part<'a>, cx: &mut Context<'a>) -> Result<Outcome, TransformError> {
        let Some(frame) = Frame::of(part.text).filter(|_| part.text.len() >= MIN_BYTES && !part.quotable) else {
            return Ok(Outcome::Unchanged);
        };
        let minified = Minified::new(frame.json).ok_or_else(|| TransformError("the text is not JSON".into()))?;
        let document = Document::parse(&minified.text, MAX_DEPTH).map_err(|error| TransformError(error.to_string()))?;
        if !matches!(document.root().kind(), Kind::Array | Kind::Object) {
            return Ok(Outcome::Unchanged);
        }
        let room = cx.target_bytes(part.text.len());
        if let Some(spelling) = &minified.spelling
            && let Some(encoded) = lossless(&frame, spelling, &document, room)
            && encoded.len() < part.text.len()
            && self.decode(&encoded).as_deref() == Some(part.text)
        {
            return Ok(Outcome::Lossless(encoded));
        }
        if cx.lossless_only() {
            return Ok(Outcome::Unchanged);
        }
        let subset = subset(&frame, &document, part.text, room, cx);
        Ok(if subset.len() < part.text.len() { Outcome::Subset(subset) } else { Outcome::Unchanged })
    }

    fn decode(&self, encoded: &str) -> Option<String> {
        let mut start = 0;
        let header = loop {
            let (line, _) = encoded.get(start..)?.split_once('\n')?;
            if let Some(words) = line.strip_prefix(HEADER) {
                break words;
            }
            start += line.len() + 1;
        };
        let (before, rest) = encoded.split_at(start);
        let (value, after) = decode::decode(rest.split_once('\n')?.1)?;
        let json = Spelling::from_words(header)?.apply(&value, 1 << 28)?;
        let after = if after.is_empty() { "" } else { after.strip_prefix('\n')? };
        Some([before, &json, after].concat())
    }
}

fn lossless(frame: &Frame<'_>, spelling: &Spelling, document: &Document<'_>, room: usize) -> Option<String> {
    let mut out = String::from(frame.before);
    out.push_str(&format!("{HEADER}{spelling}\n"));
    let room = room.checked_sub(out.len() + frame.after.len() + 1)?;
    out.push_str(&encode::encode(document.root(), room)?);
    if !frame.after.is_empty() {
        out.push('\n');
        out.push_str(frame.after);
    }
    Some(out)
}

fn subset<'a>(
    frame: &Frame<'_>,
    document: &Document<'_>,
    original: &'a str,
    room: usize,
    cx: &mut Context<'a>,
) -> String {
    let survey = Survey::of(document.source(), document.root(), cx.question());
    let mut out = String::from(frame.before);
    out.push_str(HEADER);
    out.push_str(" part; … stands for what is left out\n");
    let mut writer =
        Writer { cx, original, clip: Clip { survey: &survey, left_out: 0, is_generous: true }, is_marked: false };
    writer.write(document.root(), room, &mut out);
    if !writer.is_marked {
        let total = survey.count(document.root().span());
        let shown = total.saturating_sub(writer.clip.left_out);
        out.push('\n');
        out.push_str(&writer.cx.marker(original, shown, total, "values"));
    }
    if !frame.after.is_empty() {
        out.push('\n');
        out.push_str(frame.after);
    }
    out
}

#[cfg(test)]
mod tests;
