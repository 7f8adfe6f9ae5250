//! From SQLite's errors to sentences that name the file and what to do about it.

use std::path::Path;

use rusqlite::ErrorCode;
use rusqlite::ffi::{SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_WRITE};

use crate::error::{Error, ErrorKind};

/// The error of a failed `action` ("open", "read", "write") on the database at `path`.
pub(super) fn storage(path: &Path, action: &str, cause: rusqlite::Error) -> Error {
    let why = match cause.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full",
        Some(ErrorCode::ReadOnly) => "the file or its folder is read-only",
        Some(ErrorCode::PermissionDenied) => "access is denied",
        Some(ErrorCode::NotADatabase) => "the file is damaged or no SQLite database",
        Some(ErrorCode::DatabaseCorrupt) => "the file is damaged",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another process kept it locked for too long",
        Some(ErrorCode::CannotOpen) => "the file or its folder cannot be opened",
        // A quota or a limit on files is another error than a full disk, for the system and so for SQLite.
        Some(ErrorCode::SystemIoFailure) if is_write(&cause) => "the disk or a quota is full, or the disk failed",
        Some(ErrorCode::SystemIoFailure) => "the disk failed",
        Some(ErrorCode::TooBig) => "an original is larger than SQLite's limit of 1 GB",
        _ => "SQLite failed",
    };
    at(path, format!("cannot {action} the store: {why}")).caused_by(cause)
}

fn is_write(cause: &rusqlite::Error) -> bool {
    let code = cause.sqlite_error().map(|error| error.extended_code);
    code.is_some_and(|code| [SQLITE_IOERR_WRITE, SQLITE_IOERR_SHMSIZE].contains(&code))
}

/// A storage error about the database at `path`.
pub(super) fn at(path: &Path, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Storage, message).with("file", path.display().to_string())
}
