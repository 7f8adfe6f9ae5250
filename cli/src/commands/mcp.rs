//! `headroom mcp`: the tools for MCP clients, over standard input and output.

use std::sync::Arc;

use headroom_core::Engine;
use headroom_core::ccr::{RETRIEVE_TOOL, retrieve, retrieve_tool};
use headroom_core::options::{CompressOptions, Mode};
use headroom_core::pipeline::PipelineExtensionManager;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, JsonObject, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::stdio;
use rmcp::{ErrorData, RoleServer, ServiceExt as _};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::engine::{self, Input};
use crate::failure::Failure;
use crate::screen::{number, percent};

const COMPRESS_TOOL: &str = "headroom_compress";
const STATS_TOOL: &str = "headroom_stats";

/// Serves until the client closes its end. Nothing but the protocol goes to standard output.
pub(crate) fn run(store: &str, extensions: Arc<PipelineExtensionManager>) -> Result<u8, Failure> {
    let tools = Arc::new(Tools { engine: engine::engine(store), extensions });
    let failed = |words: &str, error: &dyn std::fmt::Display| Failure::new(format!("{words}: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| failed("cannot start the server", &error))?;
    runtime.block_on(async {
        match Server(tools).serve(stdio()).await {
            Ok(service) => service.waiting().await.map(|_| 0).map_err(|error| failed("the server ended", &error)),
            // A client that goes away before it said anything has not asked for anything.
            Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => Ok(0),
            Err(error) => Err(failed("the client and the server did not agree", &error)),
        }
    })
}

/// What the tools work with.
struct Tools {
    engine: Engine,
    extensions: Arc<PipelineExtensionManager>,
}

#[derive(Clone)]
struct Server(Arc<Tools>);

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("headroom", env!("CARGO_PKG_VERSION")))
            .with_instructions(format!(
                "Text that Headroom made smaller has marker lines such as [30/1707 rows shown; {RETRIEVE_TOOL} hash=…]. \
                 What they left out comes back with {RETRIEVE_TOOL}."
            ))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(definitions()))
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if !definitions().iter().any(|tool| tool.name == call.name) {
            return Err(ErrorData::invalid_params(
                format!("expected a tool of this server, found {:?}", call.name),
                None,
            ));
        }
        let tools = Arc::clone(&self.0);
        // Other requests, a ping for one, are answered while this one works.
        let answer =
            tokio::task::spawn_blocking(move || tools.call(&call.name, call.arguments.unwrap_or_default())).await;
        let result = match answer {
            Ok(Ok(texts)) => CallToolResult::success(texts.into_iter().map(ContentBlock::text).collect()),
            Ok(Err(words)) => CallToolResult::error(vec![ContentBlock::text(words)]),
            Err(error) => return Err(ErrorData::internal_error(error.to_string(), None)),
        };
        Ok(result.into())
    }
}

/// Arguments of `headroom_compress`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CompressArguments {
    content: Option<String>,
    messages: Option<Value>,
    query: Option<String>,
    #[serde(default)]
    mode: Mode,
    token_budget: Option<u64>,
    model: Option<String>,
}

/// Arguments of `headroom_retrieve`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RetrieveArguments {
    hash: String,
    query: Option<String>,
    lines: Option<String>,
}

/// Arguments of `headroom_stats`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatsArguments {}

impl Tools {
    /// Answers one call, or says what is wrong with it in a way that a model can mend.
    fn call(&self, name: &str, arguments: JsonObject) -> Result<Vec<String>, String> {
        match name {
            COMPRESS_TOOL => self.compress(parsed(name, arguments)?),
            RETRIEVE_TOOL => self.retrieve(&parsed(name, arguments)?),
            _ => {
                let StatsArguments {} = parsed(name, arguments)?;
                let stats = self.engine.store().and_then(|store| store.stats()).map_err(told)?;
                Ok(vec![serde_json::to_string_pretty(&stats).map_err(|error| error.to_string())?])
            }
        }
    }

