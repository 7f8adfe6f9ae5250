//! The promises that every transform keeps, checked for all of them.

#[path = "common/promises.rs"]
mod promises;

use std::path::Path;

use headroom_core::transforms::all;
use promises::Checker;
use proptest::prelude::*;

/// Lines that one transform or another looks for, in any order.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[ +-][a-z]{1,12} = [a-z]{1,9}\\([0-9]{1,3}\\);",
        1 => Just("diff --git a/src/lib.rs b/src/lib.rs".to_owned()),
        1 => Just("diff --git a/Cargo.lock b/Cargo.lock\nindex 1..2 100644".to_owned()),
        1 => "(---|\\+\\+\\+) [ab]/(src|dist|docs)/[a-z]{1,5}\\.(rs|md|js|lock)",
        2 => "@@ -[0-9],[0-9]{1,2} \\+[0-9],[0-9]{1,2} @@ fn [a-z]",
        1 => "old mode 100644\nnew mode 100755|similarity index 100%\nrename from a\nrename to b|Binary files a and b differ",
        2 => "[a-z]{1,6},[0-9]{1,4},(up|down|failed)",
        1 => Just("name,count,state".to_owned()),
        1 => "\\| [a-z]{1,6} \\| [0-9]{1,4} \\|",
        1 => Just("| name | count |\n|------|------:|".to_owned()),
        2 => "(web|api)-[0-9a-f]{4}   [0-9]/3     (Running|Pending)",
        1 => Just("NAME       READY   STATUS".to_owned()),
        2 => "[d-]rwxr-xr-x 1 (root|eve) root [0-9]{3} Jul 17 2023 [a-z]{1,8}\\.(rs|md)",
        1 => "\\./[a-z]{1,4}:|total [0-9]{2}",
        2 => "\\./(src|docs)/[a-z]{1,3}/[a-z]{1,8}\\.(rs|md)",
        2 => "(│   ){0,3}[├└]── [a-z]{1,8}(\\.rs)?",
        2 => "app_[ab]_total\\{code=\"[0-9]{3}\"\\} [0-9]{1,3}",
        1 => "# (HELP|TYPE) app_[abc]_total counter",
        2 => "[A-Za-z0-9+/]{64}",
        1 => "x[A-Za-z0-9+/]{500,600}=",
        1 => "[0-9a-f]{520}",
        1 => "0000[0-9a-f]{4}: [0-9a-f]{4} [0-9a-f]{4}  ..",
        1 => "(function [a-z]\\([a-z],[a-z]\\)\\{return [a-z]\\};){60,70}",
        2 => " {0,6}[a-z]{1,5} {0,6}",
        2 => "#{1,4} [A-Z][a-z]{2,9}( [a-z]{2,9}){0,3}",
        6 => "[A-Z][a-z]{2,9}( [a-z]{2,9}){4,40}\\.( [A-Z][a-z]{1,9}( [a-z]{1,9}){3,20}[.!?]){0,6}",
        2 => "([-*]|[0-9]\\.) [A-Z][a-z]{2,9}( [a-z]{2,9}){2,20}\\.",
        1 => "\\| [a-z]{1,9} \\| [0-9]{1,4} \\|",
        1 => Just("```".to_owned()),
        1 => "(数据库的连接没有关闭。|請稍後再試！){2,30}",
        1 => "\\[[0-9]\\] https://[a-z]{3,9}\\.example/[a-z]{1,9}",
        1 => "\\[[0-9] (lines|sentences) omitted\\]",
        1 => "<(p|div|li|td|h2|nav|/div|/p)( class=\"[a-z-]{3,9}\")?>[A-Za-z &;]{0,60}",
        1 => "\\[[0-9]/[0-9] lines shown; headroom_retrieve hash=[0-9a-f]{24}\\]",
        1 => "\\[whitespace left out: [0-9] spaces before each line\\]",
        2 => "\\PC{0,40}",
        1 => Just(String::new()),
    ]
}

