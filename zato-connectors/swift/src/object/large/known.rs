use std::collections::HashMap;

use zato_core::Result;

use crate::{
    Listed, Swift,
    error::{self, SwiftErrorKind},
};

/// The segments of an upload that are there already, by name: how many bytes they have, and their MD5.
pub(super) type Known = HashMap<String, (u64, String)>;

/// How many are looked at: those of several attempts with another content each.
const MOST: usize = 10_000;

/// Lists the segments that an earlier attempt has left.
pub(super) async fn list(swift: &Swift, container: &str, prefix: &str) -> Result<Known> {
    let listed = swift.container(container).objects().prefix(prefix).limit(MOST).collect().await;
    let entries = match listed {
        Ok(entries) => entries,
        // Who may write into a container need not be allowed to list it.
        Err(error) if error::kind_of(&error) == Some(SwiftErrorKind::NotAllowed) => return Ok(Known::new()),
        Err(error) => return Err(error),
    };
    let objects = entries.into_iter().filter_map(|entry| match entry {
        Listed::Object(object) => Some((object.name, (object.bytes, object.etag))),
        Listed::Prefix { .. } => None,
    });
    Ok(objects.collect())
}
