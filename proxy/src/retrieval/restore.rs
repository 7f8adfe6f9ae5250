//! Puts back what a client has not seen, and offers the tool: pure functions of a body and of records.

use std::ops::Range;
use std::sync::Arc;

use headroom_core::JsonBody;
use headroom_core::json::{Cursor, Document, Kind, splice};
use serde_json::Value;

use super::record::Record;
use crate::providers::{Api, History, Key};

type Edit = (Range<usize>, String);

/// Where servers like OpenAI's put the model's thoughts; some refuse a request that brings old ones back.
///
/// # Sources
/// The API references of DeepSeek, vLLM and OpenRouter.
const THOUGHTS_OF_CHAT: [&str; 3] = ["reasoning_content", "reasoning", "reasoning_details"];

/// What a request asks about.
pub(super) struct Survey {
    pub(super) history: History,
    /// Keys of the turns, then those of what the server holds.
    pub(super) keys: Vec<Key>,
    is_held: bool,
    /// Whether the tool may be among those that an item brought to the server's part of the conversation.
    pub(super) was_offered: bool,
}

/// A body with what belongs into it.
pub(super) struct Restored {
    /// None when it is to go as it came.
    pub(super) body: Option<JsonBody>,
    /// Whether the tool was offered.
    pub(super) is_offered: bool,
    /// The entries at which turns were put back.
    pub(super) turns: Vec<usize>,
    /// The first entry at which one was put back before and is not now.
    pub(super) changed_at: Option<usize>,
}

/// Looks a request over. None when it has no tools and continues nothing that the server holds, and so has nothing of ours.
pub(super) fn survey(api: Api, body: &JsonBody) -> Option<Survey> {
    let request = api.request(body)?;
    let has_tools = api.tools(request).next().is_some();
    let is_held = api.is_held_by_server(request);
    if !has_tools && !is_held {
        return None;
    }
    let mut history = api.history(request);
    if !has_tools {
        // A call of a tool that a request does not have is refused.
        history.turns.clear();
    }
    let mut keys: Vec<Key> = history.turns.iter().map(|turn| turn.key).collect();
    keys.extend(api.previous_response(request).and_then(|id| Some(api.held(&id.as_str()?))));
    keys.extend(api.answered_at_server(request));
    Some(Survey { history, keys, is_held, was_offered: !has_tools && api.can_continue(request) })
}

impl Survey {
    /// Whether the client's conversation is all that the model reads.
    pub(super) fn is_whole(&self) -> bool {
        !self.is_held
    }
}

/// Puts the records of the keys of a survey back and offers the tool.
pub(super) fn restore(api: Api, body: &JsonBody, survey: &Survey, records: &[Option<Arc<Record>>]) -> Restored {
    let mut restored = Restored { body: None, is_offered: false, turns: Vec::new(), changed_at: None };
    let Some(request) = api.request(body) else { return restored };
    let mut edits: Vec<Edit> = api.offering(request).into_iter().collect();
    restored.is_offered = !edits.is_empty();
    let has_any = records.iter().any(Option::is_some);
    let entries: Vec<Cursor<'_>> = if has_any {
        api.conversation(request).map(|list| list.items().collect()).unwrap_or_default()
    } else {
        Vec::new()
    };
    let turns = &survey.history.turns;
    for (turn, record) in turns.iter().zip(records) {
        let Some(record) = record else { continue };
        let Some(said) = entries.get(turn.entries.clone()) else { continue };
        let Some(new) = put_back(api, said, entries.get(turn.entries.end).copied(), record) else { continue };
        edits.extend(new);
        let gone = record.restored.iter().filter(|entry| !restored.turns.contains(entry)).min();
        restored.changed_at = restored.changed_at.into_iter().chain(gone.copied()).min();
        restored.turns.push(turn.entries.start);
    }
    edits.extend(records.iter().skip(turns.len()).flatten().next().into_iter().flat_map(|first| {
        // Calls of one turn share a record, so the first says it all.
        at_server(api, request, first)
    }));
    if edits.is_empty() {
        return restored;
    }
    edits.sort_by_key(|(span, _)| span.start);
    restored.body = JsonBody::parse(splice(body.as_str(), &edits)).ok();
    restored.is_offered &= restored.body.is_some();
    restored
}

