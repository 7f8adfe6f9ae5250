//! Texts of every kind that tools answer with, of any size and the same in every run, and conversations about them.

mod documents;

use std::fmt::Write as _;

pub(crate) use documents::{html_page, markdown_page, mixed_output, paths, prose_text, stack_traces};

pub(crate) const MODEL: &str = "gpt-4o";

/// What a tool answers with, and what is asked about it.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) tool: &'static str,
    pub(crate) question: &'static str,
    pub(crate) make: fn(usize, u64) -> String,
}

const FAILED: &str = "Which hosts failed?";

#[rustfmt::skip]
pub(crate) const KINDS: &[Kind] = &[
    Kind { name: "json", tool: "list_hosts", question: FAILED, make: json_rows },
    Kind { name: "ndjson", tool: "list_hosts", question: FAILED, make: json_lines },
    Kind { name: "log", tool: "read_log", question: "Which exception did the DataNode report?", make: log_lines },
    Kind { name: "grep", tool: "grep", question: "Where is header x-17 read?", make: grep_lines },
    Kind { name: "table", tool: "query", question: FAILED, make: csv_rows },
    Kind { name: "diff", tool: "git_diff", question: "What changed in the pool of limit 17?", make: diff_hunks },
    Kind { name: "code", tool: "read_file", question: "What does Pool7.update_2 raise?", make: source_code },
    Kind { name: "html", tool: "fetch", question: "What is said of cedar?", make: html_page },
    Kind { name: "markdown", tool: "fetch", question: "What is said of cedar?", make: markdown_page },
    Kind { name: "prose", tool: "fetch", question: "What is said of cedar?", make: prose_text },
    Kind { name: "listing", tool: "find", question: "Where is file_17?", make: paths },
    Kind { name: "trace", tool: "run", question: "Why did the worker stop?", make: stack_traces },
    Kind { name: "mixed", tool: "run", question: FAILED, make: mixed_output },
];

/// A kind by its name.
pub(crate) fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// Pseudo-random numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

pub(crate) fn json_rows(bytes: usize, seed: u64) -> String {
    let mut numbers = Numbers(seed);
    let mut text = String::from("[");
    let mut id = 0;
    while text.len() < bytes {
        let separator = if id == 0 { "" } else { "," };
        let (load, region, ok) = (numbers.below(1000), numbers.below(6), numbers.below(200) > 0);
        let status = if ok { "running" } else { "failed" };
        let _ = write!(
            text,
            r#"{separator}{{"id":{id},"host":"node-{id}.cluster-{region}","status":"{status}","load":0.{load},"region":"eu-{region}","owner":{{"team":"t{}","mail":"team{}@example.org"}}}}"#,
            numbers.below(20),
            numbers.below(20),
        );
        id += 1;
    }
    text.push(']');
    text
}

pub(crate) fn log_lines(bytes: usize, seed: u64) -> String {
    let mut numbers = Numbers(seed);
    let mut text = String::new();
    let mut second = 0;
    while text.len() < bytes {
        second += numbers.below(3);
        let clock = format!("{:02}:{:02}:{:02}", second / 3600 % 24, second / 60 % 60, second % 60);
        let (block, node) = (numbers.below(1 << 30), numbers.below(250));
        let _ = match numbers.below(400) {
            0 => writeln!(
                text,
                "2026-03-01 {clock} ERROR dfs.DataNode: writeBlock blk_{block} received exception java.io.IOException"
            ),
            1..150 => writeln!(
                text,
                "2026-03-01 {clock} INFO dfs.DataNode: Receiving block blk_{block} src: /10.0.0.{node}:50010"
            ),
            _ => writeln!(
                text,
                "2026-03-01 {clock} INFO dfs.FSNamesystem: BLOCK* addStoredBlock 10.0.0.{node} size {block}"
            ),
        };
    }
    text
}

fn grep_lines(bytes: usize, seed: u64) -> String {
    let mut numbers = Numbers(seed);
    let mut text = String::new();
    while text.len() < bytes {
        let file = numbers.below(60);
        for line in 0..=numbers.below(8) {
            let number = line * 37 + numbers.below(30) + 1;
            let _ = writeln!(
                text,
                "src/module_{file}/handler.rs:{number}:    let value = request.header(\"x-{}\");",
                numbers.below(400)
            );
        }
    }
    text
}

