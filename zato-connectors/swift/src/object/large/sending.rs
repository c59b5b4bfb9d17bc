//! Segments on their way, several at a time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use tokio::time;
use zato_core::Result;

use super::{
    known::Known,
    plan::Plan,
    source::{Opened, Piece},
};
use crate::{
    connector::SwiftClient,
    error::{self, SwiftErrorKind},
    object::{details::etag, still},
    progress::Transfer,
    wire::Call,
};

/// How long those that are on their way may take to arrive once another one has failed: what arrives later than it is removed
/// would stay.
const GRACE: Duration = Duration::from_secs(5);

/// What python-swiftclient says that its segments are, so that one sees what they are for.
pub(super) const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/swiftclient-segment");

/// Where the segments of an upload are, and what they are called.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) container: String,
    /// With a slash at its end.
    pub(super) prefix: String,
    /// Whether they are called by what is in them, too: where the next attempt has the same names, what is in its way may be what
    /// an object is made of.
    pub(super) are_by_content: bool,
}

/// A segment that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) index: u64,
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) etag: String,
}

/// An upload in segments.
pub(super) struct Sending {
    pub(super) client: Arc<SwiftClient>,
    pub(super) names: Names,
    pub(super) plan: Plan,
    /// How many segments are on their way at once.
    pub(super) parallelism: usize,
    pub(super) known: Known,
    pub(super) expiry: Option<(HeaderName, HeaderValue)>,
    pub(super) transfer: Transfer,
    /// How many segments were begun.
    pub(super) begun: Arc<AtomicU64>,
}

impl Names {
    pub(super) fn segment(&self, index: u64, etag: &str) -> String {
        let name = self.by_number(index);
        if self.are_by_content { format!("{name}-{etag}") } else { name }
    }

    /// Returns the name of one that is not called by its content.
    pub(super) fn by_number(&self, index: u64) -> String {
        format!("{}{index:08}", self.prefix)
    }
}

impl Sending {
    /// Sends all of a source, and returns its segments in their order.
    pub(super) async fn send(&self, source: &mut Opened) -> Result<Vec<Sent>> {
        // However large the later ones are.
        let most = self.plan.kept(self.parallelism);
        let (mut sent, mut on_way, mut kept, mut is_over) = (Vec::new(), FuturesUnordered::new(), 0_u64, false);
        let mut index = 0;
        let fault = loop {
            let size = self.plan.size(index);
            let is_too_much = source.is_kept() && kept.saturating_add(size) > most;
            let has_place = on_way.is_empty() || (on_way.len() < self.parallelism && !is_too_much);
            tokio::select! {
                biased;
                Some((bytes, arrived)) = on_way.next(), if !on_way.is_empty() => {
                    kept -= bytes;
                    match arrived {
                        Ok(segment) => sent.push(segment),
                        Err(fault) => break Some(fault),
                    }
                }
                piece = source.next(size), if has_place && !is_over => match piece.and_then(|piece| self.has_room(index, piece)) {
                    Ok(None) => is_over = true,
                    Ok(Some(piece)) => {
                        kept += piece.length();
                        on_way.push(self.send_one(index, piece));
                        index += 1;
                        self.begun.store(index, Ordering::Relaxed);
                    }
                    Err(fault) => break Some(fault),
                },
                else => break None,
            }
        };
        let Some(fault) = fault else {
            sent.sort_by_key(|segment: &Sent| segment.index);
            return Ok(sent);
        };
        let _ = time::timeout(GRACE, async { while on_way.next().await.is_some() {} }).await;
        Err(fault)
    }

    fn has_room(&self, index: u64, piece: Option<Piece>) -> Result<Option<Piece>> {
        if piece.is_some() {
            self.plan.has_room(index)?;
        }
        Ok(piece)
    }

    async fn send_one(&self, index: u64, piece: Piece) -> (u64, Result<Sent>) {
        (piece.length(), self.sent(index, piece).await)
    }

    async fn sent(&self, index: u64, piece: Piece) -> Result<Sent> {
        let sum = piece.md5().await?;
        let segment = Sent { index, name: self.names.segment(index, &sum), bytes: piece.length(), etag: sum };
        let is_known =
            self.known.get(&segment.name).is_some_and(|known| *known == (segment.bytes, segment.etag.clone()));
        if is_known && self.is_kept(&segment).await? {
            self.transfer.given(segment.bytes);
            return Ok(segment);
        }
        let call = self
            .call(Method::PUT, &segment)?
            .header(header::CONTENT_TYPE, CONTENT_TYPE)
            .text(header::ETAG, &segment.etag)?
            .body(piece.body())
            .leg(self.transfer.leg())
            .patient();
        let answer = self.client.wire.call(call).await?;
        let (status, stored) = (answer.status(), etag(&answer));
        answer.done().await;
        match stored {
            _ if status != StatusCode::CREATED => {
                Err(error::unexpected(format!("status {} to a segment", status.as_u16())))
            }
            Some(stored) if stored != segment.etag => {
                let said = format!("the server has stored {stored}, and {} was sent", segment.etag);
                Err(error::of_kind(SwiftErrorKind::ChecksumMismatch, said))
            }
            _ => Ok(segment),
        }
    }

    /// Has a segment that is there already expire when the others do; tells whether it is there in fact, which a listing need not
    /// know.
    async fn is_kept(&self, segment: &Sent) -> Result<bool> {
        if self.expiry.is_none() {
            return still::is_still(&self.client, &self.names.container, &segment.name, &segment.etag).await;
        }
        let call = self.call(Method::POST, segment)?.accepting(StatusCode::NOT_FOUND).patient();
        let answer = self.client.wire.call(call).await?;
        let is_there = answer.status() != StatusCode::NOT_FOUND;
        answer.done().await;
        Ok(is_there)
    }

    fn call(&self, method: Method, segment: &Sent) -> Result<Call> {
        let call = Call::object(method, &self.names.container, &segment.name)?;
        Ok(match self.expiry.clone() {
            Some((name, value)) => call.header(name, value),
            None => call,
        })
    }
}
