//! Conversations as agents have them, of every shape, with tool results of every kind.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A question, a call, its result.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub question: Option<String>,
    pub tool: (String, Value),
    pub output: String,
}

/// The wire shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Chat,
    Messages,
    Responses,
    Gemini,
}

/// A list of messages of any shape, as JSON text.
pub(crate) fn list() -> impl Strategy<Value = (Wire, String)> {
    let wire = prop_oneof![Just(Wire::Chat), Just(Wire::Messages), Just(Wire::Responses), Just(Wire::Gemini)];
    (wire, vec(turn(), 1..5)).prop_map(|(wire, mut turns)| {
        // A later result repeats an earlier one, as re-reads do.
        if let [first, .., last] = &mut turns[..]
            && first.output.len() % 3 == 0
        {
            last.output.clone_from(&first.output);
        }
        (wire, Value::from(render(wire, &turns)).to_string())
    })
}

pub(crate) fn turn() -> impl Strategy<Value = Turn> {
    let question = prop_oneof![
        2 => Just(None),
        1 => Just(Some("Which host failed, and what did node-17 report?".to_owned())),
        1 => Just(Some("哪个请求超时了?".to_owned())),
        1 => "[a-z]{3,9}( [a-z]{2,9}){2,8}\\?".prop_map(Some),
    ];
    let tool = prop_oneof![
        Just(("list_hosts".to_owned(), json!({}))),
        Just(("bash".to_owned(), json!({"command": "rg -n handler src"}))),
        Just(("bash".to_owned(), json!({"command": "pytest -q"}))),
        Just(("read_file".to_owned(), json!({"path": "src/lib.rs"}))),
        Just(("read_file".to_owned(), json!({"path": "data.json"}))),
        Just(("read_file".to_owned(), json!({"path": "data.csv"}))),
        Just(("bash".to_owned(), json!({"command": "find . -type f"}))),
        Just(("bash".to_owned(), json!({"command": "df -h"}))),
        Just(("read_file".to_owned(), json!({"path": "src/app.py"}))),
        Just(("bash".to_owned(), json!({"command": "git show HEAD:src/main.c"}))),
        Just(("read_file".to_owned(), json!({"path": "docs/guide.md"}))),
        Just(("fetch_url".to_owned(), json!({"url": "https://a.example/guide"}))),
    ];
    (question, tool, output()).prop_map(|(question, tool, output)| Turn { question, tool, output })
}

/// What a tool returned: all kinds, sizes from nothing to some hundred lines.
pub(crate) fn output() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => json_rows(),
        2 => json_object(),
        3 => log(),
        2 => grep(),
        2 => diff(),
        2 => table(),
        2 => listing(),
        1 => metrics(),
        2 => source_code(),
        2 => document(),
        1 => page(),
        1 => Just(()).prop_flat_map(|()| vec(any::<u8>(), 400..1200)).prop_map(|bytes| {
            bytes.iter().map(|byte| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[usize::from(byte % 64)])).collect()
        }),
        1 => "[ -~\\n]{0,600}",
        1 => "\\PC{0,300}",
        1 => vec("[A-Za-zäöü0-9 ,.]{0,80}", 0..60).prop_map(|lines| lines.join("\n")),
        1 => ("[ =\\-.#]", 200..3000_usize).prop_map(|(run, times)| format!("start\n{}\nend", run.repeat(times))),
    ]
}

