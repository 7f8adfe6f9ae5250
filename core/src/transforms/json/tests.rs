//! Promises of the transform as a whole.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::options::Mode;
use crate::relevance::Question;
use crate::tokens::Tokenizer;

struct Bytes;

impl Tokenizer for Bytes {
    fn name(&self) -> &str {
        "bytes"
    }

    fn is_exact(&self) -> bool {
        false
    }

    fn count(&self, text: &str) -> u64 {
        text.len() as u64
    }
}

fn run(text: &str, mode: Mode, question: &str) -> Outcome {
    let question = Question::new(question, "");
    let mut cx = Context::new(mode, 1.0, &question, &Bytes);
    let part = Part { text, tool: None, quotable: false };
    JsonTable.apply(&part, &mut cx).unwrap_or(Outcome::Unchanged)
}

fn lossless_of(text: &str) -> String {
    match run(text, Mode::Lossless, "") {
        Outcome::Lossless(encoded) => encoded,
        other => panic!("expected a lossless form, found {other:?}"),
    }
}

fn pods(count: usize) -> String {
    let mut text = String::from("{\"kind\": \"List\", \"items\": [");
    for index in 0..count {
        let comma = if index > 0 { ", " } else { "" };
        write!(
            text,
            "{comma}{{\"name\": \"web-{index}\", \"kind\": \"Pod\", \"restarts\": {}, \"id\": \"{index}\", \
             \"status\": {{\"phase\": \"Running\", \"ready\": {}}}, \"ports\": [{{\"port\": 80, \"name\": \"http\"}}]}}",
            index % 3,
            index % 2 == 0
        )
        .expect("a string");
    }
    text.push_str("]}\n");
    text
}

#[test]
fn rows_lose_their_keys_and_keep_their_types() {
    let encoded = lossless_of(&pods(5));
    let expected = "#json spaced end\n{\"kind\":\"List\",\n\"items\":[5 rows: name\tkind=\"Pod\"\trestarts\tid:str\t\
        status.phase=\"Running\"\tstatus.ready\tports=[{\"port\":80,\"name\":\"http\"}]\nweb-0\t0\t0\ttrue\n";
    assert!(encoded.starts_with(expected), "{encoded}");
}

/// Any JSON value with numbers spelt in odd ways, few keys, and strings that look like other types.
fn value() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,4})?",
        "\"(1|1\\.0|true|null|=x|@1|\\[\\]|\\(|a b| x|\\\\u00e9|\\\\ud800|\\\\/|\\\\n|é😀|[a-z,:;.]{0,12})\"",
    ];
    scalar.prop_recursive(5, 60, 6, |inner| {
        let key = prop_oneof!["\"[abc]\"", "\"(a\\.b|x=1|\\\\u00e9|| k|key|7)\""];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((key, inner.clone()), 0..5).prop_map(|members| object(&members)),
            (
                prop::collection::vec("\"[a-e]{1,2}\"", 1..5),
                prop::collection::vec(prop::collection::vec(inner, 5), 1..6)
            )
                .prop_map(|(keys, rows)| {
                    let rows = rows.into_iter().map(|row| object(&keys.iter().cloned().zip(row).collect::<Vec<_>>()));
                    format!("[{}]", rows.collect::<Vec<_>>().join(","))
                }),
        ]
    })
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<_> = members.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    format!("{{{}}}", members.join(","))
}

proptest! {
    #[test]
    fn every_value_comes_back_from_its_tables(value in value()) {
        let document = Document::parse(&value, MAX_DEPTH).expect("JSON");
        let encoded = encode::encode(document.root(), usize::MAX).expect("within the limit");
        let (decoded, left) = decode::decode(&encoded).unwrap_or_else(|| panic!("{value}\n{encoded}"));
        prop_assert_eq!(decoded, value, "{}", encoded);
        prop_assert_eq!(left, "");
    }

    #[test]
    fn every_spelling_comes_back(
        values in prop::collection::vec(value(), 1..4),
        words in "( indent=[0248]| indent=tab)?( commas=spaced)?( colons=(after|before|both))?( \\{\\}=(wide|open|spaced))?( lines)?( end=[0-3])?( ascii)?",
        frame in prop::option::of(("([a-z ]{1,9}\n){1,2}", "(</[a-z]{1,9}>\n?){1,2}")),
    ) {
        let spelling = Spelling::from_words(&words).expect("words");
        let value = format!("[{}]", values.iter().map(|value| format!("{{\"row\":{value},\"filler\":\"{}\"}}", "x".repeat(400))).collect::<Vec<_>>().join(","));
        let json = spelling.apply(&value, usize::MAX).expect("a text");
        let (before, after) = frame.unwrap_or_default();
        let text = if after.is_empty() || json.ends_with('\n') { format!("{before}{json}{after}") } else { json };
        if let Outcome::Lossless(encoded) = run(&text, Mode::Lossless, "") {
            prop_assert_eq!(JsonTable.decode(&encoded), Some(text));
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in "[\\[{\"\\\\:,\\]}0-9a-z\\t\\n é=()#-]{0,60}", repeat in 1usize..20) {
        let text = text.repeat(repeat);
        let _ = run(&text, Mode::Balanced, "which é 7");
        let _ = JsonTable.decode(&text);
        let _ = JsonTable.decode(&format!("#json\n{text}"));
        let _ = JsonTable.decode(&format!("#json\n[2 rows: {text}\n]"));
        let _ = decode::decode(&text);
    }
}