    fn compress(&self, arguments: CompressArguments) -> Result<Vec<String>, String> {
        let input = match (arguments.content, arguments.messages) {
            (Some(text), None) => Input::Text { text, question: arguments.query.unwrap_or_default() },
            // As a string, no number of it goes through a parser of ours.
            (None, Some(Value::String(messages))) => Input::Conversation(messages.into_bytes()),
            (None, Some(messages)) => Input::Conversation(messages.to_string().into_bytes()),
            _ => return Err(format!("{COMPRESS_TOOL}: expected either content or messages")),
        };
        let options = CompressOptions {
            mode: arguments.mode,
            token_budget: arguments.token_budget,
            ..CompressOptions::default()
        };
        let compressed = engine::compress(&self.engine, input, arguments.model, options, self.extensions.clone())
            .map_err(told_failure)?;
        let text = String::from_utf8_lossy(compressed.bytes().map_err(told_failure)?).into_owned();
        let result = &compressed.result;
        let summary = format!(
            "{}{} → {} tokens ({} less)",
            if result.report.estimated { "about " } else { "" },
            number(result.tokens_before),
            number(result.tokens_after),
            percent(result.tokens_saved(), result.tokens_before)
        );
        Ok([text, summary].into_iter().chain(result.report.warnings.iter().cloned()).collect())
    }

    fn retrieve(&self, arguments: &RetrieveArguments) -> Result<Vec<String>, String> {
        let store = self.engine.store().map_err(told)?;
        let found = retrieve(&*store, &arguments.hash, arguments.query.as_deref(), arguments.lines.as_deref());
        found.map(|found| vec![found.text]).map_err(told)
    }
}

fn parsed<T: DeserializeOwned>(name: &str, arguments: JsonObject) -> Result<T, String> {
    serde_json::from_value(Value::Object(arguments)).map_err(|error| format!("{name}: {error}"))
}

fn told(error: headroom_core::Error) -> String {
    told_failure(error.into())
}

fn told_failure(failure: Failure) -> String {
    match failure {
        Failure::Told { message, .. } => message,
        Failure::ReaderGone => "the reader is gone".into(),
    }
}

fn definitions() -> Vec<Tool> {
    let schema = |properties: Value, required: &[&str]| -> JsonObject {
        let mut schema = JsonObject::new();
        schema.insert("type".into(), "object".into());
        schema.insert("properties".into(), properties);
        schema.insert("required".into(), json!(required));
        schema.insert("additionalProperties".into(), false.into());
        schema
    };
    vec![
        Tool::new(
            COMPRESS_TOOL,
            "Makes a long tool output or a conversation smaller. What is left out is announced by marker lines and \
             comes back with headroom_retrieve. Give either content or messages.",
            schema(
                json!({
                    "content": {"type": "string", "description": "A tool output: JSON, a log, search results, a diff, any text."},
                    "messages": {"type": ["array", "object", "string"], "description": "A list of messages, or a whole request body, of OpenAI, Anthropic or Gemini; as a string of JSON every number keeps its spelling."},
                    "query": {"type": "string", "description": "What is to be found out from content."},
                    "mode": {"type": "string", "enum": ["lossless", "balanced", "aggressive"], "description": "How far to go. Default: balanced."},
                    "token_budget": {"type": "integer", "minimum": 1, "description": "Tokens that the result may have at most."},
                    "model": {"type": "string", "description": "The model whose tokens count."},
                }),
                &[],
            ),
        ),
        retrieve_definition(),
        Tool::new(
            STATS_TOOL,
            "Says how many originals are kept and how often they were asked for.",
            schema(json!({}), &[]),
        ),
    ]
}

/// The definition that models get on every face of the product.
fn retrieve_definition() -> Tool {
    let mut definition = retrieve_tool("anthropic").unwrap_or_default();
    let schema = definition["input_schema"].as_object_mut().map(std::mem::take).unwrap_or_default();
    let description = definition["description"].as_str().unwrap_or_default().to_owned();
    Tool::new(RETRIEVE_TOOL, description, schema)
}
