//! Who polls a container: of all processes that have the channel the one whose lease it is.
//!
//! A lease is an object that the server deletes by itself: made where there is none (`If-None-Match: *`), with its owner as its
//! content, and put once more by its owner as long as that lives. Whether it is over says the server alone, by its own clock; its
//! owner takes it for lost earlier than that, by how long ago the last sign of life was. A server with several copies may
//! let two have it for a moment: then each asks once more, whose it is, and the one whom it has lost lets go.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use chrono::{DateTime, Utc};
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::time::{Instant, sleep, timeout_at};
use zato_core::Result;

use super::store::Store;
use crate::{
    error::{self, SwiftErrorKind},
    wire::Repeated,
};

/// How long it takes at the most until two that were let in at the same time see the same.
const SETTLED: Duration = Duration::from_millis(250);

/// The leases that this process has of one channel, over all configurations: who follows another has them already.
#[derive(Debug)]
pub(super) struct Leases {
    /// What tells this process from others.
    owner: String,
    /// By container, those that anybody here has or waits for.
    terms: Mutex<BTreeMap<String, Arc<Term>>>,
}

/// What is known of one.
#[derive(Debug, Default)]
struct Term {
    held: Mutex<Option<Until>>,
}

/// Until when nobody else can have a lease. The first of both counts: the one stands still while the machine is suspended, the other
/// may be set back.
#[derive(Clone, Copy, Debug)]
struct Until {
    at: Instant,
    by_the_clock: SystemTime,
}

/// A lease of a container, as one consumer has it or waits for it.
#[derive(Debug)]
pub(super) struct Lease {
    leases: Arc<Leases>,
    term: Arc<Term>,
    store: Store,
    container: Arc<str>,
    place: String,
    life: Duration,
}

/// Whose a lease is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Ours; with what the server's clock says.
    Ours(Option<DateTime<Utc>>),
    /// Somebody else's.
    Theirs(String),
    /// Nobody's.
    Nobodys,
}

impl Leases {
    pub(super) fn of(owner: String) -> Arc<Self> {
        Arc::new(Self { owner, terms: Mutex::default() })
    }

