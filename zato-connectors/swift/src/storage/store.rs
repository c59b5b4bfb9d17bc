use opendal::Operator;
use zato_core::Result;

use super::{
    details::{ObjectDetails, Stored},
    folder::Folder,
    get::Part,
    limits::Limits,
    operators::Operators,
    place::Place,
    put::{Content, Wanted},
    swift::Account,
};
use crate::object::ByteRange;

/// What keeps the objects.
#[derive(Debug)]
pub(crate) enum Store {
    Folder(Folder),
    Swift(Account),
    Operators(Operators),
}

impl Store {
    pub(crate) async fn ping(&self) -> Result<()> {
        match self {
            Self::Folder(folder) => folder.ping().await,
            Self::Swift(account) => account.swift.ping().await.map(drop),
            Self::Operators(operators) => operators.ping().await,
        }
    }

    pub(crate) fn operator(&self, container: &str) -> Result<Operator> {
        match self {
            Self::Folder(folder) => folder.operator(container),
            Self::Swift(account) => account.swift.operator(container),
            Self::Operators(operators) => operators.operator(container),
        }
    }

    pub(crate) async fn head(&self, place: Place<'_>) -> Result<ObjectDetails> {
        match self {
            Self::Folder(folder) => folder.head(place).await,
            Self::Swift(account) => account.head(place).await,
            Self::Operators(operators) => operators.head(place).await,
        }
    }

    /// Begins to read; the number of bytes that is known of the object is that of the part.
    pub(crate) async fn read(&self, place: Place<'_>, range: Option<ByteRange>) -> Result<Part> {
        match self {
            Self::Folder(folder) => folder.read(place, range).await,
            Self::Swift(account) => account.read(place, range).await,
            Self::Operators(operators) => operators.read(place, range).await,
        }
    }

    /// Stores something; each step has its time, as there is no saying how many there are.
    pub(crate) async fn put(
        &self,
        place: Place<'_>,
        content: Content,
        wanted: &Wanted<'_>,
        limits: &Limits,
    ) -> Result<Stored> {
        match self {
            Self::Folder(folder) => folder.put(place, content, wanted, limits).await,
            Self::Swift(account) => account.put(place, content, wanted).await,
            Self::Operators(operators) => operators.put(place, content, wanted, limits).await,
        }
    }

    pub(crate) async fn delete(&self, place: Place<'_>) -> Result<bool> {
        match self {
            Self::Folder(folder) => folder.delete(place).await,
            Self::Swift(account) => account.delete(place).await,
            Self::Operators(operators) => operators.delete(place).await,
        }
    }

    pub(crate) async fn delete_many(&self, container: &str, names: Vec<String>) -> Result<()> {
        match self {
            Self::Folder(folder) => folder.delete_many(container, &names).await,
            Self::Swift(account) => account.delete_many(container, &names).await,
            Self::Operators(operators) => operators.delete_many(container, names).await,
        }
    }

    /// Copies, if the store can by itself; otherwise returns that it was not done.
    pub(crate) async fn copy(&self, from: Place<'_>, to: Place<'_>) -> Result<bool> {
        match self {
            // What the operating system copies is seen by halves.
            Self::Folder(_) => Ok(false),
            Self::Swift(account) => account.copy(from, to).await.map(|()| true),
            Self::Operators(operators) => operators.copy(from, to).await,
        }
    }
}
