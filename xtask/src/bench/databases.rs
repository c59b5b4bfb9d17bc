//! Commands of Redis and rows of databases, beside redis-rs, deadpool-redis and sqlx alone, and beside the servers' own
//! tools: `benches/databases`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use super::{
    Keep, Options,
    count::{self, Plan, Subject},
    rates::{Contender, Pace, Round, Worker, order, rates},
    report::Row,
    server::{Ended, Server},
    speed::Rounds,
    tools::{Core, children_seconds},
};
use crate::{
    Result,
    daemons::{Daemon, POSTGRES, REDIS},
    services::{self, Loan},
};

/// Something that Redis or a database is measured at.
pub(crate) struct Job {
    /// As the program and `--jobs` know it.
    pub(crate) name: &'static str,
    /// What the table says of it.
    pub(crate) about: &'static str,
    /// Who does it, the floor first.
    pub(crate) servers: &'static [&'static str],
    store: Store,
    /// The server's own tool, if it does the same.
    tool: Option<fn(&Lent, u32) -> Result<f64>>,
    /// How many commands or rows make a round of a second, or somewhat more on a slow machine.
    per_second: u32,
}

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Store {
    Redis,
    Sqlite,
    Postgres,
}

const OF_REDIS: &[&str] = &["redis-rs", "deadpool-redis", "zato"];
const OF_SQL: &[&str] = &["sqlx", "zato"];

/// In the order of the table.
pub(crate) const JOBS: [Job; 6] = [
    Job {
        name: "redis-get",
        about: "GET of 100 bytes, from 64 tasks at once",
        servers: OF_REDIS,
        store: Store::Redis,
        tool: Some(|lent, count| redis_benchmark(lent, "get", count)),
        per_second: 40_000,
    },
    Job {
        name: "redis-set",
        about: "SET of 100 bytes, from 64 tasks at once",
        servers: OF_REDIS,
        store: Store::Redis,
        tool: Some(|lent, count| redis_benchmark(lent, "set", count)),
        per_second: 40_000,
    },
    Job {
        name: "sql-one-sqlite",
        about: "one row by its primary key, from 64 tasks at once, a pool of 8, SQLite",
        servers: OF_SQL,
        store: Store::Sqlite,
        tool: None,
        per_second: 10_000,
    },
    Job {
        name: "sql-one-postgres",
        about: "the same, PostgreSQL",
        servers: OF_SQL,
        store: Store::Postgres,
        tool: Some(pgbench),
        per_second: 6000,
    },
    Job {
        name: "sql-stream-sqlite",
        about: "100,000 rows streamed into JSON, SQLite",
        servers: OF_SQL,
        store: Store::Sqlite,
        tool: None,
        per_second: 200_000,
    },
    Job {
        name: "sql-stream-postgres",
        about: "the same, PostgreSQL",
        servers: OF_SQL,
        store: Store::Postgres,
        tool: None,
        per_second: 200_000,
    },
];

/// How many clients a tool has, as our programs have tasks.
const CLIENTS: u32 = 64;

/// What a job needs, for as long as it does, and the program that does it.
struct Lent<'a> {
    program: &'a Path,
    url: String,
    /// Where the server's tools are; nowhere for SQLite.
    tools: PathBuf,
    /// The file of SQLite, which goes with it.
    file: Option<PathBuf>,
    _loan: Option<Loan>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        // Nobody is left to tell if it stays; the next run writes over it.
        let _ = self.file.take().map(fs::remove_file);
    }
}

impl<'a> Lent<'a> {
    /// Lends a job what it needs, with what it reads in it.
    fn lend(program: &'a Path, job: &Job) -> Result<Self> {
        let lent = match job.store {
            Store::Redis => Self::of(program, &REDIS)?,
            Store::Postgres => Self::of(program, &POSTGRES)?,
            Store::Sqlite => {
                let file = std::env::temp_dir().join(format!("zato-bench-{}.sqlite", std::process::id()));
                let _ = fs::remove_file(&file);
                let url = format!("sqlite:{}", file.display());
                Self { program, url, tools: PathBuf::new(), file: Some(file), _loan: None }
            }
        };
        if job.store == Store::Postgres {
            lent.tool("pgbench", &["--initialize", "--quiet", &lent.url])?;
        }
        let prepared = Command::new(program).args(["prepare", job.name, &lent.url]).status()?;
        if prepared.success() { Ok(lent) } else { Err(format!("{} could not be prepared", job.name).into()) }
    }

