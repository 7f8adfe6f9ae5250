//! The text transforms on a megabyte of their own content, beside doing nothing, which is a copy of the text.
//!
//! `cargo bench -p headroom-core --bench text_transforms`

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use headroom_core::options::Mode;
use headroom_core::relevance::Question;
use headroom_core::tokens::for_model;
use headroom_core::transform::{Context, Part, Transform};
use headroom_core::transforms::{Code, Diff, Html, Opaque, Prose, Repeats, Shown, Sighting, Whitespace};

fn main() {
    divan::main();
}

const MEGABYTE: usize = 1_000_000;

/// Hunks of fourteen lines, six of them changed.
fn diff() -> String {
    let mut text = String::new();
    for file in 0.. {
        text.push_str(&format!("diff --git a/src/f{file}.rs b/src/f{file}.rs\nindex 1111111..2222222 100644\n"));
        text.push_str(&format!("--- a/src/f{file}.rs\n+++ b/src/f{file}.rs\n"));
        for hunk in 0..20 {
            text.push_str(&format!("@@ -{0},11 +{0},11 @@ fn function_{hunk}() {{\n", hunk * 40));
            for line in 0..14 {
                let sign = [" ", " ", " ", " ", "-", "-", "-", "+", "+", "+", " ", " ", " ", " "][line];
                text.push_str(&format!("{sign}    let value_{line} = compute({hunk}, {});\n", line * 7919 % 1000));
            }
        }
        if text.len() >= MEGABYTE {
            return text;
        }
    }
    text
}

/// Prose with a run of 20 KB of base64 in every 40 KB.
fn opaque() -> String {
    let run: String =
        (0..20_000_u64).map(|n| char::from(b'A' + (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 59) as u8)).collect();
    let run = run.replace('D', "d").replace('E', "7").replace('F', "x").replace('G', "k9");
    let prose = "The quick brown fox jumps over the lazy dog, again.\n".repeat(400);
    format!("{prose}data:{run}\n").repeat(25)
}

/// Half a megabyte of Rust, which is the longest code that is read.
fn code() -> String {
    let function = |n: usize| {
        let lines =
            (0..12).map(|line| format!("        let value_{line} = self.compute(&key[{line}..], {n}).max({line});\n"));
        format!(
            "    /// Takes step {n}.\n    ///\n    /// At length.\n    pub fn function_{n}(&self, key: &str) -> u32 {{\n{}        value_0\n    }}\n\n",
            lines.collect::<String>()
        )
    };
    let functions: String = (0..600).map(function).collect();
    format!("use std::io;\n\nimpl Steps {{\n{functions}}}\n")
}

/// A screen capture of 100 columns.
fn screen() -> String {
    (0..MEGABYTE / 101).map(|row| format!("  {:<98}\n", format!("host-{row} ready {}", row * 31))).collect()
}

/// Markdown of sections with paragraphs, a list and code.
fn document() -> String {
    let mut text = String::from("# The manual\n\n");
    for part in 0.. {
        text.push_str(&format!(
            "## Part {part}\n\nPart {part} holds {} items. It was never meant to hold more. ",
            part * 7919 % 1000
        ));
        text.push_str("The quick brown fox jumps over the lazy dog, and `run` does the rest. ".repeat(6).as_str());
        text.push_str(&format!("\n\n- item {part}\n- another\n\n```\nset part_{part} = {}\n```\n\n", part * 31 % 97));
        if text.len() >= MEGABYTE {
            return text;
        }
    }
    text
}

/// A page with as much markup as text.
fn page() -> String {
    let mut text = String::from("<!DOCTYPE html><html><head><title>The manual</title></head><body><main>");
    for part in 0.. {
        text.push_str(&format!("<section class=\"section section--wide\" id=\"part-{part}\"><h2>Part {part}</h2>\n"));
        text.push_str(&format!("<p class=\"text text--body\">Part {part} holds <b>{}</b> items. ", part * 7919 % 1000));
        text.push_str(
            "It was never meant to hold more than <a href=\"/more\" class=\"link\">others</a> do.</p>\n"
                .repeat(4)
                .as_str(),
        );
        text.push_str("<ul class=\"list\"><li class=\"item\">one</li><li class=\"item\">two</li></ul></section>\n");
        if text.len() >= MEGABYTE {
            return text;
        }
    }
    text
}

