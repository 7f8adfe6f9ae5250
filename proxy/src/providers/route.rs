//! Where a request goes, told from its method, path and headers alone.

use http::{HeaderMap, Method};

use super::{Api, Framing, Provider};

/// What a method, a path and headers ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Whose upstream it goes to.
    pub provider: Provider,
    /// The API when the request goes through the stages; none passes through.
    pub api: Option<Api>,
    /// The model when the path names it (Gemini).
    pub model: Option<String>,
    /// Whether the path itself asks for a stream (Gemini).
    pub streams: bool,
    /// How the stream of an answer is written if there is one.
    pub framing: Framing,
    /// Whether the answer is not the model's but the number of the request's tokens.
    pub counts: bool,
}

/// The paths of OpenAI Responses, over HTTP and WebSocket. Codex with a ChatGPT login uses those of ChatGPT's own backend.
const RESPONSES_PATHS: [&str; 4] =
    ["/v1/responses", "/v1/codex/responses", "/backend-api/responses", "/backend-api/codex/responses"];

/// The versions in the paths of Gemini's API.
const GEMINI_VERSIONS: [&str; 4] = ["/v1beta/", "/v1/", "/v1alpha/", "/v1beta1/"];

/// Where a request goes. Never fails: what it does not know passes through to the provider that the path and headers name,
/// OpenAI when they name none.
///
/// `path` is the path with its query, without a leading `/p/<project>`. A Codex with a ChatGPT login names its account in a
/// header; what it sends goes to ChatGPT's own backend, whatever the path.
///
/// # Sources
/// The paths are those of the providers' API references.
pub fn route(method: &Method, path: &str, headers: &HeaderMap) -> Route {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    if path == "/v1/messages" || path == "/v1/messages/count_tokens" {
        let through = through(Api::Messages, method == Method::POST);
        return Route { counts: path.ends_with("/count_tokens"), ..through };
    }
    if path == "/v1/chat/completions" {
        return through(Api::Chat, method == Method::POST);
    }
    if RESPONSES_PATHS.contains(&path) {
        let is_socket = method == Method::GET && headers.get("upgrade").is_some_and(is_websocket);
        let through = through(Api::Responses, is_socket || method == Method::POST);
        return Route { provider: openai(path, headers), ..through };
    }
    if let Some((model, action)) = gemini_call(path) {
        let is_staged = matches!(action, "generateContent" | "streamGenerateContent" | "countTokens");
        let streams = action == "streamGenerateContent";
        let is_events = query_values(query, "alt").any(|value| value == "sse");
        return Route {
            model: Some(model.to_owned()),
            streams,
            framing: if streams && !is_events { Framing::Array } else { Framing::Events },
            counts: action == "countTokens",
            ..through(Api::Gemini, is_staged && method == Method::POST)
        };
    }
    Route { provider: passes_to(path, query, headers), ..through(Api::Chat, false) }
}

fn through(api: Api, is_staged: bool) -> Route {
    Route {
        provider: api.provider(),
        api: is_staged.then_some(api),
        model: None,
        streams: false,
        framing: Framing::Events,
        counts: false,
    }
}

/// The model and the action of `/v1beta/models/{model}:{action}` and its relatives.
fn gemini_call(path: &str) -> Option<(&str, &str)> {
    let rest = GEMINI_VERSIONS.iter().find_map(|version| path.strip_prefix(version))?;
    let (place, action) = rest.rsplit_once(':')?;
    let (kind, model) = place.rsplit_once('/')?;
    let is_model = matches!(kind, "models" | "tunedModels") || kind.ends_with("/models");
    (is_model && !model.is_empty() && !action.contains('/')).then_some((model, action))
}

/// The provider of a path that no stage knows.
fn passes_to(path: &str, query: &str, headers: &HeaderMap) -> Provider {
    let under = |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if under("/v1/messages") || under("/v1/complete") {
        return Provider::Anthropic;
    }
    if under("/v1/chat") || under("/backend-api") || RESPONSES_PATHS.iter().any(|prefix| under(prefix)) {
        return openai(path, headers);
    }
    if under("/v1beta") || under("/v1alpha") || under("/v1beta1") || under("/upload/v1beta") {
        return Provider::Gemini;
    }
    if headers.contains_key("anthropic-version") || headers.contains_key("x-api-key") {
        return Provider::Anthropic;
    }
    if headers.contains_key("x-goog-api-key") || query_values(query, "key").next().is_some() {
        return Provider::Gemini;
    }
    openai(path, headers)
}

fn openai(path: &str, headers: &HeaderMap) -> Provider {
    if path.starts_with("/backend-api") || headers.contains_key("chatgpt-account-id") {
        return Provider::ChatGpt;
    }
    Provider::OpenAi
}

fn query_values<'a>(query: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    query
        .split('&')
        .filter_map(move |pair| pair.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value))
}

