//! `headroom store`: what is kept, and less of it.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use headroom_core::ccr::open_store;

use crate::arguments::StoreCommand;
use crate::failure::Failure;
use crate::screen::{Screen, Tone, number, one_line, size};

pub(crate) fn run(asked: &StoreCommand, name: &str, screen: &mut Screen) -> Result<u8, Failure> {
    let store = open_store(name)?;
    match asked {
        StoreCommand::List { json } => {
            let entries = store.list()?;
            if *json {
                let text = serde_json::to_string_pretty(&entries)
                    .map_err(|error| Failure::new(format!("cannot write the list as JSON: {error}")))?;
                writeln!(screen, "{text}")?;
                return Ok(0);
            }
            if entries.is_empty() {
                screen.say(&format!("{} is empty", name));
                return Ok(0);
            }
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let head = format!("{:24}  {:>9}  {:>9}  {:>6}  {:>5}  tool", "hash", "size", "tokens", "shown", "asked");
            let head = screen.paint(Tone::Title, head).into_owned();
            writeln!(screen, "{head}")?;
            for entry in entries {
                let (tokens, shown) = (number(entry.tokens), age(now.saturating_sub(entry.shown_s)));
                let tool = one_line(&entry.tool_name, 40);
                let line = format!(
                    "{}  {:>9}  {tokens:>9}  {shown:>6}  {:>5}  {tool}",
                    entry.hash,
                    size(entry.bytes),
                    number(entry.retrieval_count),
                );
                writeln!(screen, "{}", line.trim_end())?;
            }
        }
        StoreCommand::Purge { older_than, .. } => {
            let removed = store.purge(older_than.unwrap_or(0))?;
            screen.say(&format!("{} removed from {}", count(removed), name));
        }
    }
    Ok(0)
}

fn count(originals: u64) -> String {
    if originals == 1 { "1 original".into() } else { format!("{} originals", number(originals)) }
}

/// A time ago in its largest unit.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}
