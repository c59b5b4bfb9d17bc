use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
};

/// The columns of a result, which its rows share.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    all: Vec<Column>,
    /// One whose name another has, too; looked for when somebody asks.
    twice: OnceLock<Option<usize>>,
}

/// A column.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
    /// As the database calls its type.
    pub(crate) type_name: Box<str>,
}

/// How the values of a column are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Int,
    UInt,
    Float4,
    Float8,
    Decimal,
    Text,
    Bytes,
    Date,
    Time,
    DateTime,
    Instant,
    Uuid,
    Json,
    /// PostgreSQL's binary form of JSON, which has a version in front.
    Jsonb,
    Interval,
    Network,
    Array(Box<Self>),
    /// Nothing at all, such as what a procedure returns.
    Void,
    /// Each value has a type of its own, as in SQLite.
    Dynamic(Declared),
    /// It is none that can be read.
    Unreadable,
}

/// What the type of a column says of values that have another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Declared {
    /// Integers may be booleans.
    Bool,
    /// Texts may be dates and times.
    DateTime,
    Other,
}

impl Columns {
    pub(crate) fn new(columns: impl Iterator<Item = Column>) -> Self {
        Self { all: columns.collect(), twice: OnceLock::new() }
    }

    /// Returns one whose name another has, too: by name only one of them would be found.
    pub(crate) fn twice(&self) -> Option<&Column> {
        let twice = self.twice.get_or_init(|| {
            let mut names = HashSet::with_capacity(self.all.len());
            self.all.iter().position(|column| !names.insert(&*column.name))
        });
        twice.and_then(|index| self.all.get(index))
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Column> {
        self.all.get(index)
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.all.iter().position(|column| &*column.name == name)
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Column> {
        self.all.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Lists the names, for messages.
    pub(crate) fn listed(&self) -> String {
        self.all.iter().map(|column| &*column.name).collect::<Vec<_>>().join(", ")
    }
}
