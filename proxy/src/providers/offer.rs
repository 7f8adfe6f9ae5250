//! Offering the retrieval tool.

use std::ops::Range;
use std::sync::LazyLock;

use headroom_core::JsonBody;
use headroom_core::ccr::{is_retrieve_tool, retrieve_tool};
use headroom_core::json::{Cursor, Kind, Member, splice};

use super::Api;

/// The definitions, as they are written into a body: always the same bytes.
static DEFINITIONS: LazyLock<[String; 4]> = LazyLock::new(|| {
    ["openai", "openai-responses", "anthropic", "gemini"].map(|name| {
        let tool = retrieve_tool(name).expect("these are the names that it knows");
        // Gemini's functions are listed inside of an entry, which the request has.
        tool.pointer("/functionDeclarations/0").unwrap_or(&tool).to_string()
    })
});

impl Api {
    /// The body with `headroom_retrieve` as its last tool and every other byte as it was. None when it has no tools or
    /// offers this one already, also under the name that an MCP client gives it, or asks for several answers or one in the
    /// background, which the proxy cannot continue.
    ///
    /// A request that forbids tools this time is offered it too: the tools stand before everything else in a provider's
    /// prompt cache, and the next request has them again.
    ///
    /// Gemini's functions are entries of a `functionDeclarations` list; the tool joins the last of them, since not every
    /// model takes several. A request that has none of its own gets none: they do not go together with Google's own tools.
    pub fn offer(self, body: &JsonBody) -> Option<JsonBody> {
        let edit = self.offering(self.request(body)?)?;
        JsonBody::parse(splice(body.as_str(), &[edit])).ok()
    }

    /// What is written where to offer the tool.
    pub(crate) fn offering(self, request: Cursor<'_>) -> Option<(Range<usize>, String)> {
        let tools = self.tools(request).next()?;
        let is_offered = || self.tools(request).flat_map(|list| list.items()).any(|tool| self.is_offered_by(tool));
        if !self.can_continue(request) || is_offered() {
            return None;
        }
        let list = match self {
            Self::Gemini => tools.items().filter_map(declarations).filter(|list| !list.is_empty()).last()?,
            _ => tools,
        };
        let end = list.items().last()?.span().end;
        Some((end..end, format!(",{}", DEFINITIONS[self as usize])))
    }

    /// The lists of tools of a request, those with something in them. With OpenAI Responses an item of the input can be one
    /// too; it stays where it was added, so the first list is the same in every request of a conversation.
    ///
    /// # Sources
    /// The API reference of Responses: an item `additional_tools` makes any of its tools available from there on. Codex has all
    /// of its tools in such an item with models that ask for it, and no `tools`.
    pub(crate) fn tools<'d>(self, request: Cursor<'d>) -> impl Iterator<Item = Cursor<'d>> {
        let input = if self == Self::Responses { self.conversation(request) } else { None };
        let items = input.into_iter().flat_map(|input| input.items());
        let added = items.filter(|item| member(*item, "type").is_some_and(|kind| kind.is_string("additional_tools")));
        let holders = std::iter::once(request).chain(added);
        let lists = holders.filter_map(|holder| member(holder, "tools"));
        lists.filter(|list| list.kind() == Kind::Array && !list.is_empty())
    }

    /// Whether the proxy can go on with the answer to a request.
    pub(crate) fn can_continue(self, request: Cursor<'_>) -> bool {
        let is_one = |count: Option<Cursor<'_>>| count.is_none_or(|count| matches!(count.raw(), "1" | "null"));
        match self {
            Self::Chat => is_one(member(request, "n")),
            Self::Responses => !member(request, "background").is_some_and(|background| background.is_true()),
            Self::Messages => true,
            Self::Gemini => either(request, "generationConfig", "generation_config")
                .is_none_or(|config| is_one(either(config, "candidateCount", "candidate_count"))),
        }
    }

    fn is_offered_by(self, tool: Cursor<'_>) -> bool {
        let is_named = |name: Cursor<'_>| name.as_str().is_some_and(|name| is_retrieve_tool(&name));
        let is_ours = |tool: Cursor<'_>| member(tool, "name").is_some_and(is_named);
        match self {
            Self::Chat => member(tool, "function").is_some_and(is_ours),
            // A server of tools has a namespace for its own.
            Self::Responses => {
                let inside = member(tool, "tools").filter(|list| list.kind() == Kind::Array);
                is_ours(tool) || inside.is_some_and(|list| list.items().any(is_ours))
            }
            Self::Messages => is_ours(tool),
            Self::Gemini => declarations(tool).is_some_and(|list| list.items().any(is_ours)),
        }
    }
}

/// The functions of an entry of Gemini's tools.
fn declarations(tool: Cursor<'_>) -> Option<Cursor<'_>> {
    either(tool, "functionDeclarations", "function_declarations").filter(|list| list.kind() == Kind::Array)
}

fn member<'d>(object: Cursor<'d>, key: &str) -> Option<Cursor<'d>> {
    object.get(key).one()
}

/// A member in the spelling of JSON or in that of protocol buffers; Gemini reads both.
fn either<'d>(object: Cursor<'d>, camel: &str, snake: &str) -> Option<Cursor<'d>> {
    match object.get(camel) {
        Member::Missing => member(object, snake),
        found => found.one(),
    }
}

