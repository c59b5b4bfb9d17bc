//! What a person or CI types: `cargo xtask test`, `cargo xtask bench`, `cargo xtask soak`,
//! `cargo xtask fuzz`, `cargo xtask services`, `cargo xtask ci`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks on its terminal")]

mod bench;
mod cargo;
mod ci;
mod daemons;
mod fuzz;
mod install;
mod interpreters;
mod packages;
mod services;
mod soak;
mod steps;
mod test;
mod xml_suite;

use std::{error::Error, process::ExitCode};

use clap::{Parser, Subcommand};

/// Any failure that ends a command; it is only ever shown to a person.
type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// The chores of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs all tests, then checks that the facade builds with each feature alone
    Test(test::Options),
    /// Runs what CI runs: formatting, lints, docs, tests, and a smoke run of the benchmark
    Ci,
    /// Measures what zato costs beside hyper, axum and actix-web: instructions, allocations, system calls, time
    Bench(bench::Options),
    /// Puts servers under load for a while, with changes and misbehaving clients, and fails if anything is lost or left
    Soak(soak::Options),
    /// Sends inputs that nobody thought of through channels of every format, and fails if one is answered wrongly
    Fuzz(fuzz::Options),
    /// Starts, stops and lists the real servers that tests talk to
    Services(services::Options),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Test(options) => test::run(&options),
        Command::Ci => ci::run(),
        Command::Bench(options) => bench::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Soak(options) => soak::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Services(options) => services::run(&options).map(|()| ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
