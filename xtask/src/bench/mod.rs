//! `cargo xtask bench`: what zato costs, beside hyper alone, axum and actix-web.
//!
//! The servers are in `benches/http` and `benches/peers`; this is their client. What talks to RabbitMQ is in `benches/amqp`,
//! what talks to Redis and to databases in `benches/databases`, what talks to object storage in `benches/stores`. What can be
//! trusted is counted: instructions on a simulated processor (valgrind's callgrind), allocations, and calls of the kernel
//! (strace), each as the difference between two runs that differ in the number of requests alone. They come out the same on
//! a busy machine, on which a stop-watch shows whatever else happens to run. Requests per second and latencies are measured
//! too, in rounds that go from server to server, on a processor of their own if there is one.

mod client;
mod count;
mod databases;
mod jobs;
mod load;
mod machine;
mod messages;
mod rates;
mod reload;
mod report;
mod server;
mod size;
mod speed;
mod start;
mod stores;
mod strace;
mod table;
mod target;
mod tools;
mod valgrind;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use self::{
    client::Client,
    count::{Plan, Served},
    jobs::{JOBS, Job},
    report::{Report, Row},
    server::Server,
    speed::Rounds,
};
use crate::{
    Result,
    cargo::{self, Metadata},
    install::install,
};

/// In the order of the table: the floors first.
const SERVERS: [&str; 9] = ["hyper", "lapin", "redis-rs", "sqlx", "opendal", "axum", "actix", "deadpool-redis", "zato"];

/// Every job, in the order of the table.
const NAMES: [&str; 27] = [
    "client",
    "json",
    "xml",
    "csv",
    "soap",
    "call",
    "query",
    "routes",
    "invoke",
    "invoke-1000",
    "publish",
    "publish-one",
    "consume",
    "service",
    "redis-get",
    "redis-set",
    "sql-one-sqlite",
    "sql-one-postgres",
    "sql-stream-sqlite",
    "sql-stream-postgres",
    "swift-put-1k",
    "swift-get-1k",
    "swift-put-100m",
    "swift-get-100m",
    reload::NAME,
    start::NAME,
    size::NAME,
];

/// How many units of a job the smoke run asks each server for.
const SMOKE: u32 = 200;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Over how many requests the cost of one is averaged, after a warm-up
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..))]
    requests: u32,

    /// How many rounds each server is under load
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// How long a round is
    #[arg(long, value_name = "SECONDS", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,

    /// Fewer requests, shorter rounds: to see whether something has changed
    #[arg(long, conflicts_with_all = ["requests", "rounds", "seconds"])]
    quick: bool,

    /// Count only: no requests per second and no latencies, which a busy machine spoils
    #[arg(long)]
    counts: bool,

    /// Build the first programs from nothing too, which takes minutes
    #[arg(long)]
    build: bool,

    /// Only check that each server answers as it should: no valgrind, no optimised build
    #[arg(long)]
    check: bool,

    /// Measure this server alone; may be given several times
    #[arg(long, value_name = "SERVER", value_parser = SERVERS)]
    only: Vec<String>,

    /// Do these jobs alone
    #[arg(long, value_name = "JOB,...", value_delimiter = ',', value_parser = NAMES)]
    jobs: Vec<String>,
}

impl Options {
    fn wants(&self, job: &str) -> bool {
        self.jobs.is_empty() || self.jobs.iter().any(|wanted| wanted == job)
    }

