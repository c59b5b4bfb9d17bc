//! The keys of one database, what they hold, and until when.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    mem,
};

use super::{
    commands::{sorted_sets::Sorted, streams::Stream},
    reply::{Fault, Result},
};

/// The bytes of a string. A type of its own, since other types are made of bytes, too.
pub(super) type Text = Vec<u8>;
/// The fields of a hash.
pub(super) type Hash = BTreeMap<Vec<u8>, Vec<u8>>;
/// The elements of a list.
pub(super) type List = VecDeque<Vec<u8>>;
/// The members of a set.
pub(super) type Set = BTreeSet<Vec<u8>>;

/// What a key holds.
#[derive(Clone, Debug)]
pub(super) enum Data {
    Text(Text),
    Hash(Hash),
    List(List),
    Set(Set),
    Sorted(Sorted),
    Stream(Box<Stream>),
}

/// What stands under a key.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) data: Data,
    /// When it ends, in milliseconds since 1970.
    pub(super) expires: Option<i64>,
}

/// The keys of one database.
#[derive(Debug, Default)]
pub(super) struct Database {
    entries: BTreeMap<Vec<u8>, Entry>,
    /// What ends when, the earliest first.
    deadlines: BTreeSet<(i64, Vec<u8>)>,
    /// What was changed since somebody asked.
    changed: Vec<Vec<u8>>,
}

/// A type of what a key holds.
pub(super) trait Kind: Default {
    fn of(data: &Data) -> Option<&Self>;
    fn of_mut(data: &mut Data) -> Option<&mut Self>;
    fn into_data(self) -> Data;
}

macro_rules! kinds {
    ($($variant:ident($kind:ty)),+) => {
        $(impl Kind for $kind {
            fn of(data: &Data) -> Option<&Self> {
                if let Data::$variant(it) = data { Some(it) } else { None }
            }

            fn of_mut(data: &mut Data) -> Option<&mut Self> {
                if let Data::$variant(it) = data { Some(it) } else { None }
            }

            fn into_data(self) -> Data {
                Data::$variant(self)
            }
        })+
    };
}

kinds!(Text(Text), Hash(Hash), List(List), Set(Set), Sorted(Sorted), Stream(Box<Stream>));

impl Data {
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::Hash(_) => "hash",
            Self::List(_) => "list",
            Self::Set(_) => "set",
            Self::Sorted(_) => "zset",
            Self::Stream(_) => "stream",
        }
    }

    /// Tells whether a key must not be kept for it.
    fn is_empty(&self) -> bool {
        match self {
            Self::Text(_) | Self::Stream(_) => false,
            Self::Hash(it) => it.is_empty(),
            Self::List(it) => it.is_empty(),
            Self::Set(it) => it.is_empty(),
            Self::Sorted(it) => it.is_empty(),
        }
    }
}

impl Database {
    pub(super) fn entry(&self, key: &[u8]) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Returns what a key holds.
    pub(super) fn get<T: Kind>(&self, key: &[u8]) -> Result<Option<&T>> {
        self.entries.get(key).map(|entry| T::of(&entry.data).ok_or(Fault::WRONG_TYPE)).transpose()
    }

    /// Returns what a key holds, to be changed: who changes it says so with [`touch`](Self::touch).
    pub(super) fn get_mut<T: Kind>(&mut self, key: &[u8]) -> Result<Option<&mut T>> {
        self.entries.get_mut(key).map(|entry| T::of_mut(&mut entry.data).ok_or(Fault::WRONG_TYPE)).transpose()
    }

    /// Returns what a key holds, or begins it.
    pub(super) fn get_or_new<T: Kind>(&mut self, key: &[u8]) -> Result<&mut T> {
        let entry =
            self.entries.entry(key.to_vec()).or_insert_with(|| Entry { data: T::default().into_data(), expires: None });
        T::of_mut(&mut entry.data).ok_or(Fault::WRONG_TYPE)
    }

    /// Puts something under a key, in place of all that was there.
    pub(super) fn set(&mut self, key: &[u8], data: Data, expires: Option<i64>) {
        self.remove(key);
        if data.is_empty() {
            return;
        }
        if let Some(at) = expires {
            self.deadlines.insert((at, key.to_vec()));
        }
        self.entries.insert(key.to_vec(), Entry { data, expires });
        self.touch(key);
    }

    /// Says that what a key holds was changed. A key that holds nothing any more goes.
    pub(super) fn touch(&mut self, key: &[u8]) {
        self.changed.push(key.to_vec());
        self.tidy(key);
    }

    /// Removes a key that holds nothing. That is no change: whoever took something out has told, and one that was begun in vain
    /// was never there for anybody who watches it.
    pub(super) fn tidy(&mut self, key: &[u8]) {
        if self.entries.get(key).is_some_and(|entry| entry.data.is_empty()) {
            self.take(key);
        }
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let entry = self.take(key)?;
        self.changed.push(key.to_vec());
        Some(entry)
    }

    fn take(&mut self, key: &[u8]) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        if let Some(at) = entry.expires {
            self.deadlines.remove(&(at, key.to_vec()));
        }
        Some(entry)
    }

    /// Sets when a key ends, if ever.
    pub(super) fn expire(&mut self, key: &[u8], at: Option<i64>) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        if let Some(before) = mem::replace(&mut entry.expires, at) {
            self.deadlines.remove(&(before, key.to_vec()));
        }
        if let Some(at) = at {
            self.deadlines.insert((at, key.to_vec()));
        }
        self.changed.push(key.to_vec());
    }

    /// Removes what has come to its end by now.
    pub(super) fn purge(&mut self, now: i64) {
        while let Some((at, key)) = self.deadlines.pop_first() {
            if at > now {
                self.deadlines.insert((at, key));
                break;
            }
            self.remove(&key);
        }
    }

    pub(super) fn clear(&mut self) {
        self.deadlines.clear();
        self.changed.extend(mem::take(&mut self.entries).into_keys());
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Vec<u8>, &Entry)> {
        self.entries.iter()
    }

    /// Returns what was changed since the last time.
    pub(super) fn take_changed(&mut self) -> Vec<Vec<u8>> {
        mem::take(&mut self.changed)
    }
}
