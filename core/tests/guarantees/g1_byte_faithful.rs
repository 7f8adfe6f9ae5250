//! G1: bytes that no edit touches leave exactly as they came.

use headroom_core::Mode;
use proptest::prelude::*;

use crate::{cases, compress, generate, messages, recorded, strings, text};

/// A body around a list with everything that re-serialising would change.
fn odd_body(list: &str) -> String {
    format!(
        "{{ \"temperature\" : 1.0,\"big\":1180591620717411303424, \"huge\":1e400,\"z\":-0,\t\"dup\":1,\"dup\":2,\n \
         \"esc\":\"\\u00e9\\/\\ud83d\\ude00\",\"lone\":\"\\ud800\",\"messages\":{list},\"unknown\":{{\"b\":1,\"a\":[ ]}} }}"
    )
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn everything_outside_the_edited_strings_keeps_its_bytes((wire, list) in generate::list()) {
        prop_assume!(matches!(wire, generate::Wire::Chat | generate::Wire::Messages));
        let body = odd_body(&list);
        let result = compress(&body, Mode::Balanced);
        let after = text(&result);
        // Putting the old texts back over the new ones gives the old body, byte for byte.
        let mut restored = after.to_owned();
        for ((_, was), (_, is)) in strings(&body).into_iter().zip(strings(after)) {
            if was != is {
                let (is, was) = (serde_json::to_string(&is).unwrap(), serde_json::to_string(&was).unwrap());
                restored = restored.replacen(&is, &was, 1);
            }
        }
        prop_assert_eq!(restored, body);
    }

    #[test]
    fn messages_without_an_edit_keep_their_bytes((_, list) in generate::list()) {
        let result = compress(&list, Mode::Balanced);
        let changed: Vec<_> = result.report.blocks.iter().filter(|block| block.transform.is_some()).filter_map(|block| block.message).collect();
        for (index, (before, after)) in messages(&list).iter().zip(messages(text(&result))).enumerate() {
            prop_assert_eq!(changed.contains(&index), *before != after);
        }
    }
}

#[test]
fn recorded_conversations_keep_every_message_without_an_edit() {
    for (name, list) in recorded::lists() {
        let result = compress(&list, Mode::Balanced);
        let changed: Vec<_> = result
            .report
            .blocks
            .iter()
            .filter(|block| block.transform.is_some())
            .filter_map(|block| block.message)
            .collect();
        for (index, (before, after)) in messages(&list).iter().zip(messages(text(&result))).enumerate() {
            assert_eq!(changed.contains(&index), *before != after, "{name} message {index}");
        }
    }
}
