//! The retrieval tool as a model sees it: its definition, and the answers to its calls.

mod call;

use serde_json::{Value, json};

pub use call::{answer_tool_call, refuse_tool_call};

use super::RETRIEVE_TOOL;
use crate::error::{Error, ErrorKind, Result};

/// The names that [`retrieve_tool`] knows.
const PROVIDERS: [&str; 4] = ["openai", "openai-responses", "anthropic", "gemini"];

/// Made short: every request that offers the tool pays for these words.
const DESCRIPTION: &str = "Returns the original of text that was shortened. Where something was left out there is a line \
                           such as [30/1707 rows shown; headroom_retrieve hash=…].";

/// The definition of the retrieval tool, to be appended to the `tools` of a request.
///
/// `provider` is `openai` (Chat Completions), `openai-responses`, `anthropic` or `gemini`. The answer is always the same,
/// byte for byte, so that it does not break a prompt cache.
///
/// # Errors
/// [`ErrorKind::Configuration`] for any other provider.
///
/// # Sources
/// The shapes are those of the providers' API references; Gemini's `tools` are a list of objects that each hold a list
/// of `functionDeclarations`.
pub fn retrieve_tool(provider: &str) -> Result<Value> {
    let (name, description, parameters) = (RETRIEVE_TOOL, DESCRIPTION, parameters());
    match provider {
        "openai" => Ok(json!({
            "type": "function",
            "function": {"name": name, "description": description, "parameters": parameters},
        })),
        "openai-responses" => {
            Ok(json!({"type": "function", "name": name, "description": description, "parameters": parameters}))
        }
        "anthropic" => Ok(json!({"name": name, "description": description, "input_schema": parameters})),
        "gemini" => Ok(json!({
            "functionDeclarations": [{"name": name, "description": description, "parameters": parameters}],
        })),
        other => {
            let other: String = other.chars().take(64).collect();
            let message = format!("provider: expected one of {}, found {other:?}", PROVIDERS.join(", "));
            Err(Error::new(ErrorKind::Configuration, message))
        }
    }
}

/// Only what all four APIs understand.
fn parameters() -> Value {
    json!({
        "type": "object",
        "properties": {
            "hash": {"type": "string", "description": "The 24 hex digits after hash="},
            "query": {"type": "string", "description": "Only the lines that match; put exact phrases in double quotes"},
            "lines": {"type": "string", "description": "Only these lines, such as 10-20 or -50 (the last 50)"},
        },
        "required": ["hash"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_gets_its_shape_and_always_the_same_bytes() {
        for provider in PROVIDERS {
            let tool = retrieve_tool(provider).unwrap();
            assert_eq!(tool.to_string(), retrieve_tool(provider).unwrap().to_string());
            let (function, schema) = match provider {
                "openai" => (&tool["function"], "parameters"),
                "openai-responses" => (&tool, "parameters"),
                "anthropic" => (&tool, "input_schema"),
                _ => (&tool["functionDeclarations"][0], "parameters"),
            };
            assert_eq!(function["name"], RETRIEVE_TOOL);
            assert_eq!(function[schema]["required"], json!(["hash"]));
            assert!(tool.to_string().len() < 800);
        }
        let start = "{\"name\":\"headroom_retrieve\",\"description\":\"Returns the original";
        assert!(retrieve_tool("anthropic").unwrap().to_string().starts_with(start));
    }

    #[test]
    fn the_example_in_the_description_is_not_taken_for_a_marker() {
        assert!(!super::super::carries_marker(DESCRIPTION));
    }

    #[test]
    fn an_unknown_provider_learns_the_known_ones() {
        let error = retrieve_tool("cohere").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert_eq!(
            error.to_string(),
            "provider: expected one of openai, openai-responses, anthropic, gemini, found \"cohere\""
        );
    }
}
