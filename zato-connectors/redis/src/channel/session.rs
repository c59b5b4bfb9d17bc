//! One connection that is read by, from its beginning to its end: what comes is handed to work, each entry to a task.

use std::sync::{Arc, PoisonError, atomic::Ordering::Relaxed};

use redis::Value;
use tokio::{
    pin,
    task::JoinSet,
    time::{Duration, Instant},
};
use tracing::{debug, error, info, warn};
use zato_core::{
    Error, Result,
    channel::broker::{Outcome, Place},
};

use super::{commands::is_no_group, consumer::Shared, position::Position, work::Work};
use crate::{
    config::{CHANNEL, StreamStart},
    connector::RedisClient,
    error::error_of_read,
    link::Link,
    stream::{Claimed, StreamEntry, entries_of_streams},
};

/// A connection of a consumer's own: no command of others waits while it does.
pub(super) struct Session {
    client: Arc<RedisClient>,
    link: Link,
}

/// Why a session has ended.
pub(super) enum End {
    /// It is over at our own wish.
    Stopped,
    /// The server has ended it, or is gone.
    Broken(Error),
}

/// After how many times `claim_after` a consumer is deleted that nobody has heard of and that has nothing pending.
const FORGOTTEN: u32 = 10;

impl Session {
    /// Connects, and sees to it that the group is there.
    ///
    /// # Cancel safety
    ///
    /// When dropped, the connection is closed.
    pub(super) async fn open(shared: &Shared, client: Arc<RedisClient>) -> Result<Self> {
        let link = client.target.connect_own().await.map_err(crate::error::of_connecting)?;
        let commands = &shared.terms.commands;
        if shared.has_begun.load(Relaxed) {
            if commands.position().await.or_else(none_if_no_stream)?.is_none() {
                make_anew(shared).await?;
            }
        } else {
            let start = match shared.terms.start {
                StreamStart::Beginning => "0",
                StreamStart::New => "$",
            };
            commands.create(start).await?;
            note_position(shared, commands.position().await?);
            shared.has_begun.store(true, Relaxed);
        }
        Ok(Self { client, link })
    }

    /// Hands entries to work until it is stopped, or broken.
    pub(super) async fn run(mut self, shared: &Arc<Shared>, works: &mut JoinSet<()>) -> End {
        match self.read(shared, works).await {
            Ok(()) => End::Stopped,
            Err(error) => End::Broken(error),
        }
    }

    async fn read(&mut self, shared: &Arc<Shared>, works: &mut JoinSet<()>) -> Result<()> {
        if self.take_up(shared, works).await?.is_none() {
            return Ok(());
        }
        let (mut scan, mut from) = (Instant::now(), START.to_owned());
        loop {
            let Some(mut places) = self.places(shared).await? else { return Ok(()) };
            reap(works);
            if Instant::now() >= scan {
                let (claimed, next) = self.claim(shared, &from, places.len()).await?;
                let is_over = next == START;
                for (entry, attempt) in claimed {
                    begin(shared, entry, attempt, &mut places, works);
                }
                from = next;
                if is_over {
                    scan = Instant::now() + shared.terms.claim_after / 2;
                    keep_house(shared).await;
                }
                continue;
            }
            let asked = Instant::now();
            let Some(entries) = self.wait(shared, places.len(), scan).await? else { return Ok(()) };
            if asked.elapsed() < shared.terms.claim_after {
                for entry in entries {
                    begin(shared, entry, 1, &mut places, works);
                }
                continue;
            }
            // The answer may have been there for long, if the process was suspended: others may have claimed what is in it.
            for (entry, attempt) in ours(shared, entries).await? {
                begin(shared, entry, attempt, &mut places, works);
            }
        }
    }

