//! Text of several kinds: each part goes to the transform of its kind.

mod split;

use crate::ccr::carries_marker;
use crate::detect::ContentKind;
use crate::transform::{Context, Fit, Outcome, Part, Transform, TransformError};

use super::best_fit;
use split::{Piece, split};

/// Splits a text where its kind changes, gives each part to the transform that fits it best, and puts the parts back
/// with everything between them as it was.
///
/// A text changes its kind at tags around a tool's output (`<output>` … `</output>`), at lines that announce output
/// (`Exit code: 0`, `Output:`), at the headings of `head` and `tail` (`==> src/lib.rs <==`), and where a JSON value of
/// a kilobyte or more begins or ends on a line of its own.
///
/// # When it declines
/// Texts that do not change their kind, and texts of which no part gets smaller.
///
/// # What is lost and how to get it back
/// What the transforms of the parts leave out. Each part has a marker line of its own, whose hash gives that part.
///
/// # Errors
/// None of its own: a part whose transform fails stays as it came.
///
/// # Examples
/// ```text
/// <returncode>1</returncode>                <returncode>1</returncode>
/// <output>                                  <output>
/// … 300 lines of a build log …       →      … 20 of its lines, and a marker …
/// </output>                                 </output>
/// ```
///
/// # Sources
/// The limits in this folder are chosen by hand; the headings are those of GNU coreutils.
pub struct Mixed {
    parts: Vec<Box<dyn Transform>>,
}

/// Parts of fewer bytes stay as they are.
const MIN_PART_BYTES: usize = 600;

impl Mixed {
    /// Gives parts to these transforms.
    pub(super) fn new(parts: Vec<Box<dyn Transform>>) -> Self {
        Self { parts }
    }

    /// What a part becomes; `None` when it stays as it is.
    fn apply_part<'a>(&self, part: &Part<'a>, cx: &mut Context<'a>) -> Option<Outcome> {
        let (at, _) = best_fit(&self.parts, part)?;
        let transform = &*self.parts[at];
        if transform.decode(part.text).is_some() {
            return None;
        }
        match transform.apply(part, cx).ok()? {
            Outcome::Lossless(text) if text.len() < part.text.len() => Some(Outcome::Lossless(text)),
            Outcome::Subset(text) if text.len() < part.text.len() && !cx.lossless_only() => Some(Outcome::Subset(text)),
            _ => None,
        }
    }
}

