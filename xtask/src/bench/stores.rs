//! Objects of Swift, beside opendal alone and beside python-swiftclient: `benches/stores`.

use std::{path::Path, process::Command, thread};

use super::{
    Keep, Options,
    count::{self, Plan, Subject},
    rates::{Contender, Pace, Worker, order, rates},
    report::Row,
    server::{Ended, Server},
    speed::Rounds,
    tools::Core,
};
use crate::{
    Result, cargo,
    daemons::SWIFT,
    packages::PYTHON_PACKAGES,
    services::{self, Loan},
};

/// Who does the jobs, the floor first.
pub(crate) const SERVERS: [&str; 2] = ["opendal", "zato"];

/// What Python has for it, which is no floor and no target, and of which nothing can be counted.
const PEER: &str = "swiftclient";

/// Something that object storage is measured at.
pub(crate) struct Job {
    /// As the programs and `--jobs` know it.
    pub(crate) name: &'static str,
    /// What the table says of it.
    pub(crate) about: &'static str,
    is_large: bool,
    /// How many objects, or megabytes of large ones, make a round of a second, or somewhat more on a slow machine.
    per_second: u32,
}

/// In the order of the table.
pub(crate) const JOBS: [Job; 4] = [
    Job {
        name: "swift-put-1k",
        about: "objects of 1 KB stored, from 8 tasks at once",
        is_large: false,
        per_second: 150,
    },
    Job { name: "swift-get-1k", about: "objects of 1 KB read, from 8 tasks at once", is_large: false, per_second: 300 },
    Job {
        name: "swift-put-100m",
        about: "objects of 100 MB stored, one after the other; counts are those of a megabyte",
        is_large: true,
        per_second: 100,
    },
    Job {
        name: "swift-get-100m",
        about: "objects of 100 MB read piece by piece, one after the other; counts are those of a megabyte",
        is_large: true,
        per_second: 200,
    },
];

/// How many megabytes are one large object, and how many one for a glance.
const LARGE: u32 = 100;
const GLANCE: u32 = 10;

/// An account with a container of this run, for as long as it is needed, and the program that fills it.
struct Account<'a> {
    program: &'a Path,
    /// Where one logs in, as whom and with which key, and the name of the container: what each program is told last.
    place: [String; 4],
    /// Where python-swiftclient is, unless it could not be installed.
    packages: Option<String>,
    _loan: Loan,
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        let [.., container] = &self.place;
        let removed = Command::new(self.program).arg("remove").args(&self.place).status();
        if !removed.is_ok_and(|status| status.success()) {
            eprintln!("the container {container} may still be there");
        }
    }
}

impl<'a> Account<'a> {
    fn lend(program: &'a Path) -> Result<Self> {
        let loan = services::lend(&[&SWIFT])?;
        let told = |name| SWIFT.told(&loan, name);
        let container = format!("zato-bench-{}", std::process::id());
        let place = [told("_AUTH_URL")?, told("_USER")?, told("_KEY")?, container];
        let packages = services::up(&[&PYTHON_PACKAGES]).map(|told| told.into_iter().map(|(_, folder)| folder).next());
        let packages = packages.unwrap_or_else(|error| {
            eprintln!("\n*** LEFT OUT, since it could not be installed: {PEER}\n*** {error}\n");
            None
        });
        Ok(Self { program, place, packages, _loan: loan })
    }

    /// Has in it what a job reads.
    fn prepare(&self, job: &Job) -> Result<()> {
        let prepared = Command::new(self.program).args(["prepare", job.name]).args(&self.place).status()?;
        if prepared.success() { Ok(()) } else { Err(format!("{} could not be prepared", job.name).into()) }
    }

    fn command(&self, server: &str, job: &Job) -> Command {
        let mut command = Command::new(self.program);
        command.args(["serve", server, job.name]).args(&self.place);
        command
    }

    /// The same in Python, if that is there.
    fn peer(&self, job: &Job) -> Option<Command> {
        let mut command = Command::new("python3");
        command.arg(cargo::root().join("benches/stores/peer.py")).arg(self.packages.as_ref()?);
        command.arg(job.name).args(&self.place);
        Some(command)
    }
}

