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
    let expected = "#json spaced end; cells are separated by tabs; empty = missing, \"\" = empty text\n\
        {\"kind\":\"List\",\n\"items\":[5 rows: name\trestarts\tid:str\tstatus.ready\tin every row (columns 2 5 7): \
        kind=\"Pod\", status.phase=\"Running\", ports=[{\"port\":80,\"name\":\"http\"}]\nweb-0\t0\t0\ttrue\n";
    assert!(encoded.starts_with(expected), "{encoded}");
}

/// Any JSON value with numbers spelt in odd ways, few keys, and strings that look like other types.
fn value() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,4})?",
        "\"(http://host\\.test/path/[a-c./]{0,4}|1|1\\.0|true|null|=x|@1|\\[\\]|\\(|a b| x|\\\\u00e9|\\\\ud800|\\\\/|\\\\n|é😀|[a-z,:;.]{0,12})\"",
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
        frame in prop::option::of(("([a-z][a-z ]{0,9}\n){1,2}", "(</[a-z]{1,9}>\n?){1,2}")),
    ) {
        let spelling = Spelling::from_words(&words).expect("words");
        let value = format!("[{}]", values.iter().map(|value| format!("{{\"row\":{value},\"filler\":\"{}\"}}", "x".repeat(400))).collect::<Vec<_>>().join(","));
        let json = spelling.apply(&value, usize::MAX).expect("a text");
        let (before, after) = frame.unwrap_or_default();
        let text = if after.is_empty() || json.ends_with('\n') { format!("{before}{json}{after}") } else { json };
        let outcome = run(&text, Mode::Lossless, "");
        if let Outcome::Lossless(encoded) = &outcome {
            prop_assert_eq!(JsonTable.decode(encoded), Some(text));
        } else {
            // One row has nothing to share, objects with a key twice stay JSON, and values of several lines cannot stand
            // one a line.
            let is_odd = values.len() == 1 || values.iter().any(|value| value.starts_with('{'));
            prop_assert!(is_odd || words.contains("lines"), "{}", text);
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

/// Rows of which one failed, one is far out, one is named, and the others are alike.
pub(super) fn orders(count: usize) -> String {
    let mut text = String::from("[");
    for index in 0..count {
        let (city, total, state) = match index {
            700 => ("Oslo", 90_000, "shipped"),
            701 => ("Rome", 41, "payment failed: card expired"),
            702 => ("Ulaanbaatar", 42, "shipped"),
            _ => (["Oslo", "Rome", "Bern"][index % 3], 100 + index * 7 % 50, "shipped"),
        };
        write!(
            text,
            "{}{{\"order\":\"A-{}\",\"city\":\"{city}\",\"total\":{total},\"state\":\"{state}\",\"link\":\"https://x.test/{index}\"}}",
            if index > 0 { "," } else { "" },
            1000 + index,
        )
        .expect("a string");
    }
    text.push(']');
    text
}

pub(super) fn subset_of(text: &str, question: &str) -> String {
    match run(text, Mode::Balanced, question) {
        Outcome::Subset(subset) => subset,
        other => panic!("expected a subset, found {other:?}"),
    }
}

#[test]
fn a_sample_keeps_failures_extremes_rare_values_and_what_is_asked() {
    let text = orders(2000);
    let subset = subset_of(&text, "Where does order A-2345 go?");
    for needle in ["A-1000\t", "A-2999\t", "payment failed: card expired", "90000", "Ulaanbaatar", "A-2345\t"] {
        assert!(subset.contains(needle), "{needle} in {subset}");
    }
    assert!(subset.len() * 10 < text.len(), "{}", subset.len());
    assert!(subset.contains("columns not shown: link (2000 distinct)"), "{subset}");
}

#[test]
fn the_marker_counts_the_rows_and_names_the_original() {
    let text = orders(2000);
    let question = Question::default();
    let mut cx = Context::new(Mode::Balanced, 1.0, &question, &Bytes);
    let part = Part { text: &text, tool: None, quotable: false };
    let Ok(Outcome::Subset(subset)) = JsonTable.apply(&part, &mut cx) else { panic!("expected a subset") };
    let originals = cx.into_originals();
    assert_eq!(originals.len(), 1);
    assert_eq!(originals[0].text, text);
    let rows = subset.lines().filter(|line| line.starts_with("A-")).count();
    assert_eq!((originals[0].shown, originals[0].total), (rows, 2000));
    assert!(subset.contains(&format!("[{rows}/2000 rows shown; headroom_retrieve hash={}]", originals[0].hash)));
    assert_eq!(JsonTable.decode(&subset), None);
}

#[test]
fn a_reference_of_a_named_record_is_followed() {
    let events: Vec<_> =
        (0..300).map(|id| format!("\"{}\":{{\"title\":\"Evening no. {id}\",\"hall\":1}}", 70_000 + id)).collect();
    let shows: Vec<_> = (0..300)
        .map(|id| {
            format!(
                "{{\"show\":\"S-{id}\",\"event\":{},\"seats\":[{{\"row\":1,\"price\":{}}}]}}",
                70_000 + (id * 7) % 300,
                id % 9
            )
        })
        .collect();
    let text = format!("{{\"events\":{{{}}},\"shows\":[{}]}}", events.join(","), shows.join(","));
    let subset = subset_of(&text, "What is played in S-123?");
    assert!(subset.contains("S-123\t70261"), "{subset}");
    assert!(subset.contains("70261\tEvening no. 261"), "{subset}");
}

#[test]
fn json_in_a_string_is_a_table_too() {
    let mut string = String::new();
    encode_string(&pods(6), &mut string);
    let text = format!("{{\"content\": [{{\"type\": \"text\", \"text\": {string}}}], \"isError\": false}}");
    let encoded = lossless_of(&text);
    assert!(encoded.contains("\n#json string spaced end;"), "{encoded}");
    assert_eq!(JsonTable.decode(&encoded), Some(text));
}

#[test]
fn a_text_before_and_behind_stays_where_it_was() {
    let text = format!("$ kubectl get pods -o json\n{}<returncode>0</returncode>\n", pods(6));
    let encoded = lossless_of(&text);
    assert!(encoded.starts_with("$ kubectl get pods -o json\n#json spaced end;"), "{encoded}");
    assert!(encoded.ends_with("]}\n<returncode>0</returncode>\n"), "{encoded}");
    assert_eq!(JsonTable.decode(&encoded), Some(text));
}

#[test]
fn what_is_small_deep_broken_or_quotable_is_declined() {
    let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    let broken = format!("{}, oops]", pods(20));
    for text in ["{\"a\": 1}", deep.as_str(), broken.as_str(), "words ".repeat(200).as_str()] {
        assert_eq!(run(text, Mode::Balanced, ""), Outcome::Unchanged);
    }
    let text = orders(2000);
    let part = Part { text: &text, tool: None, quotable: true };
    assert_eq!(JsonTable.fit(&part), Fit::No);
    assert_eq!(JsonTable.fit(&Part { quotable: false, ..part }), Fit::Yes(ContentKind::JsonArray, 0.9));
    assert_eq!(run(&format!("[1, 2,3,\n{}", &text[1..]), Mode::Lossless, ""), Outcome::Unchanged);
}

#[test]
fn hostile_texts_are_quick() {
    let strings = format!("[{}]", vec!["\"\\\"\\\\\\u0000\""; 60_000].join(","));
    let objects = format!(
        "[{}]",
        (0..40_000).map(|n| format!("{{\"{n}\":{n},\"{}\":0}}", n * 31 % 40_000)).collect::<Vec<_>>().join(",")
    );
    let giant = format!("[\"{}\"]", "é".repeat(2_000_000));
    let texts = [
        "[".repeat(1_000_000),
        "[ ".repeat(500_000),
        "\"".repeat(1_000_000),
        "{\"a\":".repeat(200_000),
        strings,
        objects,
        giant,
    ];
    for text in &texts {
        for mode in [Mode::Balanced, Mode::Lossless] {
            if let Outcome::Lossless(out) | Outcome::Subset(out) = run(text, mode, "é 31") {
                assert!(out.len() < text.len());
            }
        }
    }
}

proptest! {
    #[test]
    fn rows_of_a_sample_are_verbatim_and_in_order(
        rows in prop::collection::vec(("[a-z]{1,8}( [a-z]{1,8}){0,3}", -1000i64..1000, prop::option::of("[A-Z]{1,3}")), 120..200),
        question in "[a-z]{4,8} [A-Z]{2} [0-9]{3}",
    ) {
        let lines: Vec<_> = rows.iter().enumerate().map(|(index, (name, number, code))| {
            let code = code.as_ref().map_or(String::new(), |code| format!(",\"code\":\"{code}\""));
            format!("{{\"index\":{index},\"name\":\"{name} {index}\",\"number\":{number}{code},\"filler\":\"{}\"}}", name.repeat(4))
        }).collect();
        let text = format!("[{}]", lines.join(", "));
        let subset = subset_of(&text, &question);
        prop_assert_eq!(&subset, &subset_of(&text, &question));
        prop_assert!(subset.len() < text.len());
        let mut last = None;
        for line in subset.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit())) {
            let mut cells = line.split('\t');
            let index: usize = cells.next().and_then(|cell| cell.parse().ok()).expect("the index");
            prop_assert!(last < Some(index));
            last = Some(index);
            for cell in cells {
                let value = cell.split_once('=').map_or(cell, |(_, value)| value).trim_end_matches('…').trim_matches('"');
                prop_assert!(lines[index].contains(value), "{} in {}", cell, lines[index]);
            }
        }
        prop_assert_eq!(last, Some(rows.len() - 1));
    }

    #[test]
    fn any_value_gives_a_smaller_sample_or_none(values in prop::collection::vec(value(), 1..40), question in "[a-z0-9]{1,6} x=1") {
        let text = format!("[{}]", values.join(",\n "));
        if let Outcome::Lossless(out) | Outcome::Subset(out) = run(&text, Mode::Aggressive, &question) {
            prop_assert!(out.len() < text.len());
        }
    }
}

