//! Gives generated and mutated texts to every transform and to the whole engine for a while, and checks what must hold.
//!
//! usage: fuzz SECONDS TEXTS SEED FOLDER CORPUS_FOLDER...
//!
//! The inputs follow from the seed alone; it ends after so many seconds or so many texts, whichever comes first. A text that
//! breaks a promise or makes something panic is written to the folder and named. At the end come the inputs that took longest for their size, candidates for the hostile rows of
//! `benches/compress.rs`, and their texts are written, too.

mod check;
mod generate;
mod mutate;
#[path = "../../tests/common/promises.rs"]
mod promises;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use check::{Checks, LEAST_TIMED};
use generate::{Corpus, Numbers};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// How many of the slowest inputs are named.
const NAMED: usize = 8;

/// What an input took.
struct Timed {
    ms_per_mb: f64,
    at: u64,
    text: String,
    name: String,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| arguments.next().ok_or_else(|| format!("expected {what}, found no more arguments"));
    let seconds: u64 = next("a number of seconds")?.parse()?;
    let texts: u64 = next("a number of texts")?.parse()?;
    let seed: u64 = next("a seed")?.parse()?;
    let folder = PathBuf::from(next("a folder for texts")?);
    let corpus = Corpus::read(arguments.map(PathBuf::from))?;
    let checks = Checks::default();
    // One line a panic: messages hold whole texts.
    std::panic::set_hook(Box::new(|panic| {
        let text: String =
            panic.to_string().chars().map(|char| if char == '\n' { ' ' } else { char }).take(400).collect();
        println!("{text}");
    }));
    let (until, mut tried, mut bytes) = (Instant::now() + Duration::from_secs(seconds), 0_u64, 0_usize);
    let mut slowest: Vec<Timed> = Vec::new();
    let mut broken = 0;
    while tried < texts && Instant::now() < until {
        // Every input can be made again from the seed and its number.
        let mut numbers = Numbers::new(seed.wrapping_mul(1_000_003).wrapping_add(tried));
        let (name, text) = generate::text(&mut numbers, &corpus);
        let name = format!("{tried}: {name}");
        bytes += text.len();
        let checked = catch_unwind(AssertUnwindSafe(|| checks.check(&text, &mut numbers)));
        match checked {
            Ok(ms_above) if text.len() >= LEAST_TIMED => {
                #[expect(clippy::cast_precision_loss, reason = "a size")]
                let megabytes = text.len() as f64 / 1e6;
                let timed = Timed { ms_per_mb: ms_above / megabytes, at: tried, text, name };
                slowest.push(timed);
                slowest.sort_by(|left, right| right.ms_per_mb.total_cmp(&left.ms_per_mb));
                slowest.truncate(NAMED);
            }
            Ok(_) => {}
            Err(_) => {
                broken += 1;
                write_text(&folder, seed, tried, &text)?;
                println!("broken by {name}, {seed}-{tried}.txt");
            }
        }
        tried += 1;
    }
    println!(
        "{tried} texts, {} KB, seed {seed}; the slowest for their size, in ms a megabyte above counting:",
        bytes / 1000
    );
    for Timed { ms_per_mb, at, text, name } in &slowest {
        println!("{ms_per_mb:>10.0}  {:>5} KB  {name}", text.len() / 1000);
        write_text(&folder, seed, *at, text)?;
    }
    if broken > 0 {
        return Err(format!("{broken} texts break what must hold; they are in {}", folder.display()).into());
    }
    Ok(())
}

fn write_text(folder: &Path, seed: u64, tried: u64, text: &str) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let file = folder.join(format!("{seed}-{tried}.txt"));
    Ok(std::fs::write(file, text)?)
}
