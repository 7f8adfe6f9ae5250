//! Which store of originals the command uses.

use std::env;

use crate::failure::Failure;

/// The store, as `open_store` understands it: what `--store` says, else `HEADROOM_STORE`, else a file in `~/.headroom`.
pub(crate) fn named(given: Option<String>) -> Result<String, Failure> {
    if let Some(store) = given {
        return Ok(store);
    }
    let no_text = || Failure::new("expected HEADROOM_STORE and the home directory in UTF-8");
    if let Some(store) = env::var_os("HEADROOM_STORE").filter(|store| !store.is_empty()) {
        return store.into_string().map_err(|_| no_text());
    }
    let home = env::home_dir().filter(|home| !home.as_os_str().is_empty()).ok_or_else(|| {
        Failure::new("expected a home directory for the store, found none")
            .hint("--store or HEADROOM_STORE names a file for it")
    })?;
    let path = home.join(".headroom").join(headroom_core::ccr::DEFAULT_FILE_NAME);
    path.into_os_string().into_string().map_err(|_| no_text())
}