    fn of(program: &'a Path, daemon: &Daemon) -> Result<Self> {
        let loan = services::lend(&[daemon])?;
        let (url, tools) = (daemon.told(&loan, "_URL")?, daemon.told(&loan, "")?.into());
        Ok(Self { program, url, tools, file: None, _loan: Some(loan) })
    }

    fn command(&self, server: &str, job: &Job) -> Command {
        let mut command = Command::new(self.program);
        command.args(["serve", server, job.name, &self.url]);
        command
    }

    /// Runs one of the server's tools on the servers' processor, and returns what it prints.
    fn tool(&self, name: &str, arguments: &[&str]) -> Result<String> {
        let own = self.tools.join(name);
        let mut command = Command::new(if own.exists() { own } else { name.into() });
        command.args(arguments);
        let output = Core::Server.command(command).output()?;
        if !output.status.success() {
            return Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim()).into());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Does every job that is wanted, on servers that are lent for that. Says so loudly if there is none.
pub(crate) fn measure(options: &Options, program: &Path, plan: &Plan, keep: &mut (impl Keep + Send)) {
    // What this thread starts is on the client's processor, the server first of all; and the server ends with it.
    let measured = thread::scope(|scope| {
        let measuring = scope.spawn(|| {
            Core::Client.bind();
            for job in JOBS.iter().filter(|job| options.wants(job.name)) {
                match Lent::lend(program, job) {
                    Ok(lent) => measure_job(&lent, job, options, plan, keep),
                    Err(error) => left_out(job, &*error),
                }
            }
        });
        measuring.join()
    });
    if measured.is_err() {
        keep("databases".to_owned(), Err("the thread that measures them panicked".into()));
    }
}

fn measure_job(lent: &Lent<'_>, job: &Job, options: &Options, plan: &Plan, keep: &mut impl Keep) {
    let servers = options.servers(job.servers);
    for server in servers.iter().copied() {
        let what = format!("{} of {server}", job.name);
        eprintln!("counting {what}");
        let figures = count::count(plan, &Counted { lent, job, server });
        keep(what, figures.map(|figures| vec![Row::new(job.name, server, figures)]));
    }
    if !options.counts && !servers.is_empty() {
        eprintln!("measuring {}: {}", job.name, servers.join(", "));
        keep(job.name.to_owned(), measure_rates(lent, job, &servers, options.rounds()));
    }
}

fn measure_rates(lent: &Lent<'_>, job: &Job, servers: &[&'static str], rounds: Rounds) -> Result<Vec<Row>> {
    let mut contenders: Vec<Box<dyn Contender + '_>> = Vec::new();
    for name in servers.iter().copied() {
        contenders.push(Box::new(Worker::start(name, lent.command(name, job), order)?));
    }
    if let Some(run) = job.tool {
        contenders.push(Box::new(Tool { lent, is_redis: job.store == Store::Redis, run }));
    }
    let figure = if job.store == Store::Redis { "commands_per_second" } else { "rows_per_second" };
    rates(&Pace { job: job.name, figure, per_second: job.per_second }, contenders, rounds)
}

/// Has each server do a little of every job.
pub(crate) fn check(program: &Path, count: u32) -> Result<()> {
    for job in &JOBS {
        let lent = match Lent::lend(program, job) {
            Ok(lent) => lent,
            Err(error) => {
                left_out(job, &*error);
                continue;
            }
        };
        for server in job.servers {
            let checked = Server::start_worker(lent.command(server, job)).and_then(|mut running| {
                order(&mut running, count)?;
                running.stop()
            });
            checked.map_err(|error| format!("{server}: {}: {error}", job.name))?;
            println!("{server}: {}: {count} answers are as they should be", job.name);
        }
        if let Some(run) = job.tool {
            run(&lent, CLIENTS).map_err(|error| format!("{}: {error}", job.name))?;
        }
    }
    Ok(())
}

