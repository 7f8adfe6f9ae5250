//! What a changed file is, as far as its path tells.

/// How much the changes of a file say to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathClass {
    /// Written by hand and run: every changed line stays.
    Source,
    /// Written by hand or recorded, and read rather than run: long changes may be shortened.
    Document,
    /// Written by a package manager.
    Lockfile,
    /// Written by a compiler, bundler, code generator or snapshot test.
    Generated,
    /// Somebody else's code, copied.
    Vendored,
}

impl PathClass {
    /// Reads a path with `/` between its parts; without regard to case.
    pub(super) fn of(path: &str) -> Self {
        let path = path.to_ascii_lowercase();
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let inside = |names: &[&str]| folders.split('/').any(|folder| names.contains(&folder));
        let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        if LOCKFILES.contains(&name) || name.ends_with(".lock") {
            Self::Lockfile
        } else if inside(VENDORED) {
            Self::Vendored
        } else if inside(GENERATED_FOLDERS) || ends(GENERATED_ENDS) || GENERATED_PARTS.iter().any(|p| name.contains(p))
        {
            Self::Generated
        } else if inside(DATA_FOLDERS) || ends(DOCUMENTS) {
            Self::Document
        } else {
            Self::Source
        }
    }

    /// The name in labels, one and many; `None` for classes that are never folded whole.
    pub(super) fn folded_as(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Source | Self::Document => None,
            Self::Lockfile => Some(("lockfile", "lockfiles")),
            Self::Generated => Some(("generated file", "generated files")),
            Self::Vendored => Some(("vendored file", "vendored files")),
        }
    }
}

/// Lockfiles that do not end in `.lock`.
const LOCKFILES: &[&str] = &[
    ".terraform.lock.hcl",
    "bun.lockb",
    "cabal.project.freeze",
    "go.sum",
    "go.work.sum",
    "gradle.lockfile",
    "module.bazel.lock",
    "npm-shrinkwrap.json",
    "package-lock.json",
    "package.resolved",
    "packages.lock.json",
    "pnpm-lock.yaml",
];

const VENDORED: &[&str] =
    &["bower_components", "node_modules", "pods", "site-packages", "third_party", "third-party", "vendor", "vendored"];

const GENERATED_FOLDERS: &[&str] =
    &["__generated__", "__snapshots__", "dist", "generated", "snapshots", ".yarn", ".next", "__pycache__"];

const GENERATED_ENDS: &[&str] = &[
    ".bundle.js",
    ".chunk.js",
    ".designer.cs",
    ".freezed.dart",
    ".g.cs",
    ".g.dart",
    ".map",
    ".pb.cc",
    ".pb.go",
    ".pb.h",
    ".snap",
    "_pb2.py",
    "_pb2.pyi",
    "_pb2_grpc.py",
];

const GENERATED_PARTS: &[&str] = &[".min.", "_generated.", ".generated.", "-generated."];

const DATA_FOLDERS: &[&str] = &["fixtures", "__fixtures__", "golden", "goldens", "testdata"];

const DOCUMENTS: &[&str] = &[
    ".adoc",
    ".csv",
    ".geojson",
    ".html",
    ".ipynb",
    ".json",
    ".jsonl",
    ".log",
    ".markdown",
    ".md",
    ".mdx",
    ".ndjson",
    ".po",
    ".pot",
    ".rst",
    ".svg",
    ".tsv",
    ".txt",
    ".xml",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_files_written_by_programs_from_files_written_by_people() {
        for (path, class) in [
            ("src/lib.rs", PathClass::Source),
            ("Makefile", PathClass::Source),
            ("distance/vendor.rs", PathClass::Source),
            ("Cargo.toml", PathClass::Source),
            ("web/package-lock.json", PathClass::Lockfile),
            ("Cargo.lock", PathClass::Lockfile),
            ("go.sum", PathClass::Lockfile),
            ("node_modules/a/index.js", PathClass::Vendored),
            ("api/v1/api.pb.go", PathClass::Generated),
            ("web/app.min.css", PathClass::Generated),
            ("tests/__snapshots__/a.test.ts.snap", PathClass::Generated),
            ("README.md", PathClass::Document),
            ("pkg/testdata/in.go", PathClass::Document),
            ("", PathClass::Source),
        ] {
            assert_eq!(PathClass::of(path), class, "{path}");
        }
    }
}
