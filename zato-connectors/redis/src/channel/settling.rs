//! What is decided about an entry is done.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use zato_core::{
    Error, Kind, Result,
    channel::broker::{Decision, Outcome, Reason},
    chrono::SecondsFormat,
    connection::Backoff,
};

use super::{
    consumer::LONGEST_PAUSE,
    work::{Next, Work, note},
};
use crate::headers::{ATTEMPTS, CHANNEL_NAME, CID, ENTRY_ID, ERROR, ERROR_KIND, FAILED_AT, OF_DEAD, SERVICE, STREAM};

/// How long it is tried to tell the server what became of an entry: it may be told twice, and what it never hears comes again.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the server is told.
enum Tell<'a> {
    Acked,
    Moved { to: &'a str, fields: &'a [(String, Vec<u8>)] },
}

/// How long an entry waits at the least that can't be put to the dead letters.
const SHORTEST_HOLD: Duration = Duration::from_secs(1);

impl Work {
    pub(super) async fn carry_out(&self, decision: Decision) -> Next {
        match decision {
            Decision::Done => Next::Settled(self.ack(Outcome::Acked).await),
            Decision::Again { after } => {
                self.shared.meter.count(Outcome::Requeued);
                note!(
                    debug,
                    self,
                    attempt = self.received.attempt(),
                    after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
                    "an entry comes again"
                );
                Next::Again(after)
            }
            Decision::DeadLetter(reason) => self.dead_letter(reason).await,
            Decision::Reject(reason) => {
                let attempt = self.received.attempt();
                note!(error, self, attempt, error = reason.report, "an entry is rejected");
                Next::Settled(self.ack(Outcome::Rejected).await)
            }
            Decision::Drop(reason) => {
                note!(warn, self, error = reason.report, "an entry is acknowledged although it was not served");
                Next::Settled(self.ack(Outcome::Dropped).await)
            }
        }
    }

    async fn dead_letter(&self, reason: Reason) -> Next {
        let to = &self.route.dead_letter;
        let fields = self.dead_fields(&reason);
        let moved = self.told(&Tell::Moved { to, fields: &fields }).await;
        match moved {
            Ok(false) => {
                self.shared.meter.count(Outcome::Stale);
                note!(
                    warn,
                    self,
                    stream = to,
                    error = reason.report,
                    "an entry is not put to the dead letters: it was before, or somebody else has taken it over"
                );
                Next::Settled(Ok(()))
            }
            Ok(true) => {
                self.shared.meter.count(Outcome::DeadLettered);
                note!(
                    warn,
                    self,
                    attempt = self.received.attempt(),
                    error = reason.report,
                    "an entry was put to the dead letters"
                );
                Next::Settled(Ok(()))
            }
            Err(error) => {
                let report = error.report().to_string();
                note!(
                    error,
                    self,
                    stream = to,
                    error = report,
                    "an entry can't be put to the dead letters, and comes again"
                );
                Next::Again(self.route.policies.delay(self.received.attempt()).max(SHORTEST_HOLD))
            }
        }
    }

    /// The entry as it came, with why it was given up.
    fn dead_fields(&self, reason: &Reason) -> Vec<(String, Vec<u8>)> {
        let entry = &self.received.entry;
        let theirs = entry.fields.iter().filter(|(name, _)| name != CID && !OF_DEAD.contains(&name.as_str()));
        let mut fields: Vec<_> = theirs.map(|(name, value)| (name.clone(), value.to_vec())).collect();
        let failed_at = self.shared.ambient.now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let attempts = self.received.attempt().to_string();
        let ours = [
            (ERROR, reason.words.as_str()),
            (ERROR_KIND, reason.kind),
            (CHANNEL_NAME, &self.shared.name),
            (SERVICE, &self.route.info.service),
            (STREAM, self.received.stream()),
            (ENTRY_ID, self.received.id()),
            (ATTEMPTS, &attempts),
            (FAILED_AT, &failed_at),
            (CID, self.cid.as_str()),
        ];
        fields.extend(ours.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())));
        fields
    }

    pub(super) async fn ack(&self, outcome: Outcome) -> Result<()> {
        let acked = self.told(&Tell::Acked).await.map(drop);
        self.settled(acked, outcome)
    }

    /// Lets others claim it at once.
    pub(super) async fn give_back(&self, is_begun: bool) -> Result<()> {
        let id = [self.received.id().into()];
        let before = (!is_begun).then(|| self.received.attempt().saturating_sub(1));
        let given_back = self.shared.terms.commands.give_back(&id, self.shared.terms.claim_after, before).await;
        if !is_begun && given_back.is_ok() {
            self.shared.meter.count(Outcome::Requeued);
        }
        given_back
    }

    /// Finds out why an entry could not be taken up again, and returns whether to try once more: it is here still, and has had a
    /// sign of life meanwhile. If not, it was deleted, or somebody else has it.
    pub(super) async fn is_here_still(&self) -> bool {
        let commands = &self.shared.terms.commands;
        // An error tells nothing of the entry.
        if matches!(commands.deliveries(self.received.id()).await, Ok(None)) {
            self.shared.meter.count(Outcome::Stale);
            note!(debug, self, "somebody else has taken over an entry that was to come again, or has deleted it");
            return false;
        }
        // Only what is known to be deleted is acknowledged.
        if commands.is_there(self.received.id()).await.unwrap_or(true) {
            return true;
        }
        note!(warn, self, "an entry was deleted before it was served, and is acknowledged");
        let _ = self.ack(Outcome::Dropped).await;
        false
    }

    /// Tells the server something that it may be told twice, until it has heard; returns whether it has done that now.
    async fn told(&self, tell: &Tell<'_>) -> Result<bool> {
        let (begun, mut backoff) = (Instant::now(), Backoff::new(LONGEST_PAUSE));
        loop {
            let commands = &self.shared.terms.commands;
            let told = match tell {
                Tell::Acked => commands.ack(self.received.id()).await.map(|()| true),
                Tell::Moved { to, fields } => commands.move_to(to, fields, self.received.id()).await,
            };
            let error = match told {
                Ok(is_done) => return Ok(is_done),
                Err(error) => error,
            };
            let is_passing = matches!(error.kind(), Kind::Unavailable | Kind::Timeout);
            if !is_passing || begun.elapsed() > PATIENCE || self.shared.shift.cut.is_cancelled() {
                return Err(error);
            }
            note!(debug, self, error = %error.report(), "the server is told once more what became of an entry");
            sleep(backoff.next(self.shared.ambient.random())).await;
        }
    }

    fn settled(&self, settled: Result<()>, outcome: Outcome) -> Result<()> {
        match settled {
            Ok(()) => {
                self.shared.meter.count(outcome);
                Ok(())
            }
            Err(error) => {
                self.shared.meter.count(Outcome::Stale);
                note!(warn, self, error = %error.report(), "the server can't be told what became of an entry, which comes again");
                let words = "the server can't be told what became of the entry; it will come again";
                Err(Error::unavailable(words).with_source(error))
            }
        }
    }
}
