use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use zato_core::connection::Backoff;

use super::consumer::LONGEST_PAUSE;

/// How many objects have a pause of their own: where nothing at all can be deleted, no more are asked for again and again.
const MOST: usize = 100;

/// Which objects of a container could not be moved or deleted, and until when that is not tried again: each by itself, so that one
/// that can't be deleted holds up no others.
#[derive(Debug)]
pub(super) struct Holds(Mutex<Held>);

#[derive(Debug)]
struct Held {
    /// By name.
    of_one: BTreeMap<String, Hold>,
    /// That of all for which there is no room above.
    of_rest: Hold,
}

#[derive(Debug)]
struct Hold {
    backoff: Backoff,
    until: Instant,
}

impl Default for Holds {
    fn default() -> Self {
        Self(Mutex::new(Held { of_one: BTreeMap::new(), of_rest: Hold::none() }))
    }
}

impl Holds {
    /// Returns for how long an object is not to be moved or deleted, after that has failed.
    pub(super) fn left(&self, name: &str) -> Option<Duration> {
        let held = self.lock();
        let rest = (held.of_one.len() >= MOST).then_some(&held.of_rest);
        let left = held.of_one.get(name).or(rest)?.until.checked_duration_since(Instant::now());
        left.filter(|left| !left.is_zero())
    }

    /// Notes that an object was moved or deleted, or is not to be any more.
    pub(super) fn done(&self, name: &str) {
        let mut held = self.lock();
        held.of_one.remove(name);
        held.of_rest = Hold::none();
    }

    /// Notes that an object could not be moved or deleted, and returns for how long that is not tried again.
    pub(super) fn failed(&self, name: &str, random: u128) -> Duration {
        let (mut held, now) = (self.lock(), Instant::now());
        if held.of_one.len() >= MOST && !held.of_one.contains_key(name) {
            // Some may be gone; the others are tried once more anyway.
            held.of_one.retain(|_, hold| hold.until > now);
        }
        let hold = if held.of_one.len() < MOST || held.of_one.contains_key(name) {
            held.of_one.entry(name.to_owned()).or_insert_with(Hold::none)
        } else {
            &mut held.of_rest
        };
        let pause = hold.backoff.next(random);
        hold.until = now + pause;
        pause
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold {
    fn none() -> Self {
        Self { backoff: Backoff::new(LONGEST_PAUSE), until: Instant::now() }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_object_has_a_pause_of_its_own_which_becomes_longer() {
        let holds = Holds::default();
        assert_eq!(holds.left("a"), None);
        let first = holds.failed("a", 0);
        assert_eq!((holds.left("a"), holds.left("b")), (Some(first), None));
        sleep(first).await;
        assert_eq!(holds.left("a"), None);
        assert!(holds.failed("a", 0) > first);
        holds.done("b");
        assert!(holds.left("a").is_some());
        holds.done("a");
        assert_eq!((holds.left("a"), holds.failed("a", 0)), (None, first));
    }

    #[tokio::test(start_paused = true)]
    async fn where_nothing_can_be_deleted_all_others_have_one_pause() {
        let holds = Holds::default();
        for number in 0..MOST {
            holds.failed(&number.to_string(), 0);
        }
        assert_eq!(holds.left("more"), None);
        let pause = holds.failed("more", 0);
        assert_eq!((holds.left("more"), holds.left("others")), (Some(pause), Some(pause)));
        holds.done("others");
        assert_eq!(holds.left("more"), None);
        sleep(LONGEST_PAUSE).await;
        holds.failed("more", 0);
        assert!(holds.left("more").is_some() && holds.left("others").is_none(), "there is room again");
    }
}