/// Source code of a few kilobytes, with or without line numbers, whole or with a line gone.
fn source_code() -> impl Strategy<Value = String> {
    let function = ("[a-z]{3,9}(_[a-z]{3,9})?", 1..14_usize, "[ -~]{0,30}");
    (0..3_u8, vec(function, 8..60), prop::option::of(1..400_usize), prop::option::of(any::<u16>())).prop_map(
        |(language, functions, first, gone)| {
            let mut text =
                ["import os\n\n", "use std::io;\n\n", "#include <stdio.h>\n\n"][usize::from(language)].to_owned();
            for (name, count, words) in functions {
                let lines = (0..count).map(|line| format!("    total_{line} = compute(total, {line})"));
                let body = lines.map(|line| line + ["\n", ";\n", ";\n"][usize::from(language)]).collect::<String>();
                text += &match language {
                    0 => format!("def {name}(total):\n    # {words}\n{body}    return total\n\n"),
                    1 => format!("/// {words}\npub fn {name}(total: u32) -> u32 {{\n{body}    total\n}}\n\n"),
                    _ => format!("// {words}\nint {name}(int total)\n{{\n{body}    return total;\n}}\n\n"),
                };
            }
            let gone = gone.map(|gone| usize::from(gone) % text.lines().count());
            let lines = text.lines().enumerate().filter(|(at, _)| Some(*at) != gone);
            match first {
                Some(first) => lines.map(|(at, line)| format!("{:6}\t{line}\n", first + at)).collect(),
                None => lines.map(|(_, line)| format!("{line}\n")).collect(),
            }
        },
    )
}

/// Markdown of some kilobytes.
fn document() -> impl Strategy<Value = String> {
    vec(("[A-Z][a-z]{2,9}", vec("[A-Z][a-z]{2,8}( [a-z]{2,8}| [0-9]{1,5}){5,25}[.!?]", 2..8), 0..4_u8), 3..25).prop_map(
        |parts| {
            let part = |(name, sentences, class): &(String, Vec<String>, u8)| match class {
                0 => format!("## {name}\n\n{}\n\n", sentences.join("\n")),
                1 => format!("- {}\n\n", sentences.join("\n- ")),
                2 => format!("```\n{}\n```\n\n", sentences.join("\n")),
                _ => format!("{}\n\n", sentences.join(" ")),
            };
            parts.iter().map(part).collect()
        },
    )
}

/// A page of HTML.
fn page() -> impl Strategy<Value = String> {
    vec(("(p|h2|li|td|blockquote)", "[A-Z][a-z]{2,8}( [a-z]{2,8}| [0-9]{1,5}| &amp;| <b>[a-z]{2,6}</b>){5,40}\\."), 10..60).prop_map(|parts| {
        let body: String =
            parts.iter().map(|(tag, text)| format!("<{tag} class=\"block block--wide\">{text}</{tag}>\n")).collect();
        format!("<!DOCTYPE html>\n<html><head><title>Page</title><script>var a = 1;</script></head><body>{body}</body></html>")
    })
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i32>().prop_map(Value::from),
        (0..5_u8).prop_map(|class| json!(["running", "failed", "queued", "done", "1"][usize::from(class)])),
        "[a-z]{0,12}".prop_map(Value::from),
        "\\PC{0,10}".prop_map(Value::from),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..1000_u32).prop_map(|number| json!(f64::from(number) / 8.0)),
    ]
}

fn json_rows() -> impl Strategy<Value = String> {
    let columns = vec("[a-z_]{1,8}", 1..6);
    (columns, 1..120_usize, vec(scalar(), 40), 0..4_u8, any::<u16>()).prop_map(|(columns, count, pool, style, seed)| {
        let rows: Vec<Value> = (0..count)
            .map(|row| {
                let mut object = serde_json::Map::new();
                object.insert("id".into(), json!(row));
                for (at, column) in columns.iter().enumerate() {
                    let pick = (row * 31 + at * 7 + usize::from(seed)) % 53;
                    if let Some(value) = pool.get(pick) {
                        object.insert(column.clone(), value.clone());
                    }
                }
                if row % 10 == 3 {
                    object.insert("nested".into(), json!({"a": row % 4, "tags": ["x", "y"]}));
                }
                Value::Object(object)
            })
            .collect();
        match style {
            0 => Value::from(rows).to_string(),
            1 => serde_json::to_string_pretty(&rows).unwrap(),
            2 => rows.iter().map(Value::to_string).collect::<Vec<_>>().join("\n"),
            _ => json!({"total": count, "items": rows, "next": null}).to_string().replace(',', ", ").replace(':', ": "),
        }
    })
}