fn apply(bencher: Bencher<'_, '_>, transform: &dyn Transform, text: &str) {
    let tokenizer = for_model("gpt-4o");
    let question = Question::new("What changed in `function_7` of src/f3.rs?", "");
    bencher.counter(BytesCount::of_str(text)).bench(|| {
        let mut cx = Context::new(Mode::Balanced, 1.0, &question, &*tokenizer);
        let part = Part { text: black_box(text), tool: None, quotable: false };
        let fit = transform.fit(&part);
        (fit, transform.apply(&part, &mut cx).expect("applies"))
    });
}

#[divan::bench]
fn nothing(bencher: Bencher<'_, '_>) {
    let text = diff();
    bencher.counter(BytesCount::of_str(&text)).bench(|| black_box(&text).clone());
}

#[divan::bench]
fn whitespace_of_a_screen(bencher: Bencher<'_, '_>) {
    apply(bencher, &Whitespace, &screen());
}

#[divan::bench]
fn prose_of_a_document(bencher: Bencher<'_, '_>) {
    apply(bencher, &Prose, &document());
}

#[divan::bench]
fn prose_of_one_sentence_again_and_again(bencher: Bencher<'_, '_>) {
    apply(bencher, &Prose, &"The same words again, function_7. ".repeat(MEGABYTE / 34));
}

#[divan::bench]
fn html_of_a_page(bencher: Bencher<'_, '_>) {
    apply(bencher, &Html, &page());
}

#[divan::bench]
fn html_of_open_elements(bencher: Bencher<'_, '_>) {
    apply(bencher, &Html, &("<!DOCTYPE html>".to_owned() + &"<div class=a>".repeat(MEGABYTE / 13)));
}

#[divan::bench]
fn diff_of_sources(bencher: Bencher<'_, '_>) {
    apply(bencher, &Diff, &diff());
}

#[divan::bench]
fn code_of_half_a_megabyte(bencher: Bencher<'_, '_>) {
    apply(bencher, &Code, &code());
}

#[divan::bench]
fn code_with_a_quarter_of_brackets(bencher: Bencher<'_, '_>) {
    apply(bencher, &Code, &(code().chars().take(MEGABYTE / 8).collect::<String>() + &"${\n".repeat(MEGABYTE / 24)));
}

#[divan::bench]
fn opaque_runs_in_prose(bencher: Bencher<'_, '_>) {
    apply(bencher, &Opaque, &opaque());
}

#[divan::bench]
fn opaque_in_text_without_runs(bencher: Bencher<'_, '_>) {
    apply(bencher, &Opaque, &diff());
}

/// Four blocks of a quarter megabyte: new, equal, with one line changed, and different.
#[divan::bench]
fn repeats_in_four_blocks(bencher: Bencher<'_, '_>) {
    let first: String = diff().chars().take(MEGABYTE / 4).collect();
    let edited = first.replacen("compute(7, 0)", "compute(7, 1)", 1);
    let other = first.replace("compute", "calculate");
    let blocks = [&first, &first, &edited, &other];
    bencher.counter(BytesCount::of_slice(&[0_u8; MEGABYTE])).bench(|| {
        let mut repeats = Repeats::new();
        let mut found = Vec::new();
        for (index, text) in blocks.into_iter().enumerate() {
            let message = Some(index);
            let sighting = Sighting {
                message,
                tool_name: "read",
                arguments: "",
                text: black_box(text),
                hash: None,
                eligible: true,
            };
            let repeat = repeats.see(sighting);
            repeats.settle(if repeat.is_some() { Shown::Repeat } else { Shown::Whole });
            found.push(repeat);
        }
        found
    });
}
