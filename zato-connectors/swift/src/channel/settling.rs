//! What is decided about an object is done.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use zato_core::{
    Error, Kind, Result,
    channel::broker::{Decision, Outcome, Reason},
    connection::Backoff,
};

use super::{
    consumer::LONGEST_PAUSE,
    deeds::{Copied, Done},
    entry::After,
    lease::Whose,
    mark::{Deed, Mark},
    work::{Attempt, SHORTEST_HOLD, Work, note},
};
use crate::{SwiftErrorKind, error::kind_of};

/// How long it is tried to remember what became of an object: what is not remembered comes again.
const PATIENCE: Duration = Duration::from_secs(60);

impl Work {
    /// Does what was decided.
    ///
    /// # Errors
    ///
    /// What is not remembered: the object comes again.
    pub(super) async fn carry_out(&self, decision: Decision, attempt: &Attempt) -> Result<()> {
        let is_served = matches!(decision, Decision::Done | Decision::Drop(_));
        if self.is_taken_over(is_served, attempt).await {
            note!(warn, self, attempt = attempt.number, is_served, "somebody else has taken over an object");
            self.shared.meter.count(Outcome::Stale);
            return Ok(());
        }
        match decision {
            Decision::Done => self.succeeded(Outcome::Acked).await,
            Decision::Again { after } => self.again(after, attempt).await,
            Decision::DeadLetter(reason) => self.dead_letter(&reason, attempt).await,
            Decision::Reject(reason) => {
                let (attempt, error) = (attempt.number, &reason.report);
                note!(error, self, attempt, error, "an object is rejected, and stays where it is");
                self.remembered(Mark::Served, Outcome::Rejected).await
            }
            Decision::Drop(reason) => {
                note!(warn, self, error = reason.report, "an object is done with although it was not served");
                self.succeeded(Outcome::Dropped).await
            }
        }
    }

    /// Whether somebody else has gone on with it after the lease was lost: what that one says of it counts. Of one that was served
    /// here nobody but this one knows that, as long as nobody else is done with it.
    pub(super) async fn is_taken_over(&self, is_served: bool, attempt: &Attempt) -> bool {
        if self.polled.lease.is_held() {
            return false;
        }
        let Ok(Some(remembered)) = self.remembered_of_it().await else { return false };
        match remembered.mark {
            Mark::Tried { attempts, .. } => !is_served && attempts > attempt.number,
            _ => true,
        }
    }

    async fn again(&self, after: Duration, attempt: &Attempt) -> Result<()> {
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        note!(debug, self, attempt = attempt.number, after_ms, "an object comes again");
        self.remembered(Mark::Tried { attempts: attempt.number, after: Some(after) }, Outcome::Requeued).await?;
        // The server's clock is known to the second.
        self.polled.note_due(after.saturating_add(Duration::from_secs(1)));
        Ok(())
    }

    /// Remembers that it was served, and only then moves or deletes it.
    async fn succeeded(&self, outcome: Outcome) -> Result<()> {
        let deed = self.route.after.deed();
        self.remembered(deed.map_or(Mark::Served, Mark::Leaving), outcome).await?;
        if let Some(deed) = deed {
            self.finish(deed).await;
        }
        Ok(())
    }

