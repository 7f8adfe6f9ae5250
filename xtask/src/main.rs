//! Chores of this repository: `cargo xtask <verb>`, one verb a file.

mod agents;
mod bench;
mod bench_proxy;
mod cargo;
#[cfg(test)]
mod contract;
mod deps;
mod fuzz;
mod load;
mod new_transform;
mod node;
mod node_packages;
mod peers;
mod python;
mod readme;
mod savings;
mod steps;
mod swift;
mod table;
mod test;
mod uniffi;
mod vectors;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of this repository.")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Everything that a change must pass; CI runs the same.
    Test {
        /// Only one part of it.
        part: Option<test::Part>,
    },
    /// Proves that every part knows only what STYLE.md lets it know.
    Deps,
    /// Runs the shared vectors and the samples of the detector.
    Vectors {
        /// Rewrites what is expected with what came out, for a person to read.
        #[arg(long)]
        bless: bool,
    },
    /// Measures the cases, prints tables beside the peers that are installed, and writes `tests/savings.txt`.
    Savings(savings::SavingsOptions),
    /// Measures speed beside doing nothing, counting tokens once, from Node, and beside the peers; prints tables.
    Bench {
        /// What is measured.
        #[arg(default_value = "engine")]
        what: Measured,
        /// Leaves the peers out.
        #[arg(long)]
        no_peers: bool,
        /// Prints the tables as docs/benchmarks.md holds them.
        #[arg(long)]
        markdown: bool,
    },
    /// Holds many streams and sends many requests through the proxy on loopback; checks every byte, and that memory stays flat.
    Load(load::LoadOptions),
    /// Gives generated and mutated texts to the engine for a while, checks what must hold, and names the slowest.
    Fuzz(fuzz::FuzzOptions),
    /// Makes the file, the vectors and the module line of a new transform.
    NewTransform {
        /// Its name in snake_case, such as `line_fold`.
        name: String,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Measured {
    /// The engine, from Rust and from Node.
    Engine,
    /// The proxy, on loopback.
    Proxy,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().verb {
        Verb::Test { part } => return test::run(part),
        Verb::Deps => deps::run(),
        Verb::Vectors { bless } => vectors::run(bless),
        Verb::Savings(options) => savings::run(&options),
        Verb::Bench { what: Measured::Engine, no_peers, markdown } => bench::run(!no_peers, markdown),
        Verb::Bench { what: Measured::Proxy, no_peers, markdown } => bench_proxy::run(!no_peers, markdown),
        Verb::Load(options) => load::run(&options),
        Verb::Fuzz(options) => fuzz::run(&options),
        Verb::NewTransform { name } => new_transform::run(&name),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