    /// Waits for places; `None` if it is to stop.
    async fn places(&self, shared: &Shared) -> Result<Option<Vec<Place>>> {
        tokio::select! {
            biased;
            () = shared.shift.stop.cancelled() => Ok(None),
            () = self.link.ended() => Err(Error::unavailable("the server has closed the connection")),
            places = shared.some_places() => Ok(Some(places)),
        }
    }

    /// Hands out what is pending for this consumer and nobody has in hand: since the process was another one, or an answer was
    /// lost. `None` if it is to stop.
    async fn take_up(&mut self, shared: &Arc<Shared>, works: &mut JoinSet<()>) -> Result<Option<()>> {
        let mut after = "0".to_owned();
        loop {
            let Some(mut places) = self.places(shared).await? else { return Ok(None) };
            let commands = &shared.terms.commands;
            let answer = commands.read(&self.client, &mut self.link, &after, places.len(), None).await;
            let entries = entries_of_streams(answer.map_err(error_of_read)?)?;
            let Some(last) = entries.last() else { return Ok(Some(())) };
            after.clone_from(&last.id);
            let left = entries.into_iter().filter(|entry| !shared.in_hand.has(&entry.id)).collect();
            for (entry, attempt) in ours(shared, left).await? {
                begin(shared, entry, attempt, &mut places, works);
            }
        }
    }

    /// Claims what other consumers have left, as far as there are places.
    async fn claim(&self, shared: &Shared, from: &str, count: usize) -> Result<(Vec<(StreamEntry, u32)>, String)> {
        let commands = &shared.terms.commands;
        let Claimed { entries, next, deleted } = match commands.claim(shared.terms.claim_after, from, count).await {
            Err(error) if is_no_group(&error) => {
                make_anew(shared).await?;
                return Ok((Vec::new(), START.to_owned()));
            }
            claimed => claimed?,
        };
        if let Some(first) = deleted.first() {
            let (channel, entries) = (&shared.name, deleted.len());
            error!(
                section = CHANNEL.name,
                channel, entries, first, "entries were trimmed or deleted before anybody had served them"
            );
            shared.meter.count_many(Outcome::Lost, u64::try_from(entries).unwrap_or(u64::MAX));
        }
        let claimed = ours(shared, entries).await?;
        if !claimed.is_empty() {
            let (channel, entries) = (&shared.name, claimed.len());
            info!(section = CHANNEL.name, channel, entries, "claimed what other consumers have left");
        }
        Ok((claimed, next))
    }

    /// Waits for entries, not for longer than until then; `None` if it is to stop.
    async fn wait(&mut self, shared: &Shared, count: usize, until: Instant) -> Result<Option<Vec<StreamEntry>>> {
        let commands = &shared.terms.commands;
        let block = self.block(shared).min(until.saturating_duration_since(Instant::now()));
        let (answer, is_stopped) = {
            let answer = commands.read(&self.client, &mut self.link, ">", count, Some(block));
            pin!(answer);
            tokio::select! {
                biased;
                answer = &mut answer => (answer, false),
                // Whatever comes until the server answers would be pending, and nobody would know.
                () = shared.shift.stop.cancelled() => (answer.await, true),
            }
        };
        let entries = self.delivered(shared, answer).await?;
        if !is_stopped {
            return Ok(Some(entries));
        }
        let ids: Vec<Arc<str>> = entries.iter().map(|entry| entry.id.as_str().into()).collect();
        if !ids.is_empty() {
            commands.give_back(&ids, shared.terms.claim_after, Some(0)).await?;
        }
        Ok(None)
    }

    /// Returns how long the server waits for entries.
    fn block(&self, shared: &Shared) -> Duration {
        match &self.link {
            Link::Server(_) => shared.terms.block,
            // The library waits no longer for an answer than for any other.
            Link::Cluster(_) => shared.terms.block.min(self.client.connection.watched.rules.timeout / 2),
        }
    }