    /// Does what is to be done with an object that was served, and forgets it. What fails is done another time.
    pub(super) async fn finish(&self, deed: Deed) {
        if let Some(left) = self.polled.holds.left(&self.name) {
            return self.polled.note_due(left);
        }
        let done = match self.is_ours().await {
            Ok(true) => self.do_deed(deed).await,
            // Whoever has the lease now does it.
            Ok(false) => return,
            Err(error) => Err(error),
        };
        if done.is_ok() {
            self.polled.holds.done(&self.name);
        }
        match done {
            Ok(Done::It) => {
                note!(debug, self, ?deed, "an object has left");
                if let Err(error) =
                    self.shared.terms.store.forget(&self.polled.container, &self.name, &self.version).await
                {
                    note!(debug, self, error = %error.report(), "an object is not forgotten yet");
                }
            }
            Ok(Done::NotThis) => note!(debug, self, "an object was put anew since it was served, and stays"),
            Err(error) if error.kind() == Kind::InvalidInput => {
                note!(error, self, ?deed, error = %error.report(), "an object can't be moved, and stays where it is");
                let _ = self.told(Mark::Served).await;
            }
            Err(error) => {
                let pause = self.polled.holds.failed(&self.name, self.shared.ambient.random());
                self.polled.note_due(pause);
                let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                let error = error.report().to_string();
                note!(warn, self, ?deed, pause_ms, error, "an object was served and can't be moved or deleted yet");
            }
        }
    }

    /// Asks whether the container is ours still: what is deleted can't be served by whoever has it now.
    async fn is_ours(&self) -> Result<bool> {
        Ok(self.polled.lease.is_held() && matches!(self.polled.lease.check().await?, Whose::Ours(_)))
    }

    async fn dead_letter(&self, reason: &Reason, attempt: &Attempt) -> Result<()> {
        let (number, error) = (attempt.number, &reason.report);
        let (container, name) = self.route.dead_letter(&self.polled.container, &self.name);
        match self.bury(&container, &name, reason, attempt).await {
            Ok(Copied::It) => {}
            Ok(Copied::NotThis) => {
                note!(warn, self, error, "an object is not put to the dead letters: it is gone, or was put anew");
                self.shared.meter.count(Outcome::Stale);
                return Ok(());
            }
            Err(fault) => {
                let fault = fault.report().to_string();
                note!(
                    error,
                    self,
                    to = container,
                    error = fault,
                    "an object can't be put to the dead letters, and comes again"
                );
                return self.again(self.route.policies.delay(number).max(SHORTEST_HOLD), attempt).await;
            }
        }
        note!(warn, self, to = container, attempt = number, error, "an object was put to the dead letters");
        if self.route.after == After::Keep {
            return self.remembered(Mark::Served, Outcome::DeadLettered).await;
        }
        self.remembered(Mark::Leaving(Deed::Unlink), Outcome::DeadLettered).await?;
        self.finish(Deed::Unlink).await;
        Ok(())
    }

    /// Remembers what became of it, and counts that.
    async fn remembered(&self, mark: Mark, outcome: Outcome) -> Result<()> {
        match self.told(mark).await {
            Ok(()) => {
                self.shared.meter.count(outcome);
                Ok(())
            }
            Err(error) => {
                self.shared.meter.count(Outcome::Stale);
                note!(warn, self, error = %error.report(), "what became of an object can't be remembered: it comes again");
                let words = "the server can't be told what became of the object; it will come again";
                Err(Error::unavailable(words).with_source(error))
            }
        }
    }

    /// Remembers something, which may be done twice, until that is stored.
    pub(super) async fn told(&self, mark: Mark) -> Result<()> {
        let (begun, mut backoff) = (Instant::now(), Backoff::new(LONGEST_PAUSE));
        loop {
            let written = self.shared.terms.store.write(&self.polled.container, &self.name, &self.version, mark).await;
            let Err(error) = written else { return Ok(()) };
            // A server that is started anew again and again knows no token for long.
            let is_unknown = kind_of(&error) == Some(SwiftErrorKind::NotAuthenticated);
            let is_passing =
                is_unknown || matches!(error.kind(), Kind::Unavailable | Kind::Timeout | Kind::RateLimited);
            if !is_passing || begun.elapsed() > PATIENCE || self.shared.shift.cut.is_cancelled() {
                return Err(error);
            }
            note!(debug, self, error = %error.report(), "it is tried once more to remember what became of an object");
            sleep(backoff.next(self.shared.ambient.random())).await;
        }
    }
}
