//! One look at a container: what it has beside what is remembered, both in the order of names, a page of each at a time.

use std::{cmp::Ordering, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokio::{task::JoinSet, time::Instant};
use tracing::debug;
use zato_core::{Error, Result};

use super::{
    consumer::Shared,
    entry::Route,
    mark::{Mark, Version},
    polled::Polled,
    session::{Housekeeping, reap},
    work::{Task, Work},
};
use crate::{Listed, ObjectEntry, config::CHANNEL, container::Entries, error, name};

/// How many are forgotten in one go that are gone, and how many long names are looked after: the rest has to wait.
const FORGOTTEN: usize = 1_000;
const LOOKED_AFTER: usize = 100;

/// How often long names are looked after, whose objects may be gone.
const HOUSEKEEPING: Duration = Duration::from_secs(600);

/// The server's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// What it said, to the second.
    pub(super) now: DateTime<Utc>,
    /// When it was asked.
    pub(super) asked: Instant,
}

/// A look at a container.
pub(super) struct Poll<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) polled: &'a Arc<Polled>,
    pub(super) route: Arc<Route>,
    pub(super) clock: Clock,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// How many objects were listed.
    pub(super) listed: u64,
    /// How many of them are in work now.
    pub(super) begun: u64,
    /// How many come later.
    pub(super) waiting: u64,
    /// How many were forgotten, as they are gone.
    pub(super) forgotten: u64,
    /// How many have a name that can't be asked for.
    pub(super) unusable: u64,
}

/// What is to be done about an object.
enum Verdict {
    /// Nothing.
    Nothing,
    /// It comes after some time.
    Later(Duration),
    /// It is taken in work.
    Now(Task, Version),
}