/// Does every job that is wanted, on a server that is lent for that. Says so loudly if there is none.
pub(crate) fn measure(options: &Options, program: &Path, plan: &Plan, keep: &mut (impl Keep + Send)) {
    // What this thread starts is on the client's processor, the server first of all; and the server ends with it.
    let measured = thread::scope(|scope| {
        let measuring = scope.spawn(|| {
            Core::Client.bind();
            let account = Account::lend(program)?;
            for job in JOBS.iter().filter(|job| options.wants(job.name)) {
                match account.prepare(job) {
                    Ok(()) => measure_job(&account, job, options, plan, keep),
                    Err(error) => keep(job.name.to_owned(), Err(error)),
                }
            }
            Result::<()>::Ok(())
        });
        measuring.join().unwrap_or_else(|_| Err("the thread that measures object storage panicked".into()))
    });
    if let Err(error) = measured {
        left_out(&*error);
    }
}

fn measure_job(account: &Account<'_>, job: &Job, options: &Options, plan: &Plan, keep: &mut impl Keep) {
    let servers = options.servers(&SERVERS);
    for server in servers.iter().copied() {
        let what = format!("{} of {server}", job.name);
        eprintln!("counting {what}");
        let figures = count::count(plan, &Counted { account, job, server });
        keep(what, figures.map(|figures| vec![Row::new(job.name, server, figures)]));
    }
    if !options.counts && !servers.is_empty() {
        eprintln!("measuring {}: {}", job.name, servers.join(", "));
        keep(job.name.to_owned(), measure_rates(account, job, &servers, options.rounds()));
    }
}

fn measure_rates(account: &Account<'_>, job: &Job, servers: &[&'static str], rounds: Rounds) -> Result<Vec<Row>> {
    let mut contenders: Vec<Box<dyn Contender + '_>> = Vec::new();
    for name in servers.iter().copied() {
        contenders.push(Box::new(Worker::start(name, account.command(name, job), order)?));
    }
    if let Some(peer) = account.peer(job) {
        contenders.push(Box::new(Worker::start(PEER, peer, order)?));
    }
    let figure = if job.is_large { "megabytes_per_second" } else { "objects_per_second" };
    rates(&Pace { job: job.name, figure, per_second: job.per_second }, contenders, rounds)
}

/// Has each server do a little of every job: so many small objects, and one that is not quite large.
pub(crate) fn check(program: &Path, count: u32) -> Result<()> {
    let account = match Account::lend(program) {
        Ok(account) => account,
        Err(error) => {
            left_out(&*error);
            return Ok(());
        }
    };
    for job in &JOBS {
        account.prepare(job)?;
        let ours = SERVERS.map(|server| (server, account.command(server, job)));
        let (count, what) = if job.is_large { (GLANCE, "megabytes") } else { (count, "objects") };
        for (server, command) in ours.into_iter().chain(account.peer(job).map(|peer| (PEER, peer))) {
            let checked = Server::start_worker(command).and_then(|mut running| {
                order(&mut running, count)?;
                running.stop()
            });
            checked.map_err(|error| format!("{server}: {}: {error}", job.name))?;
            println!("{server}: {}: {count} {what} are as they should be", job.name);
        }
    }
    Ok(())
}

fn left_out(error: &dyn std::error::Error) {
    let names = JOBS.map(|job| job.name).join(", ");
    eprintln!("\n*** LEFT OUT, since there is no Swift: {names}\n*** {error}\n");
}

/// A server whose objects are counted.
struct Counted<'a> {
    account: &'a Account<'a>,
    job: &'a Job,
    server: &'static str,
}

impl Subject for Counted<'_> {
    fn name(&self) -> String {
        format!("{}.{}", self.job.name, self.server)
    }

    fn units(&self, wanted: u32) -> u32 {
        // Of large ones a single one, and then another: each is millions of times the same, and takes its time where
        // processors are simulated.
        if self.job.is_large { LARGE } else { wanted }
    }

    fn has_system_calls(&self) -> bool {
        // How much goes out or comes in with one call is chance.
        false
    }

    fn run(&self, units: u32, command: &dyn Fn(Command) -> Command) -> Result<Ended> {
        let mut server = Server::start_worker(command(self.account.command(self.server, self.job)))?;
        order(&mut server, units)?;
        server.stop()
    }
}
