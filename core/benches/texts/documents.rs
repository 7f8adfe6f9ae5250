//! Documents, listings and what stands between them.

use std::fmt::Write as _;

use super::{Numbers, json_rows, log_lines};

const WORDS: [&str; 24] = [
    "cedar",
    "river",
    "library",
    "engine",
    "pool",
    "winter",
    "station",
    "report",
    "measure",
    "limit",
    "signal",
    "harbour",
    "bridge",
    "weather",
    "archive",
    "index",
    "morning",
    "committee",
    "region",
    "history",
    "method",
    "result",
    "question",
    "answer",
];

/// Sentences with names, numbers and negations.
fn sentences(count: u64, numbers: &mut Numbers, text: &mut String) {
    for _ in 0..count {
        let mut word = || WORDS[usize::try_from(numbers.below(WORDS.len() as u64)).unwrap_or(0)];
        let (first, second, third, fourth) = (word(), word(), word(), word());
        let (year, share) = (1900 + numbers.below(120), numbers.below(1000));
        let _ = match numbers.below(4) {
            0 => write!(text, "In {year} the {first} of the {second} was not part of any {third}. "),
            1 => write!(text, "The {first} near the {second} gives {share} units of {third} to each {fourth}. "),
            2 => write!(text, "Nobody knew why a {first} should follow the {second}, or what its {third} had been. "),
            _ => write!(text, "Mr. Alder wrote that every {first} has a {second} and that {share} of them failed. "),
        };
    }
    text.truncate(text.trim_end().len());
}

pub(crate) fn prose_text(bytes: usize, seed: u64) -> String {
    let mut numbers = Numbers(seed);
    let mut text = String::new();
    while text.len() < bytes {
        let count = 3 + numbers.below(5);
        sentences(count, &mut numbers, &mut text);
        text.push_str("\n\n");
    }
    text
}

pub(crate) fn markdown_page(bytes: usize, seed: u64) -> String {
    let mut numbers = Numbers(seed);
    let mut text = String::from("# The archive\n\n");
    let mut section = 0;
    while text.len() < bytes {
        section += 1;
        let _ = write!(text, "## Section {section}\n\n");
        let count = 3 + numbers.below(5);
        sentences(count, &mut numbers, &mut text);
        text.push_str("\n\n");
        for item in 0..numbers.below(5) {
            let _ = write!(text, "- `option_{item}`: ");
            sentences(1, &mut numbers, &mut text);
            text.push('\n');
        }
        let _ = write!(text, "\n```sh\narchive --section {section} --limit {}\n```\n\n", numbers.below(100));
    }
    text
}

pub(crate) fn html_page(bytes: usize, seed: u64) -> String {
    let mut numbers = Numbers(seed);
    let mut text = String::from("<!DOCTYPE html>\n<html><head><title>The archive</title></head><body>\n<nav><ul>");
    for entry in 0..30 {
        let _ = write!(text, "<li><a href=\"/part/{entry}\">Part {entry}</a></li>");
    }
    text.push_str("</ul></nav>\n<main><article>\n<h1>The archive</h1>\n");
    let mut section = 0;
    while text.len() < bytes {
        section += 1;
        let _ = write!(text, "<section id=\"s{section}\"><h2>Section {section}</h2>\n<p class=\"text\">");
        let count = 3 + numbers.below(5);
        sentences(count, &mut numbers, &mut text);
        let _ = write!(text, "</p>\n<ul><li><b>Limit</b> {}</li>", numbers.below(100));
        let _ = writeln!(text, "<li>See <a href=\"/see/{}\">the report</a>.</li></ul></section>", numbers.below(100));
    }
    text.push_str("</article></main><footer>All rights</footer></body></html>\n");
    text
}

pub(crate) fn paths(bytes: usize, seed: u64) -> String {
    let mut numbers = Numbers(seed);
    let mut text = String::new();
    let mut file = 0;
    while text.len() < bytes {
        let (part, inner) = (file / 400, file / 20);
        let _ = writeln!(text, "./src/part_{part}/inner_{inner}/file_{}.rs", numbers.below(1000));
        file += 1;
    }
    text
}

pub(crate) fn stack_traces(bytes: usize, seed: u64) -> String {
    let mut numbers = Numbers(seed);
    let mut text = String::new();
    while text.len() < bytes {
        let job = numbers.below(100_000);
        let _ = write!(text, "Exception in thread \"worker-{}\" ", numbers.below(16));
        let _ = writeln!(text, "java.lang.IllegalStateException: job {job} has no owner");
        for frame in 0..8 + numbers.below(20) {
            let line = numbers.below(900) + 1;
            let _ = match frame {
                0 => writeln!(text, "\tat org.example.pool.Worker.run(Worker.java:{line})"),
                _ => writeln!(text, "\tat java.base/java.util.concurrent.Part{frame}.call(Part{frame}.java:{line})"),
            };
        }
        let _ = writeln!(text, "Caused by: java.io.IOException: disk {} is full", numbers.below(9));
        let _ = writeln!(text, "\tat org.example.pool.Disk.write(Disk.java:{})\n\t... 12 more", numbers.below(90) + 1);
    }
    text
}

/// A log with JSON bodies between its lines.
pub(crate) fn mixed_output(bytes: usize, seed: u64) -> String {
    let mut text = String::new();
    let mut part = seed.wrapping_mul(1 << 20);
    while text.len() < bytes {
        part += 1;
        text.push_str(&log_lines(30_000, part));
        let _ = write!(text, "Response body of request {part}:\n{}\n\n", json_rows(30_000, part));
    }
    text
}
