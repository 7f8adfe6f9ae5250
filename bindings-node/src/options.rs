//! Options from JavaScript: a flat set of named values, defaults in the engine.

use headroom_core::{CompressOptions, Error, ErrorKind, Result};

/// Reads options from a JSON object.
///
/// # Errors
/// [`ErrorKind::Configuration`] that names the option, what was expected and what was found.
pub(crate) fn read(given: &str) -> Result<CompressOptions> {
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(given)
        .map_err(|cause| Error::new(ErrorKind::Configuration, format!("options: expected an object, found {cause}")))?;
    let read = |members: serde_json::Map<_, _>| serde_json::from_value::<CompressOptions>(members.into());
    read(members.clone()).map_err(|whole| {
        // The message of the whole does not say which option it is about; the same option alone fails the same way.
        let wrong = members.into_iter().find_map(|(name, value)| {
            let alone = serde_json::Map::from_iter([(name.clone(), value)]);
            read(alone).err().map(|cause| (name, cause))
        });
        let (path, cause) =
            wrong.map_or_else(|| ("options".to_owned(), whole), |(name, cause)| (format!("options.{name}"), cause));
        Error::new(ErrorKind::Configuration, format!("{path}: {cause}")).caused_by(cause)
    })
}
