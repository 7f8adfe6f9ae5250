//! Times the compression of conversations that the engine has not seen, for comparison with the bindings.
//!
//! Each argument is a file with messages. Prints one line a file: milliseconds to read the JSON, and to compress.

use std::sync::Arc;
use std::time::Instant;

use headroom_core::ccr::MemoryStore;
use headroom_core::{Call, Engine, JsonBody};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::new(Arc::new(MemoryStore::default()));
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(path)?;
        let started = Instant::now();
        let body = JsonBody::parse(text)?;
        let read = started.elapsed();
        let started = Instant::now();
        let result = engine.compress_blocking(Call::new(body, "gpt-4o"))?;
        let compressed = started.elapsed();
        let milliseconds = |duration: std::time::Duration| duration.as_secs_f64() * 1000.0;
        println!("{} {} {}", milliseconds(read), milliseconds(compressed), result.tokens_after);
    }
    Ok(())
}
