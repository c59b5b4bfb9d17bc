//! An object on its way here: what breaks off is read on where it was.

use std::sync::Arc;

use futures_util::stream;
use http::{Method, StatusCode, header};
use tokio::time;
use tracing::debug;
use zato_core::{Error, Result, bytes::Bytes, message::ByteStream};

use super::{Object, ObjectDetails, checked::Sum, details::etag};
use crate::{
    connector::SwiftClient,
    error::{self, SwiftErrorKind},
    progress::Transfer,
    wire::{Answer, Call, Pauses},
};

/// What is read, and how far that has got.
struct Reading {
    client: Arc<SwiftClient>,
    container: Arc<str>,
    name: Arc<str>,
    etag: String,
    /// Where in the object the part begins.
    first: u64,
    length: u64,
    /// How much of the part has arrived.
    arrived: u64,
    body: Option<ByteStream>,
    /// The sum of what has arrived, where it can be compared.
    sum: Option<Sum>,
    transfer: Transfer,
    pauses: Pauses,
    is_over: bool,
}

/// Reads an answer to its end, with further requests where it breaks off.
pub(super) fn stream(
    object: &Object,
    client: Arc<SwiftClient>,
    answer: Answer,
    details: &ObjectDetails,
    transfer: Transfer,
    is_checked: bool,
) -> ByteStream {
    let reading = Reading {
        container: Arc::clone(&object.container),
        name: Arc::clone(&object.name),
        etag: details.etag.clone(),
        first: first(&answer),
        length: details.bytes,
        arrived: 0,
        body: Some(answer.into_stream()),
        sum: is_checked.then(Sum::default),
        transfer,
        pauses: Pauses::new(client.wire.rules()),
        is_over: false,
        client,
    };
    let pieces = stream::unfold(reading, |mut reading| async move {
        let piece = reading.next().await.transpose()?;
        reading.is_over |= piece.is_err();
        Some((piece, reading))
    });
    ByteStream::new(pieces).with_length(details.bytes)
}

/// Returns where a part begins (RFC 9110 §14.4).
fn first(answer: &Answer) -> u64 {
    let range = answer.text(header::CONTENT_RANGE.as_str()).and_then(|text| text.strip_prefix("bytes "));
    range.and_then(|range| range.split_once('-')?.0.trim().parse().ok()).unwrap_or(0)
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if self.is_over {
                return Ok(None);
            }
            if self.arrived >= self.length {
                return self.end().await;
            }
            let mut body = match self.body.take() {
                Some(body) => body,
                None => self.ask_on().await?,
            };
            let fault = match body.chunk().await {
                Ok(Some(piece)) => {
                    self.body = Some(body);
                    return self.arrived(piece).map(Some);
                }
                Ok(None) => error::of_kind(SwiftErrorKind::ConnectionLost, "the answer ended before the object did"),
                Err(fault) => fault,
            };
            self.pause(fault).await?;
        }
    }

    fn arrived(&mut self, piece: Bytes) -> Result<Bytes> {
        self.arrived += piece.len() as u64;
        if self.arrived > self.length {
            return Err(self.about(error::unexpected("more bytes came than the object has")));
        }
        if let Some(sum) = &self.sum {
            sum.add(&piece);
        }
        // Something has moved.
        self.pauses = Pauses::new(self.client.wire.rules());
        self.client.wire.meter().read(piece.len() as u64);
        self.transfer.moved(piece.len() as u64);
        Ok(piece)
    }

    /// Compares what has arrived, and reads what the connection still has, so that it can be used once more.
    async fn end(&mut self) -> Result<Option<Bytes>> {
        self.is_over = true;
        if let Some(mut body) = self.body.take() {
            let _ = body.chunk().await;
        }
        match self.sum.take().map(|sum| sum.etag()) {
            Some(sum) if sum != self.etag => {
                let said = format!("{sum} has arrived, and {} is stored", self.etag);
                Err(self.about(error::of_kind(SwiftErrorKind::ChecksumMismatch, said)))
            }
            _ => {
                self.transfer.done();
                Ok(None)
            }
        }
    }

    /// Waits before the next try, if there is to be one.
    async fn pause(&mut self, fault: Error) -> Result<()> {
        let is_passing = error::kind_of(&fault).is_some_and(SwiftErrorKind::is_passing);
        let pause = self.pauses.next(self.client.wire.ambient().random(), fault.retry_after());
        let Some(pause) = pause.filter(|_| is_passing) else { return Err(self.about(fault)) };
        let (arrived, length) = (self.arrived, self.length);
        debug!(container = &*self.container, object = &*self.name, arrived, length, error = %fault, "reading on after a fault");
        time::sleep(pause).await;
        Ok(())
    }

    /// Asks for what has not arrived yet, of the same object and no other.
    async fn ask_on(&self) -> Result<ByteStream> {
        // Where the part begins has the server said.
        let first = self.first.saturating_add(self.arrived);
        let last = self.first.saturating_add(self.length.saturating_sub(1));
        // What comes is compared here: `If-Match` does not hold for a copy of a large object.
        let call = Call::object(Method::GET, &self.container, &self.name)?
            .text(header::RANGE, &format!("bytes={first}-{last}"))?
            .patient();
        let answer = self.client.wire.call(call).await.map_err(|error| match error::kind_of(&error) {
            Some(SwiftErrorKind::RangeNotSatisfiable | SwiftErrorKind::NotFound) => self.replaced(),
            _ => error,
        })?;
        let is_rest = answer.status() == StatusCode::PARTIAL_CONTENT && self::first(&answer) == first;
        match etag(&answer) {
            Some(etag) if etag != self.etag => Err(self.replaced()),
            Some(_) if is_rest => Ok(answer.into_stream()),
            _ => Err(self.about(error::unexpected("another part came than was asked for"))),
        }
    }

    fn replaced(&self) -> Error {
        self.about(Error::conflict("the object was replaced while it was read"))
    }

    fn about(&self, error: Error) -> Error {
        error
            .with("connection", &self.client.wire.rules().connection)
            .with("container", &*self.container)
            .with("object", &*self.name)
    }
}
