//! Which entries this process has in hand, over all configurations.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The entries of one channel that are in work, or wait to come again: who follows another reads what is pending for both.
#[derive(Debug, Default)]
pub(super) struct InHand(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By id, who has it.
    entries: BTreeMap<Arc<str>, u64>,
    owners: u64,
}

/// An entry in hand, until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    all: Arc<InHand>,
    id: Arc<str>,
}

impl InHand {
    /// Returns the number of one more owner.
    pub(super) fn owner(&self) -> u64 {
        let mut known = self.lock();
        known.owners += 1;
        known.owners
    }

    /// Takes an entry in hand; `None` if it is already.
    pub(super) fn take(self: &Arc<Self>, id: &str, owner: u64) -> Option<Held> {
        let mut known = self.lock();
        if known.entries.contains_key(id) {
            return None;
        }
        let id: Arc<str> = id.into();
        known.entries.insert(Arc::clone(&id), owner);
        Some(Held { all: Arc::clone(self), id })
    }

    /// Returns whether anybody has an entry in hand.
    pub(super) fn has(&self, id: &str) -> bool {
        self.lock().entries.contains_key(id)
    }

    /// Returns what an owner has in hand.
    pub(super) fn of(&self, owner: u64) -> Vec<Arc<str>> {
        let known = self.lock();
        known.entries.iter().filter(|(_, has)| **has == owner).map(|(id, _)| Arc::clone(id)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.lock().entries.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_in_one_hand() {
        let all = Arc::new(InHand::default());
        let (one, other) = (all.owner(), all.owner());
        let held = all.take("1-0", one).unwrap();
        assert!(all.take("1-0", other).is_none());
        let _second = all.take("2-0", other).unwrap();
        assert_eq!((all.of(one).len(), all.of(other).len()), (1, 1));
        drop(held);
        assert!(all.of(one).is_empty() && all.take("1-0", other).is_some());
    }
}