fn left_out(job: &Job, error: &dyn std::error::Error) {
    eprintln!("\n*** LEFT OUT, since there is no server: {}\n*** {error}\n", job.name);
}

/// A server whose commands or rows are counted.
struct Counted<'a> {
    lent: &'a Lent<'a>,
    job: &'a Job,
    server: &'static str,
}

impl Subject for Counted<'_> {
    fn name(&self) -> String {
        format!("{}.{}", self.job.name, self.server)
    }

    fn has_system_calls(&self) -> bool {
        // How many go out or come in with one call is chance.
        false
    }

    fn run(&self, units: u32, command: &dyn Fn(Command) -> Command) -> Result<Ended> {
        let mut server = Server::start_worker(command(self.lent.command(self.server, self.job)))?;
        order(&mut server, units)?;
        server.stop()
    }
}

/// What comes with a server to measure it.
struct Tool<'a> {
    lent: &'a Lent<'a>,
    is_redis: bool,
    run: fn(&Lent<'_>, u32) -> Result<f64>,
}

impl Contender for Tool<'_> {
    fn name(&self) -> &'static str {
        if self.is_redis { "redis-benchmark" } else { "pgbench" }
    }

    fn round(&mut self, count: u32) -> Result<Round> {
        let before = children_seconds();
        let rate = (self.run)(self.lent, count)?;
        Ok(Round { took: f64::from(count) / rate, worked: children_seconds() - before })
    }

    fn stop(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

/// Returns how many commands it has done in a second.
fn redis_benchmark(lent: &Lent<'_>, test: &str, count: u32) -> Result<f64> {
    let address = lent.url.trim_start_matches("redis://");
    let (host, port) = address.split('/').next().and_then(|address| address.split_once(':')).ok_or("no address")?;
    let (clients, count) = (CLIENTS.to_string(), count.to_string());
    let same = ["-h", host, "-p", port, "-c", &clients, "-n", &count, "-d", "100", "-t", test, "--csv"];
    commands_per_second(&lent.tool("redis-benchmark", &same)?)
}

/// The second column of the second line: `"GET","141643.06",...`.
fn commands_per_second(table: &str) -> Result<f64> {
    let rate = table.lines().nth(1).and_then(|line| line.split(',').nth(1)?.trim_matches('"').parse().ok());
    Ok(rate.ok_or_else(|| format!("redis-benchmark says {table:?}"))?)
}

/// Returns how many rows it has read in a second.
fn pgbench(lent: &Lent<'_>, count: u32) -> Result<f64> {
    let (clients, each) = (CLIENTS.to_string(), count.div_ceil(CLIENTS).to_string());
    let same = ["-S", "-n", "-c", &clients, "-j", "2", "-M", "prepared", "-t", &each, &lent.url];
    transactions_per_second(&lent.tool("pgbench", &same)?)
}

/// In the line `tps = 12345.678901 (without initial connection time)`.
fn transactions_per_second(report: &str) -> Result<f64> {
    let rate = report.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    Ok(rate.ok_or_else(|| format!("pgbench says {report:?}"))?)
}

#[cfg(test)]
mod tests {
    use super::{commands_per_second, transactions_per_second};

    #[test]
    fn what_the_tools_print_is_understood() {
        let table = "\"test\",\"rps\",\"avg_latency_ms\"\n\"GET\",\"141643.06\",\"0.230\"\n";
        assert!((commands_per_second(table).unwrap() - 141_643.06).abs() < 0.001);
        let report = "scaling factor: 1\nlatency average = 5.1 ms\ntps = 12345.5 (without initial connection time)\n";
        assert!((transactions_per_second(report).unwrap() - 12_345.5).abs() < 0.001);
        commands_per_second("").unwrap_err();
        transactions_per_second("").unwrap_err();
    }
}
