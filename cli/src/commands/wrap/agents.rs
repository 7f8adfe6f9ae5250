//! How each agent is told where its provider is.

use std::ffi::OsString;
use std::path::Path;

use headroom_proxy::Upstreams;
use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// Whose address a variable holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    OpenAi,
    Anthropic,
    Gemini,
}

/// A variable that holds the address of a provider.
#[derive(Debug)]
pub(super) struct Variable {
    pub(super) name: &'static str,
    pub(super) whose: Whose,
    /// What the agent expects after the address.
    path: &'static str,
}

/// An agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agent {
    Aider,
    Claude,
    Codex,
    Gemini,
    Goose,
    OpenCode,
    Qwen,
    /// Any other program.
    Other,
}

const fn openai(name: &'static str) -> Variable {
    Variable { name, whose: Whose::OpenAi, path: "/v1" }
}

const fn anthropic(name: &'static str) -> Variable {
    Variable { name, whose: Whose::Anthropic, path: "" }
}

const fn gemini(name: &'static str) -> Variable {
    Variable { name, whose: Whose::Gemini, path: "" }
}

impl Agent {
    /// The agent that a program is, told from its name.
    pub(super) fn of(program: &Path) -> Self {
        match program.file_stem().and_then(|name| name.to_str()).unwrap_or_default() {
            "aider" => Self::Aider,
            "claude" => Self::Claude,
            "codex" => Self::Codex,
            "gemini" => Self::Gemini,
            "goose" => Self::Goose,
            "opencode" => Self::OpenCode,
            "qwen" => Self::Qwen,
            _ => Self::Other,
        }
    }

    /// The variables that it reads.
    ///
    /// # Sources
    /// The documentation of each agent. Aider asks through LiteLLM, whose address of Gemini has had several forms; its
    /// models of Gemini go without Headroom. Other programs get what the SDKs of the providers, LiteLLM and LangChain
    /// read.
    pub(super) fn variables(self) -> &'static [Variable] {
        match self {
            Self::Aider => {
                const {
                    &[
                        openai("OPENAI_API_BASE"),
                        openai("AIDER_OPENAI_API_BASE"),
                        anthropic("ANTHROPIC_API_BASE"),
                        anthropic("ANTHROPIC_BASE_URL"),
                    ]
                }
            }
            Self::Claude => const { &[anthropic("ANTHROPIC_BASE_URL")] },
            Self::Gemini => const { &[gemini("GOOGLE_GEMINI_BASE_URL")] },
            Self::Goose => {
                const {
                    &[
                        Variable { name: "OPENAI_HOST", whose: Whose::OpenAi, path: "" },
                        anthropic("ANTHROPIC_HOST"),
                        gemini("GOOGLE_HOST"),
                    ]
                }
            }
            Self::Qwen => const { &[openai("OPENAI_BASE_URL")] },
            // These are told in another way.
            Self::Codex | Self::OpenCode => &[],
            Self::Other => {
                const {
                    &[
                        openai("OPENAI_BASE_URL"),
                        openai("OPENAI_API_BASE"),
                        anthropic("ANTHROPIC_BASE_URL"),
                        anthropic("ANTHROPIC_API_BASE"),
                        gemini("GOOGLE_GEMINI_BASE_URL"),
                    ]
                }
            }
        }
    }
}

/// What an agent is started with beyond what the user gave it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Setup {
    /// Before the user's arguments.
    pub(super) arguments: Vec<String>,
    pub(super) variables: Vec<(&'static str, OsString)>,
}

