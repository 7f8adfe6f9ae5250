//! Reading and editing a wire body, beside doing nothing and beside a tree.
//!
//! Input: a chat body of about 1 MB with 100 tool results of JSON rows as strings, so that most of it is escapes.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use headroom_core::conversation::{Body, Edit, JsonBody};
use headroom_core::json::{Document, splice};
use serde_json::json;

fn main() {
    divan::main();
}

fn body() -> String {
    let rows: Vec<_> =
        (0..150).map(|id| json!({"id": id, "name": format!("user {id}"), "path": "C:\\tmp\n"})).collect();
    let result = json!(rows).to_string();
    let messages: Vec<_> =
        (0..100).map(|id| json!({"role": "tool", "tool_call_id": format!("call_{id}"), "content": result})).collect();
    json!({"model": "gpt-4o", "messages": messages}).to_string()
}

#[divan::bench]
fn copy(bencher: Bencher<'_, '_>) {
    let body = body();
    bencher.counter(BytesCount::of_str(&body)).bench(|| black_box(&body).clone());
}

#[divan::bench]
fn scan(bencher: Bencher<'_, '_>) {
    let body = body();
    bencher.counter(BytesCount::of_str(&body)).bench(|| Document::parse(black_box(&body), 128).is_ok());
}

#[divan::bench]
fn tree(bencher: Bencher<'_, '_>) {
    let body = body();
    bencher
        .counter(BytesCount::of_str(&body))
        .bench(|| serde_json::from_str::<serde_json::Value>(black_box(&body)).is_ok());
}

#[divan::bench]
fn splice_one(bencher: Bencher<'_, '_>) {
    let body = body();
    let edits = [(500_000..500_001, "x".to_owned())];
    bencher.counter(BytesCount::of_str(&body)).bench(|| splice(black_box(&body), &edits));
}

#[divan::bench]
fn read_and_edit_one(bencher: Bencher<'_, '_>) {
    let body = body();
    bencher.counter(BytesCount::of_str(&body)).bench(|| {
        let body = JsonBody::parse(black_box(body.as_str())).expect("the input is JSON");
        let conversation = body.conversation().expect("the input is a conversation");
        body.edited(&conversation, &[Edit { block: 50, text: "x".into() }]).expect("block 50 exists")
    });
}
