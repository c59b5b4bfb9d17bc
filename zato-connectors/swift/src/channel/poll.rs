//! One look at a container: what it has beside what is remembered, both in the order of names, a page of each at a time.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokio::{task::JoinSet, time::Instant};
use zato_core::{Error, Result};

use super::{
    consumer::Shared,
    entry::Route,
    forgetting::{Gone, Housekeeping, Why},
    mark::{Deed, Mark, Version},
    polled::Polled,
    session::reap,
    store::Remembered,
    work::{Task, Work},
};
use crate::{Listed, ObjectEntry, container::Entries, error, name};

/// How many are forgotten in one go that are gone: the rest has to wait.
const FORGOTTEN: usize = 1_000;

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
    /// How many versions were forgotten, as they are gone.
    pub(super) forgotten: u64,
    /// How many have a name that can't be asked for.
    pub(super) unusable: u64,
}

/// What is remembered of a version, as it is listed.
struct Known {
    name: String,
    version: Version,
    remembered: Remembered,
}

/// What is to be done about an object.
enum Verdict {
    /// Nothing.
    Nothing,
    /// It comes after some time.
    Later(Duration),
    /// It is taken in work.
    Now(Task),
}

impl Poll<'_> {
    /// Takes in work what is new, has changed, or comes again, and forgets what is gone.
    pub(super) async fn run(&self, works: &mut JoinSet<()>, housekeeping: &mut Housekeeping) -> Result<Found> {
        let mut found = Found::default();
        let gone = self.merge(works, &mut found).await?;
        found.forgotten += self.forget_all(gone).await?;
        if housekeeping.is_due() {
            found.forgotten += self.look_after_long_names(housekeeping).await?;
        }
        Ok(found)
    }

    /// Goes through both listings; returns what is remembered of versions that are not listed.
    ///
    /// Both begin with the prefix of the channel, and the pattern is looked at here: whatever is not in the part that is listed
    /// is no business of this poll, neither to be served nor to be forgotten.
    async fn merge(&self, works: &mut JoinSet<()>, found: &mut Found) -> Result<Vec<Gone>> {
        let (container, terms) = (&self.polled.container, &self.shared.terms);
        let source = terms.store.swift.container(container);
        let mut objects = source.objects().prefix(terms.prefix.as_str()).at_once().entries();
        let mut known = terms.store.list(container, &terms.prefix).entries();
        let (mut gone, mut last) = (Vec::new(), None);
        let mut next = self.next_known(&mut known).await?;
        while let Some(object) = next_object(&mut objects, &mut last).await? {
            found.listed += 1;
            let version = Version::of(&object);
            let version =
                version.ok_or_else(|| error::unexpected("a listing does not say when an object was stored"))?;
            let mut of_version = None;
            while let Some(known_of) = next.take_if(|known| known.name <= object.name) {
                if known_of.name < object.name {
                    note(&mut gone, known_of, Why::NotListed);
                } else if known_of.version.is_same(&version) {
                    of_version = Some(known_of.remembered);
                } else if known_of.version.modified() < version.modified() {
                    note(&mut gone, known_of, Why::Outdated);
                }
                next = self.next_known(&mut known).await?;
            }
            self.take(object, version, of_version, works, found).await?;
        }
        while let Some(known_of) = next.take_if(|_| gone.len() < FORGOTTEN) {
            note(&mut gone, known_of, Why::NotListed);
            next = self.next_known(&mut known).await?;
        }
        Ok(gone)
    }

    async fn next_known(&self, known: &mut Entries<Listed>) -> Result<Option<Known>> {
        while let Some(entry) = known.next().await? {
            let Listed::Object(entry) = entry else { continue };
            // What else somebody has put there is nobody's name.
            let of = self.shared.terms.store.version_of(&self.polled.container, &entry.name);
            if let Some((name, version)) = of.filter(|(name, _)| name::object(name).is_ok()) {
                return Ok(Some(Known { name, version, remembered: Remembered::listed(&entry) }));
            }
        }
        Ok(None)
    }

    /// Takes an object in work, if it is to be.
    async fn take(
        &self,
        object: ObjectEntry,
        version: Version,
        known: Option<Remembered>,
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
        let task = match self.verdict(&object, &version, known).await? {
            Verdict::Nothing => return Ok(()),
            Verdict::Later(after) => {
                found.waiting += 1;
                self.polled.note_due(after);
                return Ok(());
            }
            Verdict::Now(task) => task,
        };
        let place = self.shared.shift.place().await;
        reap(works);
        if !self.polled.lease.is_held() {
            return Err(Error::unavailable("the lease of the container is over, as no sign of life could be given"));
        }
        let Some(held) = self.shared.in_hand.take(container, &object.name) else { return Ok(()) };
        found.begun += 1;
        let work = Work::new(self.shared, self.polled, held, object, version);
        let _counted = works.spawn(self.shared.shift.track(work.run(task, place)));
        Ok(())
    }

    async fn verdict(&self, object: &ObjectEntry, version: &Version, known: Option<Remembered>) -> Result<Verdict> {
        let (store, container) = (&self.shared.terms.store, &self.polled.container);
        let is_long = store.is_long(container, &object.name);
        let known = if is_long { store.read(container, &object.name, version).await? } else { known };
        let since = known.and_then(|known| known.times.stored);
        let left = match known.map(|known| known.mark) {
            Some(Mark::Served) => return Ok(Verdict::Nothing),
            Some(Mark::Leaving(deed)) => return Ok(self.verdict_of_leaving(&object.name, deed)),
            Some(Mark::Tried { after, .. }) => after.and_then(|after| self.not_before(since, after)),
            None => self.not_before(Some(version.modified()), self.shared.terms.min_age),
        };
        Ok(left.map_or(Verdict::Now(Task::Serve), Verdict::Later))
    }

    fn verdict_of_leaving(&self, name: &str, deed: Deed) -> Verdict {
        if !self.route.after.wants(deed) {
            return Verdict::Nothing;
        }
        let left = self.polled.holds.left(name);
        left.map_or(Verdict::Now(Task::Deed(deed)), Verdict::Later)
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
}

/// Notes what is to be forgotten, as far as there is room.
fn note(gone: &mut Vec<Gone>, known: Known, why: Why) {
    if gone.len() < FORGOTTEN {
        gone.push(Gone { name: known.name, version: known.version, why });
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