impl Transform for Mixed {
    fn name(&self) -> &'static str {
        "mixed"
    }

    fn fit(&self, part: &Part<'_>) -> Fit {
        let is_part = |piece: &&Piece<'_>| piece.is_content && piece.text.len() >= MIN_PART_BYTES;
        let pieces = split(part.text);
        let parts: Vec<_> = pieces.iter().filter(is_part).collect();
        if pieces.len() < 2 || parts.is_empty() {
            return Fit::No;
        }
        // JSON in source code or in a document belongs to it.
        let is_of_lines = |piece: &&Piece<'_>| {
            let inner = Part { text: piece.text, tool: None, quotable: part.quotable };
            let kind = best_fit(&self.parts, &inner).map(|(_, kind)| kind);
            matches!(
                kind,
                None | Some(
                    ContentKind::Log
                        | ContentKind::Text
                        | ContentKind::Prose
                        | ContentKind::JsonArray
                        | ContentKind::JsonObject
                )
            )
        };
        let has_frame = pieces.iter().any(|piece| !piece.is_content);
        if has_frame || parts.iter().all(is_of_lines) { Fit::Yes(ContentKind::Mixed, 0.9) } else { Fit::No }
    }

    fn apply<'a>(&self, part: &Part<'a>, cx: &mut Context<'a>) -> Result<Outcome, TransformError> {
        let pieces = split(part.text);
        let contents = pieces.iter().filter(|piece| piece.is_content).count();
        if pieces.len() < 2 || carries_marker(part.text) {
            return Ok(Outcome::Unchanged);
        }
        let mut out = String::with_capacity(part.text.len() / 2);
        let (mut is_changed, mut is_lossless) = (false, true);
        for piece in &pieces {
            // A call says what all of its output is, not what each of several parts is.
            let tool = part.tool.filter(|_| contents == 1);
            let inner = Part { text: piece.text, tool, quotable: part.quotable };
            let is_part = piece.is_content && piece.text.len() >= MIN_PART_BYTES;
            match is_part.then(|| self.apply_part(&inner, cx)).flatten() {
                Some(Outcome::Lossless(text)) => {
                    is_changed = true;
                    out.push_str(&text);
                }
                Some(Outcome::Subset(text)) => {
                    is_changed = true;
                    is_lossless = false;
                    out.push_str(&text);
                }
                _ => {
                    out.push_str(piece.text);
                    continue;
                }
            }
            // What follows begins a line of its own, as it did before.
            if piece.text.ends_with('\n') && !out.ends_with('\n') {
                out.push('\n');
            }
        }
        Ok(match (is_changed, is_lossless) {
            (false, _) => Outcome::Unchanged,
            (true, false) => Outcome::Subset(out),
            (true, true) if self.decode(&out).as_deref() == Some(part.text) => Outcome::Lossless(out),
            (true, true) => Outcome::Unchanged,
        })
    }

    /// The same split must find the parts again.
    fn decode(&self, encoded: &str) -> Option<String> {
        let pieces = split(encoded);
        let mut is_decoded = false;
        let mut out = String::with_capacity(encoded.len() * 2);
        for piece in &pieces {
            let body = piece.text.strip_suffix('\n').unwrap_or(piece.text);
            let of = |text| self.parts.iter().find_map(|transform| transform.decode(text));
            let decoded = piece.is_content.then(|| of(piece.text).or_else(|| of(body))).flatten();
            is_decoded |= decoded.is_some();
            out.push_str(decoded.as_deref().unwrap_or(piece.text));
        }
        (is_decoded && pieces.len() > 1).then_some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transforms::all;
    use crate::transforms::testing::{encode, run};

    fn mixed() -> Mixed {
        Mixed::new(crate::transforms::single())
    }

    fn subset(text: &str) -> String {
        match run(&mixed(), text, false, "").0 {
            Outcome::Subset(small) => small,
            other => panic!("expected a subset, found {other:?}"),
        }
    }

    fn log(lines: usize) -> String {
        (0..lines).map(|n| format!("2026-03-01 10:{:02}:{:02} INFO worker: item {n} done\n", n / 60, n % 60)).collect()
    }

    #[test]
    fn the_output_between_tags_is_what_is_compressed() {
        let text = format!("<returncode>1</returncode>\n<output>\n{}ERROR worker: no space left\n</output>", log(400));
        let small = subset(&text);
        assert!(small.starts_with("<returncode>1</returncode>\n<output>\n2026-03-01 10:00:00 INFO"), "{small}");
        assert!(small.contains("\nERROR worker: no space left\n") && small.ends_with("\n</output>"), "{small}");
    }

    #[test]
    fn json_within_a_log_becomes_a_table() {
        let rows: Vec<_> = (0..80).map(|n| format!("{{\"id\":{n},\"kind\":\"Pod\",\"zone\":\"eu\"}}")).collect();
        let text = format!("{}[{}]\n{}", log(30), rows.join(","), log(30));
        let small = subset(&text);
        assert!(small.contains("\n#json"), "{small}");
        assert!(small.contains("item 29 done\n[8/30 lines shown"), "{small}");
    }

    #[test]
    fn a_lossless_form_gives_everything_back() {
        let rows: Vec<_> = (0..80).map(|n| format!("{{\"id\":{n},\"kind\":\"Pod\",\"zone\":\"eu\"}}")).collect();
        let text = format!("Exit code: 0\nOutput:\n[{}]\n", rows.join(","));
        let small = encode(&mixed(), &text);
        assert!(small.starts_with("Exit code: 0\nOutput:\n#json") && small.len() < text.len() / 3, "{small}");
        assert_eq!(mixed().decode(&small), Some(text));
    }

    #[test]
    fn text_of_one_kind_is_left_to_others() {
        for text in [log(100), "word ".repeat(500), String::new(), "<output>\n</output>".into()] {
            assert_eq!(mixed().fit(&Part { text: &text, tool: None, quotable: false }), Fit::No, "{text}");
        }
        assert!(all().iter().any(|transform| transform.name() == "mixed"));
    }
}
