//! What one configuration hands on to the next.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// What is counted while a configuration is in force, and goes on being counted under the next one as long as what is
/// written about it stays the same: saving a file must not give anybody a new quota.
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, atomic::AtomicU64};
/// use zato_core::config::Kept;
///
/// let first: Kept<u64, AtomicU64> = Kept::default();
/// let counter = first.get_or_make("channel_rest", "a", 5, |_| AtomicU64::new(0));
/// let second = first.next();
/// assert!(Arc::ptr_eq(&counter, &second.get_or_make("channel_rest", "a", 5, |_| AtomicU64::new(0))));
/// let third = second.next();
/// assert!(!Arc::ptr_eq(&counter, &third.get_or_make("channel_rest", "a", 6, |_| AtomicU64::new(0))));
/// ```
pub struct Kept<C, T> {
    /// What the configuration before had.
    before: Entries<C, T>,
    now: Mutex<Entries<C, T>>,
}

/// By section and name: what was written, and what was made of it.
type Entries<C, T> = BTreeMap<(&'static str, String), (C, Arc<T>)>;

impl<C: Clone + PartialEq, T> Kept<C, T> {
    /// Begins the next configuration, which may take over what this one has. What it doesn't ask for is given up.
    #[must_use]
    pub fn next(&self) -> Self {
        let before = self.now.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self { before, now: Mutex::default() }
    }

    /// Returns what belongs to an entry of a section: what it has already, or what it had before if the same is written
    /// about it, or something new.
    pub fn get_or_make(&self, section: &'static str, name: &str, written: C, make: impl FnOnce(&C) -> T) -> Arc<T> {
        let key = (section, name.to_owned());
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let known = now.get(&key).or_else(|| self.before.get(&key)).filter(|(known, _)| *known == written);
        let thing = known.map_or_else(|| Arc::new(make(&written)), |(_, thing)| Arc::clone(thing));
        now.insert(key, (written, Arc::clone(&thing)));
        thing
    }
}

impl<C, T> Default for Kept<C, T> {
    fn default() -> Self {
        Self { before: BTreeMap::new(), now: Mutex::default() }
    }
}

impl<C, T> fmt::Debug for Kept<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("before", &self.before.keys()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_the_same_is_kept_and_nothing_else() {
        let first = Kept::<u8, &str>::default();
        let (a, b) = (first.get_or_make("s", "a", 1, |_| "a"), first.get_or_make("s", "b", 1, |_| "b"));
        assert!(Arc::ptr_eq(&a, &first.get_or_make("s", "a", 1, |_| "again")), "two may ask for the same");
        let second = first.next();
        assert!(Arc::ptr_eq(&a, &second.get_or_make("s", "a", 1, |_| "new")));
        assert_eq!(*second.get_or_make("s", "b", 2, |_| "changed"), "changed");
        assert_eq!(*second.get_or_make("t", "a", 1, |_| "other section"), "other section");
        // A configuration that is refused is dropped, and the one in force goes on.
        assert!(Arc::ptr_eq(&b, &first.next().get_or_make("s", "b", 1, |_| "new")));
        let third = first.next().next();
        assert_eq!(*third.get_or_make("s", "a", 1, |_| "given up"), "given up");
    }
}
