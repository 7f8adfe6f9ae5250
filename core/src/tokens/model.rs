//! Which tokenizer counts for a model.

use std::sync::Arc;

use super::{Estimate, Family, OpenAi, Tokenizer};

/// The tokenizer of a model, by the model's name as applications write it.
///
/// Upper and lower case are the same. Provider prefixes (`openai/gpt-4o`, `azure/…`, `openrouter/openai/…`), dated
/// versions, `:free` and `@…` suffixes and fine-tunes (`ft:gpt-4o:…`) are understood. `OpenAI` models that are known are
/// exact; every other name, also the empty one, gets the [`Estimate`] of its family.
///
/// # Sources
/// The table of models in `tiktoken` 0.14 (`model.py`), extended to later versions of the same lines.
#[must_use]
pub fn for_model(model: &str) -> Arc<dyn Tokenizer> {
    match choose(model) {
        Choice::Exact(vocabulary) => Arc::new(vocabulary),
        Choice::Estimated(family) => Arc::new(Estimate::new(family)),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Exact(OpenAi),
    Estimated(Family),
}

/// Lines of models by vocabulary. A line is the name itself or the name, `-` and anything; a name that ends in `.` stands
/// for its versions.
const LINES: [(OpenAi, &[&str]); 2] = [
    (
        OpenAi::O200k,
        &[
            "gpt-4o",
            "chatgpt-4o",
            "gpt-4.1",
            "gpt-4.5",
            "gpt-5",
            "gpt-5.",
            "o1",
            "o3",
            "o4",
            "gpt-oss",
            "codex-mini",
            "computer-use-preview",
        ],
    ),
    (
        OpenAi::Cl100k,
        &["gpt-4", "gpt-3.5", "gpt-35", "text-embedding-3", "text-embedding-ada-002", "davinci-002", "babbage-002"],
    ),
];

fn choose(model: &str) -> Choice {
    let model = model.trim().to_ascii_lowercase();
    let name = bare_name(&model);
    for (vocabulary, lines) in LINES {
        if lines.iter().any(|line| is_of_line(name, line)) {
            return Choice::Exact(vocabulary);
        }
    }
    Choice::Estimated(family(&model, name))
}

/// The name without provider, fine-tune and variant: `openrouter/openai/gpt-4o:free` becomes `gpt-4o`.
fn bare_name(model: &str) -> &str {
    let (_, name) = model.rsplit_once('/').unwrap_or(("", model));
    // A fine-tune may have a slash in what follows its base model, so it is looked for in the whole name.
    let name = match model.find("ft:") {
        Some(at) if at == 0 || model.get(..at).is_some_and(|before| before.ends_with('/')) => {
            model.get(at + "ft:".len()..).unwrap_or(name)
        }
        _ => name,
    };
    name.split([':', '@']).next().unwrap_or(name)
}

fn is_of_line(name: &str, line: &str) -> bool {
    name.strip_prefix(line).is_some_and(|rest| {
        rest.is_empty()
            || rest.starts_with('-')
            || line.ends_with('.') && rest.starts_with(|c: char| c.is_ascii_digit())
    })
}

fn family(model: &str, name: &str) -> Family {
    // The whole name, because platforms put the maker before a dot: `us.anthropic.claude-…`.
    let has = |words: &[&str]| words.iter().any(|word| model.contains(word));
    if has(&["claude", "anthropic"]) {
        Family::Claude
    } else if has(&["gemini", "gemma", "learnlm"]) {
        Family::Gemini
    } else if has(&["qwen", "qwq"]) {
        Family::Qwen
    } else if has(&["openai"])
        || ["gpt-", "chatgpt", "codex"].iter().any(|start| name.starts_with(start))
        || is_o_series(name)
    {
        Family::OpenAi
    } else {
        Family::Other
    }
}

/// `o5`, `o5-mini`, `o12`: the letter and a number, then the end or `-`.
fn is_o_series(name: &str) -> bool {
    name.strip_prefix('o').is_some_and(|rest| {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        after.len() < rest.len() && (after.is_empty() || after.starts_with('-'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_vocabulary_of_openai_models() {
        for model in [
            "gpt-4o",
            "gpt-4o-mini",
            "gpt-4o-2024-08-06",
            "GPT-4o",
            " gpt-4o ",
            "chatgpt-4o-latest",
            "gpt-4.1",
            "gpt-4.1-nano",
            "gpt-4.5-preview",
            "gpt-5",
            "gpt-5-mini",
            "gpt-5.1",
            "gpt-5.2-codex",
            "o1",
            "o1-preview",
            "o3-mini",
            "o4-mini",
            "gpt-oss-120b",
            "openai/gpt-4o",
            "azure/gpt-4o",
            "openrouter/openai/gpt-4o:free",
            "groq/openai/gpt-oss-20b",
            "ft:gpt-4o:my-org:name:id",
            "ft:gpt-4o-mini-2024-07-18:org/team::x",
            "openai/ft:gpt-4.1:a::b",
        ] {
            assert_eq!(choose(model), Choice::Exact(OpenAi::O200k), "{model}");
        }
        for model in [
            "gpt-4",
            "gpt-4-turbo",
            "gpt-4-0613",
            "gpt-4-32k",
            "gpt-3.5-turbo",
            "gpt-3.5",
            "gpt-35-turbo-16k",
            "azure/gpt-4",
            "text-embedding-3-large",
            "text-embedding-ada-002",
            "ft:gpt-3.5-turbo:org::x",
            "ft:davinci-002:org::x",
        ] {
            assert_eq!(choose(model), Choice::Exact(OpenAi::Cl100k), "{model}");
        }
    }

    #[test]
    fn unknown_models_are_estimated() {
        for (model, family) in [
            ("claude-sonnet-4-5", Family::Claude),
            ("anthropic/claude-3-opus", Family::Claude),
            ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", Family::Claude),
            ("vertex_ai/claude-opus-4@20250514", Family::Claude),
            ("gemini-2.5-pro", Family::Gemini),
            ("models/gemini-1.5-flash", Family::Gemini),
            ("google/gemma-3-27b-it", Family::Gemini),
            ("qwen/qwen3-235b", Family::Qwen),
            ("gpt-6", Family::OpenAi),
            ("gpt-4.7", Family::OpenAi),
            ("gpt-40", Family::OpenAi),
            ("o5-mini", Family::OpenAi),
            ("openai/some-model", Family::OpenAi),
            ("llama-3.3-70b", Family::Other),
            ("deepseek-chat", Family::Other),
            ("olmo-2", Family::Other),
            ("o", Family::Other),
            ("", Family::Other),
            ("/", Family::Other),
            ("ft:", Family::Other),
            ("soft:gpt-4o", Family::Other),
        ] {
            assert_eq!(choose(model), Choice::Estimated(family), "{model}");
        }
    }

    #[test]
    fn only_openai_models_are_exact() {
        assert!(for_model("gpt-4o").is_exact());
        assert_eq!(for_model("gpt-4").name(), "cl100k_base");
        assert_eq!(for_model("claude-sonnet-4-5").name(), "estimated");
        assert!(!for_model("gpt-9").is_exact());
    }
}
