use zato_core::Result;

use super::META;
use crate::{error, metadata::Metadata, wire::Answer};

/// What is known of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerDetails {
    /// How many objects it has. Swift counts them now and then, so that it may be behind.
    pub objects: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// Which of the operator's policies they are kept by.
    pub storage_policy: Option<String>,
    /// What is kept with it.
    pub metadata: Metadata,
}

impl ContainerDetails {
    /// # Errors
    ///
    /// [`Upstream`](zato_core::Kind::Upstream) if whoever has answered is no container of Swift's.
    pub(super) fn of(answer: &Answer) -> Result<Self> {
        let number =
            |name| answer.number(name).ok_or_else(|| error::unexpected(format!("the answer has no \"{name}\"")));
        Ok(Self {
            objects: number("x-container-object-count")?,
            bytes: number("x-container-bytes-used")?,
            storage_policy: answer.text("x-storage-policy").map(ToOwned::to_owned),
            metadata: Metadata::of(&answer.headers, META),
        })
    }
}
