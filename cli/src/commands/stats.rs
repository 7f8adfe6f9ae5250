//! `headroom stats`: totals of the store.

use std::io::Write as _;

use headroom_core::ccr::open_store;

use crate::failure::Failure;
use crate::screen::{Screen, number, percent, size};

pub(crate) fn run(json: bool, name: &str, screen: &mut Screen) -> Result<u8, Failure> {
    let store = open_store(name)?;
    let stats = store.stats()?;
    if json {
        let text = serde_json::to_string_pretty(&stats)
            .map_err(|error| Failure::new(format!("cannot write the totals as JSON: {error}")))?;
        writeln!(screen, "{text}")?;
        return Ok(0);
    }
    writeln!(screen, "store        {} ({})", name, store.kind())?;
    writeln!(screen, "originals    {}", number(stats.entries))?;
    writeln!(screen, "size         {}", size(stats.bytes))?;
    let share = percent(stats.stored_bytes, stats.max_bytes);
    writeln!(screen, "on disk      {} of {} allowed ({share})", size(stats.stored_bytes), size(stats.max_bytes))?;
    writeln!(screen, "retrievals   {}", number(stats.retrievals))?;
    Ok(0)
}
