use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Which values are being computed in this process, so that one that somebody has changed meanwhile is not overwritten by what
/// was true before.
#[derive(Debug, Default)]
pub(super) struct Computations {
    keys: Mutex<HashMap<String, Running>>,
}

/// What is computed of one key.
#[derive(Debug, Default)]
struct Running {
    /// How many compute it: more than one where somebody had no patience left.
    number: usize,
    /// How many of them have begun since it was changed.
    current: usize,
    /// How often it was changed since the first of them began.
    changes: u64,
}

/// A computation, until it is dropped.
#[derive(Debug)]
pub(super) struct Computation<'a> {
    all: &'a Computations,
    key: &'a str,
    /// How often the key had been changed when this began.
    changes: u64,
}

impl Computations {
    /// Notes that a value is being computed from now on.
    pub(super) fn begin<'a>(&'a self, key: &'a str) -> Computation<'a> {
        let mut keys = self.lock();
        let running = keys.entry(key.to_owned()).or_default();
        running.number += 1;
        running.current += 1;
        Computation { all: self, key, changes: running.changes }
    }

    /// Says that a value was changed.
    pub(super) fn changed(&self, key: &str) {
        if let Some(running) = self.lock().get_mut(key) {
            running.change();
        }
    }

    /// Says that the values were changed whose keys begin with a prefix.
    pub(super) fn all_changed(&self, prefix: &str) {
        let mut keys = self.lock();
        keys.iter_mut().filter(|(key, _)| key.starts_with(prefix)).for_each(|(_, running)| running.change());
    }

    /// Returns whether a value is being computed that nobody has changed since.
    pub(super) fn is_any_current(&self, key: &str) -> bool {
        self.lock().get(key).is_some_and(|running| running.current > 0)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn change(&mut self) {
        self.changes += 1;
        self.current = 0;
    }
}

impl Computation<'_> {
    /// Returns whether nobody has changed the value since this began.
    pub(super) fn is_current(&self) -> bool {
        self.all.lock().get(self.key).is_some_and(|running| running.changes == self.changes)
    }
}

impl Drop for Computation<'_> {
    fn drop(&mut self) {
        let mut keys = self.all.lock();
        if let Some(running) = keys.get_mut(self.key) {
            running.number -= 1;
            running.current -= usize::from(running.changes == self.changes);
            if running.number == 0 {
                keys.remove(self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_computation_knows_of_changes_since_it_began_and_leaves_nothing_behind() {
        let all = Computations::default();
        let before = all.begin("a:1");
        let other = all.begin("b:1");
        all.changed("a:1");
        let after = all.begin("a:1");
        assert!(!before.is_current() && after.is_current() && other.is_current());
        drop(before);
        assert!(all.is_any_current("a:1"));
        all.all_changed("a:");
        assert!(!after.is_current() && other.is_current());
        assert!(!all.is_any_current("a:1") && all.is_any_current("b:1"));
        assert!(!after.is_current());
        drop((after, other));
        all.changed("a:1");
        assert!(all.lock().is_empty());
        assert!(all.begin("a:1").is_current());
    }
}
