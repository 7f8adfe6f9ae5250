//! What can be asked on the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use headroom_core::options::Mode;
use headroom_proxy::BaseUrl;
use headroom_proxy::observe::logging::{LogFormat, LogLevel};

use crate::screen::Color;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Makes what a language model reads smaller, and keeps every original retrievable.
#[derive(Debug, Parser)]
#[command(name = "headroom", version, styles = STYLES, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// When to use colour.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub(crate) color: Color,
    /// The file that keeps originals [default: HEADROOM_STORE, else ~/.headroom/store.db].
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) store: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compress a recorded conversation and show what was kept and what was left out.
    ///
    /// Needs no network, no key and no file. Originals go to the store.
    Demo,
    /// Compress a conversation from a file or a pipe.
    Compress(Compress),
    /// Give back an original, byte for byte, or the part of it that matches.
    Retrieve(Retrieve),
    /// Check a certificate, and a compressed body against it.
    ///
    /// Originals are looked up in the store and compared with what the certificate says about them.
    Verify(Verify),
    /// Look after the store of originals.
    #[command(subcommand)]
    Store(StoreCommand),
    /// Show how much the store holds and how often it was asked.
    Stats {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Stand between clients and their providers: OpenAI, Anthropic, Gemini.
    ///
    /// Makes what a model reads smaller on its way and passes everything else on as it comes. Options come from
    /// ~/.headroom/headroom.toml, then from the environment, then from here.
    Proxy(Proxy),
    /// Run an agent through a proxy of its own, which ends with it.
    ///
    /// Its requests go through Headroom because its environment (for codex: its arguments) says so; no file is changed.
    /// Should the proxy die, requests go straight to the provider until it is back. The exit code is the agent's.
    Wrap(Wrap),
    /// Check what a request passes on its way, and say what to do.
    ///
    /// The exit code is 1 when something is broken.
    Doctor(Doctor),
    /// Serve MCP clients over standard input and output.
    ///
    /// Tools: headroom_compress, headroom_retrieve, headroom_stats.
    Mcp,
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  headroom compress request.json > smaller.json
  headroom compress request.json --diff
  kubectl get pods -o json | headroom compress --text --query 'which pod failed?'")]
pub(crate) struct Compress {
    /// A list of messages or a whole request body of OpenAI (Chat Completions or Responses), Anthropic or Gemini;
    /// standard input for none and for `-`.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Print the whole result as JSON: messages, tokens, transforms, hashes, report and certificate.
    #[arg(long, conflicts_with = "diff")]
    pub(crate) json: bool,
    /// Print what went (-), what came (+) and what stayed; `full` shows every line.
    #[arg(long, value_name = "HOW", num_args = 0..=1, default_missing_value = "short", require_equals = true)]
    pub(crate) diff: Option<Detail>,
    /// Tokens that the request may cost at most.
    #[arg(long, value_name = "TOKENS")]
    pub(crate) budget: Option<u64>,
    /// How far to go.
    #[arg(long, default_value = "balanced")]
    pub(crate) mode: ModeName,
    /// The model that counts the tokens [default: the one in the body, else claude-sonnet-4-5-20250929].
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Leave results of these tools alone (a glob; repeat it for more).
    #[arg(long, value_name = "TOOL")]
    pub(crate) exclude_tool: Vec<String>,
    /// Take the input as one tool output, whatever it holds, instead of a conversation.
    #[arg(long)]
    pub(crate) text: bool,
    /// With --text: what is to be found out from it.
    #[arg(long, value_name = "QUESTION", requires = "text")]
    pub(crate) query: Option<String>,
    /// Write the certificate of what was replaced to a file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) certificate: Option<PathBuf>,
    /// Say nothing on standard error.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// How much of a difference to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Detail {
    /// Long runs of lines are cut to their ends.
    Short,
    /// Every line.
    Full,
}

/// How far compression goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeName {
    /// Only re-encodings that can be inverted; nothing is left out.
    Lossless,
    /// Lossless first, then a verbatim subset.
    Balanced,
    /// As balanced, with about half of the size.
    Aggressive,
}

impl ModeName {
    /// As it is written here.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lossless => "lossless",
            Self::Balanced => "balanced",
            Self::Aggressive => "aggressive",
        }
    }
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Lossless => Self::Lossless,
            ModeName::Balanced => Self::Balanced,
            ModeName::Aggressive => Self::Aggressive,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  headroom proxy
  OPENAI_BASE_URL=http://127.0.0.1:8787/v1 my-agent
  ANTHROPIC_BASE_URL=http://127.0.0.1:8787 claude")]
