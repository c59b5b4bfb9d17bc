//! Removing segments that nobody needs any more, as far as that goes.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use tokio::time;
use tracing::{info, warn};
use zato_core::{Error, Result, Retry};

use super::{
    container,
    manifest::{self, Segment},
    sending::Names,
};
use crate::{
    Swift,
    error::{self, SwiftErrorKind},
    object::Object,
};

/// How long it may take; what is not removed then is left, and logged.
const PATIENCE: Duration = Duration::from_secs(30);

/// The names of segments, by container.
pub(super) type Doomed = BTreeMap<String, Vec<String>>;

/// Chooses those segments of a large object that was replaced which are nothing but that.
pub(super) fn superseded(object: &Object, before: Vec<Segment>, segments_in: &str, used: &HashSet<&str>) -> Doomed {
    let mut doomed = Doomed::new();
    for Segment { container, name, is_large, .. } in before {
        let is_used = container == segments_in && used.contains(name.as_str());
        if !is_used && !is_large && is_nothing_else(object, &container, &name) {
            doomed.entry(container).or_default().push(name);
        }
    }
    doomed.values_mut().for_each(|names| {
        names.sort();
        names.dedup();
    });
    doomed
}

/// A manifest may name objects that somebody stored for their own sake, or that another manifest names, too, such as one that this
/// was copied from. Segments carry the name of their object in the container of its segments (ours, python-swiftclient's,
/// rclone's), or are hidden under it in its own (opendal's); where we were told another container, also that of the object.
fn is_nothing_else(object: &Object, segments_in: &str, name: &str) -> bool {
    let is_own = |prefix: &str| {
        let rest = name.strip_prefix(prefix).and_then(|name| name.strip_prefix(object.name()));
        rest.is_some_and(|rest| rest.starts_with('/'))
    };
    if segments_in == container::of(object) {
        return is_own("");
    }
    is_own(&format!("{}/", object.container())) || (segments_in == object.container() && is_own(".segments/"))
}

/// Stores something in the place of an object, or deletes it, and then removes the segments of what was there that are nothing but
/// that; also if nobody knows whether that was done, and it was. Who dies meanwhile, or can't ask, leaves segments, and never an
/// object without them.
pub(in crate::object) async fn replacing<T>(object: &Object, deed: impl Future<Output = Result<T>>) -> Result<T> {
    let before = manifest::there(object).await?;
    let done = deed.await;
    if done.as_ref().err().is_none_or(is_unknown) {
        let segments = before.map(|before| before.segments).unwrap_or_default();
        replaced(object, &superseded(object, segments, "", &HashSet::new())).await;
    }
    done
}

/// Whether a server may have done what it did not answer.
fn is_unknown(fault: &Error) -> bool {
    fault.retry() != Retry::Unsent && error::kind_of(fault).is_some_and(SwiftErrorKind::is_passing)
}

/// Removes the segments of what was replaced, or deleted, except those that what is there now is made of: a copy that is made once
/// more, and an upload that goes on with what another one has left, have the very same. Who puts them together after this look is
/// refused, as they are gone; only whose manifest a server has checked and not yet stored is not, as Swift deletes on no condition.
pub(super) async fn replaced(object: &Object, doomed: &Doomed) {
    let (container, name) = (object.container(), object.name());
    let connection = object.swift().name();
    match time::timeout(PATIENCE, remove_unused(object, doomed)).await {
        Ok(Ok(0)) => {}
        Ok(Ok(removed)) => {
            info!(connection, container, object = name, removed, "segments of an object that is gone removed");
        }
        Ok(Err(error)) => {
            warn!(connection, container, object = name, error = %error.report(), "segments of an object that is gone are left");
        }
        Err(_late) => {
            warn!(
                connection,
                container,
                object = name,
                "segments of an object that is gone are left, as it took too long"
            );
        }
    }
}

/// Removes the segments of an upload that has failed, of which there are so many at the most.
pub(super) async fn failed(swift: &Swift, names: &Names, begun: u64) {
    let doomed = Doomed::from([(names.container.clone(), (0..begun).map(|index| names.by_number(index)).collect())]);
    let (connection, container, prefix) = (swift.name(), &names.container, &names.prefix);
    match time::timeout(PATIENCE, remove(swift, &doomed)).await {
        Ok(Ok(removed)) => info!(connection, container, prefix, removed, "segments of a failed upload removed"),
        Ok(Err(error)) => {
            warn!(connection, container, prefix, error = %error.report(), "segments of a failed upload are left");
        }
        Err(_late) => warn!(connection, container, prefix, "segments of a failed upload are left, as it took too long"),
    }
}

/// Removes those that what is there now is not made of; none if nobody says what that is.
async fn remove_unused(object: &Object, doomed: &Doomed) -> Result<u64> {
    if doomed.is_empty() {
        return Ok(0);
    }
    let now = manifest::now(object).await?.map(|now| now.segments).unwrap_or_default();
    let used: HashSet<_> = now.iter().map(|segment| (segment.container.as_str(), segment.name.as_str())).collect();
    let mut unused = doomed.clone();
    for (container, names) in &mut unused {
        names.retain(|name| !used.contains(&(container.as_str(), name.as_str())));
    }
    remove(object.swift(), &unused).await
}

async fn remove(swift: &Swift, doomed: &Doomed) -> Result<u64> {
    let mut removed = 0;
    for (container, names) in doomed {
        removed += swift.container(container).delete_objects(names).await?;
    }
    Ok(removed)
}
