//! From the text that names a store to the store.

use std::sync::Arc;

use super::{MemoryStore, Store};
use crate::error::{Error, ErrorKind, Result};

/// The name of the database file in the folder that a caller chooses, such as `~/.headroom`.
pub const DEFAULT_FILE_NAME: &str = "store.db";

/// The bound of a store that `open_store` makes in memory: 256 MiB.
///
/// # Sources
/// Chosen by hand: texts are kept as they are there, and a process can spare as much.
pub const DEFAULT_MEMORY_BYTES: u64 = 256 << 20;

/// Opens the store that `spec` names, with default options.
///
/// | spec | store |
/// |---|---|
/// | `:memory:`, `memory://` | in memory, 256 MiB, gone with the process |
/// | `sqlite:///var/lib/originals.db` | the SQLite file `/var/lib/originals.db`; what follows the third slash is a path from the root |
/// | `./originals.db`, `/var/lib/originals.db` | the SQLite file at that path; `~` is not expanded |
///
/// # Errors
/// [`ErrorKind::Configuration`] when `spec` is none of these, [`ErrorKind::Storage`] when the file cannot be opened.
pub fn open_store(spec: &str) -> Result<Arc<dyn Store>> {
    match parse(spec)? {
        Spec::Memory => Ok(Arc::new(MemoryStore::new(DEFAULT_MEMORY_BYTES))),
        #[cfg(feature = "sqlite")]
        Spec::File(path) => Ok(Arc::new(super::SqliteStore::open(&path, super::SqliteOptions::default())?)),
        #[cfg(not(feature = "sqlite"))]
        Spec::File(path) => Err(Error::new(
            ErrorKind::Configuration,
            "store: expected :memory:, as this build has no SQLite, found a file",
        )
        .with("store", path)),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Spec {
    Memory,
    File(String),
}

fn parse(spec: &str) -> Result<Spec> {
    let path = match spec {
        ":memory:" | "memory://" => return Ok(Spec::Memory),
        _ => match spec.strip_prefix("sqlite://") {
            Some("/:memory:") => return Ok(Spec::Memory),
            // A drive letter has no slash before it.
            Some(path) => match path.strip_prefix('/') {
                Some(drive) if drive.as_bytes().get(1) == Some(&b':') => drive,
                Some(_) => path,
                None => return Err(unreadable(spec, "a URL without a path from the root")),
            },
            None if spec.contains("://") => return Err(unreadable(spec, "another URL")),
            None if !spec.contains(['/', '\\', '.']) => return Err(unreadable(spec, "a bare word")),
            None => spec,
        },
    };
    if path.starts_with('~') {
        return Err(unreadable(spec, "a ~ that is not expanded here"));
    }
    if path.contains('\0') || path.ends_with(['/', '\\']) {
        return Err(unreadable(spec, "no name of a file"));
    }
    Ok(Spec::File(path.into()))
}

fn unreadable(spec: &str, found: &str) -> Error {
    let spec: String = spec.chars().take(200).collect();
    let expected = ":memory:, sqlite:///path or a path such as ./originals.db";
    Error::new(ErrorKind::Configuration, format!("store: expected {expected}, found {found}"))
        .with("store", format!("{spec:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_documented_form() {
        let file = |path: &str| Spec::File(path.into());
        for (spec, expected) in [
            (":memory:", Spec::Memory),
            ("memory://", Spec::Memory),
            ("sqlite:///:memory:", Spec::Memory),
            ("sqlite:///var/a.db", file("/var/a.db")),
            ("sqlite:////var/a.db", file("//var/a.db")),
            ("sqlite:///C:/a.db", file("C:/a.db")),
            ("a.db", file("a.db")),
            ("./a", file("./a")),
        ] {
            assert_eq!(parse(spec).unwrap(), expected, "{spec}");
        }
    }

    #[test]
    fn anything_else_says_what_is_expected() {
        for spec in
            ["", "memory", "redis://h", "sqlite://a.db", "sqlite:///", "~/a.db", "a\0.db", "dir/", "sqlite://é:"]
        {
            let Err(error) = open_store(spec) else { panic!("{spec:?} was opened") };
            assert_eq!(error.kind(), ErrorKind::Configuration, "{spec:?}");
            assert!(error.to_string().contains("expected :memory:, sqlite:///path or a path"), "{error}");
        }
    }

    #[test]
    fn opens_memory() {
        assert_eq!(open_store(":memory:").unwrap().kind(), "memory");
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn opens_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join(DEFAULT_FILE_NAME);
        assert_eq!(open_store(path.to_str().unwrap()).unwrap().kind(), "sqlite");
        assert!(path.is_file());
    }
}
