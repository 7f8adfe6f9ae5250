//! `cargo xtask deps`: proves the table of arrows in STYLE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::cargo;

/// What a part may know.
struct Rule {
    part: &'static str,
    /// Members of the workspace that it may depend on, directly or not.
    members: &'static [&'static str],
    /// Beginnings of crate names that must not occur in its tree.
    never: &'static [&'static str],
}

const BINDINGS: &[&str] = &["pyo3", "napi", "uniffi"];

/// Crates that bring a runtime, the network, or another language.
const NOT_IN_CORE: &[&str] = &[
    "pyo3",
    "napi",
    "uniffi",
    "tokio",
    "async-std",
    "smol",
    "mio",
    "hyper",
    "http",
    "reqwest",
    "ureq",
    "axum",
    "tower",
    "rustls",
    "native-tls",
];

const RULES: &[Rule] = &[
    Rule { part: "headroom-core", members: &[], never: NOT_IN_CORE },
    Rule { part: "headroom-proxy", members: &["headroom-core"], never: BINDINGS },
    Rule { part: "headroom-cli", members: &["headroom-core", "headroom-proxy"], never: BINDINGS },
    Rule {
        part: "headroom-python",
        members: &["headroom-core", "headroom-proxy", "headroom-cli"],
        never: &["napi", "uniffi"],
    },
    Rule { part: "headroom-node", members: &["headroom-core", "headroom-proxy"], never: &["pyo3", "uniffi"] },
    Rule { part: "headroom-uniffi", members: &["headroom-core"], never: &["pyo3", "napi", "tokio"] },
    Rule { part: "headroom-uniffi-generate", members: &[], never: &["pyo3", "napi"] },
    Rule { part: "xtask", members: &[], never: BINDINGS },
];

/// Checks every arrow.
///
/// # Errors
/// When a part knows what it must not; the message lists every such arrow.
pub(crate) fn run() -> Result<()> {
    let output = cargo::command(["metadata", "--format-version=1", "--locked"]).output()?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let mut wrong = broken_arrows(&Graph::read(&metadata)?);
    environment_readers(&cargo::root().join("core/src"), &mut wrong)?;
    ensure!(wrong.is_empty(), "arrows that STYLE.md forbids:\n  {}", wrong.join("\n  "));
    Ok(())
}

/// Names of packages and what each depends on when it is used (not for tests or builds).
struct Graph {
    members: BTreeSet<String>,
    names: BTreeMap<String, String>,
    uses: BTreeMap<String, Vec<String>>,
}

impl Graph {
    fn read(metadata: &Value) -> Result<Self> {
        let mut graph = Self { members: BTreeSet::new(), names: BTreeMap::new(), uses: BTreeMap::new() };
        for package in list(&metadata["packages"], "packages")? {
            graph.names.insert(text(&package["id"])?, text(&package["name"])?);
        }
        for member in list(&metadata["workspace_members"], "workspace_members")? {
            graph.members.insert(text(member)?);
        }
        for node in list(&metadata["resolve"]["nodes"], "resolve.nodes")? {
            let mut uses = Vec::new();
            for dependency in list(&node["deps"], "deps")? {
                if list(&dependency["dep_kinds"], "dep_kinds")?.iter().any(|kind| kind["kind"].is_null()) {
                    uses.push(text(&dependency["pkg"])?);
                }
            }
            graph.uses.insert(text(&node["id"])?, uses);
        }
        Ok(graph)
    }

    /// Everything that a package uses, with the way to it.
    fn tree(&self, id: &str) -> BTreeMap<&str, Vec<&str>> {
        let mut ways: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut open: Vec<(&str, Vec<&str>)> = vec![(id, Vec::new())];
        while let Some((at, way)) = open.pop() {
            for next in self.uses.get(at).into_iter().flatten() {
                if !ways.contains_key(next.as_str()) {
                    let mut way = way.clone();
                    way.push(self.names.get(next).map_or(next.as_str(), String::as_str));
                    ways.insert(next, way.clone());
                    open.push((next, way));
                }
            }
        }
        ways
    }
}

fn broken_arrows(graph: &Graph) -> Vec<String> {
    let mut wrong = Vec::new();
    for id in &graph.members {
        let name = graph.names.get(id).map_or(id.as_str(), String::as_str);
        let Some(rule) = RULES.iter().find(|rule| rule.part == name) else {
            wrong.push(format!("{name} has no rule in xtask/src/deps.rs"));
            continue;
        };
        for (used, way) in graph.tree(id) {
            let used_name = graph.names.get(used).map_or(used, String::as_str);
            let is_stranger = graph.members.contains(used) && !rule.members.contains(&used_name);
            let is_banned = rule.never.iter().any(|never| used_name.starts_with(never));
            if is_stranger || is_banned {
                wrong.push(format!("{name} -> {}", way.join(" -> ")));
            }
        }
    }
    wrong
}

/// Core takes its settings as arguments: no file of it reads the environment.
fn environment_readers(folder: &Path, wrong: &mut Vec<String>) -> Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            environment_readers(&path, wrong)?;
        } else if path.extension() == Some("rs".as_ref()) {
            for (index, line) in fs::read_to_string(&path)?.lines().enumerate() {
                if line.contains("env::var") || line.contains("env::vars") {
                    wrong.push(format!("{}:{} reads the environment", path.display(), index + 1));
                }
            }
        }
    }
    Ok(())
}

fn list<'a>(value: &'a Value, name: &str) -> Result<&'a Vec<Value>> {
    value.as_array().with_context(|| format!("cargo metadata: expected a list at {name}"))
}

fn text(value: &Value) -> Result<String> {
    value.as_str().map(Into::into).context("cargo metadata: expected a string")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(arrows: &[(&str, &[&str])]) -> Graph {
        let names = |name: &&str| ((*name).to_owned(), (*name).to_owned());
        Graph {
            members: arrows.iter().map(|(name, _)| (*name).to_owned()).filter(|name| name != "rmcp").collect(),
            names: arrows.iter().flat_map(|(name, uses)| std::iter::once(name).chain(*uses)).map(names).collect(),
            uses: arrows
                .iter()
                .map(|(name, uses)| ((*name).into(), uses.iter().map(ToString::to_string).collect()))
                .collect(),
        }
    }

    #[test]
    fn a_runtime_below_core_is_found_with_the_way_to_it() {
        let graph = graph(&[("headroom-core", &["rmcp"]), ("rmcp", &["tokio"])]);
        assert_eq!(broken_arrows(&graph), ["headroom-core -> rmcp -> tokio"]);
    }

    #[test]
    fn the_command_may_know_core_but_core_not_the_command() {
        let graph = graph(&[("headroom-cli", &["headroom-core"]), ("headroom-core", &[])]);
        assert!(broken_arrows(&graph).is_empty());
        let graph = self::graph(&[("headroom-core", &["headroom-cli"]), ("headroom-cli", &[])]);
        assert_eq!(broken_arrows(&graph), ["headroom-core -> headroom-cli"]);
    }

    #[test]
    fn a_new_member_needs_a_rule() {
        assert_eq!(broken_arrows(&graph(&[("new", &[])])), ["new has no rule in xtask/src/deps.rs"]);
    }
}
