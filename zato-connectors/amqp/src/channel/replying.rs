//! What is told to whoever waits for a reply.

use tokio::time::{Duration, Instant, timeout};
use zato_core::{Error, connection::Backoff, message::Reply};

use super::{
    answer,
    work::{Work, note},
};
use crate::{
    link::LONGEST_PAUSE,
    wire::{Publication, Scope, WireError},
};

/// How long a reply is tried to be sent at the most, while its message is held: whoever asks waits no longer as a rule.
const PATIENCE: Duration = Duration::from_secs(60);

impl Work {
    /// Sends what the service gave to whoever waits for it. The service has succeeded, and is not called again for a reply
    /// that can't be sent.
    pub(super) async fn reply(&self, reply: Reply) {
        if !self.route.gives || self.received.reply_to().is_none() {
            return;
        }
        let (max, random) = (self.route.max_message_size, self.shared.ambient.random());
        match answer::reply(&self.received, reply, self.cid, random, max).await {
            Ok(Some(publication)) => self.tell(publication).await,
            Ok(None) => {}
            Err(error) => {
                self.note_unanswered(&error.report());
                // In other words than of a request that is to blame.
                let error = Error::internal("the reply can't be sent").with_source(error);
                self.refuse(&error.with_public("the request was served, and its reply can't be sent"), true).await;
            }
        }
    }

    /// Tells whoever waits for a reply that there will be none, once that is sure.
    pub(super) async fn refuse(&self, error: &Error, is_final: bool) {
        if !is_final || !self.route.gives {
            return;
        }
        if let Some(told) = answer::failure(&self.received, error, self.cid, self.shared.ambient.random()) {
            self.tell(told).await;
        }
    }

    /// Sends a reply, and the same one again if that fails: a broker that takes no messages for now takes them later.
    async fn tell(&self, publication: Publication) {
        let (begun, mut backoff) = (Instant::now(), Backoff::new(LONGEST_PAUSE));
        loop {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let sent = self.shared.outbox.send_patiently(publication.clone(), left, self.is_released()).await;
            let Err(error) = sent else { return };
            let pause = backoff.next(self.shared.ambient.random());
            let is_last = error.scope == Scope::Nothing || begun.elapsed() + pause > PATIENCE;
            if is_last || !self.is_held_for(pause).await {
                return self.note_unanswered(&error);
            }
            self.note_delayed(&error);
        }
    }

    /// Waits while the message is held, and returns whether it is still, and nobody wants it to end.
    pub(super) async fn is_held_for(&self, pause: Duration) -> bool {
        timeout(pause, self.is_released()).await.is_err()
    }

    /// Waits until there is nothing to hold any more, or no more time to.
    pub(super) async fn is_released(&self) {
        tokio::select! {
            () = self.session.over.cancelled() => {}
            () = self.shared.shift.stop.cancelled() => {}
        }
    }

    fn note_delayed(&self, error: &WireError) {
        note!(debug, self, %error, "a reply is sent once more");
    }

    fn note_unanswered(&self, error: &dyn std::fmt::Display) {
        self.shared.meter.lost_reply();
        note!(
            warn,
            self,
            %error,
            "whoever waits for a reply gets none"
        );
    }
}
