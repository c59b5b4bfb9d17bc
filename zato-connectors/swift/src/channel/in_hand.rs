//! Which objects this process has in hand, over all configurations.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The objects of one channel that are in work: who follows another lists what is in work for both.
#[derive(Debug, Default)]
pub(super) struct InHand(Mutex<BTreeSet<Key>>);

/// The container and the name.
type Key = (Arc<str>, String);

/// An object in hand, until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    all: Arc<InHand>,
    key: Key,
}

impl InHand {
    /// Takes an object in hand; `None` if it is already.
    pub(super) fn take(self: &Arc<Self>, container: &Arc<str>, name: &str) -> Option<Held> {
        let key = (Arc::clone(container), name.to_owned());
        let is_new = self.lock().insert(key.clone());
        is_new.then(|| Held { all: Arc::clone(self), key })
    }

    /// Returns whether anybody has an object in hand.
    pub(super) fn has(&self, container: &Arc<str>, name: &str) -> bool {
        self.lock().contains(&(Arc::clone(container), name.to_owned()))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Key>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_in_one_hand() {
        let all = Arc::new(InHand::default());
        let (one, other): (Arc<str>, Arc<str>) = ("CRM".into(), "Billing".into());
        let held = all.take(&one, "a").unwrap();
        assert!(all.take(&one, "a").is_none() && all.has(&one, "a"));
        assert!(all.take(&other, "a").is_some() && !all.has(&other, "a"));
        drop(held);
        assert!(!all.has(&one, "a") && all.take(&one, "a").is_some());
    }
}
