//! The connections of one process to one file: how they are made, shared by threads, and left behind by a `fork`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{Attempt, Failure, Synchronous, failure, schema};
use crate::error::{Error, Result};

/// Every database that this process has open, or has a parent's connections to.
///
/// SQLite keeps one record of locks for a file and a process. A child of `fork` inherits the record but not the locks,
/// so before it opens the file anew it has to close everything inherited, also of stores that it never uses itself.
static DATABASES: Mutex<Vec<Weak<Database>>> = Mutex::new(Vec::new());

/// The owner of connections that a child inherited in the middle of another thread's work; no process has this number.
const NOBODY: u32 = 0;

/// How long to wait for [`DATABASES`]. It is held while a file is opened. In the child of a `fork` it may be held for
/// ever, by a thread that is not there.
const REGISTRY_WAIT: Duration = Duration::from_secs(10);

/// One connection for reads, one for writes. Reads take microseconds and so need no pool, but must not wait for a
/// write that waits for the disk or for another process.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    synchronous: Synchronous,
    busy_timeout_ms: u64,
    /// The process that opened the connections.
    owner: AtomicU32,
    reader: Mutex<Option<Handle>>,
    writer: Mutex<Option<Handle>>,
}

/// A connection, and what must still be true for it to be closed the usual way.
#[derive(Debug)]
struct Handle {
    connection: Connection,
    file: FileId,
    path: PathBuf,
    process: u32,
}

impl Drop for Handle {
    /// The last connection to a file folds the log into it and deletes the log by name. A connection that a `fork`
    /// copied, or whose file was replaced, would delete the log of somebody else.
    fn drop(&mut self) {
        if self.process != std::process::id() || self.file != FileId::of(&self.path) {
            // Only sets a flag in memory.
            let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
    }
}

impl Database {
    /// Opens, and makes first when it is missing, the database at `path`.
    pub(super) fn open(path: &Path, synchronous: Synchronous, busy_timeout_ms: u64) -> Result<Arc<Self>> {
        // Absolute, so that neither a change of the folder nor a name such as `file:x` has another meaning later.
        let path = std::path::absolute(path)
            .map_err(|cause| failure::at(path, "cannot open the store: no such path").caused_by(cause))?;
        let database = Arc::new(Self {
            path,
            synchronous,
            busy_timeout_ms,
            owner: AtomicU32::new(std::process::id()),
            reader: Mutex::default(),
            writer: Mutex::default(),
        });
        database.registry()?.push(Arc::downgrade(&database));
        database.write(|_| Ok(()), "open")?;
        Ok(database)
    }

    /// Works with the connection for reads.
    pub(super) fn read<T>(&self, work: impl FnOnce(&mut Connection) -> Attempt<T>, action: &str) -> Result<T> {
        self.with(&self.reader, work, action)
    }

    /// Works with the connection for writes.
    pub(super) fn write<T>(&self, work: impl FnOnce(&mut Connection) -> Attempt<T>, action: &str) -> Result<T> {
        self.with(&self.writer, work, action)
    }

    fn with<T>(
        &self,
        slot: &Mutex<Option<Handle>>,
        work: impl FnOnce(&mut Connection) -> Attempt<T>,
        action: &str,
    ) -> Result<T> {
        self.leave_parent_behind()?;
        // A panic in the middle of work rolled its transaction back.
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.as_ref().is_some_and(|handle| handle.file != FileId::of(&self.path)) {
            *slot = None;
        }
        let handle = match &mut *slot {
            Some(handle) => handle,
            empty => empty.insert(self.connect()?),
        };
        work(&mut handle.connection).map_err(|failure| self.explain(action, failure))
    }

    fn explain(&self, action: &str, failure: Failure) -> Error {
        match failure {
            Failure::Sqlite(cause) => failure::storage(&self.path, action, cause),
            Failure::Own(error) => error,
        }
    }

