use zato_core::Result;

use crate::{error, metadata::Metadata, wire::Answer};

/// What the metadata of an account begins with.
pub(crate) const META: &str = "x-account-meta-";

/// What an account has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// How many containers. Swift counts them now and then, so that it may be behind.
    pub containers: u64,
    /// How many objects, in all containers.
    pub objects: u64,
    /// How many bytes, in all containers.
    pub bytes: u64,
    /// What is kept with it.
    pub metadata: Metadata,
}

impl Account {
    /// # Errors
    ///
    /// [`Upstream`](zato_core::Kind::Upstream) if whoever has answered is no account of Swift's.
    pub(crate) fn of(answer: &Answer) -> Result<Self> {
        let number =
            |name| answer.number(name).ok_or_else(|| error::unexpected(format!("the answer has no \"{name}\"")));
        Ok(Self {
            containers: number("x-account-container-count")?,
            objects: number("x-account-object-count")?,
            bytes: number("x-account-bytes-used")?,
            metadata: Metadata::of(&answer.headers, META),
        })
    }
}