    /// Those that were asked for, of those that do a job.
    fn servers(&self, servers: &[&'static str]) -> Vec<&'static str> {
        let wanted = |server: &&'static str| self.only.is_empty() || self.only.iter().any(|only| only == server);
        servers.iter().copied().filter(wanted).collect()
    }

    fn units(&self) -> u32 {
        if self.quick { 300 } else { self.requests }
    }

    fn rounds(&self) -> Rounds {
        let (number, seconds) = if self.quick { (1, 1) } else { (self.rounds, self.seconds) };
        Rounds { number, length: Duration::from_secs(seconds) }
    }
}

/// The programs that hold the servers.
pub(crate) struct Programs {
    http: PathBuf,
    /// What nothing but a measurement needs; absent in the smoke run.
    peers: Option<PathBuf>,
}

impl Programs {
    /// The command that runs a server that is ready for a job, and whom it calls in turn, which is to live as long.
    fn with_partner(&self, server: &str, job: &Job) -> Result<(Command, Option<Server>)> {
        let mut command = self.command(server, job.name);
        let partner = job.has_partner.then(|| Server::start(self.command("hyper", "client"))).transpose()?;
        command.args(partner.iter().map(|partner| partner.address().to_string()));
        Ok((command, partner))
    }

    /// The command that runs a server that is ready for a job.
    fn command(&self, server: &str, job: &str) -> Command {
        match &self.peers {
            Some(peers) if server == "actix" => Command::new(peers),
            _ => {
                let mut command = Command::new(&self.http);
                command.args(["serve", server, job]);
                command
            }
        }
    }
}

/// What all counts have in common.
fn plan(options: &Options, target: &Path) -> Plan {
    Plan { reports: target.join("bench"), units: options.units() }
}

/// Does what `options` ask for.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.check {
        return check();
    }
    // Before the long build, since these are what may be missing.
    install("valgrind", "valgrind")?;
    install("strace", "strace")?;
    let machine = machine::describe();
    let target = Metadata::read()?.target_directory()?;
    let folder = target.join("bench");
    fs::create_dir_all(&folder)?;
    let (mut report, mut failures) = (Report::default(), Vec::new());
    let is_message = |job: &String| messages::JOBS.iter().any(|message| message.name == job);
    let is_database = |job: &String| databases::JOBS.iter().any(|database| database.name == job);
    let is_store = |job: &String| stores::JOBS.iter().any(|store| store.name == job);
    let is_request = |job: &String| job != size::NAME && !is_message(job) && !is_database(job) && !is_store(job);
    if options.jobs.is_empty() || options.jobs.iter().any(is_request) {
        measure(options, &target, (&mut report, &mut failures))?;
    }
    if options.jobs.is_empty() || options.jobs.iter().any(is_message) {
        measure_messages(options, &target, (&mut report, &mut failures))?;
    }
    if options.jobs.is_empty() || options.jobs.iter().any(is_database) {
        let program = build_one(&target, "databases", "databases")?;
        let keep = &mut keep(&mut report, &mut failures);
        databases::measure(options, &program, &plan(options, &target), keep);
    }
    if options.jobs.is_empty() || options.jobs.iter().any(is_store) {
        let program = build_one(&target, "stores", "stores")?;
        stores::measure(options, &program, &plan(options, &target), &mut keep(&mut report, &mut failures));
    }
    if options.wants(size::NAME) {
        eprintln!("measuring {}", size::NAME);
        let builds = folder.join("builds");
        size::measure(options.build.then_some(builds.as_path()))?.into_iter().for_each(|row| report.add(row));
    }
    let about = JOBS.iter().map(|job| (job.name, job.about));
    let about = about.chain(messages::JOBS.iter().map(|job| (job.name, job.about)));
    let about = about.chain(databases::JOBS.iter().map(|job| (job.name, job.about)));
    let about = about.chain(stores::JOBS.iter().map(|job| (job.name, job.about)));
    let others = [(reload::NAME, reload::ABOUT), (start::NAME, start::ABOUT), (size::NAME, size::ABOUT)];
    let jobs: Vec<_> = about.chain(others).collect();
    print!("\n{}", table::Table { report: &report, jobs: &jobs });
    save(&folder, &report, &machine)?;
    println!("where the instructions went: callgrind_annotate {}/JOB.SERVER.many.callgrind", folder.display());
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

/// Goes on to the next job if one fails, since the others took long enough; `failures` tells which did.
fn measure(options: &Options, target: &Path, (report, failures): (&mut Report, &mut Vec<String>)) -> Result<()> {
    let programs = build(target, options.only.is_empty() || options.only.iter().any(|only| only == "actix"))?;
    let mut keep = keep(report, failures);
    for job in JOBS.iter().filter(|job| options.wants(job.name)) {
        let servers = options.servers(job.servers);
        for server in servers.iter().copied() {
            let what = format!("{} of {server}", job.name);
            eprintln!("counting {what}");
            let row = |figures| vec![Row::new(job.name, server, figures)];
            keep(what, count::count(&plan(options, target), &Served { programs: &programs, job, server }).map(row));
        }
        if job.has_load && !options.counts && !servers.is_empty() {
            eprintln!("measuring {}: {}", job.name, servers.join(", "));
            keep(job.name.to_owned(), speed::measure(&programs, job, &servers, options.rounds()));
        }
    }
    let is_zato_wanted = options.only.is_empty() || options.only.iter().any(|only| only == "zato");
    if is_zato_wanted && options.wants(reload::NAME) {
        eprintln!("measuring {}", reload::NAME);
        keep(reload::NAME.to_owned(), reload::measure(&programs, 100).map(|row| vec![row]));
    }
    if is_zato_wanted && options.wants(start::NAME) {
        eprintln!("measuring {}", start::NAME);
        keep(start::NAME.to_owned(), start::measure(&programs, options.rounds().length).map(|row| vec![row]));
    }
    Ok(())
}

/// As [`measure`], what goes by way of a broker.
fn measure_messages(
    options: &Options,
    target: &Path,
    (report, failures): (&mut Report, &mut Vec<String>),
) -> Result<()> {
    let program = build_one(target, "amqp", "amqp")?;
    messages::measure(options, &program, &plan(options, target), &mut keep(report, failures));
    Ok(())
}

/// Takes what was measured, and of what.
pub(crate) trait Keep: FnMut(String, Result<Vec<Row>>) {}

impl<F: FnMut(String, Result<Vec<Row>>)> Keep for F {}

/// Adds what was measured to the report, and what could not be to the failures.
fn keep(report: &mut Report, failures: &mut Vec<String>) -> impl FnMut(String, Result<Vec<Row>>) {
    |what, outcome| match outcome {
        Ok(rows) => rows.into_iter().for_each(|row| report.add(row)),
        Err(error) => failures.push(format!("{what}: {error}")),
    }
}

/// Builds both programs.
fn build(target: &Path, is_peer_wanted: bool) -> Result<Programs> {
    // actix-web takes minutes of its own, which who leaves it out need not wait for.
    let peers = is_peer_wanted.then(|| build_one(target, "peers", "peers")).transpose()?;
    Ok(Programs { http: build_one(target, "servers", "http")?, peers })
}

/// Builds a program under the profile of all, and zato with the features that a program gets by default: those of its tests
/// (a clock that can be stopped among them) would be measured along.
fn build_one(target: &Path, package: &str, name: &str) -> Result<PathBuf> {
    let folder = target.join("peers");
    let folder = folder.to_str().ok_or("the target directory's path is no text")?;
    if folder.contains(char::is_whitespace) {
        return Err(format!("the target directory \"{folder}\" has a space in its path").into());
    }
    let arguments = format!("build --profile bench --manifest-path benches/peers/Cargo.toml --package {package}");
    cargo::build(&format!("{arguments} --target-dir {folder}"), name)
}

/// Keeps the report beside those of other days.
fn save(folder: &Path, report: &Report, machine: &serde_json::Value) -> Result<()> {
    let name = machine.get("date").and_then(serde_json::Value::as_str).unwrap_or("undated").replace(':', "-");
    let path = folder.join(format!("{name}.json"));
    fs::write(&path, format!("{:#}\n", report.to_json(machine)))?;
    println!("\nsaved as {}", path.display());
    Ok(())
}

/// The smoke run of CI: builds the servers the way the tests build everything else, which leaves only the program itself
/// to compile, and has each do a little of every job. actix-web is left out, since nothing else needs it.
pub(crate) fn check() -> Result<()> {
    let http = cargo::build("build --workspace --all-features --bench http", "http")?;
    let programs = Programs { http, peers: None };
    for job in &JOBS {
        for server in job.servers.iter().filter(|server| **server != "actix") {
            smoke(&programs, job, server).map_err(|error| format!("{server}: {}: {error}", job.name))?;
        }
    }
    for (name, order) in [(start::NAME, None), (reload::NAME, Some("reload"))] {
        let mut server = Server::start(programs.command("zato", name))?;
        let mut client = Client::connect(server.address())?;
        client.send(1, &jobs::client()).map_err(|error| format!("zato: {name}: {error}"))?;
        if let Some(order) = order {
            server.order(order, "applied 2")?;
            client.send(1, &jobs::client()).map_err(|error| format!("zato: {name}: {error}"))?;
        }
        drop(client);
        server.stop()?;
        println!("zato: {name}: replies are as they should be");
    }
    messages::check(&cargo::build("build --workspace --all-features --bench amqp", "amqp")?, SMOKE)?;
    databases::check(&cargo::build("build --workspace --all-features --bench databases", "databases")?, SMOKE)?;
    stores::check(&cargo::build("build --workspace --all-features --bench stores", "stores")?, SMOKE)
}

fn smoke(programs: &Programs, job: &Job, server: &str) -> Result<()> {
    let (command, _partner) = programs.with_partner(server, job)?;
    let running = Server::start(command)?;
    let mut client = Client::connect(running.address())?;
    let (requests, asked) = job.requests(job.units(SMOKE));
    client.send(requests, &asked)?;
    drop(client);
    running.stop()?;
    println!("{server}: {}: {requests} replies are as they should be", job.name);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{JOBS, NAMES, SERVERS, databases, messages, stores};

    #[test]
    fn every_job_can_be_asked_for_at_every_server_that_does_it() {
        for job in &JOBS {
            assert!(NAMES.contains(&job.name), "{} is no value of --jobs", job.name);
            assert!(job.servers.iter().all(|server| SERVERS.contains(server)));
        }
        for job in &messages::JOBS {
            assert!(NAMES.contains(&job.name), "{} is no value of --jobs", job.name);
        }
        assert!(messages::SERVERS.iter().all(|server| SERVERS.contains(server)));
        for job in &databases::JOBS {
            assert!(NAMES.contains(&job.name), "{} is no value of --jobs", job.name);
            assert!(job.servers.iter().all(|server| SERVERS.contains(server)));
        }
        for job in &stores::JOBS {
            assert!(NAMES.contains(&job.name), "{} is no value of --jobs", job.name);
        }
        assert!(stores::SERVERS.iter().all(|server| SERVERS.contains(server)));
    }
}