#[test]
fn what_all_rows_have_comes_back_in_its_place() {
    for members in [
        "\"k\":1,\"id\":#",
        "\"id\":#,\"k\":1",
        "\"k\":\"a, b=1\\t)\",\"l\":[1,{}],\"id\":#,\"n.m\":null,\"in every row\":true,\"end\":#",
        "\"k\":{\"a\":1,\"b\":#,\"c\":2},\"l\":1",
        "\"a\":1,\"b\":2",
    ] {
        let rows: Vec<_> = (0..60).map(|id| format!("{{{}}}", members.replace('#', &id.to_string()))).collect();
        let text = format!("[{}]", rows.join(","));
        let document = Document::parse(&text, MAX_DEPTH).expect("JSON");
        let encoded = encode::encode(document.root(), usize::MAX).expect("within the limit");
        assert!(encoded.contains("in every row"), "{encoded}");
        assert_eq!(decode::decode(&encoded), Some((text, "")), "{encoded}");
    }
}

#[test]
fn json_that_breaks_off_comes_back_and_shows_where() {
    let whole = pods(60);
    let value: serde_json::Value = serde_json::from_str(&whole).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    for (at, text) in (1..).zip([
        whole[..whole.len() - 90].to_owned(),
        format!("HTTP/1.1 200 OK\n{}... [truncated]", &whole[..whole.len() - 40]),
        pretty[..pretty.len() - 300].to_owned(),
        (0..90).map(|id| format!("{{\"id\":{id},\"state\":\"up\"}}\n")).collect::<String>() + "{\"id\":90,\"st",
    ]) {
        let encoded = lossless_of(&text);
        assert_eq!(JsonTable.decode(&encoded).as_deref(), Some(&*text), "{at}");
        assert!(encoded.len() * 2 < text.len(), "{at}");
    }
    let rows: Vec<_> =
        (0..900).map(|id| format!("{{\"id\":{id},\"host\":\"h{}\",\"load\":{}}}", id * 7 % 97, id * 31 % 89)).collect();
    let text = format!("[{},{{\"id\":900,\"ho", rows.join(","));
    let Outcome::Subset(subset) = run(&text, Mode::Balanced, "load of id 777?") else { panic!("expected a sample") };
    assert!(subset.starts_with("#json part of JSON that breaks off below it; cells"), "{subset}");
    assert!(subset.ends_with("]\n,{\"id\":900,\"ho") && subset.contains("\n777\t"), "{subset}");
}
