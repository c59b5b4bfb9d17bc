//! Messages by way of RabbitMQ, beside lapin alone: `benches/amqp`.

use std::{cell::RefCell, path::Path, process::Command, thread};

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
    Result,
    daemons::RABBITMQ,
    services::{self, Loan},
};

/// Who does the jobs, the floor first.
pub(crate) const SERVERS: [&str; 2] = ["lapin", "zato"];

/// Something that messages are measured at.
pub(crate) struct Job {
    /// As the program and `--jobs` know it.
    pub(crate) name: &'static str,
    /// What the table says of it.
    pub(crate) about: &'static str,
    /// How many messages make a round of a second, or somewhat more on a slow machine.
    per_second: u32,
    /// Whether the queue is full to begin with.
    is_filled: bool,
}

/// In the order of the table.
pub(crate) const JOBS: [Job; 4] = [
    Job {
        name: "publish",
        about: "1 KB to a queue, each confirmed, 1,000 on their way at once",
        per_second: 10_000,
        is_filled: false,
    },
    Job {
        name: "publish-one",
        about: "as publish, but each when the one before it is confirmed",
        per_second: 1500,
        is_filled: false,
    },
    Job {
        name: "consume",
        about: "1 KB from a queue, each acknowledged, 100 handed over ahead",
        per_second: 10_000,
        is_filled: true,
    },
    Job {
        name: "service",
        about: "1 KB of JSON through a queue into a typed service, acknowledged",
        per_second: 5000,
        is_filled: false,
    },
];

/// A broker, for as long as it is needed, and the program that talks to it.
struct Broker<'a> {
    program: &'a Path,
    url: String,
    _loan: Loan,
}

impl<'a> Broker<'a> {
    fn lend(program: &'a Path) -> Result<Self> {
        let loan = services::lend(&[&RABBITMQ])?;
        Ok(Self { program, url: RABBITMQ.told(&loan, "_URL")?, _loan: loan })
    }

    fn command(&self, server: &str, job: &Job) -> Command {
        let mut command = Command::new(self.program);
        command.args(["serve", server, job.name, &self.url]);
        command
    }

    /// Starts what prepares the queue.
    fn hand(&self, job: &Job) -> Result<Server> {
        Server::start_worker(self.command("hand", job))
    }
}

impl Job {
    /// Prepares the queue for so many messages, has a server publish or consume them, and returns how many seconds that
    /// took.
    fn perform(&self, hand: &mut Server, server: &mut Server, count: u32) -> Result<f64> {
        hand.order(&format!("do {}", if self.is_filled { count } else { 0 }), "done ")?;
        order(server, count)
    }
}

/// Does every job that is wanted, on a broker that is lent for that. Says so loudly if there is none.
pub(crate) fn measure(options: &Options, program: &Path, plan: &Plan, keep: &mut (impl Keep + Send)) {
    // What this thread starts is on the client's processor, the broker first of all; and the broker ends with it.
    let measured = thread::scope(|scope| {
        let measuring = scope.spawn(|| {
            Core::Client.bind();
            let broker = Broker::lend(program)?;
            for job in JOBS.iter().filter(|job| options.wants(job.name)) {
                measure_job(&broker, job, options, plan, keep);
            }
            Result::<()>::Ok(())
        });
        measuring.join().unwrap_or_else(|_| Err("the thread that measures messages panicked".into()))
    });
    if let Err(error) = measured {
        left_out(&*error);
    }
}

fn measure_job(broker: &Broker<'_>, job: &Job, options: &Options, plan: &Plan, keep: &mut impl Keep) {
    let servers = options.servers(&SERVERS);
    for server in servers.iter().copied() {
        let what = format!("{} of {server}", job.name);
        eprintln!("counting {what}");
        let figures = count::count(plan, &Counted { broker, job, server });
        keep(what, figures.map(|figures| vec![Row::new(job.name, server, figures)]));
    }
    if !options.counts && !servers.is_empty() {
        eprintln!("measuring {}: {}", job.name, servers.join(", "));
        keep(job.name.to_owned(), measure_rates(broker, job, &servers, options.rounds()));
    }
}

/// Has each server do a little of every job.
pub(crate) fn check(program: &Path, count: u32) -> Result<()> {
    let broker = match Broker::lend(program) {
        Ok(broker) => broker,
        Err(error) => {
            left_out(&*error);
            return Ok(());
        }
    };
    for job in &JOBS {
        let mut hand = broker.hand(job)?;
        for server in SERVERS {
            let checked = Server::start_worker(broker.command(server, job)).and_then(|mut running| {
                job.perform(&mut hand, &mut running, count)?;
                running.stop()
            });
            checked.map_err(|error| format!("{server}: {}: {error}", job.name))?;
            println!("{server}: {}: {count} messages are as they should be", job.name);
        }
        hand.stop()?;
    }
    Ok(())
}

fn left_out(error: &dyn std::error::Error) {
    let names = JOBS.map(|job| job.name).join(", ");
    eprintln!("\n*** LEFT OUT, since there is no RabbitMQ: {names}\n*** {error}\n");
}

/// A server whose messages are counted.
struct Counted<'a> {
    broker: &'a Broker<'a>,
    job: &'a Job,
    server: &'static str,
}

impl Subject for Counted<'_> {
    fn name(&self) -> String {
        format!("{}.{}", self.job.name, self.server)
    }

    fn has_system_calls(&self) -> bool {
        // How many messages go out or come in with one call is chance.
        false
    }

    fn run(&self, units: u32, command: &dyn Fn(Command) -> Command) -> Result<Ended> {
        let mut hand = self.broker.hand(self.job)?;
        let mut server = Server::start_worker(command(self.broker.command(self.server, self.job)))?;
        self.job.perform(&mut hand, &mut server, units)?;
        hand.stop()?;
        server.stop()
    }
}

fn measure_rates(broker: &Broker<'_>, job: &Job, servers: &[&'static str], rounds: Rounds) -> Result<Vec<Row>> {
    let hand = RefCell::new(broker.hand(job)?);
    let mut contenders: Vec<Box<dyn Contender + '_>> = Vec::new();
    for name in servers.iter().copied() {
        let perform = |server: &mut Server, count| job.perform(&mut hand.borrow_mut(), server, count);
        contenders.push(Box::new(Worker::start(name, broker.command(name, job), perform)?));
    }
    let pace = Pace { job: job.name, figure: "messages_per_second", per_second: job.per_second };
    let rows = rates(&pace, contenders, rounds)?;
    hand.into_inner().stop()?;
    Ok(rows)
}
