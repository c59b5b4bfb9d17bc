//! What an upload does, from its beginning to its end.

use std::{collections::HashSet, sync::Arc};

use http::{HeaderMap, Method, header};
use tracing::warn;
use zato_core::{Error, Result, ambient::Ambient, bytes::Bytes};

use super::{
    container,
    guard::Guard,
    known, manifest,
    manifest::There,
    plan::Plan,
    remove,
    sending::{Names, Sending, Sent},
    source::{Opened, Piece},
};
use crate::{
    connector::SwiftClient,
    error::{self, SwiftErrorKind},
    name,
    object::{
        Object,
        checked::md5,
        description::{DELETE_AT, Description},
        put::Stored,
        storing::store,
    },
    progress::Transfer,
    transport::Body,
    wire::Repeated,
};

/// What is uploaded where, with all that was said about it.
pub(super) struct Upload {
    pub(super) object: Object,
    pub(super) client: Arc<SwiftClient>,
    pub(super) description: Description,
    pub(super) segments_in: String,
    pub(super) segment_size: u64,
    pub(super) parallelism: usize,
    pub(super) key: Option<String>,
    pub(super) is_only_if_absent: bool,
    pub(super) transfer: Transfer,
}

impl Upload {
    pub(super) async fn run(mut self, mut source: Opened) -> Result<Stored> {
        self.description.at_a_moment(self.client.wire.ambient().now())?;
        let headers = self.description.headers()?;
        if self.is_only_if_absent && self.object.exists().await? {
            return Err(error::of_kind(SwiftErrorKind::PreconditionFailed, "there is one already"));
        }
        let length = source.length();
        let plan = Plan::of(length, self.segment_size, source.is_kept())?;
        if let Some(piece) = source.whole(plan.first()).await? {
            return self.as_one(piece, headers, &source).await;
        }
        let sending = self.prepare(length, plan, &headers).await?;
        let mut guard = Guard::new(self.object.swift(), &self.client, &sending.names, &sending.begun);
        if self.key.is_some() {
            guard.leave();
        }
        match sending.send(&mut source).await {
            Ok(sent) => self.put_together(&source, &sending, sent, headers, guard).await,
            Err(fault) => {
                guard.remove().await;
                Err(since_changed(&source, fault).await.with("segments", &sending.names.prefix))
            }
        }
    }

    /// Stores what fits into one segment as an object like any other.
    async fn as_one(&self, piece: Option<Piece>, headers: HeaderMap, source: &Opened) -> Result<Stored> {
        let before = self.before().await?;
        let mut call = self.object.call(Method::PUT)?.headers(headers).leg(self.transfer.leg()).patient();
        call = match piece {
            Some(piece) => call.text(header::ETAG, &piece.md5().await?)?.body(piece.body()),
            None => call.body(Body::Bytes(Bytes::new())),
        };
        if self.is_only_if_absent {
            call = call.only_if_absent(Repeated::Never);
        }
        source.is_the_same().await?;
        let stored = match store(&self.object, call).await {
            Ok(stored) => stored,
            Err(fault) => return Err(since_changed(source, fault).await),
        };
        self.remove_replaced(before, &[], None).await;
        Ok(stored)
    }

    /// Makes the container of the segments, and looks what is there of them.
    async fn prepare(&self, length: Option<u64>, plan: Plan, headers: &HeaderMap) -> Result<Sending> {
        let expiry = headers.get(DELETE_AT).map(|at| (DELETE_AT, at.clone()));
        let id = match &self.key {
            Some(key) => resumed(key, expiry.is_some()),
            None => fresh(self.client.wire.ambient()),
        };
        let length = length.map_or_else(|| "stream".to_owned(), |length| length.to_string());
        let prefix = container::prefix(&self.object, &self.segments_in);
        let prefix = format!("{prefix}{id}/{length}/{}/", plan.first());
        let names = Names { container: self.segments_in.clone(), prefix, are_by_content: self.key.is_some() };
        name::object(&names.segment(0, &md5(b""))).map_err(|_| {
            Error::invalid_input("the name of the object is too long for a large one, whose segments have longer ones")
        })?;
        container::have(&self.object, &self.segments_in).await?;
        let known = match &self.key {
            Some(_) => known::list(self.object.swift(), &names.container, &names.prefix).await?,
            None => known::Known::new(),
        };
        let parallelism = self.parallelism.max(1);
        let (client, transfer) = (Arc::clone(&self.client), self.transfer.clone());
        Ok(Sending { client, names, plan, parallelism, known, expiry, transfer, begun: Arc::default() })
    }