    /// Reads an answer. A group that is gone is made anew.
    async fn delivered(&self, shared: &Shared, answer: redis::RedisResult<Value>) -> Result<Vec<StreamEntry>> {
        match answer.map_err(error_of_read) {
            Ok(answer) => {
                let entries = entries_of_streams(answer)?;
                if let Some(last) = entries.last() {
                    note_position(shared, Position::parse(&last.id));
                }
                Ok(entries)
            }
            Err(error) if is_no_group(&error) => {
                make_anew(shared).await?;
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }
}

/// Leaves out what is not pending for this consumer any more: it was acknowledged late by whoever had it before, or somebody else
/// has it now. Each comes with how often it was delivered.
async fn ours(shared: &Shared, entries: Vec<StreamEntry>) -> Result<Vec<(StreamEntry, u32)>> {
    let mut ours = Vec::with_capacity(entries.len());
    for entry in entries {
        if let Some(attempt) = shared.terms.commands.deliveries(&entry.id).await? {
            ours.push((entry, attempt));
        }
    }
    Ok(ours)
}

/// Where claiming begins, and that it has come to the end.
const START: &str = "0-0";

fn begin(shared: &Arc<Shared>, entry: StreamEntry, attempt: u32, places: &mut Vec<Place>, works: &mut JoinSet<()>) {
    let Some(place) = places.pop() else { return };
    let Some(held) = shared.in_hand.take(&entry.id, shared.owner) else { return places.push(place) };
    let work = Work::new(shared, held, entry, attempt);
    let _counted = works.spawn(shared.shift.track(work.run(place)));
}

fn note_position(shared: &Shared, position: Option<Position>) {
    let mut known = shared.position.lock().unwrap_or_else(PoisonError::into_inner);
    *known = (*known).max(position);
}

fn none_if_no_stream(error: Error) -> Result<Option<Position>> {
    let is_no_key = error
        .find::<crate::RedisError>()
        .is_some_and(|error| error.client_error().detail().is_some_and(|detail| detail.contains("no such key")));
    if is_no_key { Ok(None) } else { Err(error) }
}

/// Makes a group that somebody has deleted, or whose stream: it goes on where it was, if that is the same stream.
async fn make_anew(shared: &Shared) -> Result<()> {
    let commands = &shared.terms.commands;
    let position = *shared.position.lock().unwrap_or_else(PoisonError::into_inner);
    let last = commands.last().await?;
    let after = match (position, last) {
        (Some(position), Some(last)) if last >= position => position.to_string(),
        _ => "0".to_owned(),
    };
    commands.create(&after).await?;
    let (channel, stream, group) = (&shared.name, &*commands.stream, &*commands.group);
    warn!(section = CHANNEL.name, channel, stream, group, after, "the group of consumers was gone, and is made anew");
    Ok(())
}

/// Does what is to be done now and then. What fails is done another time.
async fn keep_house(shared: &Shared) {
    let (terms, channel) = (&shared.terms, &shared.name);
    match terms.commands.forget(terms.claim_after * FORGOTTEN).await {
        Ok(gone) if !gone.is_empty() => {
            info!(section = CHANNEL.name, channel, consumers = gone.len(), "deleted consumers that are gone");
        }
        Ok(_) => {}
        Err(error) => {
            let error = error.report().to_string();
            debug!(section = CHANNEL.name, channel, error, "consumers that are gone can't be deleted");
        }
    }
    let Some(length) = terms.trim else { return };
    if let Err(error) = terms.commands.trim(length).await {
        let error = error.report().to_string();
        debug!(section = CHANNEL.name, channel, error, "the stream can't be trimmed");
    }
}

/// Lets go of work that has ended.
pub(super) fn reap(works: &mut JoinSet<()>) {
    while let Some(ended) = works.try_join_next() {
        if let Err(error) = ended
            && error.is_panic()
        {
            // A service that panics is caught by the layers around it: this is a fault of ours.
            error!(%error, "the work on an entry broke off; it is claimed after a while");
        }
    }
}
