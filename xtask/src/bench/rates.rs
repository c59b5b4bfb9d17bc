//! How much programs get done that take orders, in rounds that go from one to the next.

use std::process::Command;

use super::{
    report::{Figure, Row},
    server::Server,
    speed::{Rounds, median},
    tools::{Core, process_seconds},
};
use crate::Result;

/// One of those that do the same job.
pub(crate) trait Contender {
    /// As the table calls it.
    fn name(&self) -> &'static str;

    /// Does so much.
    fn round(&mut self, count: u32) -> Result<Round>;

    /// Is no longer wanted.
    fn stop(self: Box<Self>) -> Result<()>;
}

/// What a round took, in seconds.
pub(crate) struct Round {
    pub(crate) took: f64,
    /// Of a processor, by the contender alone.
    pub(crate) worked: f64,
}

/// A program of ours, told `do N`.
pub(crate) struct Worker<P> {
    name: &'static str,
    server: Server,
    /// Has it done, and returns how many seconds it took.
    perform: P,
}

impl<P: FnMut(&mut Server, u32) -> Result<f64>> Worker<P> {
    /// Starts it on the servers' processor.
    pub(crate) fn start(name: &'static str, command: Command, perform: P) -> Result<Self> {
        Ok(Self { name, server: Server::start_worker(Core::Server.command(command))?, perform })
    }
}

impl<P: FnMut(&mut Server, u32) -> Result<f64>> Contender for Worker<P> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn round(&mut self, count: u32) -> Result<Round> {
        let before = process_seconds(self.server.process());
        let took = (self.perform)(&mut self.server, count)?;
        Ok(Round { took, worked: process_seconds(self.server.process()) - before })
    }

    fn stop(self: Box<Self>) -> Result<()> {
        self.server.stop().map(drop)
    }
}

/// Tells a worker to do so much, and returns how many seconds that took.
pub(crate) fn order(server: &mut Server, count: u32) -> Result<f64> {
    let nanoseconds: f64 = server.order(&format!("do {count}"), "done ")?.parse()?;
    Ok(nanoseconds / 1e9)
}

/// What is done, and how often.
pub(crate) struct Pace {
    pub(crate) job: &'static str,
    /// The figure that says how much was done in a second.
    pub(crate) figure: &'static str,
    /// How much makes a round of a second, or somewhat more on a slow machine.
    pub(crate) per_second: u32,
}

/// Measures the contenders in turn, again and again: what disturbs the machine for a while disturbs all of them.
pub(crate) fn rates(pace: &Pace, contenders: Vec<Box<dyn Contender + '_>>, rounds: Rounds) -> Result<Vec<Row>> {
    let count = pace.per_second * u32::try_from(rounds.length.as_secs())?;
    let mut running: Vec<_> = contenders.into_iter().map(|contender| (contender, Vec::new(), Vec::new())).collect();
    for (contender, ..) in &mut running {
        contender.round(count.div_ceil(10))?;
    }
    for _ in 0..rounds.number {
        for (contender, rates, work) in &mut running {
            let round = contender.round(count)?;
            rates.push(f64::from(count) / round.took);
            work.push(round.worked * 1e6 / f64::from(count));
        }
    }
    let rows = running.into_iter().map(|(contender, mut rates, mut work)| {
        let name = contender.name();
        contender.stop()?;
        // In order, from here on.
        let middle = median(&mut rates);
        let figures = [
            (pace.figure, middle),
            ("slowest_round", rates.first().copied().unwrap_or_default()),
            ("fastest_round", rates.last().copied().unwrap_or_default()),
            ("processor_us", median(&mut work)),
        ];
        Ok(Row::new(pace.job, name, figures.map(|(name, value)| Figure::new(name, value))))
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Contender, Pace, Result, Round, Rounds, rates};

    struct Slow(u32);

    impl Contender for Slow {
        fn name(&self) -> &'static str {
            "slow"
        }

        fn round(&mut self, count: u32) -> Result<Round> {
            self.0 += 1;
            Ok(Round { took: f64::from(count * self.0), worked: f64::from(count) })
        }

        fn stop(self: Box<Self>) -> Result<()> {
            if self.0 == 4 { Ok(()) } else { Err("it was asked for other rounds".into()) }
        }
    }

    #[test]
    fn the_first_round_is_none() {
        let pace = Pace { job: "job", figure: "messages_per_second", per_second: 10 };
        let rounds = Rounds { number: 3, length: Duration::from_secs(2) };
        let rows = rates(&pace, vec![Box::new(Slow(0))], rounds).unwrap();
        let figures: Vec<_> = rows[0].figures.iter().map(|figure| (figure.name, figure.value)).collect();
        let expected = [
            ("messages_per_second", 1.0 / 3.0),
            ("slowest_round", 0.25),
            ("fastest_round", 0.5),
            ("processor_us", 1e6),
        ];
        assert_eq!(figures, expected);
    }
}
