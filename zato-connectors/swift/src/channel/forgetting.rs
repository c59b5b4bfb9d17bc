//! What is remembered of versions that are gone is forgotten.

use std::{future::ready, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::Instant;
use tracing::debug;
use zato_core::Result;

use super::{mark::Version, poll::Poll};
use crate::{Listed, SwiftErrorKind, config::CHANNEL, error::kind_of, name};

/// How many long names are looked after in one go: the rest has to wait.
const LOOKED_AFTER: usize = 100;

/// How often long names are looked after, whose objects may be gone.
const HOUSEKEEPING: Duration = Duration::from_secs(600);

/// How many are forgotten at once.
const AT_ONCE: usize = 8;

/// What is remembered of a version that seems to be gone.
#[derive(Debug)]
pub(super) struct Gone {
    pub(super) name: String,
    pub(super) version: Version,
    pub(super) why: Why,
}

/// Why it seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// A later one is listed.
    Outdated,
    /// None is listed, which may be behind.
    NotListed,
}

/// What is to be done now and then.
#[derive(Debug, Default)]
pub(super) struct Housekeeping {
    /// When it was done.
    last: Option<Instant>,
    /// Up to where.
    marker: Option<String>,
}

impl Housekeeping {
    pub(super) fn is_due(&self) -> bool {
        self.last.is_none_or(|last| last.elapsed() >= HOUSEKEEPING)
    }
}

impl Poll<'_> {
    /// Forgets what is gone; returns how many of them are.
    pub(super) async fn forget_all(&self, gone: Vec<Gone>) -> Result<u64> {
        let forgetting = stream::iter(gone).map(|gone| self.forget(gone)).buffer_unordered(AT_ONCE);
        forgetting.try_fold(0, |sum, is_gone| ready(Ok(sum + u64::from(is_gone)))).await
    }

    /// Forgets a version, unless it is there.
    async fn forget(&self, gone: Gone) -> Result<bool> {
        let Gone { name, version, why } = gone;
        let (store, container) = (&self.shared.terms.store, &self.polled.container);
        let is_ours = self.polled.lease.is_held() && !self.shared.in_hand.has(container, &name);
        if !is_ours || (why == Why::NotListed && !self.is_gone(&name, &version).await?) {
            return Ok(false);
        }
        store.forget(container, &name, &version).await?;
        debug!(
            section = CHANNEL.name,
            channel = self.shared.name,
            container = &**container,
            name,
            "a version of an object is gone"
        );
        Ok(true)
    }

    async fn is_gone(&self, name: &str, version: &Version) -> Result<bool> {
        match self.shared.terms.store.swift.object(&self.polled.container, name).head().await {
            Ok(details) => Ok(version.is_before(&details)),
            Err(error) if kind_of(&error) == Some(SwiftErrorKind::NotFound) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Looks after some of the names that no listing tells of.
    pub(super) async fn look_after_long_names(&self, housekeeping: &mut Housekeeping) -> Result<u64> {
        let (store, container) = (&self.shared.terms.store, &self.polled.container);
        let mut listing = store.list_long(container).page_size(LOOKED_AFTER).limit(LOOKED_AFTER);
        if let Some(marker) = housekeeping.marker.take() {
            listing = listing.marker(marker);
        }
        let (mut gone, mut looked_at) = (Vec::new(), 0);
        for listed in listing.collect().await? {
            let Listed::Object(listed) = listed else { continue };
            looked_at += 1;
            match store.long_name(&listed.name).await? {
                Some((name, version)) if name::object(&name).is_ok() => {
                    gone.push(Gone { name, version, why: Why::NotListed });
                }
                _ => {
                    let (channel, object) = (&self.shared.name, &listed.name);
                    debug!(section = CHANNEL.name, channel, object, "something else stands among what is remembered");
                }
            }
            housekeeping.marker = Some(listed.name);
        }
        if looked_at < LOOKED_AFTER {
            housekeeping.marker = None;
        }
        housekeeping.last = Some(Instant::now());
        self.forget_all(gone).await
    }
}