    fn connect(&self) -> Result<Handle> {
        // Held until SQLite has the file open: closing a plain handle to a file drops all locks of the process on it.
        let registry = self.registry()?;
        let file = FileId::of(&self.path);
        let is_lost = |other: &Arc<Self>| {
            other.owner.load(Ordering::Acquire) == NOBODY && other.path == self.path && file != FileId::default()
        };
        if registry.iter().filter_map(Weak::upgrade).any(|other| is_lost(&other)) {
            return Err(self.forked_in_use());
        }
        create(&self.path)
            .map_err(|cause| failure::at(&self.path, format!("cannot create the store: {cause}")).caused_by(cause))?;
        let open = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let mut connection = Connection::open_with_flags(&self.path, flags)?;
            self.prepare_patiently(&mut connection)?;
            Ok(connection)
        };
        let connection = open().map_err(|failure| self.explain("open", failure))?;
        let (file, path, process) = (FileId::of(&self.path), self.path.clone(), std::process::id());
        Ok(Handle { connection, file, path, process })
    }

    /// SQLite does not always wait by itself while another process turns a new file into one with a log.
    fn prepare_patiently(&self, connection: &mut Connection) -> Attempt<()> {
        let deadline = Instant::now() + Duration::from_millis(self.busy_timeout_ms);
        loop {
            match schema::prepare(connection, &self.path, self.synchronous, self.busy_timeout_ms) {
                Err(Failure::Sqlite(error)) if is_busy(&error) && Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(2));
                }
                result => return result,
            }
        }
    }

    /// Makes sure that the connections belong to this process.
    fn leave_parent_behind(&self) -> Result<()> {
        let process = std::process::id();
        if self.owner.load(Ordering::Acquire) == process {
            return Ok(());
        }
        drop(self.registry()?);
        if self.owner.load(Ordering::Acquire) == process { Ok(()) } else { Err(self.forked_in_use()) }
    }

    /// The list of databases, after everything inherited from a parent was closed.
    fn registry(&self) -> Result<MutexGuard<'static, Vec<Weak<Self>>>> {
        let deadline = Instant::now() + REGISTRY_WAIT;
        let mut registry = loop {
            match DATABASES.try_lock() {
                Ok(registry) => break registry,
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return Err(self.forked_in_use()),
                Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
            }
        };
        registry.retain(|database| database.strong_count() > 0);
        let process = std::process::id();
        for database in registry.iter().filter_map(Weak::upgrade) {
            if ![process, NOBODY].contains(&database.owner.load(Ordering::Acquire)) {
                database.close_inherited(process);
            }
        }
        Ok(registry)
    }

    /// Closes a parent's connections, if no thread of the parent was at work with one.
    fn close_inherited(&self, process: u32) {
        let reader = match self.reader.try_lock() {
            Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Ok(slot) => Some(slot),
        };
        let writer = match self.writer.try_lock() {
            Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Ok(slot) => Some(slot),
        };
        let owner = match (reader, writer) {
            (Some(mut reader), Some(mut writer)) => {
                *reader = None;
                *writer = None;
                process
            }
            _ => NOBODY,
        };
        self.owner.store(owner, Ordering::Release);
    }

    fn forked_in_use(&self) -> Error {
        let message =
            "the process forked while another thread used the store, so this child cannot: open it after the fork";
        failure::at(&self.path, message)
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Which file a path leads to, as far as the system says; the default is "none or unknown".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct FileId(Option<(u64, u64)>);

impl FileId {
    #[cfg(unix)]
    fn of(path: &Path) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino())))
    }

    #[cfg(not(unix))]
    fn of(_path: &Path) -> Self {
        Self::default()
    }
}

/// Makes the file, empty and for its owner only, unless something is there. SQLite gives its log and index files the
/// same mode.
fn create(path: &Path) -> io::Result<()> {
    let mut folders = fs::DirBuilder::new();
    let mut file = fs::OpenOptions::new();
    folders.recursive(true);
    file.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        folders.mode(0o700);
        file.mode(0o600);
    }
    if let Some(folder) = path.parent() {
        folders.create(folder)?;
    }
    match file.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result.map(drop),
    }
}