impl Poll<'_> {
    /// Takes in work what is new, has changed, or comes again, and forgets what is gone.
    pub(super) async fn run(&self, works: &mut JoinSet<()>, housekeeping: &mut Housekeeping) -> Result<Found> {
        let mut found = Found::default();
        let gone = self.merge(works, &mut found).await?;
        for name in gone {
            found.forgotten += u64::from(self.forget_if_gone(&name).await?);
        }
        if housekeeping.last.is_none_or(|last| last.elapsed() >= HOUSEKEEPING) {
            found.forgotten += self.look_after_long_names(housekeeping).await?;
            housekeeping.last = Some(Instant::now());
        }
        Ok(found)
    }

    /// Goes through both listings; returns what is remembered of objects that are not listed.
    ///
    /// Both begin with the prefix of the channel, and the pattern is looked at here: whatever is not in the part that is listed
    /// is no business of this poll, neither to be served nor to be forgotten.
    async fn merge(&self, works: &mut JoinSet<()>, found: &mut Found) -> Result<Vec<String>> {
        let (container, terms) = (&self.polled.container, &self.shared.terms);
        let source = terms.store.swift.container(container);
        let mut objects = source.objects().prefix(terms.prefix.as_str()).at_once().entries();
        let mut known = terms.store.list(container, &terms.prefix).entries();
        let (mut gone, mut last) = (Vec::new(), None);
        let mut remembered = self.next_known(&mut known).await?;
        while let Some(object) = next_object(&mut objects, &mut last).await? {
            found.listed += 1;
            let mut of_object = None;
            while let Some((name, mark)) = remembered.take() {
                match name.as_str().cmp(&object.name) {
                    Ordering::Less => note_gone(&mut gone, name),
                    Ordering::Equal => of_object = Some(mark),
                    Ordering::Greater => {
                        remembered = Some((name, mark));
                        break;
                    }
                }
                remembered = self.next_known(&mut known).await?;
            }
            self.take(object, of_object, works, found).await?;
        }
        while let Some((name, _)) = remembered {
            note_gone(&mut gone, name);
            if gone.len() >= FORGOTTEN {
                break;
            }
            remembered = self.next_known(&mut known).await?;
        }
        Ok(gone)
    }

    async fn next_known(&self, known: &mut Entries<Listed>) -> Result<Option<(String, ObjectEntry)>> {
        while let Some(entry) = known.next().await? {
            let Listed::Object(entry) = entry else { continue };
            // What else somebody has put there is nobody's name.
            let name = self.shared.terms.store.name_of(&self.polled.container, &entry.name);
            if let Some(name) = name.filter(|name| name::object(name).is_ok()) {
                return Ok(Some((name, entry)));
            }
        }
        Ok(None)
    }

    /// Takes an object in work, if it is to be.
    async fn take(
        &self,
        object: ObjectEntry,
        known: Option<ObjectEntry>,
        works: &mut JoinSet<()>,
        found: &mut Found,
    ) -> Result<()> {
        if name::object(&object.name).is_err() {
            found.unusable += 1;
            return Ok(());
        }
        if !self.route.name_pattern.matches(&object.name) {
            return Ok(());
        }
        let container = &self.polled.container;
        if self.shared.in_hand.has(container, &object.name) {
            return Ok(());
        }
        let (task, version) = match self.verdict(&object, known).await? {
            Verdict::Nothing => return Ok(()),
            Verdict::Later(after) => {
                found.waiting += 1;
                self.polled.note_due(after);
                return Ok(());
            }
            Verdict::Now(task, version) => (task, version),
        };
        let place = self.shared.place().await;
        reap(works);
        if !self.polled.lease.is_held() {
            return Err(Error::unavailable("the lease of the container is over, as no sign of life could be given"));
        }
        let Some(held) = self.shared.in_hand.take(container, &object.name) else { return Ok(()) };
        found.begun += 1;
        let work = Work::new(self.shared, self.polled, held, object, version);
        let _counted = works.spawn(self.shared.works.track_future(work.run(task, place)));
        Ok(())
    }

    async fn verdict(&self, object: &ObjectEntry, known: Option<ObjectEntry>) -> Result<Verdict> {
        let version = Version::of(object);
        let version = version.ok_or_else(|| error::unexpected("a listing does not say when an object was stored"))?;
        let (store, container) = (&self.shared.terms.store, &self.polled.container);
        let known = if store.is_long(container, &object.name) {
            store.look_up(container, &object.name, &version).await?
        } else {
            known
        };
        let known = known.filter(|known| known.etag == version.checksum());
        let mark = known.as_ref().map(|known| Mark::parse(&known.content_type));
        Ok(match mark {
            Some(Mark::Served) => Verdict::Nothing,
            Some(Mark::Leaving(deed)) if !self.route.after.wants(deed) || !self.polled.may_do_deeds() => {
                Verdict::Nothing
            }
            Some(Mark::Leaving(deed)) => Verdict::Now(Task::Deed(deed), version),
            Some(Mark::Tried { after: Some(after), .. }) => {
                let since = known.and_then(|known| known.last_modified);
                self.not_before(since, after).map_or(Verdict::Now(Task::Serve, version), Verdict::Later)
            }
            Some(Mark::Tried { after: None, .. }) => Verdict::Now(Task::Serve, version),
            None => {
                let young = self.not_before(Some(version.modified()), self.shared.terms.min_age);
                young.map_or(Verdict::Now(Task::Serve, version), Verdict::Later)
            }
        })
    }

    /// Returns for how long it is to be waited until so much time has passed since then; `None` if it has. By the server's clock.
    fn not_before(&self, since: Option<DateTime<Utc>>, after: Duration) -> Option<Duration> {
        if after.is_zero() {
            return None;
        }
        let elapsed = chrono::Duration::from_std(self.clock.asked.elapsed()).unwrap_or(chrono::Duration::MAX);
        let now = self.clock.now.checked_add_signed(elapsed)?;
        let age = now.signed_duration_since(since?).to_std().unwrap_or_default();
        after.checked_sub(age).filter(|left| !left.is_zero())
    }

    /// Forgets an object, unless it is there: a listing may be behind.
    async fn forget_if_gone(&self, name: &str) -> Result<bool> {
        let (store, container) = (&self.shared.terms.store, &self.polled.container);
        let is_ours = self.polled.lease.is_held() && !self.shared.in_hand.has(container, name);
        if !is_ours || store.swift.object(container, name).exists().await? {
            return Ok(false);
        }
        store.forget(container, name).await?;
        debug!(section = CHANNEL.name, channel = self.shared.name, container = &**container, name, "an object is gone");
        Ok(true)
    }

    /// Looks after some of the names that no listing tells of.
    async fn look_after_long_names(&self, housekeeping: &mut Housekeeping) -> Result<u64> {
        let (store, container) = (&self.shared.terms.store, &self.polled.container);
        let mut listing = store.list_long(container).page_size(LOOKED_AFTER).limit(LOOKED_AFTER);
        if let Some(marker) = housekeeping.marker.take() {
            listing = listing.marker(marker);
        }
        let (mut forgotten, mut looked_at) = (0, 0);
        for listed in listing.collect().await? {
            let Listed::Object(listed) = listed else { continue };
            looked_at += 1;
            match store.long_name(&listed.name).await? {
                Some(name) if name::object(&name).is_ok() => forgotten += u64::from(self.forget_if_gone(&name).await?),
                _ => {
                    let (channel, object) = (&self.shared.name, &listed.name);
                    debug!(section = CHANNEL.name, channel, object, "something else stands among what is remembered");
                }
            }
            housekeeping.marker = Some(listed.name);
        }
        if looked_at < LOOKED_AFTER {
            housekeeping.marker = None;
        }
        Ok(forgotten)
    }
}

/// Notes a name that was not listed, as far as there is room.
fn note_gone(gone: &mut Vec<String>, name: String) {
    if gone.len() < FORGOTTEN {
        gone.push(name);
    }
}

/// Returns the next object, each of which is to come after the one before: who goes through two listings at once would take it for
/// new, or gone.
async fn next_object(objects: &mut Entries<Listed>, last: &mut Option<String>) -> Result<Option<ObjectEntry>> {
    while let Some(entry) = objects.next().await? {
        let Listed::Object(object) = entry else { continue };
        if last.as_ref().is_some_and(|last| *last >= object.name) {
            return Err(error::unexpected("the listing is not in the order of names"));
        }
        *last = Some(object.name.clone());
        return Ok(Some(object));
    }
    Ok(None)
}
