//! Conversations of every shape as blocks and edits: what is found, what an edit changes, and what a prefix gives.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

mod common;

use common::{SHAPES, Turn, body, expected, messages, spell, turns};
use headroom_core::conversation::{Block, BlockKind, Body, Conversation, Edit, JsonBody, Role, Shape};
use proptest::prelude::*;
use serde_json::Value;

fn parse(text: &str) -> (JsonBody, Conversation) {
    let body = JsonBody::parse(text).unwrap();
    let conversation = body.conversation().unwrap();
    (body, conversation)
}

fn shape() -> impl Strategy<Value = Shape> {
    proptest::sample::select(SHAPES.to_vec())
}

fn noise() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 1..80)
}

/// Everything about a block.
fn whole(block: &Block) -> impl PartialEq + std::fmt::Debug + use<> {
    let Block { path, message, role, kind, tool, is_error, text } = block.clone();
    (path, message, role, kind, tool, is_error, text.to_string())
}

fn source(shape: Shape, turns: &[Turn], in_body: bool, noise: &[u8]) -> String {
    let list = messages(shape, turns);
    spell(&if in_body { body(shape, &list) } else { Value::Array(list) }, noise)
}

proptest! {
    #[test]
    fn every_text_is_found_with_its_role_and_its_tool(shape in shape(), turns in turns(), noise in noise()) {
        let (_, conversation) = parse(&source(shape, &turns, false, &noise));
        let found: Vec<_> = conversation.blocks.iter().map(|block| {
            let name = block.tool.as_ref().map(|tool| tool.name.clone());
            (block.role, block.kind, block.text.to_string(), name)
        }).collect();
        prop_assert_eq!(found, expected(shape, &turns));
    }

    #[test]
    fn replacing_one_block_changes_nothing_else(
        shape in shape(), turns in turns(), in_body in any::<bool>(), noise in noise(), at in any::<prop::sample::Index>()
    ) {
        const NEW: &str = "«replaced»\n\"\\";
        let source = source(shape, &turns, in_body, &noise);
        let (body, conversation) = parse(&source);
        let same = body.edited(&conversation, &[]).unwrap();
        prop_assert_eq!(same.as_str(), &source);
        prop_assume!(!conversation.blocks.is_empty());
        let block = at.index(conversation.blocks.len());
        let edited = body.edited(&conversation, &[Edit { block, text: NEW.into() }]).unwrap();

        let (before, after) = edited.as_str().split_once(&serde_json::to_string(NEW).unwrap()).unwrap();
        let old = source.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).unwrap();
        prop_assert_eq!(&serde_json::from_str::<String>(old).unwrap(), &*conversation.blocks[block].text);

        let again = edited.conversation().unwrap();
        prop_assert_eq!(again.blocks.len(), conversation.blocks.len());
        for (index, (new, old)) in again.blocks.iter().zip(&conversation.blocks).enumerate() {
            if index == block {
                prop_assert_eq!((&*new.text, &new.path), (NEW, &old.path));
            } else if old.kind != BlockKind::ToolResult {
                prop_assert_eq!(whole(new), whole(old));
            } else {
                // A result carries the arguments of its call, which may be what was replaced.
                prop_assert_eq!((&*new.text, &new.path, new.is_error), (&*old.text, &old.path, old.is_error));
            }
        }
    }

    #[test]
    fn all_blocks_can_be_replaced_at_once(shape in shape(), turns in turns(), in_body in any::<bool>(), noise in noise()) {
        let (body, conversation) = parse(&source(shape, &turns, in_body, &noise));
        let edits: Vec<_> = (0..conversation.blocks.len()).rev().map(|block| Edit { block, text: format!("é{block}") }).collect();
        let again = body.edited(&conversation, &edits).unwrap().conversation().unwrap();
        let texts: Vec<_> = again.blocks.iter().map(|block| block.text.to_string()).collect();
        prop_assert_eq!(texts, (0..conversation.blocks.len()).map(|block| format!("é{block}")).collect::<Vec<_>>());
    }

    #[test]
    fn blocks_of_a_prefix_are_the_first_blocks_of_the_whole(
        shape in shape(), turns in turns(), in_body in any::<bool>(), noise in noise()
    ) {
        let list = messages(shape, &turns);
        let read = |list: &[Value]| {
            let list = list.to_vec();
            parse(&spell(&if in_body { body(shape, &list) } else { Value::Array(list) }, &noise)).1
        };
        let all = read(&list);
        let questions = all.questions();
        for count in 0..list.len() {
            let prefix = read(&list[..count]);
            prop_assert_eq!(prefix.message_count, count);
            let first: Vec<_> = all.blocks.iter().filter(|block| block.message.is_none_or(|at| at < count)).map(whole).collect();
            prop_assert_eq!(prefix.blocks.iter().map(whole).collect::<Vec<_>>(), first);
            for (new, old) in prefix.questions().iter().zip(&questions) {
                prop_assert_eq!(new.as_deref(), old.as_deref());
            }
        }
    }

    #[test]
    fn messages_mixed_from_all_shapes_are_read_message_by_message(
        pieces in proptest::collection::vec((shape(), turns()), 1..4), noise in noise()
    ) {
        let list: Vec<_> = pieces.iter().flat_map(|(shape, turns)| messages(*shape, turns)).collect();
        let (_, conversation) = parse(&spell(&Value::Array(list), &noise));
        let found: Vec<_> = conversation.blocks.iter().map(|block| (block.role, block.kind, block.text.to_string())).collect();
        let expected: Vec<_> = pieces.iter().flat_map(|(shape, turns)| expected(*shape, turns))
            .map(|(role, kind, text, _)| (role, kind, text)).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn an_extension_that_returns_equal_messages_changes_no_byte(
        shape in shape(), turns in turns(), noise in noise()
    ) {
        let source = source(shape, &turns, true, &noise);
        let (body, _) = parse(&source);
        let payload = headroom_core::conversation::Value::Json(body.payload().unwrap().to_json().unwrap());
        let same = body.with_payload(&payload).unwrap();
        prop_assert_eq!(same.as_any().downcast_ref::<JsonBody>().unwrap().as_str(), &source);
    }
}

#[test]
fn the_shape_is_told_from_the_messages() {
    let call = common::Call {
        name: "f".into(),
        arguments: serde_json::json!({}),
        result: "r".into(),
        is_error: false,
        is_list: false,
    };
    let turns = [Turn::User(vec!["q".into()]), Turn::Tools(vec![call])];
    for shape in SHAPES {
        for in_body in [false, true] {
            assert_eq!(parse(&source(shape, &turns, in_body, &[0])).1.shape, shape);
        }
    }
}

#[test]
fn system_texts_beside_the_list_come_first() {
    for shape in [Shape::Messages, Shape::Responses, Shape::Gemini] {
        let (_, conversation) = parse(&source(shape, &[Turn::User(vec!["q".into()])], true, &[0]));
        assert_eq!((conversation.blocks[0].role, conversation.blocks[0].message), (Role::System, None));
        assert_eq!((conversation.blocks[1].role, conversation.blocks[1].message), (Role::User, Some(0)));
    }
}