pub(crate) struct Proxy {
    /// The address to listen on; any other than a loopback address needs a token [default: 127.0.0.1].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) host: Option<String>,
    /// The port to listen on; 0 takes a free one [default: 8787].
    #[arg(long)]
    pub(crate) port: Option<u16>,
    #[command(flatten)]
    pub(crate) through: Through,
    /// What clients must send as x-headroom-proxy-token. Others on this machine see it here; HEADROOM_PROXY_TOKEN they
    /// do not.
    #[arg(long)]
    pub(crate) token: Option<String>,
    /// How much is said on stderr: off, error, warn, info, debug or trace [default: info].
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<LogLevel>,
    /// How it is said: text or json, a line each [default: text].
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// Print the address, and stop when standard input ends.
    #[arg(long, hide = true)]
    pub(crate) for_parent: bool,
}

/// What goes through a proxy, and where to.
#[derive(Debug, Default, Args)]
pub(crate) struct Through {
    /// The file of options [default: HEADROOM_CONFIG, else ~/.headroom/headroom.toml].
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Where requests to OpenAI go [default: https://api.openai.com].
    #[arg(long, alias = "openai-base-url", value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) openai_url: Option<BaseUrl>,
    /// Where requests to Anthropic go [default: https://api.anthropic.com].
    #[arg(long, alias = "anthropic-base-url", value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) anthropic_url: Option<BaseUrl>,
    /// Where requests to Gemini go [default: https://generativelanguage.googleapis.com].
    #[arg(long, alias = "gemini-base-url", value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) gemini_url: Option<BaseUrl>,
    /// One more upstream, which clients choose with x-headroom-base-url (repeat it for more).
    #[arg(long, value_name = "NAME=URL", value_parser = upstream)]
    pub(crate) upstream: Vec<(String, BaseUrl)>,
    /// How far compression goes [default: balanced].
    #[arg(long)]
    pub(crate) mode: Option<ModeName>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Agents whose way to a provider is known: aider, claude, codex, gemini, goose, opencode, qwen. Any other program gets the
variables that most SDKs read.

Examples:
  headroom wrap claude
  headroom wrap codex exec 'fix the failing test'
  headroom wrap --mode lossless -- python agent.py")]
pub(crate) struct Wrap {
    /// The port that the agent speaks to; 0 takes a free one [default: 0].
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) through: Through,
    /// Say nothing on standard error.
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// The agent and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "AGENT",
        value_hint = ValueHint::CommandWithArguments)]
    pub(crate) agent: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Ask the providers too, without a key.
    #[arg(long)]
    pub(crate) network: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// The file of options [default: HEADROOM_CONFIG, else ~/.headroom/headroom.toml].
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
}

/// An upstream such as `groq=https://api.groq.com/openai/v1`.
fn upstream(text: &str) -> Result<(String, BaseUrl), String> {
    let (name, url) = text.split_once('=').ok_or_else(|| format!("expected NAME=URL, found {text:?}"))?;
    Ok((name.trim().to_owned(), url.parse()?))
}

#[derive(Debug, Args)]
pub(crate) struct Retrieve {
    /// The hash in a marker: 24 hex digits.
    pub(crate) hash: String,
    /// Only the lines that match; put exact phrases in double quotes.
    #[arg(long)]
    pub(crate) query: Option<String>,
    /// Only these lines, such as 10-20 or -50 (the last 50).
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) lines: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The certificate that `compress --certificate` wrote.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) certificate: PathBuf,
    /// The compressed body that it speaks of; `-` is standard input. Without it only originals are checked.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) body: Option<PathBuf>,
    /// The body as it was before.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) before: Option<PathBuf>,
    /// The bodies are what `compress --text` read and wrote.
    #[arg(long)]
    pub(crate) text: bool,
    /// Print the report as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// List originals, newest first.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Remove originals; markers that name them then answer `expired`.
    #[command(group = clap::ArgGroup::new("which").required(true))]
    Purge {
        /// Those that no request has shown for this long: 90s, 30m, 12h or 7d.
        #[arg(long, value_name = "AGE", group = "which", value_parser = seconds)]
        older_than: Option<u64>,
        /// All of them.
        #[arg(long, group = "which")]
        all: bool,
    },
}

/// Seconds of an age such as `7d`.
fn seconds(age: &str) -> Result<u64, String> {
    let expected = || format!("expected a number and s, m, h or d, such as 7d, found {age:?}");
    let unit = age.chars().next_back().ok_or_else(expected)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(expected()),
    };
    let count: u64 = age.strip_suffix(unit).unwrap_or_default().parse().map_err(|_| expected())?;
    count.checked_mul(factor).filter(|&age| age > 0).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn ages_have_a_unit_and_are_not_zero() {
        assert_eq!(seconds("7d"), Ok(604_800));
        assert_eq!(seconds("90s"), Ok(90));
        for wrong in ["", "7", "d", "0d", "7dd", "-1d", "7 d", "99999999999999999999d", "999999999999999999d", "7é"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
