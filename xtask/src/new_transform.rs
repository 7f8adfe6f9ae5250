//! `cargo xtask new-transform`: a new transform from the model, `core/src/transforms/whitespace.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::cargo;

const MODEL: &str = "whitespace";

/// Makes the file, the vectors and the module line.
///
/// # Errors
/// When the name is not snake_case or taken, or the model is gone.
pub(crate) fn run(name: &str) -> Result<()> {
    for path in make(&cargo::root(), name)? {
        println!("made {}", path.display());
    }
    println!("next: write it, add it to the registry in core/src/transforms/mod.rs, read what\n");
    println!("    cargo xtask vectors --bless\n\nwrites into tests/vectors/{name}/, then run `cargo xtask test`");
    Ok(())
}

fn make(root: &Path, name: &str) -> Result<Vec<PathBuf>> {
    let is_snake = name.split('_').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()));
    ensure!(is_snake, "expected a name in snake_case, such as line_fold, found {name:?}");
    let transforms = root.join("core/src/transforms");
    let file = transforms.join(name).with_extension("rs");
    ensure!(!file.exists(), "{} is there already", file.display());
    let model_file = transforms.join(MODEL).with_extension("rs");
    let model = fs::read_to_string(&model_file).with_context(|| format!("the model {}", model_file.display()))?;
    fs::write(&file, model.replace(MODEL, name).replace(&camel_case(MODEL), &camel_case(name)))?;

    let list_file = transforms.join("mod.rs");
    let list = fs::read_to_string(&list_file).with_context(|| list_file.display().to_string())?;
    fs::write(&list_file, with_module(&list, name))?;

    let mut made = vec![file, list_file];
    let vectors = root.join("tests/vectors").join(name);
    for case in ["typical", "declines", "hostile"] {
        let folder = vectors.join(case);
        fs::create_dir_all(&folder)?;
        for (file, text) in [
            ("input.json", "{\n  \"messages\": []\n}\n"),
            ("options.json", "{}\n"),
            ("notes.md", "Why it exists, where the text came from, its licence.\n"),
        ] {
            fs::write(folder.join(file), text)?;
        }
        made.push(folder);
    }
    Ok(made)
}

/// The list of modules with one more line, in order.
fn with_module(list: &str, name: &str) -> String {
    let line = format!("mod {name};");
    let mut lines: Vec<&str> = list.lines().collect();
    let is_module = |line: &&str| line.starts_with("mod ") && line.ends_with(';');
    let at = lines
        .iter()
        .position(|other| is_module(other) && *other > line.as_str())
        .or_else(|| lines.iter().rposition(is_module).map(|last| last + 1))
        .unwrap_or(lines.len());
    lines.insert(at, &line);
    lines.join("\n") + "\n"
}

fn camel_case(name: &str) -> String {
    let mut camel = String::new();
    for word in name.split('_') {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_line_takes_its_place_in_the_order() {
        let list = "//! All.\n\nmod diff;\nmod log;\n\npub use log::Log;\n";
        assert!(with_module(list, "json").contains("mod diff;\nmod json;\nmod log;\n\npub"));
        assert!(with_module(list, "search").contains("mod log;\nmod search;\n\npub"));
    }

    #[test]
    fn makes_a_file_named_after_its_type_and_refuses_a_second() {
        let root = tempfile::tempdir().unwrap();
        let transforms = root.path().join("core/src/transforms");
        fs::create_dir_all(&transforms).unwrap();
        fs::write(transforms.join("whitespace.rs"), "struct Whitespace; // whitespace").unwrap();
        fs::write(transforms.join("mod.rs"), "mod whitespace;\n").unwrap();
        make(root.path(), "line_fold").unwrap();
        assert_eq!(fs::read_to_string(transforms.join("line_fold.rs")).unwrap(), "struct LineFold; // line_fold");
        assert!(root.path().join("tests/vectors/line_fold/hostile/input.json").exists());
        assert!(make(root.path(), "line_fold").is_err());
        assert!(make(root.path(), "LineFold").is_err());
    }
}
