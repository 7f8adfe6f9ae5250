//! How well the HTML transform tells the main text of a page from what is around it, on the labelled pages of
//! `tests/articles/`.
//!
//! `tests/articles/README.md` says how pages are labelled. `cargo xtask vectors --bless` rewrites `scores.txt`; a
//! person reads it.
//!
//! # Sources
//! The measure is that of the public article extraction benchmark (Zyte, article-extraction-benchmark): shingles of four
//! words with how often they occur, precision and recall averaged over the pages. Here shingles end with the line, so that
//! a name between two posts counts as itself and does not break what stands around it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use headroom_core::options::Mode;
use headroom_core::relevance::Question;
use headroom_core::tokens::{Estimate, Family};
use headroom_core::transform::{Context, Outcome, Part, Transform as _};
use headroom_core::transforms::Html;

const LABELS: [&str; 2] = ["<!-- main -->", "<!-- /main -->"];

/// Words of a shingle.
const SHINGLE: usize = 4;

/// The best open extractors reach 0.96 to 0.97 on the public benchmark.
const LEAST_F1: f64 = 0.95;

/// Main text that is lost is worse than other text that stays.
const LEAST_RECALL: f64 = 0.97;

const HEAD: &str = "\
# Main text found on the pages of this folder, over shingles of four words. Written by `cargo xtask vectors --bless`; read the
# difference.
";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/articles")
}

/// The names and sources of the pages, in order.
fn pages() -> Vec<(String, String)> {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let mut pages: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "html")).collect();
    pages.sort();
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    pages.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// The page without its labels, and the text between them.
fn labelled(source: &str) -> (String, String) {
    let html = LABELS.iter().fold(source.to_owned(), |html, label| html.replace(label, ""));
    let main = source.split(LABELS[0]).skip(1).map(|part| part.split_once(LABELS[1]).expect("labels come in pairs").0);
    (html, main.map(visible).collect::<Vec<_>>().join("\n"))
}

/// The text of a piece of HTML as these pages have it.
fn visible(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<') {
        let (tag, after) = part.split_once('>').unwrap_or(("", part));
        let name = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
        let is_inside_line = ["", "a", "b", "i", "bdi", "code", "span", "td", "th"].contains(&name);
        text.push(if is_inside_line { ' ' } else { '\n' });
        text.push_str(after);
    }
    text.replace("&gt;", ">").replace("&amp;", "&")
}

/// What the transform shows of a page when there is room for all that it takes for text, without its own labels.
fn shown(html: &str) -> String {
    let (question, tokenizer) = (Question::default(), Estimate::new(Family::Other));
    let mut cx = Context::new(Mode::Balanced, 100.0, &question, &tokenizer);
    let outcome = Html.apply(&Part { text: html, tool: None, quotable: false }, &mut cx).unwrap();
    let Outcome::Subset(text) = outcome else { panic!("expected a subset, found {outcome:?}") };
    let is_label = |line: &&str| {
        line.starts_with("[HTML as ") || line.ends_with(" omitted]") || line.contains("; headroom_retrieve hash=")
    };
    let lines = text.lines().filter(|line| !is_label(line));
    lines.collect::<Vec<_>>().join("\n")
}

fn shingles(text: &str) -> BTreeMap<Vec<String>, usize> {
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        let words = line.split(|char: char| !(char.is_alphanumeric() || char == '_')).filter(|word| !word.is_empty());
        let words: Vec<String> = words.map(str::to_lowercase).collect();
        for shingle in words.windows(SHINGLE.min(words.len()).max(1)) {
            *counts.entry(shingle.to_vec()).or_default() += 1;
        }
    }
    counts
}

/// Precision and recall of `found`.
fn score(wanted: &str, found: &str) -> (f64, f64) {
    let (wanted, found) = (shingles(wanted), shingles(found));
    let common: usize = wanted.iter().map(|(shingle, times)| *times.min(found.get(shingle).unwrap_or(&0))).sum();
    let share = |of: &BTreeMap<_, usize>| common as f64 / of.values().sum::<usize>().max(1) as f64;
    (share(&found), share(&wanted))
}

fn f1(precision: f64, recall: f64) -> f64 {
    2.0 * precision * recall / (precision + recall).max(f64::MIN_POSITIVE)
}

#[test]
fn the_main_text_of_pages_is_found() {
    let scores: Vec<_> = pages()
        .into_iter()
        .map(|(name, source)| {
            let (html, main) = labelled(&source);
            let (precision, recall) = score(&main, &shown(&html));
            (name, precision, recall)
        })
        .collect();
    assert!(scores.len() >= 8, "expected 8 pages or more, found {}", scores.len());
    let count = scores.len() as f64;
    let precision = scores.iter().map(|(_, precision, _)| precision).sum::<f64>() / count;
    let recall = scores.iter().map(|(_, _, recall)| recall).sum::<f64>() / count;
    let mut table = format!("{HEAD}\n{:24}{:>10}{:>10}{:>10}\n", "page", "precision", "recall", "F1");
    for (name, precision, recall) in scores.iter().cloned().chain([("mean".to_owned(), precision, recall)]) {
        writeln!(table, "{name:24}{precision:>10.3}{recall:>10.3}{:>10.3}", f1(precision, recall)).unwrap();
    }
    let file = folder().join("scores.txt");
    if std::env::var_os("HEADROOM_BLESS").is_some() {
        fs::write(&file, &table).unwrap();
    } else {
        let committed = fs::read_to_string(&file).unwrap();
        assert!(committed == table, "run `cargo xtask vectors --bless` and read the difference\n{table}");
    }
    assert!(recall >= LEAST_RECALL && f1(precision, recall) >= LEAST_F1, "{table}");
}

#[test]
fn a_text_scores_by_the_words_that_it_shares() {
    assert_eq!(score("a b c d e", "A b, c d e!"), (1.0, 1.0));
    assert_eq!(score("a b c d e", "a b c d x"), (0.5, 0.5));
    assert_eq!(score("a b c d e f", "a b c d"), (1.0, 1.0 / 3.0));
    assert_eq!(score("a b c d\ne", "x y\na b c d\ne"), (2.0 / 3.0, 1.0));
    assert_eq!(labelled("<i>x</i><!-- main --><p>a &gt; b</p><!-- /main -->").1.trim(), "a > b");
}