fn json_object() -> impl Strategy<Value = String> {
    scalar()
        .prop_recursive(4, 60, 8, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..8).prop_map(Value::from),
                vec(("[a-z]{1,6}", inner), 0..8).prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
        .prop_map(|value| json!({ "data": value, "note": "1.0 is not 1" }).to_string())
}

fn log() -> impl Strategy<Value = String> {
    vec((0..40_u8, any::<u16>()), 1..200).prop_map(|lines| {
        let mut text = String::new();
        for (at, (class, number)) in lines.into_iter().enumerate() {
            let clock = format!("2026-03-01 {:02}:{:02}:{:02}", at / 3600, at / 60 % 60, at % 60);
            let _ = match class {
                0 => writeln!(text, "{clock} ERROR pool: request {number} timed out after {number} ms"),
                1 => writeln!(
                    text,
                    "Traceback (most recent call last):\n  File \"a.py\", line {number}, in f\nValueError: {number}"
                ),
                2..10 => writeln!(text, "{clock} WARN pool: retry {} of request {number}", class),
                _ => writeln!(
                    text,
                    "{clock} INFO pool: request {number} served in {} ms from 10.0.0.{class}",
                    number % 97
                ),
            };
        }
        text
    })
}

fn grep() -> impl Strategy<Value = String> {
    vec((0..9_u8, 1..900_u16, "[a-z_]{3,14}"), 1..120).prop_map(|matches| {
        let line = |(file, line, word): &(u8, u16, String)| {
            format!("src/part_{file}/mod.rs:{line}:    handler.{word}(context);")
        };
        matches.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

fn table() -> impl Strategy<Value = String> {
    (vec((0..4_u8, any::<u16>(), "[a-z ]{0,12}"), 5..200), 0..4_u8).prop_map(|(rows, style)| {
        let state = |class: u8| ["up", "down", "failed", "up"][usize::from(class)];
        let head = match style {
            0 => "id,load,state,note\n",
            1 => "id\tload\tstate\tnote\n",
            2 => "| id | load | state | note |\n|---:|-----:|-------|------|\n",
            _ => "ID       LOAD     STATE      NOTE\n",
        };
        let row = |(at, (class, load, note)): (usize, (u8, u16, String))| match style {
            0 => format!("node-{at},{load},{},\"{note}\"\n", state(class)),
            1 => format!("node-{at}\t{load}\t{}\t{note}\n", state(class)),
            2 => format!("| node-{at} | {load} | {} | {note} |\n", state(class)),
            _ => format!("{:<8} {load:<8} {:<10} {note}\n", format!("n-{at}"), state(class)),
        };
        head.to_owned() + &rows.into_iter().enumerate().map(row).collect::<String>()
    })
}

fn listing() -> impl Strategy<Value = String> {
    (vec((0..9_u8, any::<u16>(), "[a-z_]{1,9}"), 8..200), 0..4_u8).prop_map(|(mut entries, style)| {
        entries.sort();
        let mut folder = u8::MAX;
        let entry = |(part, size, name): (u8, u16, String)| {
            let is_new = std::mem::replace(&mut folder, part) != part;
            match style {
                0 => format!("./src/part_{part}/{name}.rs\n"),
                1 if is_new => format!("├── part_{part}\n│   ├── {name}.rs\n"),
                1 => format!("│   ├── {name}.rs\n"),
                2 => format!("{size}\t./part_{part}/{name}\n"),
                _ if is_new => {
                    format!("\n./part_{part}:\ntotal 8\n-rw-r--r-- 1 root root {size:>6} Jul 17  2023 {name}\n")
                }
                _ => format!("-rw-r--r-- 1 root root {size:>6} Jul 17  2023 {name}\n"),
            }
        };
        entries.into_iter().map(entry).collect()
    })
}

fn metrics() -> impl Strategy<Value = String> {
    vec((0..20_u8, any::<u16>(), "[a-z]{1,6}"), 8..200).prop_map(|mut series| {
        series.sort();
        let mut metric = u8::MAX;
        let line = |(family, value, label): (u8, u16, String)| {
            let series = format!("app_part_{family}_failed_total{{shard=\"{label}\"}} {value}\n");
            if std::mem::replace(&mut metric, family) == family {
                return series;
            }
            format!("# HELP app_part_{family}_failed_total What failed.\n# TYPE app_part_{family}_failed_total counter\n{series}")
        };
        series.into_iter().map(line).collect()
    })
}

fn diff() -> impl Strategy<Value = String> {
    vec(("[a-z]{2,8}", vec((0..6_u8, "[ -~]{0,60}"), 3..60)), 1..5).prop_map(|files| {
        let mut text = String::new();
        for (name, lines) in files {
            let name = if name.len() == 5 { "Cargo.lock".to_owned() } else { format!("src/{name}.rs") };
            let added = lines.iter().filter(|(class, _)| *class != 1).count();
            let removed = lines.iter().filter(|(class, _)| *class != 0).count();
            let _ = write!(text, "diff --git a/{name} b/{name}\nindex 11..22 100644\n--- a/{name}\n+++ b/{name}\n");
            let _ = writeln!(text, "@@ -1,{removed} +1,{added} @@");
            for (class, line) in lines {
                let _ = writeln!(
                    text,
                    "{}{line}",
                    match class {
                        0 => '+',
                        1 => '-',
                        _ => ' ',
                    }
                );
            }
        }
        text
    })
}

/// Turns as a list of messages of a wire shape.
pub(crate) fn render(wire: Wire, turns: &[Turn]) -> Vec<Value> {
    let mut list = Vec::new();
    for (at, Turn { question, tool: (name, arguments), output }) in turns.iter().enumerate() {
        let id = format!("call_{at}");
        let said = format!("I call {name}.");
        match wire {
            Wire::Chat => {
                if at == 0 {
                    list.push(json!({"role": "system", "content": "You are careful."}));
                }
                list.extend(question.iter().map(|text| json!({"role": "user", "content": text})));
                let call = json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments.to_string()}});
                list.push(json!({"role": "assistant", "content": said, "tool_calls": [call]}));
                list.push(json!({"role": "tool", "tool_call_id": id, "content": output}));
            }
            Wire::Messages => {
                list.extend(
                    question.iter().map(|text| json!({"role": "user", "content": [{"type": "text", "text": text}]})),
                );
                let thinking = json!({"type": "thinking", "thinking": "hm", "signature": "c2ln"});
                let call = json!({"type": "tool_use", "id": id, "name": name, "input": arguments});
                list.push(json!({"role": "assistant", "content": [thinking, {"type": "text", "text": said}, call]}));
                let content = if at % 2 == 0 { json!(output) } else { json!([{"type": "text", "text": output}]) };
                let result = json!({"type": "tool_result", "tool_use_id": id, "content": content, "cache_control": {"type": "ephemeral"}});
                list.push(json!({"role": "user", "content": [result]}));
            }
            Wire::Responses => {
                let ask = |text: &String| json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]});
                list.extend(question.iter().map(ask));
                list.push(
                    json!({"type": "reasoning", "id": format!("rs_{at}"), "encrypted_content": "gAAA", "summary": []}),
                );
                list.push(
                    json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments.to_string()}),
                );
                list.push(json!({"type": "function_call_output", "call_id": id, "output": output}));
            }
            Wire::Gemini => {
                list.extend(question.iter().map(|text| json!({"role": "user", "parts": [{"text": text}]})));
                list.push(json!({"role": "model", "parts": [{"functionCall": {"name": name, "args": arguments}}]}));
                let response = json!({"name": name, "response": {"output": output}});
                list.push(json!({"role": "user", "parts": [{"functionResponse": response}]}));
            }
        }
    }
    list
}