fn is_websocket(value: &http::HeaderValue) -> bool {
    value.as_bytes().split(|byte| *byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(b"websocket"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(names: &[(&'static str, &'static str)]) -> HeaderMap {
        names
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn post(path: &str) -> Route {
        route(&Method::POST, path, &HeaderMap::new())
    }

    #[test]
    fn the_routes_of_the_four_apis_go_through_the_stages() {
        for (path, api) in [
            ("/v1/messages", Api::Messages),
            ("/v1/messages?beta=true", Api::Messages),
            ("/v1/chat/completions", Api::Chat),
            ("/v1/responses", Api::Responses),
            ("/v1/codex/responses", Api::Responses),
            ("/v1beta/models/gemini-pro:generateContent", Api::Gemini),
            ("/v1/models/gemini-pro:generateContent?key=k", Api::Gemini),
            ("/v1beta/tunedModels/mine:generateContent", Api::Gemini),
            ("/v1/projects/p/locations/l/publishers/google/models/g:generateContent", Api::Gemini),
        ] {
            let found = post(path);
            assert_eq!((found.api, found.provider, found.counts), (Some(api), api.provider(), false), "{path}");
            let other = route(&Method::DELETE, path, &HeaderMap::new());
            assert_eq!((other.api, other.provider), (None, api.provider()), "{path}");
        }
    }

    #[test]
    fn gemini_paths_name_the_model_and_the_kind_of_stream() {
        let events = post("/v1beta/models/gemini-2.5-pro:streamGenerateContent?key=k&alt=sse");
        assert_eq!(
            (events.model.as_deref(), events.streams, events.framing),
            (Some("gemini-2.5-pro"), true, Framing::Events)
        );
        let array = post("/v1beta/models/g:streamGenerateContent");
        assert_eq!((array.streams, array.framing), (true, Framing::Array));
        let whole = post("/v1beta/models/g:generateContent");
        assert!(!whole.streams && !whole.counts);
        let embed = post("/v1beta/models/g:embedContent");
        assert_eq!((embed.api, embed.provider, embed.model.as_deref()), (None, Provider::Gemini, Some("g")));
    }

    #[test]
    fn counting_tokens_goes_through_the_stages_and_says_so() {
        for (path, api) in [("/v1/messages/count_tokens", Api::Messages), ("/v1beta/models/g:countTokens", Api::Gemini)]
        {
            let found = post(path);
            assert_eq!((found.api, found.counts, found.streams), (Some(api), true, false), "{path}");
        }
    }

    #[test]
    fn a_socket_is_a_get_that_asks_for_an_upgrade() {
        let upgrade = headers(&[("upgrade", "WebSocket")]);
        for path in RESPONSES_PATHS {
            assert_eq!(post(path).api, Some(Api::Responses));
            assert_eq!(route(&Method::GET, path, &upgrade).api, Some(Api::Responses));
            assert_eq!(route(&Method::GET, path, &HeaderMap::new()).api, None);
        }
        assert_eq!(route(&Method::GET, "/v1/realtime", &upgrade).api, None);
    }

    #[test]
    fn what_no_stage_knows_passes_to_the_provider_of_its_path() {
        for (path, provider) in [
            ("/v1/messages/batches", Provider::Anthropic),
            ("/v1/messages/", Provider::Anthropic),
            ("/v1/complete", Provider::Anthropic),
            ("/v1/responses/resp_1/cancel", Provider::OpenAi),
            ("/v1/responses/compact", Provider::OpenAi),
            ("/backend-api/codex/models", Provider::ChatGpt),
            ("/v1/chat/completions/c1", Provider::OpenAi),
            ("/v1beta/models", Provider::Gemini),
            ("/v1beta/cachedContents/1", Provider::Gemini),
            ("/v1/embeddings", Provider::OpenAi),
            ("/v1/messagesque", Provider::OpenAi),
            ("", Provider::OpenAi),
            ("*", Provider::OpenAi),
        ] {
            assert_eq!((post(path).api, post(path).provider), (None, provider), "{path}");
        }
    }

    #[test]
    fn the_login_of_a_codex_names_the_backend() {
        let login = headers(&[("chatgpt-account-id", "a")]);
        let to = |path, headers: &HeaderMap| route(&Method::POST, path, headers).provider;
        assert_eq!(to("/v1/responses", &login), Provider::ChatGpt);
        assert_eq!(to("/v1/responses", &HeaderMap::new()), Provider::OpenAi);
        assert_eq!(to("/backend-api/codex/responses", &HeaderMap::new()), Provider::ChatGpt);
        assert_eq!(Provider::ChatGpt.name(), "openai");
    }

    #[test]
    fn headers_name_the_provider_of_a_path_that_several_have() {
        let to = |path, names| route(&Method::GET, path, &headers(names)).provider;
        assert_eq!(to("/v1/models", &[("anthropic-version", "2023-06-01")]), Provider::Anthropic);
        assert_eq!(to("/v1/files", &[("x-api-key", "k")]), Provider::Anthropic);
        assert_eq!(to("/v1/models", &[("x-goog-api-key", "k")]), Provider::Gemini);
        assert_eq!(to("/v1/models?pageSize=2&key=k", &[]), Provider::Gemini);
        assert_eq!(to("/v1/models?monkey=k", &[("authorization", "Bearer k")]), Provider::OpenAi);
    }
}
