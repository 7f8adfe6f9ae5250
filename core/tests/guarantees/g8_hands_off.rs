//! G8: nothing but the text of tool results changes; calls stay paired, order and count stay.

use proptest::prelude::*;

use crate::{MODES, cases, compress, generate, recorded, strings, text};

/// Last steps of paths that lead to the text of a tool result.
const RESULT_KEYS: [&str; 4] = [".content", ".output", ".text", ".response.output"];

fn assert_hands_off(list: &str, mode: headroom_core::Mode) {
    let result = compress(list, mode);
    let source: serde_json::Value = serde_json::from_str(list).unwrap();
    for ((path, was), (_, is)) in strings(list).into_iter().zip(strings(text(&result))) {
        if was == is {
            continue;
        }
        assert!(RESULT_KEYS.iter().any(|key| path.ends_with(key)), "{path} changed");
        let message: usize = path[1..].split(']').next().unwrap().parse().unwrap();
        let message = &source[message];
        let is_result = message["role"] == "tool"
            || message["type"] == "function_call_output"
            || message["content"]
                .as_array()
                .is_some_and(|parts| parts.iter().any(|part| part["type"] == "tool_result"))
            || message["parts"]
                .as_array()
                .is_some_and(|parts| parts.iter().any(|part| !part["functionResponse"].is_null()));
        assert!(is_result, "{path} is no tool result");
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn only_the_text_of_tool_results_changes((_, list) in generate::list(), mode in prop::sample::select(&MODES[..])) {
        assert_hands_off(&list, mode);
    }

    #[test]
    fn results_marked_as_errors_stay(output in generate::output()) {
        let list = serde_json::json!([
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "run", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "is_error": true, "content": output}]},
        ]).to_string();
        let result = compress(&list, headroom_core::Mode::Aggressive);
        prop_assert_eq!(text(&result), list);
    }
}

#[test]
fn only_the_text_of_recorded_tool_results_changes() {
    for (_, list) in recorded::lists() {
        MODES.into_iter().for_each(|mode| assert_hands_off(&list, mode));
    }
}
