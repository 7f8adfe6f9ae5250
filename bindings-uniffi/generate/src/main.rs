//! Writes the Kotlin, Swift, Ruby and Python of the library in `bindings-uniffi`, a folder each:
//! `headroom-uniffi-generate LIBRARY FOLDER`.

mod corrections;

use std::path::Path;
use std::{env, fs};

use anyhow::{Context as _, Result, bail};
use uniffi_bindgen::bindings::{GenerateOptions, TargetLanguage, generate};

use crate::corrections::corrected;

/// How each language names what is generated.
const NAMES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/languages.toml");

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [library, folder] = arguments.as_slice() else {
        bail!("expected the library and a folder to write into, found {} arguments", arguments.len());
    };
    let languages = [
        (TargetLanguage::Kotlin, "kotlin", "headroom/headroom.kt"),
        (TargetLanguage::Swift, "swift", "Headroom.swift"),
        (TargetLanguage::Ruby, "ruby", "headroom.rb"),
        (TargetLanguage::Python, "python", "headroom.py"),
    ];
    for (language, name, file) in languages {
        let folder = Path::new(folder).join(name);
        let options = GenerateOptions {
            languages: vec![language],
            source: library.into(),
            out_dir: folder.to_str().context("expected a folder whose name is Unicode")?.into(),
            config_override: Some(NAMES.into()),
            format: false,
            crate_filter: None,
            metadata_no_deps: true,
        };
        generate(options).with_context(|| format!("cannot write {name}"))?;
        let path = folder.join(file);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        fs::write(&path, corrected(name, text)?)?;
    }
    Ok(())
}