/// A document: headings, paragraphs, lists, tables, code.
fn document() -> impl Strategy<Value = String> {
    let paragraph = "([A-Z][a-z]{2,9}( [a-z]{2,9}| [0-9]{1,4}| `[a-z]{2,5}`){4,30}[.!?][ \n]){1,8}";
    let block = prop_oneof![
        3 => "#{1,4} [A-Z][a-z]{2,9}( [a-z]{2,9}){0,3}".prop_map(|line| line + "\n\n"),
        8 => paragraph.prop_map(|text| text + "\n\n"),
        2 => prop::collection::vec("[-*] [A-Z][a-z]{2,9}( [a-z]{2,9}){2,20}\\.", 1..9).prop_map(|items| items.join("\n") + "\n\n"),
        1 => prop::collection::vec("[a-z]{2,5}: [0-9]{1,4}", 1..60).prop_map(|lines| format!("```yaml\n{}\n```\n\n", lines.join("\n"))),
        1 => prop::collection::vec("\\| [a-z]{1,9} \\| [0-9]{1,4} \\|", 3..20).prop_map(|rows| rows.join("\n") + "\n\n"),
    ];
    prop::collection::vec(block, 12..60).prop_map(|blocks| blocks.concat())
}

/// A page of HTML around a document's paragraphs.
fn page() -> impl Strategy<Value = String> {
    let block = prop_oneof![
        4 => "<p class=\"[a-z]{3,9} [a-z]{3,9}\">([A-Z][a-z]{2,9}( [a-z]{2,9}| <b>[a-z]{2,6}</b>){4,30}\\. ){1,5}</p>",
        1 => "<h[1-4] id=\"[a-z]{3,9}\">[A-Z][a-z]{2,9}( [a-z]{2,9}){0,3}</h[1-4]>",
        1 => "<ul class=\"nav\">(<li><a href=\"/[a-z]{2,9}\">[A-Z][a-z]{2,9}</a>){2,9}</ul>",
        1 => "<table>(<tr><td>[a-z]{2,9}</td><td>[0-9]{1,4}</td>){2,9}</table>",
        1 => "<script>[a-z =;]{10,90}</script>",
    ];
    prop::collection::vec(block, 5..40)
        .prop_map(|blocks| format!("<!DOCTYPE html><html><body>{}</body>", blocks.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn promises_hold_for_documents(text in document(), question in "[a-z]{3,6} `[a-z]{2,5}` [0-9]{0,4}") {
        Checker::new().check(&text, &question);
    }

    #[test]
    fn promises_hold_for_pages(text in page(), question in "[a-z]{3,6} [A-Z][a-z]{2,9} [0-9]{0,4}") {
        Checker::new().check(&text, &question);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn promises_hold_for_mixed_lines(
        lines in prop::collection::vec((line(), 1_usize..30), 0..60),
        ending in prop_oneof![Just("\n"), Just("\r\n")],
        question in "[a-z]{1,6} `[a-z]{1,3}` [0-9]{0,3}",
    ) {
        let lines: Vec<String> = lines.into_iter().flat_map(|(line, times)| std::iter::repeat_n(line, times)).collect();
        Checker::new().check(&lines.join(ending), &question);
    }

    #[test]
    fn promises_hold_for_source_code_with_anything_in_it(
        functions in prop::collection::vec(("[a-z]{3,8}(_[a-z]{3,8})?", 1_usize..12), 20..60),
        others in prop::collection::vec((any::<prop::sample::Index>(), line()), 0..6),
        first in prop::option::of(1_usize..500),
        question in prop::option::of("[a-z]{1,6} `[a-z]{1,3}` [0-9]{0,3}"),
    ) {
        let mut lines: Vec<String> = vec!["use std::io;".to_owned()];
        for (name, count) in &functions {
            lines.push(format!("pub fn {name}(total: u32) -> u32 {{"));
            lines.extend((0..*count).map(|line| format!("    let total = compute(total, {line});")));
            lines.extend(["    total".to_owned(), "}".to_owned(), String::new()]);
        }
        for (at, other) in others {
            let at = at.index(lines.len());
            lines.insert(at, other);
        }
        if let Some(first) = first {
            lines = lines.join("\n").split('\n').enumerate().map(|(at, line)| format!("{}: {line}", first + at)).collect();
        }
        // Half of the questions name a function.
        Checker::new().check(&lines.join("\n"), question.as_deref().unwrap_or(&functions[0].0));
    }

    #[test]
    fn promises_hold_for_any_characters(text in any::<String>(), times in 1_usize..200, question in any::<String>()) {
        Checker::new().check(&text.repeat(times), &question);
    }

    #[test]
    fn promises_hold_for_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        Checker::new().check(&String::from_utf8_lossy(&bytes), "");
    }

    #[test]
    fn foreign_text_is_decoded_to_something_or_nothing(text in "(\\[whitespace left out: )?\\PC{0,60}\n?\\PC{0,30}") {
        for transform in all() {
            let _ = transform.decode(&text);
        }
    }
}

#[test]
fn promises_hold_for_the_texts_of_all_vectors() {
    let checker = Checker::new();
    let mut changed = Vec::new();
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    for folder in folders(&vectors).iter().flat_map(|folder| folders(folder)) {
        let input = std::fs::read_to_string(folder.join("input.json")).expect("every vector has an input");
        let mut texts = Vec::new();
        strings(&serde_json::from_str(&input).expect("JSON"), &mut texts);
        for text in &texts {
            changed.extend(checker.check(text, &texts[0]));
        }
    }
    for transform in all() {
        assert!(changed.contains(&transform.name()), "{} changes no vector", transform.name());
    }
}

fn folders(path: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut folders: Vec<_> =
        entries.map(|entry| entry.expect("readable").path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn strings(value: &serde_json::Value, texts: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => texts.push(text.clone()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| strings(item, texts)),
        serde_json::Value::Object(members) => members.values().for_each(|member| strings(member, texts)),
        _ => {}
    }
}

#[test]
fn promises_hold_for_long_hostile_texts() {
    let checker = Checker::new();
    let hunk = format!("--- a/x\n+++ b/x\n@@ -1,{0} +1,{0} @@\n", u64::MAX);
    for unit in [
        "[",
        " ",
        "\"",
        "\\",
        "\r",
        "\n",
        "\0",
        "👍",
        "漢",
        "A",
        "@@",
        "- ",
        "+\n",
        " \n",
        "{",
        ";",
        "\t\n",
        "=\n",
        "0a ",
        "diff --git ",
        "diff --git a/x b/x\n",
        "--- a\n+++ b\n",
        "@@ -1 +1 @@\n",
        "GIT binary patch\nliteral 1\n",
        "00000000: 00\n",
        "hash=",
        ",",
        "a,b\n",
        "a,\"",
        "| a\n",
        "|---|---|\n",
        "A B C\n",
        "├── ",
        "│   ├── a\n",
        "a/b\n",
        "-rw-r--r-- 1 a b 3 c d e f\n",
        "a{x=\"1\"} 1\n",
        "# TYPE a counter\n",
        "fn f() {\n",
        "def f(\n",
        "#!/bin/sh\n",
        "<?php ",
        "import x\n",
        "<div>",
        "<!DOCTYPE html><p>a b. ",
        "A b c d e. ",
        "# A\n\nB c d e.\n\n",
    ] {
        // Short ones go to every transform, also to those that would not take them.
        for bytes in [4_000, 200_000] {
            let long = unit.repeat(bytes / unit.len());
            checker.check(&long, unit);
            checker.check(&(hunk.clone() + &long), "");
        }
    }
}