    /// Returns that of a container, which is not taken yet, or which somebody here has.
    pub(super) fn lease(self: &Arc<Self>, store: &Store, container: &Arc<str>, life: Duration) -> Lease {
        let term = Arc::clone(self.lock().entry(container.to_string()).or_default());
        let (store, place) = (store.clone(), store.lease(container));
        Lease { leases: Arc::clone(self), term, store, container: Arc::clone(container), place, life }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Term>>> {
        self.terms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Returns whether nobody else can have it.
    pub(super) fn is_held(&self) -> bool {
        self.held().is_some_and(|until| Instant::now() < until.at && SystemTime::now() < until.by_the_clock)
    }

    /// Takes it, if nobody has it, and returns whose it is then.
    pub(super) async fn take(&self) -> Result<Whose> {
        let begun = (Instant::now(), SystemTime::now());
        let call = self.put()?.only_if_absent(Repeated::Knowingly);
        let answer = self.store.send(call.accepting(StatusCode::PRECONDITION_FAILED)).await?;
        let is_new = answer.status() == StatusCode::CREATED;
        answer.done().await;
        if is_new {
            // Two that a server has let in at the same time see here which of them was the later.
            sleep(SETTLED).await;
        }
        let whose = self.look().await?;
        match (&whose, is_new) {
            (Whose::Ours(_), true) => self.proven(begun),
            // The answer to the first of two requests was lost, or this process has it from before.
            (Whose::Ours(_), false) => return self.renew().await,
            _ => {}
        }
        Ok(whose)
    }

    /// Gives a sign of life, if it is ours still, and returns whose it is.
    pub(super) async fn renew(&self) -> Result<Whose> {
        let whose = self.check().await?;
        if matches!(whose, Whose::Ours(_)) {
            let begun = (Instant::now(), SystemTime::now());
            // No longer than it is ours: what comes later would take it from somebody else.
            let end = self.held().map_or(begun.0 + self.life, |until| until.at);
            let sent = timeout_at(end, self.store.send(self.put()?)).await;
            let late =
                || error::of_kind(SwiftErrorKind::Timeout, "no sign of life could be given while the lease lasted");
            let answer = sent.map_err(|_| late())??;
            let is_stored = answer.status() == StatusCode::CREATED;
            answer.done().await;
            if is_stored {
                self.proven(begun);
            }
        }
        Ok(whose)
    }

    /// Asks whose it is.
    pub(super) async fn check(&self) -> Result<Whose> {
        let whose = self.look().await?;
        if !matches!(whose, Whose::Ours(_)) {
            *self.term.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        Ok(whose)
    }

    /// Lets others have it at once, unless somebody here goes on with it.
    pub(super) async fn release(&self) -> Result<()> {
        {
            let mut terms = self.leases.lock();
            // This one and the one in the map.
            if Arc::strong_count(&self.term) > 2 {
                return Ok(());
            }
            terms.remove(&*self.container);
        }
        if self.held().is_none() {
            return Ok(());
        }
        if matches!(self.check().await?, Whose::Ours(_)) {
            self.store.delete(&self.place).await?;
        }
        Ok(())
    }

    async fn look(&self) -> Result<Whose> {
        Ok(match self.store.get(&self.place).await? {
            None => Whose::Nobodys,
            Some((owner, found)) if owner == self.leases.owner => Whose::Ours(found.times.now),
            Some((owner, ..)) => Whose::Theirs(owner),
        })
    }

    fn put(&self) -> Result<crate::wire::Call> {
        let after = HeaderValue::from(self.life.as_secs().max(1));
        Ok(self.store.put(&self.place, self.leases.owner.clone())?.header(DELETE_AFTER, after))
    }

    /// Notes a sign of life. It is over a fifth earlier than for the server, which counts whole seconds, and whose clock may be
    /// faster.
    fn proven(&self, (begun, by_the_clock): (Instant, SystemTime)) {
        let life = self.life - self.life / 5;
        let until = Until { at: begun + life, by_the_clock: by_the_clock + life };
        // The last one counts for the server, also if it is for a shorter time than the one before.
        *self.term.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    fn held(&self) -> Option<Until> {
        *self.term.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how often a sign of life is given.
    pub(super) fn tick(&self) -> Duration {
        self.life / 3
    }
}

const DELETE_AFTER: HeaderName = HeaderName::from_static("x-delete-after");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Swift;

    const LIFE: Duration = Duration::from_secs(30);

    async fn leases(number: usize) -> (crate::testing::FakeSwift, Vec<Lease>) {
        let fake = Swift::fake().await;
        let store = Store::new(fake.swift(), "state", "invoices");
        store.create().await.unwrap();
        let lease = |number: usize| Leases::of(format!("p{number}")).lease(&store, &"CRM".into(), LIFE);
        let leases = (0..number).map(lease).collect();
        (fake, leases)
    }

    #[tokio::test(start_paused = true)]
    async fn one_has_it_until_it_is_over_or_released() {
        let (_fake, leases) = leases(2).await;
        let [one, other] = &leases[..] else { panic!() };
        assert!(matches!(one.take().await.unwrap(), Whose::Ours(Some(_))) && one.is_held());
        assert_eq!(other.take().await.unwrap(), Whose::Theirs("p0".to_owned()));
        for _ in 0..10 {
            sleep(one.tick()).await;
            assert!(matches!(one.renew().await.unwrap(), Whose::Ours(_)) && one.is_held());
            assert_eq!(other.take().await.unwrap(), Whose::Theirs("p0".to_owned()));
        }
        sleep(Duration::from_secs(25)).await;
        assert!(!one.is_held(), "it is over before the server says so");
        assert_eq!(other.take().await.unwrap(), Whose::Theirs("p0".to_owned()));
        sleep(Duration::from_secs(6)).await;
        assert!(matches!(other.take().await.unwrap(), Whose::Ours(_)) && other.is_held());
        assert_eq!(one.renew().await.unwrap(), Whose::Theirs("p1".to_owned()));
        one.release().await.unwrap();
        assert!(matches!(other.check().await.unwrap(), Whose::Ours(_)), "another's is not released");
        other.release().await.unwrap();
        assert!(matches!(one.take().await.unwrap(), Whose::Ours(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_taken_although_the_answer_was_lost_and_lost_when_somebody_else_has_it() {
        let (fake, leases) = leases(2).await;
        let [one, other] = &leases[..] else { panic!() };
        fake.server().lose_next_answer("PUT");
        assert!(matches!(one.take().await.unwrap(), Whose::Ours(_)) && one.is_held());
        fake.swift().object("state", &one.place).put("p1").await.unwrap();
        assert_eq!(one.check().await.unwrap(), Whose::Theirs("p1".to_owned()));
        assert!(!one.is_held());
        assert!(matches!(other.take().await.unwrap(), Whose::Ours(_)), "it has it from before");
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_was_suspended_has_not_slept_through_its_lease() {
        let (_fake, leases) = leases(1).await;
        let [lease] = &leases[..] else { panic!() };
        assert!(matches!(lease.take().await.unwrap(), Whose::Ours(_)) && lease.is_held());
        lease.term.held.lock().unwrap().as_mut().unwrap().by_the_clock -= LIFE;
        assert!(!lease.is_held());
        assert!(matches!(lease.renew().await.unwrap(), Whose::Ours(_)) && lease.is_held());
    }

    #[tokio::test(start_paused = true)]
    async fn two_that_are_let_in_at_the_same_time_end_with_one() {
        let (fake, leases) = leases(2).await;
        let [one, other] = &leases[..] else { panic!() };
        // The server has looked for each before it has stored the other.
        let second = async {
            sleep(SETTLED / 2).await;
            fake.swift().object("state", &other.place).put("p1").await.unwrap();
        };
        let (whose, ()) = tokio::join!(one.take(), second);
        assert_eq!(whose.unwrap(), Whose::Theirs("p1".to_owned()));
        assert!(!one.is_held());
    }

    #[tokio::test(start_paused = true)]
    async fn who_follows_in_the_same_process_goes_on_with_it() {
        let (fake, _) = leases(0).await;
        let store = Store::new(fake.swift(), "state", "invoices");
        let leases = Leases::of("p0".to_owned());
        let first = leases.lease(&store, &"CRM".into(), LIFE);
        first.take().await.unwrap();
        let next = leases.lease(&store, &"CRM".into(), LIFE);
        first.release().await.unwrap();
        drop(first);
        assert!(next.is_held() && matches!(next.take().await.unwrap(), Whose::Ours(_)));
        next.release().await.unwrap();
        assert_eq!(next.check().await.unwrap(), Whose::Nobodys);
    }
}