#[cfg(test)]
mod tests {
    use headroom_core::ccr::RETRIEVE_TOOL;

    use super::*;

    const APIS: [Api; 4] = [Api::Chat, Api::Responses, Api::Messages, Api::Gemini];

    /// A body with one tool, and the place behind it.
    fn body(api: Api, name: &str, more: &str) -> (String, String) {
        let (start, end) = match api {
            Api::Chat => (format!(r#"{{"function": {{ "n\u0061me":"{name}","x":1e400}} }}"#), ""),
            Api::Responses | Api::Messages => (format!(r#"{{ "name":"{name}","x":1e400}}"#), ""),
            Api::Gemini => {
                (format!(r#"{{"googleSearch":{{}}}}, {{"functionDeclarations": [ {{"name":"{name}"}}"#), "]}")
            }
        };
        (format!("{{{more}\"tools\" : [{start}"), format!("\n{end} ] , \"z\":1.0}}"))
    }

    #[test]
    fn the_tool_is_the_last_and_nothing_else_changes() {
        for api in APIS {
            let (start, end) = body(api, "bash", "");
            let offered = api.offer(&JsonBody::parse(format!("{start}{end}")).unwrap()).unwrap();
            let added = offered.as_str().strip_prefix(&start).and_then(|rest| rest.strip_suffix(&end)).unwrap();
            assert_eq!(added, format!(",{}", DEFINITIONS[api as usize]));
            assert!(added.contains(RETRIEVE_TOOL) && added.len() < 800);
            assert!(api.offer(&offered).is_none(), "{api:?} offers it twice");
        }
    }

    #[test]
    fn a_request_that_could_not_use_it_gets_none() {
        let none = |api: Api, more: &str| {
            let (start, end) = body(api, "bash", more);
            api.offer(&JsonBody::parse(format!("{start}{end}")).unwrap()).is_none()
        };
        assert!(none(Api::Chat, r#""n":2,"#) && !none(Api::Chat, r#""n":1,"#));
        assert!(none(Api::Responses, r#""background":true,"#));
        assert!(none(Api::Gemini, r#""generation_config":{"candidate_count":2},"#));
        for api in APIS {
            for text in ["{}", "[]", r#"{"tools":[]}"#, r#"{"tools":{"a":1}}"#, r#"{"tools":[{}],"tools":[{}]}"#, "7"] {
                assert!(api.offer(&JsonBody::parse(text).unwrap()).is_none(), "{api:?} {text}");
            }
        }
        assert!(Api::Gemini.offer(&JsonBody::parse(r#"{"tools":[{"googleSearch":{}}]}"#).unwrap()).is_none());
    }

    #[test]
    fn a_request_that_forbids_tools_has_the_same_ones() {
        for (api, choice) in [
            (Api::Chat, r#""tool_choice":"none","#),
            (Api::Messages, r#""tool_choice":{"type":"none"},"#),
            (Api::Gemini, r#""toolConfig":{"functionCallingConfig":{"mode":"NONE"}},"#),
        ] {
            let (start, end) = body(api, "bash", choice);
            assert!(api.offer(&JsonBody::parse(format!("{start}{end}")).unwrap()).is_some(), "{api:?}");
        }
    }

    #[test]
    fn a_client_that_has_it_from_a_server_of_tools_gets_no_second_one() {
        for api in APIS {
            let (start, end) = body(api, "mcp__headroom__headroom_retrieve", "");
            assert!(api.offer(&JsonBody::parse(format!("{start}{end}")).unwrap()).is_none(), "{api:?}");
        }
    }

    #[test]
    fn a_request_whose_input_brings_the_tools_is_offered_it_there() {
        let request = |tools: &str, more: &str| {
            let item = format!(r#"{{"type":"additional_tools","role":"developer","tools":[{tools}]}}"#);
            let body = format!(r#"{{"input":[{{"role":"user","content":"q"}},{item},{item}]{more}}}"#);
            Api::Responses.offer(&JsonBody::parse(body).unwrap()).map(|body| body.as_str().to_owned())
        };
        let exec = r#"{"type":"namespace","name":"functions","tools":[{"type":"custom","name":"exec"}]}"#;
        let ours = &DEFINITIONS[Api::Responses as usize];
        let offered = request(exec, "").unwrap();
        assert_eq!(offered.matches(ours).count(), 1);
        assert!(offered.starts_with(&format!(
            r#"{{"input":[{{"role":"user","content":"q"}},{{"type":"additional_tools","role":"developer","tools":[{exec},{ours}]}}"#
        )));
        let of_request = request(exec, r#","tools":[{"type":"web_search"}]"#).unwrap();
        assert!(of_request.ends_with(&format!(r#","tools":[{{"type":"web_search"}},{ours}]}}"#)));
        let server = r#"{"type":"namespace","name":"mcp__headroom","tools":[{"name":"headroom_retrieve"}]}"#;
        assert_eq!((request(server, ""), request(ours, ""), request("", "")), (None, None, None));
    }

    #[test]
    fn a_frame_is_offered_it_inside() {
        let frame = r#"{"type":"response.create","response":{"tools":[{"name":"a"}]}}"#;
        let offered = Api::Responses.offer(&JsonBody::parse(frame).unwrap()).unwrap();
        assert!(
            offered
                .as_str()
                .starts_with(r#"{"type":"response.create","response":{"tools":[{"name":"a"},{"type":"function""#)
        );
    }
}
