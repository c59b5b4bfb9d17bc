//! One object, from where it was found to where the channel remembers it: the service is called, and only then is it served.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use zato_core::{
    Error, Kind, Result,
    bytes::Bytes,
    channel::broker::{InWork, Place},
    message::{ByteStream, Cid},
};

use super::{
    calling::Content,
    consumer::Shared,
    entry::Route,
    in_hand::Held,
    intake,
    mark::{Deed, Mark, Version},
    polled::Polled,
    store::Remembered,
};
use crate::{ObjectDetails, ObjectEntry, SwiftErrorKind, error::kind_of, object::Object, received::Received};

/// Writes a line to the log about an object in work, with what every such line has.
macro_rules! note {
    ($level:ident, $work:expr, $($rest:tt)+) => {
        tracing::$level!(
            section = crate::config::CHANNEL.name,
            channel = $work.shared.name,
            container = &*$work.polled.container,
            object = $work.name,
            $($rest)+
        )
    };
}
pub(super) use note;

/// An object in work.
pub(super) struct Work {
    pub(super) shared: Arc<Shared>,
    pub(super) polled: Arc<Polled>,
    /// As it was when the object was found.
    pub(super) route: Arc<Route>,
    pub(super) name: String,
    pub(super) version: Version,
    _held: Held,
    _in_work: InWork,
}

/// What is done with it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Task {
    /// It is served.
    Serve,
    /// It was served, and this is still to be done.
    Deed(Deed),
}

/// A try to serve it.
pub(super) struct Attempt {
    pub(super) number: u32,
    pub(super) cid: Cid,
}

