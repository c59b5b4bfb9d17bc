//! A container, polled as long as nothing goes wrong: whoever has its lease lists it now and then, the others stand by.

use std::{convert::Infallible, sync::Arc};

use tokio::{task::JoinSet, time::Instant};
use tracing::{debug, error, info, warn};
use zato_core::{Error, Result};

use super::{
    consumer::Shared,
    forgetting::Housekeeping,
    lease::Whose,
    poll::{Clock, Found, Poll},
    polled::Polled,
};
use crate::config::CHANNEL;

/// Polls until it is dropped.
///
/// # Errors
///
/// What the server failed with, after which it is to be begun anew.
///
/// # Cancel safety
///
/// May be dropped at any time: what was begun is in work, and the next poll sees the rest.
pub(super) async fn run(shared: &Arc<Shared>, polled: &Arc<Polled>, works: &mut JoinSet<()>) -> Result<Infallible> {
    shared.terms.store.create().await?;
    let mut housekeeping = Housekeeping::default();
    loop {
        let whose = polled.lease.take().await?;
        let is_ours = matches!(whose, Whose::Ours(_));
        if is_ours && !shared.terms.store.has(&polled.container).await? {
            let words = format!("there is no container \"{}\"; it is polled once there is one", polled.container);
            return Err(Error::not_found(words));
        }
        shared.up(polled, is_ours);
        if !is_ours {
            debug!(
                section = CHANNEL.name,
                channel = shared.name,
                container = &*polled.container,
                ?whose,
                "standing by"
            );
            tokio::time::sleep(polled.lease.tick()).await;
            continue;
        }
        loop {
            let turn = shared.turn().await;
            let Some(clock) = still_ours(shared, polled).await? else { break };
            polled.begin();
            let poll = Poll { shared, polled, route: shared.route(), clock };
            let begun = Instant::now();
            let found = poll.run(works, &mut housekeeping).await?;
            drop(turn);
            tell(shared, polled, &found, begun);
            reap(works);
            polled.until_due(shared.terms.interval).await;
        }
    }
}

/// Asks whether the lease is ours, and how late it is; `None` if it is not.
async fn still_ours(shared: &Shared, polled: &Polled) -> Result<Option<Clock>> {
    let asked = Instant::now();
    match polled.lease.check().await? {
        Whose::Ours(now) if polled.lease.is_held() => {
            Ok(Some(Clock { now: now.unwrap_or_else(|| shared.ambient.now()), asked }))
        }
        // Nobody has it who did not take it; the next sign of life is late.
        Whose::Ours(_) => Ok(None),
        whose => {
            let (channel, container) = (&shared.name, &*polled.container);
            warn!(section = CHANNEL.name, channel, container, ?whose, "the lease of a container was lost");
            Ok(None)
        }
    }
}

fn tell(shared: &Shared, polled: &Polled, found: &Found, begun: Instant) {
    let (channel, container) = (&shared.name, &*polled.container);
    let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let Found { listed, begun, waiting, forgotten, unusable } = *found;
    if begun > 0 {
        info!(
            section = CHANNEL.name,
            channel, container, listed, begun, waiting, forgotten, elapsed_ms, "objects were found"
        );
    } else {
        debug!(
            section = CHANNEL.name,
            channel, container, listed, waiting, forgotten, elapsed_ms, "nothing new was found"
        );
    }
    if unusable > 0 {
        debug!(section = CHANNEL.name, channel, container, unusable, "objects have names that can't be used");
    }
}

/// Lets go of work that has ended.
pub(super) fn reap(works: &mut JoinSet<()>) {
    while let Some(ended) = works.try_join_next() {
        if let Err(error) = ended
            && error.is_panic()
        {
            // A service that panics is caught by the layers around it: this is a fault of ours.
            error!(%error, "the work on an object broke off; it comes again");
        }
    }
}
