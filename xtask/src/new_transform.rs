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
    println!("next: write it and its vectors, name it in the list of core/src/transforms/mod.rs, read what\n");
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
    let list = with_line(&list, "mod ", &format!("mod {name};"));
    fs::write(&list_file, with_line(&list, "pub use ", &format!("pub use {name}::{};", camel_case(name))))?;

    let mut made = vec![file, list_file];
    let vectors = root.join("tests/vectors");
    for case in ["typical", "declines", "hostile"] {
        let (from, to) = (vectors.join(MODEL).join(case), vectors.join(name).join(case));
        fs::create_dir_all(&to)?;
        for file in ["input.json", "options.json", "notes.md"] {
            fs::copy(from.join(file), to.join(file)).with_context(|| from.join(file).display().to_string())?;
        }
        made.push(to);
    }
    Ok(made)
}

/// The text with one more line among those that begin with `beginning`, in order.
fn with_line(text: &str, beginning: &str, line: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let is_alike = |other: &&str| other.starts_with(beginning) && other.ends_with(';');
    let at = lines
        .iter()
        .position(|other| is_alike(other) && *other > line)
        .or_else(|| lines.iter().rposition(is_alike).map(|last| last + 1))
        .unwrap_or(lines.len());
    lines.insert(at, line);
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
        assert!(with_line(list, "mod ", "mod json;").contains("mod diff;\nmod json;\nmod log;\n\npub"));
        assert!(with_line(list, "mod ", "mod search;").contains("mod log;\nmod search;\n\npub"));
    }

    #[test]
    fn makes_a_file_named_after_its_type_and_refuses_a_second() {
        let root = tempfile::tempdir().unwrap();
        let transforms = root.path().join("core/src/transforms");
        fs::create_dir_all(&transforms).unwrap();
        fs::write(transforms.join("whitespace.rs"), "struct Whitespace; // whitespace").unwrap();
        fs::write(transforms.join("mod.rs"), "mod whitespace;\npub use whitespace::Whitespace;\n").unwrap();
        for case in ["typical", "declines", "hostile"] {
            let folder = root.path().join("tests/vectors/whitespace").join(case);
            fs::create_dir_all(&folder).unwrap();
            for file in ["input.json", "options.json", "notes.md"] {
                fs::write(folder.join(file), case).unwrap();
            }
        }
        make(root.path(), "line_fold").unwrap();
        assert_eq!(fs::read_to_string(transforms.join("line_fold.rs")).unwrap(), "struct LineFold; // line_fold");
        assert_eq!(
            fs::read_to_string(transforms.join("mod.rs")).unwrap(),
            "mod line_fold;\nmod whitespace;\npub use line_fold::LineFold;\npub use whitespace::Whitespace;\n"
        );
        let input = root.path().join("tests/vectors/line_fold/hostile/input.json");
        assert_eq!(fs::read_to_string(input).unwrap(), "hostile");
        assert!(make(root.path(), "line_fold").is_err());
        assert!(make(root.path(), "LineFold").is_err());
    }
}
