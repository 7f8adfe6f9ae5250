//! G9: text that an agent may quote back in an edit keeps every line it shows byte-exact, with whole lines elided.

use headroom_core::ccr::{carries_marker, markers_in};
use proptest::prelude::*;

use crate::{MODES, cases, changed, compress, generate, text};

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn file_reads_show_only_whole_lines_of_the_file(
        outputs in prop::collection::vec(generate::output(), 1..4),
        mode in prop::sample::select(&MODES[..]),
        path in prop::sample::select(&["src/main.c", "src/app.py", "src/lib.rs"][..]),
    ) {
        // Twice the same outputs, so that files are over the protected size and read again.
        let texts: Vec<String> = outputs.iter().chain(&outputs).map(|output| format!("{output}\n").repeat(1 + 9000 / (output.len() + 1))).collect();
        let turns: Vec<_> = texts.iter().map(|output| generate::Turn {
            question: None,
            tool: ("read_file".to_owned(), serde_json::json!({"path": path})),
            output: output.clone(),
        }).collect();
        let list = serde_json::Value::from(generate::render(generate::Wire::Chat, &turns)).to_string();
        let result = compress(&list, mode);
        for (before, after) in changed(&list, text(&result)) {
            prop_assert!(markers_in(&after).next().is_some(), "a file read is never re-encoded:\n{}", after);
            let mut lines = before.split('\n');
            for line in after.split('\n') {
                let computed = line.starts_with('[') && line.ends_with(']');
                prop_assert!(
                    lines.any(|original| original == line) || computed || carries_marker(line) || line.is_empty(),
                    "{:?} is no line of the file, or out of order", line
                );
                if computed { lines = before.split('\n'); }
            }
        }
    }
}