impl Setup {
    /// What tells an agent that its providers are at `base`.
    pub(super) fn of(
        agent: Agent,
        base: &str,
        upstreams: &Upstreams,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Failure> {
        let mut setup = Self::default();
        for Variable { name, path, .. } in agent.variables() {
            setup.variables.push((name, format!("{base}{path}").into()));
        }
        match agent {
            // Its variable for this is no more. It is the address of the built-in provider `openai`, over HTTP and
            // WebSocket, with a key and with a login of ChatGPT.
            Agent::Codex => setup.arguments = vec!["-c".into(), format!("openai_base_url=\"{base}/v1\"")],
            Agent::OpenCode => {
                let given = variable(OPENCODE).map(|given| given.into_string()).transpose();
                let given =
                    given.map_err(|_| Failure::new(format!("{OPENCODE}: expected UTF-8, found something else")))?;
                setup.variables.push((OPENCODE, opencode(given.as_deref(), base)?.into()));
            }
            // It leaves tool search off at any address but Anthropic's, as others may not know its blocks; they pass here.
            Agent::Claude
                if upstreams.anthropic == Upstreams::default().anthropic
                    && variable("ENABLE_TOOL_SEARCH").is_none() =>
            {
                setup.variables.push(("ENABLE_TOOL_SEARCH", "true".into()));
            }
            _ => {}
        }
        setup.variables.extend(directly(variable));
        Ok(setup)
    }
}

const OPENCODE: &str = "OPENCODE_CONFIG_CONTENT";

/// The configuration that is given, with the addresses of the providers; those that it has itself stay.
fn opencode(given: Option<&str>, base: &str) -> Result<String, Failure> {
    let expected = |found: &str| Failure::new(format!("{OPENCODE}: expected a JSON object, found {found}"));
    let mut config = match given {
        Some(given) => serde_json::from_str(given).map_err(|error| expected(&format!("something else ({error})")))?,
        None => json!({}),
    };
    for (provider, path) in [("anthropic", "/v1"), ("google", "/v1beta"), ("openai", "/v1")] {
        let mut place = &mut config;
        for name in ["provider", provider, "options"] {
            let object = place.as_object_mut().ok_or_else(|| expected("something else"))?;
            place = object.entry(name).or_insert_with(|| Value::Object(Map::new()));
        }
        let options = place.as_object_mut().ok_or_else(|| expected("something else"))?;
        options.entry("baseURL").or_insert_with(|| format!("{base}{path}").into());
    }
    Ok(config.to_string())
}

/// Keeps an agent that goes through an HTTP proxy from asking that one for this machine.
fn directly(variable: impl Fn(&str) -> Option<OsString>) -> Vec<(&'static str, OsString)> {
    let proxies = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    if !proxies.iter().any(|name| variable(name).is_some()) {
        return Vec::new();
    }
    let given = variable("NO_PROXY").or_else(|| variable("no_proxy"));
    let mut direct = given.unwrap_or_default();
    if direct == "*" {
        return Vec::new();
    }
    if !direct.is_empty() {
        direct.push(",");
    }
    direct.push("127.0.0.1,localhost");
    vec![("NO_PROXY", direct.clone()), ("no_proxy", direct)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "http://127.0.0.1:4242";

    fn setup(program: &str, given: &[(&str, &str)]) -> Setup {
        let variable = |name: &str| given.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        Setup::of(Agent::of(Path::new(program)), BASE, &Upstreams::default(), variable).unwrap()
    }

    fn variables(setup: &Setup) -> String {
        let lines = setup.variables.iter().map(|(name, value)| format!("{name}={}\n", value.to_str().unwrap()));
        lines.collect::<String>().replace(BASE, "@")
    }

    #[test]
    fn an_agent_gets_what_it_reads() {
        for (program, expected) in [
            ("/usr/bin/claude", "ANTHROPIC_BASE_URL=@\nENABLE_TOOL_SEARCH=true\n"),
            ("gemini.cmd", "GOOGLE_GEMINI_BASE_URL=@\n"),
            ("goose", "OPENAI_HOST=@\nANTHROPIC_HOST=@\nGOOGLE_HOST=@\n"),
            ("qwen", "OPENAI_BASE_URL=@/v1\n"),
            ("aider", "OPENAI_API_BASE=@/v1\nAIDER_OPENAI_API_BASE=@/v1\nANTHROPIC_API_BASE=@\nANTHROPIC_BASE_URL=@\n"),
            (
                "./my-agent",
                "OPENAI_BASE_URL=@/v1\nOPENAI_API_BASE=@/v1\nANTHROPIC_BASE_URL=@\nANTHROPIC_API_BASE=@\n\
                 GOOGLE_GEMINI_BASE_URL=@\n",
            ),
        ] {
            let setup = setup(program, &[]);
            assert_eq!((variables(&setup), &*setup.arguments), (expected.to_owned(), &[][..]), "{program}");
        }
    }

    #[test]
    fn codex_gets_an_argument() {
        let setup = setup("codex", &[]);
        assert_eq!(setup.arguments, ["-c", "openai_base_url=\"http://127.0.0.1:4242/v1\""]);
        assert_eq!(setup.variables, []);
    }

    #[test]
    fn opencode_gets_a_configuration_laid_under_its_own() {
        let given = r#"{"model":"x/y","provider":{"openai":{"options":{"baseURL":"https://mine/v1","timeout":9}}}}"#;
        let setup = setup("opencode", &[(OPENCODE, given)]);
        let [(OPENCODE, config)] = &*setup.variables else { panic!("{setup:?}") };
        let config: Value = serde_json::from_str(config.to_str().unwrap()).unwrap();
        assert_eq!(config["model"], "x/y");
        assert_eq!(config["provider"]["openai"]["options"], json!({"baseURL": "https://mine/v1", "timeout": 9}));
        assert_eq!(config["provider"]["anthropic"]["options"]["baseURL"], "http://127.0.0.1:4242/v1");
        assert_eq!(config["provider"]["google"]["options"]["baseURL"], "http://127.0.0.1:4242/v1beta");
        for wrong in ["[]", "{", r#"{"provider":1}"#] {
            assert!(opencode(Some(wrong), BASE).is_err(), "{wrong}");
        }
    }

    #[test]
    fn tool_search_stays_as_it_is_set_and_off_before_other_upstreams() {
        assert_eq!(variables(&setup("claude", &[("ENABLE_TOOL_SEARCH", "0")])), "ANTHROPIC_BASE_URL=@\n");
        let upstreams = Upstreams { anthropic: "https://gateway.example".parse().unwrap(), ..Upstreams::default() };
        let setup = Setup::of(Agent::Claude, BASE, &upstreams, |_| None).unwrap();
        assert_eq!(variables(&setup), "ANTHROPIC_BASE_URL=@\n");
    }

    #[test]
    fn an_http_proxy_is_not_asked_for_this_machine() {
        let given = [("HTTPS_PROXY", "http://proxy:3128"), ("no_proxy", "intranet")];
        let expected =
            "OPENAI_BASE_URL=@/v1\nNO_PROXY=intranet,127.0.0.1,localhost\nno_proxy=intranet,127.0.0.1,localhost\n";
        assert_eq!(variables(&setup("qwen", &given)), expected);
    }
}