    /// Returns what is there now, unless nothing is to be.
    async fn before(&self) -> Result<Option<There>> {
        if self.is_only_if_absent { Ok(None) } else { manifest::there(&self.object).await }
    }

    /// Puts the segments together, and removes those that are not needed any more.
    async fn put_together(
        &self,
        source: &Opened,
        sending: &Sending,
        sent: Vec<Sent>,
        headers: HeaderMap,
        mut guard: Guard,
    ) -> Result<Stored> {
        let Names { container, prefix, .. } = &sending.names;
        let before = match self.checked(source).await {
            Ok(before) => before,
            Err(fault) => {
                guard.remove().await;
                return Err(fault);
            }
        };
        let is_armed = guard.leave();
        // From here on nobody knows whether the manifest is there until somebody has said so.
        if let Err(fault) = manifest::put(&self.object, container, &sent, headers, self.is_only_if_absent).await {
            match manifest::is_in_place(&self.object, container, &sent, before.as_ref()).await {
                Ok(true) => {}
                Ok(false) if is_refusal(&fault) => {
                    guard.arm(is_armed);
                    guard.remove().await;
                    return Err(fault);
                }
                // It may be put into place yet, by a server that has it and has not said so.
                Ok(false) | Err(_) => {
                    let connection = self.object.swift().name();
                    warn!(
                        connection,
                        container, prefix, "segments are left, as nobody knows whether their manifest was stored"
                    );
                    return Err(fault.with("segments", prefix));
                }
            }
        }
        let bytes = sent.iter().map(|segment| segment.bytes).sum();
        self.remove_replaced(before, &sent, Some(sending)).await;
        Ok(Stored { etag: manifest::whole_etag(&sent), bytes })
    }

    /// Looks once more at what was uploaded, and at what is to be replaced.
    async fn checked(&self, source: &Opened) -> Result<Option<There>> {
        source.is_the_same().await?;
        self.before().await
    }

    /// Removes the segments of what was there before, and those that an earlier attempt had more.
    async fn remove_replaced(&self, before: Option<There>, sent: &[Sent], sending: Option<&Sending>) {
        let used: HashSet<&str> = sent.iter().map(|segment| segment.name.as_str()).collect();
        let before = before.map(|before| before.segments).unwrap_or_default();
        let mut doomed = remove::superseded(&self.object, before, &self.segments_in, &used);
        let left = sending.map(|sending| sending.known.keys().filter(|name| !used.contains(name.as_str())));
        let left: Vec<_> = left.into_iter().flatten().cloned().collect();
        if !left.is_empty() {
            doomed.entry(self.segments_in.clone()).or_default().extend(left);
        }
        remove::replaced(&self.object, &doomed).await;
    }
}

/// Says what it means that something else has arrived, if what was sent has become something else meanwhile.
async fn since_changed(source: &Opened, fault: Error) -> Error {
    match error::kind_of(&fault) {
        Some(SwiftErrorKind::ChecksumMismatch) => source.is_the_same().await.err().unwrap_or(fault),
        _ => fault,
    }
}

/// Whether the server has said that it will not do it, so that it will not have done it either.
fn is_refusal(fault: &Error) -> bool {
    let Some(fault) = error::own(fault) else { return false };
    // An answer that does not come, or says nothing of the kind, may hide another one.
    let is_passing = fault.kind().is_passing();
    !is_passing && fault.status().is_some_and(|status| status.is_client_error())
}

/// Returns the id of an upload that is gone on with. Segments that expire and those that don't are never taken for each other.
fn resumed(key: &str, expires: bool) -> String {
    let is_plain =
        !key.is_empty() && key.len() <= 64 && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    let id = if is_plain { key.to_owned() } else { md5(key.as_bytes()) };
    if expires { format!("{id}-expiring") } else { id }
}

/// Returns an id that no other upload has.
fn fresh(ambient: &Ambient) -> String {
    let now = ambient.now();
    format!("{}.{:06}-{:016x}", now.timestamp(), now.timestamp_subsec_micros(), ambient.random() & u128::from(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_same_for_the_same_key_alone() {
        assert_eq!(resumed("1700000000.000000001", false), "1700000000.000000001");
        assert_eq!(resumed("report.2026", true), "report.2026-expiring");
        assert_eq!(resumed("a/b", false), md5(b"a/b"), "a slash would lead elsewhere");
        assert_ne!(fresh(&Ambient::default()), fresh(&Ambient::default()));
    }
}
