//! Changes of a text that something else makes of it on its way: cut off, repeated, indented, numbered, put together.

use crate::generate::{Corpus, Numbers, UNITS};

/// Longer texts are cut, so that one text does not take all of the time. In bytes.
const LONGEST: usize = 400_000;

/// Changes a text a few times and says how.
pub(crate) fn mutate(text: &mut String, numbers: &mut Numbers, corpus: &Corpus) -> String {
    let mut done = Vec::new();
    for _ in 0..1 + numbers.below(3) {
        let (name, changed) = change(text, numbers, corpus);
        done.push(name);
        *text = changed;
        text.truncate(text.floor_char_boundary(LONGEST));
    }
    done.join(", ")
}

fn change(text: &str, numbers: &mut Numbers, corpus: &Corpus) -> (&'static str, String) {
    let at = text.floor_char_boundary(numbers.below(text.len() + 1));
    let to = text.floor_char_boundary((at + numbers.below(2_000)).min(text.len()));
    let lines = || text.split('\n');
    match numbers.below(15) {
        0 => ("cut off", text[..at].to_owned()),
        1 => ("begun late", text[at..].to_owned()),
        2 => ("without a piece", [&text[..at], &text[to..]].concat()),
        3 => ("a piece again", [&text[..to], &text[at..to].repeat(1 + numbers.below(60)), &text[to..]].concat()),
        4 => ("with a unit", [&text[..at], numbers.one_of(&UNITS), &text[at..]].concat()),
        5 => (
            "with many units",
            [&text[..at], &numbers.one_of(&UNITS).repeat(numbers.below(3_000)), &text[at..]].concat(),
        ),
        6 => {
            let other = corpus.text(numbers);
            let from = other.floor_char_boundary(numbers.below(other.len()));
            let to = other.floor_char_boundary((from + numbers.below(3_000)).min(other.len()));
            ("with another text in it", [&text[..at], &other[from..to], &text[at..]].concat())
        }
        7 => ("with CRLF", text.replace('\n', "\r\n")),
        8 => ("with lone CR", text.replace('\n', "\r")),
        9 => ("indented", lines().fold(String::new(), |out, line| out + "    " + line + "\n")),
        10 => {
            let first = numbers.below(500);
            let between = numbers.one_of(&["\t", ": ", "|", "→"]);
            let number = |(at, line)| format!("{:>5}{between}{line}\n", first + at);
            ("numbered", lines().enumerate().map(number).collect())
        }
        11 => ("quoted as JSON", serde_json::json!({"output": text, "exit": 0}).to_string()),
        12 => {
            let mut lines: Vec<&str> = lines().collect();
            for _ in 0..numbers.below(40) {
                let (left, right) = (numbers.below(lines.len()), numbers.below(lines.len()));
                lines.swap(left, right);
            }
            ("with lines elsewhere", lines.join("\n"))
        }
        13 => {
            let digit = char::from(b'0' + u8::try_from(numbers.below(10)).unwrap_or(0));
            ("with other digits", text.replace(digit, numbers.one_of(&["", "77", "x", "٣", "-"])))
        }
        _ => {
            let times = 1 + numbers.below(4);
            ("again as a whole", [text, "\n"].concat().repeat(times))
        }
    }
}