/// The edits that put one turn back. None when the answers beside the client's have no place.
fn put_back(api: Api, said: &[Cursor<'_>], next: Option<Cursor<'_>>, record: &Record) -> Option<Vec<Edit>> {
    let span = said.first()?.span().start..said.last()?.span().end;
    let mut turn = adapted(api, said, &record.turn);
    if record.beside.is_empty() {
        return Some(vec![(span, turn)]);
    }
    let inside = match api {
        Api::Chat | Api::Responses => {
            turn.extend([",", &record.beside]);
            return Some(vec![(span, turn)]);
        }
        Api::Messages => next?.get("content").one()?,
        Api::Gemini => next?.get("parts").one()?,
    };
    let edit = match inside.kind() {
        Kind::Array => {
            let start = inside.span().start + 1;
            (start..start, if inside.is_empty() { record.beside.clone() } else { format!("{},", record.beside) })
        }
        Kind::String => (inside.span(), format!("[{},{{\"type\":\"text\",\"text\":{}}}]", record.beside, inside.raw())),
        _ => return None,
    };
    Some(vec![(span, turn), edit])
}

/// A turn as it is put back: with the mark of a prompt cache that the client has set in it, and without the model's
/// thoughts when the client took them out, since they mean nothing to another model.
fn adapted(api: Api, said: &[Cursor<'_>], turn: &str) -> String {
    let change = |change: &dyn Fn(&mut Vec<Value>)| {
        let Ok(mut entries) = serde_json::from_str::<Vec<Value>>(&format!("[{turn}]")) else { return turn.to_owned() };
        change(&mut entries);
        entries.iter().map(Value::to_string).collect::<Vec<_>>().join(",")
    };
    match api {
        Api::Messages => {
            let blocks = || said.iter().filter_map(|entry| entry.get("content").one()).flat_map(|list| list.items());
            let mark = blocks().filter_map(|block| block.get("cache_control").one()).last().map(|mark| mark.raw());
            let thinks = blocks().any(|block| block.get("type").one().is_some_and(|kind| is_thought(kind.raw())));
            if mark.is_none() && (thinks || !turn.contains("thinking\"")) {
                return turn.to_owned();
            }
            change(&|entries| {
                for entry in entries.iter_mut() {
                    if let Some(Value::Array(blocks)) = entry.get_mut("content") {
                        blocks.retain(|block| thinks || !block["type"].as_str().is_some_and(is_thought));
                    }
                }
                let last = entries.last_mut().and_then(|entry| entry.get_mut("content")?.as_array_mut()?.last_mut());
                if let (Some(Value::Object(block)), Some(mark)) = (last, mark)
                    && !block.get("type").and_then(Value::as_str).is_some_and(is_thought)
                    && let Ok(mark) = serde_json::from_str(mark)
                {
                    block.insert("cache_control".into(), mark);
                }
            })
        }
        Api::Responses => {
            let thinks = said.iter().any(|item| item.get("type").one().is_some_and(|kind| kind.is_string("reasoning")));
            if thinks || !turn.contains("\"reasoning\"") {
                return with_items_of(said, turn);
            }
            let turn = change(&|items| {
                items.retain(|item| item["type"] != "reasoning");
                // An item with its id belongs to the thoughts before it.
                for item in items.iter_mut().filter_map(Value::as_object_mut) {
                    item.shift_remove("id");
                }
            });
            with_items_of(said, &turn)
        }
        Api::Chat => {
            let is_gone = |key: &&&str| said.iter().all(|message| message.get(key).one().is_none());
            let gone: Vec<&str> = THOUGHTS_OF_CHAT.iter().filter(is_gone).copied().collect();
            if !gone.iter().any(|key| turn.contains(key)) {
                return turn.to_owned();
            }
            change(&|messages| {
                for message in messages.iter_mut().filter_map(Value::as_object_mut) {
                    message.retain(|key, _| !gone.contains(&&**key));
                }
            })
        }
        Api::Gemini => turn.to_owned(),
    }
}

/// A turn of Responses with the items of its last round as the client has them: it may have put something of its own into
/// them. What stands before the last answer was sent before and stays as it was.
fn with_items_of(said: &[Cursor<'_>], turn: &str) -> String {
    let list = format!("[{turn}]");
    let Ok(document) = Document::parse(&list, usize::MAX) else { return turn.to_owned() };
    let own = |item: Cursor<'_>| said.iter().copied().find(|own| share_an_id(item, *own));
    let value = |item: Cursor<'_>| serde_json::from_str::<Value>(item.raw()).ok();
    let items: Vec<Cursor<'_>> = document.root().items().collect();
    let is_answer = |kind: Cursor<'_>| kind.is_string("function_call_output");
    let last_answer = items.iter().rposition(|item| item.get("type").one().is_some_and(is_answer));
    let edits: Vec<Edit> = items
        .into_iter()
        .skip(last_answer.map_or(0, |index| index + 1))
        .filter_map(|item| Some((item, own(item)?)))
        .filter(|(item, own)| value(*item) != value(*own))
        .map(|(item, own)| (item.span(), own.raw().to_owned()))
        .collect();
    let list = splice(&list, &edits);
    list.strip_prefix('[').and_then(|list| list.strip_suffix(']')).unwrap_or(turn).to_owned()
}

fn share_an_id(one: Cursor<'_>, other: Cursor<'_>) -> bool {
    let is_shared = |key: &str| match (one.get(key).one(), other.get(key).one()) {
        (Some(one), Some(other)) => one.kind() == Kind::String && one.as_str() == other.as_str(),
        _ => false,
    };
    is_shared("call_id") || is_shared("id")
}

fn is_thought(kind: &str) -> bool {
    matches!(kind.trim_matches('"'), "thinking" | "redacted_thinking")
}

/// The edits of a request whose conversation the server holds: the response that it really continues, and the answers
/// that the client does not know of.
fn at_server(api: Api, request: Cursor<'_>, record: &Record) -> Vec<Edit> {
    let mut edits = Vec::new();
    if let (Some(shown), Some(id)) = (api.previous_response(request), &record.id) {
        edits.push((shown.span(), Value::from(id.as_str()).to_string()));
    }
    if record.beside.is_empty() {
        return edits;
    }
    match request.get("input").one() {
        Some(input) if input.kind() == Kind::Array => {
            let start = input.span().start + 1;
            edits.push((
                start..start,
                if input.is_empty() { record.beside.clone() } else { format!("{},", record.beside) },
            ));
        }
        Some(input) if input.kind() == Kind::String => {
            let text = format!("[{},{{\"role\":\"user\",\"content\":{}}}]", record.beside, input.raw());
            edits.push((input.span(), text));
        }
        _ => {}
    }
    edits
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(value: &Value) -> JsonBody {
        JsonBody::parse(value.to_string()).unwrap()
    }

    fn conversation(entries: &Value) -> Value {
        json!({"tools": [{"name": "bash"}], "messages": entries})
    }

    fn restored(api: Api, request: &Value, records: &[Option<Record>]) -> (Value, Restored) {
        let body = body(request);
        let survey = survey(api, &body).unwrap();
        assert_eq!(survey.keys.len(), records.len());
        let records: Vec<_> = records.iter().map(|record| record.clone().map(Arc::new)).collect();
        let restored = restore(api, &body, &survey, &records);
        let text = restored.body.as_ref().unwrap().as_str();
        (serde_json::from_str(text).unwrap(), restored)
    }

    fn record(turn: &Value, beside: &str, restored: &[usize]) -> Option<Record> {
        let turn = turn.as_array().unwrap().iter().map(Value::to_string).collect::<Vec<_>>().join(",");
        Some(Record { turn, beside: beside.into(), restored: restored.to_vec(), id: None })
    }

    #[test]
    fn a_turn_that_was_put_back_and_is_gone_is_told() {
        let turn = json!([{"role": "assistant", "content": "x"}]);
        let request = conversation(&json!([
            {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"},
            {"role": "user", "content": "q"}, {"role": "assistant", "content": "b"},
            {"role": "user", "content": "q"}, {"role": "assistant", "content": "c"},
            {"role": "user", "content": "q"}]));
        let changed = |records: &[Option<Record>]| {
            let (_, restored) = restored(Api::Messages, &request, records);
            (restored.turns, restored.changed_at)
        };
        let all = [record(&turn, "", &[]), record(&turn, "", &[1]), record(&turn, "", &[1, 3])];
        assert_eq!(changed(&all), (vec![1, 3, 5], None));
        assert_eq!(changed(&[None, all[1].clone(), all[2].clone()]), (vec![3, 5], Some(1)));
        assert_eq!(changed(&[all[0].clone(), None, all[2].clone()]), (vec![1, 5], Some(3)));
        assert_eq!(changed(&[None, None, None]), (vec![], None));
    }

    #[test]
    fn marks_of_a_prompt_cache_stay_and_thoughts_that_were_taken_out_stay_out() {
        let turn = json!([
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "s"}, {"type": "tool_use", "id": "r"}]},
            {"role": "user", "content": []},
            {"role": "assistant", "content": [{"type": "text", "text": "a"}]}]);
        let ask = |said: &Value| {
            let request =
                conversation(&json!([{"role": "user", "content": "q"}, {"role": "assistant", "content": said}]));
            restored(Api::Messages, &request, &[record(&turn, "", &[])]).0["messages"].clone()
        };
        let thinking = json!({"type": "thinking", "thinking": "t", "signature": "s"});
        let kept = ask(&json!([thinking, {"type": "text", "text": "a"}]));
        assert_eq!(kept.as_array().unwrap()[1..], turn.as_array().unwrap()[..]);
        let marked = ask(&json!([{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]));
        assert_eq!(marked[1]["content"], json!([{"type": "tool_use", "id": "r"}]));
        assert_eq!(marked[3]["content"][0]["cache_control"], json!({"type": "ephemeral"}));
    }

    #[test]
    fn thoughts_of_chat_come_back_when_the_client_brings_them() {
        let turn = json!([{"role": "assistant", "content": "a", "reasoning_content": "t"}, {"role": "tool"}]);
        for said in [json!({"role": "assistant", "content": "a"}), turn[0].clone()] {
            let request = conversation(&json!([{"role": "user", "content": "q"}, said]));
            let (sent, _) = restored(Api::Chat, &request, &[record(&turn, "", &[])]);
            assert_eq!(sent["messages"][1], said);
        }
    }

    #[test]
    fn thoughts_of_responses_take_the_ids_with_them() {
        let turn = json!([{"type": "reasoning", "id": "rs"}, {"type": "function_call", "id": "fc", "call_id": "c"}]);
        let items = json!([{"role": "user", "content": "q"}, {"type": "function_call", "call_id": "x"}]);
        let request = json!({"tools": [{"type": "function", "name": "bash"}], "input": items});
        let (sent, _) = restored(Api::Responses, &request, &[record(&turn, "", &[])]);
        assert_eq!(sent["input"].as_array().unwrap()[1..], [json!({"type": "function_call", "call_id": "c"})]);
    }

    #[test]
    fn what_a_client_of_responses_has_put_into_its_items_stays() {
        let turn = json!([
            {"type": "function_call", "id": "fc_1", "call_id": "r", "name": "headroom_retrieve"},
            {"type": "message", "id": "msg", "role": "assistant", "content": "so"},
            {"type": "custom_tool_call", "id": "fc_2", "call_id": "c", "name": "exec"},
        ]);
        let (mut message, mut call) = (turn[1].clone(), turn[2].clone());
        let request = |message: &Value, call: &Value| json!({"tools": [{"type": "function", "name": "bash"}], "input": [message, call]});
        let (sent, _) = restored(Api::Responses, &request(&message, &call), &[record(&turn, "", &[])]);
        assert_eq!(sent["input"], turn);
        message["turn"] = 7.into();
        call["turn"] = 7.into();
        call.as_object_mut().unwrap().shift_remove("id");
        let (sent, _) = restored(Api::Responses, &request(&message, &call), &[record(&turn, "", &[])]);
        assert_eq!(sent["input"], json!([turn[0], message, call]));
    }

    #[test]
    fn answers_stand_first_in_the_next_message_whatever_it_is() {
        let turn = json!([{"role": "assistant", "content": [{"type": "tool_use", "id": "r"}, {"type": "tool_use", "id": "b"}]}]);
        let said = json!({"role": "assistant", "content": [{"type": "tool_use", "id": "b"}]});
        let answer = json!({"type": "tool_result", "tool_use_id": "r", "content": "x"});
        for (next, expected) in [
            (json!([]), json!([answer])),
            (json!([{"type": "tool_result"}]), json!([answer, {"type": "tool_result"}])),
            (json!("hi"), json!([answer, {"type": "text", "text": "hi"}])),
        ] {
            let request = conversation(&json!([said, {"role": "user", "content": next}]));
            let (sent, _) = restored(Api::Messages, &request, &[record(&turn, &answer.to_string(), &[])]);
            assert_eq!(sent["messages"], json!([turn[0], {"role": "user", "content": expected}]));
        }
        let (sent, restored) =
            restored(Api::Messages, &conversation(&json!([said])), &[record(&turn, &answer.to_string(), &[])]);
        assert_eq!((&sent["messages"], restored.turns.len()), (&json!([said]), 0));
    }

    #[test]
    fn what_the_server_holds_is_continued_where_it_ended() {
        let held = Some(Record { id: Some("resp_2".into()), beside: "{\"a\":1}".into(), ..Record::default() });
        let request = json!({"tools": [{}], "previous_response_id": "resp_1", "input": [{"b": 2}]});
        let (sent, _) = restored(Api::Responses, &request, std::slice::from_ref(&held));
        assert_eq!((&sent["previous_response_id"], &sent["input"]), (&json!("resp_2"), &json!([{"a": 1}, {"b": 2}])));
        let outputs =
            json!([{"type": "function_call_output", "call_id": "c"}, {"type": "function_call_output", "call_id": "d"}]);
        let request = json!({"tools": [{}], "conversation": "conv", "input": outputs});
        let (sent, _) = restored(Api::Responses, &request, &[held.clone(), held]);
        assert_eq!(sent["input"].as_array().unwrap().len(), 3);
    }
}
