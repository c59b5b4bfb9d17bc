//! What is stored and read: small objects, several at once, and large ones, one after the other.

use std::{iter, sync::LazyLock};

use bytes::Bytes;

use crate::Result;

/// What is measured.
#[derive(Clone, Copy)]
pub(crate) enum Job {
    PutSmall,
    GetSmall,
    PutLarge,
    GetLarge,
}

impl Job {
    pub(crate) fn of(name: &str) -> Result<Self> {
        match name {
            "swift-put-1k" => Ok(Self::PutSmall),
            "swift-get-1k" => Ok(Self::GetSmall),
            "swift-put-100m" => Ok(Self::PutLarge),
            "swift-get-100m" => Ok(Self::GetLarge),
            other => Err(format!("no job named {other:?}").into()),
        }
    }

    /// How many tasks share the work.
    pub(crate) fn tasks(self) -> u32 {
        match self {
            Self::PutSmall | Self::GetSmall => 8,
            Self::PutLarge | Self::GetLarge => 1,
        }
    }
}

/// How many small objects there are to read, and how many each task writes again and again.
pub(crate) const SMALL: u32 = 100;

/// How long the large ones are, in megabytes: those that are measured, and those for what is less than one of them.
pub(crate) const LARGE: [u32; 2] = [100, 10];

/// The bytes of all of them.
static CONTENT: LazyLock<Bytes> =
    LazyLock::new(|| (0..=u8::MAX).cycle().take(1000).collect::<Vec<_>>().repeat(100_000).into());

/// The content of a small one.
pub(crate) fn small() -> Bytes {
    static SMALL: LazyLock<Bytes> = LazyLock::new(|| (0..=u8::MAX).cycle().take(1000).collect());
    SMALL.clone()
}

/// The content of a large one.
pub(crate) fn large(megabytes: u32) -> Bytes {
    CONTENT.slice(..bytes(megabytes))
}

/// The name of a small one that is there to be read.
pub(crate) fn read_name(piece: u32) -> String {
    format!("small-{}", piece % SMALL)
}

/// The name of a small one that is written, by the task whose first piece that is. No two tasks write the same.
pub(crate) fn written_name(first: u32, piece: u32) -> String {
    format!("written-{first}-{}", piece % SMALL)
}

/// The name of a large one.
pub(crate) fn large_name(megabytes: u32) -> String {
    format!("large-{megabytes}")
}

/// Which large objects make so many megabytes: as few as possible.
pub(crate) fn lengths(mut megabytes: u32) -> impl Iterator<Item = u32> {
    iter::from_fn(move || {
        let length = LARGE.into_iter().find(|length| *length <= megabytes)?;
        megabytes -= length;
        Some(length)
    })
}

/// Whether a small one is what was stored.
pub(crate) fn check(content: &[u8]) -> Result<()> {
    if content == small() { Ok(()) } else { Err("another object was read than was stored".into()) }
}

/// Whether a large one is as long as what was stored.
pub(crate) fn check_length(length: usize, megabytes: u32) -> Result<()> {
    if length == bytes(megabytes) { Ok(()) } else { Err("another object was read than was stored".into()) }
}

/// A million of them are a megabyte.
fn bytes(megabytes: u32) -> usize {
    usize::try_from(megabytes).unwrap_or_default() * 1_000_000
}
