//! `cargo xtask bench`: what one request costs, beside hyper alone and axum.
//!
//! The servers are in `benches/http`; this is their client. What it counts is how many instructions a simulated
//! processor (valgrind's callgrind) executes and how often memory is asked for, because both come out the same on a busy
//! machine, on which a stop-watch shows whatever else happens to run.
//!
//! Each number is the difference between two runs that differ in the number of requests alone.

mod client;
mod measure;
mod server;
mod table;
mod valgrind;

use std::path::PathBuf;

use self::{
    client::Client,
    measure::{Plan, measure},
    server::Server,
};
use crate::{
    Result,
    cargo::{self, Metadata},
};

/// In the order of the table: the floor first.
const SERVERS: [&str; 3] = ["hyper", "axum", "zato"];

/// How many requests the smoke run sends to each server.
const SMOKE: u32 = 200;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Over how many requests the cost of one is averaged, after a warm-up
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..))]
    requests: u32,

    /// Only check that each server answers as it should: no valgrind, no optimised build
    #[arg(long)]
    check: bool,

    /// Measure this server alone; may be given several times
    #[arg(long, value_name = "SERVER", value_parser = SERVERS)]
    only: Vec<String>,
}

impl Options {
    fn servers(&self) -> impl Iterator<Item = &'static str> {
        SERVERS.into_iter().filter(|server| self.only.is_empty() || self.only.iter().any(|only| only == server))
    }
}

/// Does what `options` ask for.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.check {
        return smoke(options.servers());
    }
    // Before the long build, since this is what may be missing.
    valgrind::install()?;
    let program = cargo::build("bench --package zato --bench http --no-run", "http")?;
    let reports = Metadata::read()?.target_directory()?.join("callgrind");
    std::fs::create_dir_all(&reports)?;
    let plan = Plan { program, reports, requests: options.requests };
    let mut rows = Vec::new();
    for server in options.servers() {
        eprintln!("measuring {server}");
        rows.push(measure(&plan, server).map_err(|error| format!("{server}: {error}"))?);
    }
    print!("\n{}", table::Table(&rows));
    println!("\nwhere the instructions went: callgrind_annotate {}/SERVER.many.out", plan.reports.display());
    Ok(())
}

/// The smoke run of CI: all servers.
pub(crate) fn check() -> Result<()> {
    smoke(SERVERS.into_iter())
}

/// Builds the servers the way the tests build everything else, which leaves only the program itself to compile, and
/// sends each some requests.
fn smoke(servers: impl Iterator<Item = &'static str>) -> Result<()> {
    let program: PathBuf = cargo::build("build --workspace --all-features --bench http", "http")?;
    for name in servers {
        let server = Server::start(server::command(&program, name)).map_err(|error| format!("{name}: {error}"))?;
        let mut client = Client::connect(server.address())?;
        client.send(SMOKE).map_err(|error| format!("{name}: {error}"))?;
        drop(client);
        server.stop().map_err(|error| format!("{name}: {error}"))?;
        println!("{name}: {SMOKE} replies are as they should be");
    }
    Ok(())
}
