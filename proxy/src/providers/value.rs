//! What all assemblers do with JSON trees.

use serde_json::{Map, Number, Value};

/// A string member; empty when there is none.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The items of a list member; none when there is none.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A number member that is an index.
pub(super) fn index(value: &Value, key: &str) -> Option<u64> {
    value.get(key).and_then(Value::as_u64)
}

/// A member as a list that can grow; whatever else was there makes room.
pub(super) fn list_mut<'a>(object: &'a mut Map<String, Value>, key: &str) -> &'a mut Vec<Value> {
    let slot = object.entry(key).or_insert_with(|| Value::Array(Vec::new()));
    if !slot.is_array() {
        *slot = Value::Array(Vec::new());
    }
    match slot {
        Value::Array(items) => items,
        _ => unreachable!("the line above made it a list"),
    }
}

/// Appends to a string; whatever else was there makes room.
pub(super) fn append(slot: &mut Value, more: &str) {
    match slot {
        Value::String(text) => text.push_str(more),
        other => *other = more.into(),
    }
}

/// Sets a member unless the new value is null and there is an old one.
pub(super) fn overlay(object: &mut Map<String, Value>, key: &str, value: &Value) {
    if !value.is_null() || !object.contains_key(key) {
        object.insert(key.to_owned(), value.clone());
    }
}

/// Adds a token account to another: numbers add up, everything else is the later one's. Entries of lists that differ in
/// numbers alone are one entry.
pub(super) fn add_usage(total: &mut Value, more: &Value) {
    match (total, more) {
        (_, Value::Null) => {}
        (Value::Object(total), Value::Object(more)) => {
            for (key, value) in more {
                match total.get_mut(key) {
                    Some(slot) => add_usage(slot, value),
                    None => {
                        total.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(total), Value::Array(more)) => {
            for entry in more {
                match total.iter_mut().find(|other| is_same_entry(other, entry)) {
                    Some(slot) => add_usage(slot, entry),
                    None => total.push(entry.clone()),
                }
            }
        }
        (Value::Number(total), Value::Number(more)) => {
            *total = match (total.as_u64(), more.as_u64()) {
                (Some(one), Some(two)) => one.saturating_add(two).into(),
                _ => {
                    let sum = total.as_f64().unwrap_or_default() + more.as_f64().unwrap_or_default();
                    Number::from_f64(sum).unwrap_or_else(|| more.clone())
                }
            };
        }
        (total, more) => *total = more.clone(),
    }
}

/// The added up accounts under `key` of several responses; none when no response has one.
pub(super) fn usage_of(rounds: &[Value], key: &str) -> Option<Value> {
    let mut accounts = rounds.iter().filter_map(|round| round.get(key)).filter(|usage| !usage.is_null());
    let mut total = accounts.next()?.clone();
    accounts.for_each(|usage| add_usage(&mut total, usage));
    Some(total)
}

fn is_same_entry(one: &Value, two: &Value) -> bool {
    let (Value::Object(one), Value::Object(two)) = (one, two) else { return false };
    let names = |entry: &Map<String, Value>| entry.values().any(|value| !value.is_number());
    let agrees = |(key, value): (&String, &Value)| {
        two.get(key).is_some_and(|other| value == other || value.is_number() && other.is_number())
    };
    names(one) && one.len() == two.len() && one.iter().all(agrees)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn accounts_add_up_at_every_depth() {
        let mut total = json!({"a": 1, "d": {"c": 2, "n": null}, "tier": "x", "f": 0.5,
            "l": [{"modality": "TEXT", "n": 1}, {"modality": "IMAGE", "n": 2}]});
        let more = json!({"a": 2, "d": {"c": 3, "n": 4, "o": 5}, "tier": "y", "f": 1, "g": null,
            "l": [{"modality": "IMAGE", "n": 5}, {"modality": "AUDIO", "n": 1}]});
        add_usage(&mut total, &more);
        let list = json!([{"modality": "TEXT", "n": 1}, {"modality": "IMAGE", "n": 7}, {"modality": "AUDIO", "n": 1}]);
        let expected = json!({"a": 3, "d": {"c": 5, "n": 4, "o": 5}, "tier": "y", "f": 1.5, "g": null, "l": list});
        assert_eq!(total, expected);
        assert_eq!(usage_of(&[json!({}), json!({"u": null})], "u"), None);
    }

    #[test]
    fn numbers_that_do_not_fit_stay_numbers() {
        let mut total = json!(u64::MAX);
        add_usage(&mut total, &json!(7));
        assert_eq!(total, json!(u64::MAX));
        let mut total = json!(f64::MAX);
        add_usage(&mut total, &json!(f64::MAX));
        assert_eq!(total, json!(f64::MAX));
    }
}