/// A module of classes, as agents read them.
fn source_code(bytes: usize, seed: u64) -> String {
    let mut numbers = Numbers(seed);
    let mut text = String::from(
        "\"\"\"Hosts and what runs on them.\"\"\"\n\nimport logging\nfrom collections import defaultdict\n",
    );
    let mut class = 0;
    while text.len() < bytes {
        class += 1;
        let _ = write!(text, "\n\nclass Pool{class}(Base):\n    \"\"\"The hosts of one region.\"\"\"\n");
        for method in 0..4 + numbers.below(8) {
            let _ = write!(text, "\n    def update_{method}(self, host, load={}):\n", numbers.below(90));
            for line in 0..3 + numbers.below(14) {
                let (limit, name) = (numbers.below(1000), numbers.below(40));
                let _ = match numbers.below(4) {
                    0 => write!(
                        text,
                        "        if self.loads[host] > {limit}:\n            raise ValueError(f\"host {{host}} is over {limit}\")\n"
                    ),
                    1 => writeln!(text, "        # What is over the limit goes to the next host, {name}."),
                    2 => writeln!(text, "        value_{line} = self.compute(host, load * {limit}, key=\"x-{name}\")"),
                    _ => writeln!(
                        text,
                        "        self.hosts_{name}[host] = [row for row in self.rows if row.load < {limit}]"
                    ),
                };
            }
            text.push_str("        return self.loads\n");
        }
    }
    text
}

fn csv_rows(bytes: usize, seed: u64) -> String {
    let mut numbers = Numbers(seed);
    let mut text = String::from("id,host,status,load,region,team,owner\n");
    let mut id = 0;
    while text.len() < bytes {
        id += 1;
        let (load, region, team) = (numbers.below(1000), numbers.below(6), numbers.below(20));
        let status = if numbers.below(200) > 0 { "running" } else { "failed" };
        let _ = writeln!(
            text,
            "{id},node-{id}.cluster-{region},{status},0.{load},eu-{region},t{team},team{team}@example.org"
        );
    }
    text
}

/// Objects, one a line.
fn json_lines(bytes: usize, seed: u64) -> String {
    let rows = json_rows(bytes, seed);
    rows.trim_matches(['[', ']']).replace("},{\"id\"", "}\n{\"id\"")
}

fn diff_hunks(bytes: usize, seed: u64) -> String {
    let mut numbers = Numbers(seed);
    let mut text = String::new();
    let mut file = 0;
    while text.len() < bytes {
        file += 1;
        let _ = write!(text, "diff --git a/src/pool_{file}.rs b/src/pool_{file}.rs\nindex 1a2b3c4..5d6e7f8 100644\n");
        let _ = write!(text, "--- a/src/pool_{file}.rs\n+++ b/src/pool_{file}.rs\n");
        for hunk in 0..1 + numbers.below(4) {
            let line = hunk * 60 + numbers.below(40) + 1;
            let (limit, name) = (numbers.below(1000), numbers.below(40));
            let _ = write!(text, "@@ -{line},7 +{line},7 @@ impl Pool{name} {{\n     fn update(&mut self) {{\n");
            let _ = write!(text, "         let hosts = self.hosts_{name}.len();\n         self.check();\n");
            let _ = write!(text, "-        self.limit = hosts * {limit};\n+        self.limit = hosts.min({limit});\n");
            let _ = write!(text, "         self.loads.clear();\n     }}\n \n");
        }
    }
    text
}

/// A conversation whose last tool result is `text`.
pub(crate) fn body(tool: &str, question: &str, text: &str) -> String {
    let arguments = match tool {
        "read_file" => serde_json::json!({ "path": "src/pool.py" }),
        _ => serde_json::json!({ "query": question }),
    };
    body_of(tool, &arguments, question, text)
}

pub(crate) fn body_of(tool: &str, arguments: &serde_json::Value, question: &str, text: &str) -> String {
    let arguments = arguments.to_string();
    let call = serde_json::json!({"id": "c1", "type": "function", "function": {"name": tool, "arguments": arguments}});
    serde_json::json!({"model": MODEL, "messages": [
        {"role": "user", "content": question},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": text},
    ]})
    .to_string()
}