impl Work {
    pub(super) fn new(
        shared: &Arc<Shared>,
        polled: &Arc<Polled>,
        held: Held,
        object: ObjectEntry,
        version: Version,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            polled: Arc::clone(polled),
            route: shared.route(),
            name: object.name,
            version,
            _held: held,
            _in_work: shared.meter.begin(),
        }
    }

    /// Does what is to be done. The place is free when that is over.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the object comes again.
    pub(super) async fn run(self, task: Task, place: Place) {
        let done = async {
            match task {
                Task::Serve => self.serve().await,
                Task::Deed(deed) => self.finish(deed).await,
            }
        };
        // A service that panics is caught by the layers around it: this is a fault of ours.
        if AssertUnwindSafe(done).catch_unwind().await.is_err() {
            note!(error, self, "the work on an object broke off; it comes again");
        }
        drop(place);
    }

    async fn serve(&self) {
        let attempts = match self.attempts().await {
            Ok(Some(attempts)) => attempts,
            Ok(None) => return,
            Err(error) => return self.left(&error),
        };
        let number = attempts.saturating_add(1);
        if let Some(decision) = self.route.policies.before(number, 0) {
            let attempt = Attempt { number: attempts, cid: self.shared.ambient.cid() };
            let _ = self.carry_out(decision, &attempt).await;
            return;
        }
        match self.fetch().await {
            Ok(Some((details, stream))) => self.serve_fetched(number, details, stream).await,
            Ok(None) => {}
            Err(error) if is_of_server(&error) => self.left(&error),
            Err(error) => {
                let attempt = Attempt { number, cid: self.shared.ambient.cid() };
                self.conclude(Err(error), &attempt).await;
            }
        }
    }

    /// Returns how often it was tried before; `None` if it is not to be served now. A listing may be behind what is remembered.
    async fn attempts(&self) -> Result<Option<u32>> {
        let remembered = self.remembered_of_it().await?;
        let Some(remembered) = remembered else { return Ok(Some(0)) };
        let Mark::Tried { attempts, after } = remembered.mark else { return Ok(None) };
        let after = chrono::Duration::from_std(after.unwrap_or_default()).unwrap_or(chrono::Duration::MAX);
        let early = after.checked_sub(&remembered.times.since()).and_then(|left| left.to_std().ok());
        match early.filter(|left| !left.is_zero() && !after.is_zero()) {
            Some(left) => {
                self.polled.note_due(left);
                Ok(None)
            }
            None => Ok(Some(attempts)),
        }
    }

    /// Returns what the server remembers of this version.
    pub(super) async fn remembered_of_it(&self) -> Result<Option<Remembered>> {
        self.shared.terms.store.read(&self.polled.container, &self.name, &self.version).await
    }

    /// Leaves it for the next poll, since the server can't do it now.
    fn left(&self, error: &Error) {
        note!(warn, self, error = %error.report(), "an object can't be read now, and is left for later");
    }

    /// Settles an object whose content did not come: what is the server's fault is no attempt.
    pub(super) async fn unread(&self, error: Error, attempt: &Attempt) {
        if is_of_server(&error) {
            self.give_back(attempt).await;
            self.left(&error);
        } else {
            self.conclude(Err(error), attempt).await;
        }
    }

    pub(super) fn object(&self) -> Object {
        self.shared.terms.store.swift.object(&self.polled.container, &self.name)
    }

    /// Asks for the object; `None` if it is not this one any more.
    pub(super) async fn fetch(&self) -> Result<Option<(ObjectDetails, Option<ByteStream>)>> {
        let is_wanted = self.route.data_pattern.as_ref().is_some_and(|pattern| pattern.matches(&self.name));
        let fetched = if is_wanted {
            self.object().get().stream().await.map(|part| (part.details, Some(part.stream)))
        } else {
            self.object().head().await.map(|details| (details, None))
        };
        match fetched {
            Ok((details, _)) if !self.version.is_of(&details) => {
                note!(debug, self, "an object was put anew since it was listed, and is left for the next poll");
                Ok(None)
            }
            Ok(fetched) => Ok(Some(fetched)),
            Err(error) if kind_of(&error) == Some(SwiftErrorKind::NotFound) => {
                note!(debug, self, "an object is gone since it was listed");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn serve_fetched(&self, number: u32, details: ObjectDetails, stream: Option<ByteStream>) {
        let attempt = Attempt { number, cid: intake::cid(&details.metadata, &self.shared.ambient) };
        // Whoever was away for long is not to begin with what somebody else has done meanwhile.
        if !self.polled.lease.is_held() {
            return note!(warn, self, "an object is left for whoever has the lease now");
        }
        if number > 1 {
            self.shared.meter.redelivered();
        }
        let max = self.route.max_message_size;
        let is_streamed = self.route.inlet.takes_stream();
        if stream.is_some() && !is_streamed && details.bytes > max as u64 {
            let message = format!("the object has {} bytes, of which the channel takes {max}", details.bytes);
            return self.conclude(Err(Error::new(Kind::TooLarge, message)), &attempt).await;
        }
        // Before the service is called: an object that ends the process has an end, too.
        if let Err(error) = self.told(Mark::Tried { attempts: number, after: None }).await {
            return self.left(&error);
        }
        let content = match stream {
            None => Content::Bytes(Bytes::new()),
            Some(stream) if is_streamed => Content::Stream(Some(stream)),
            Some(stream) => match stream.bytes_within(max).await {
                Ok(bytes) => Content::Bytes(bytes),
                Err(error) => return self.unread(error, &attempt).await,
            },
        };
        let container = Arc::clone(&self.polled.container);
        let received = Received { container, name: self.name.clone(), details, attempt: number };
        self.call_in_time(&Arc::new(received), content, &attempt).await;
    }
}

/// Whether an object can't be asked for as nothing can now, or nobody may ask: that is no fault of the object.
fn is_of_server(error: &Error) -> bool {
    match kind_of(error) {
        Some(SwiftErrorKind::NotAuthenticated | SwiftErrorKind::NotAllowed) => true,
        _ => matches!(error.kind(), Kind::Unavailable | Kind::Timeout | Kind::RateLimited),
    }
}

/// How long an object waits at the least that can't be put to the dead letters.
pub(super) const SHORTEST_HOLD: Duration = Duration::from_secs(1);
