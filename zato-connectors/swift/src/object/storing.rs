//! An object on its way there: what arrives as something else does not stay.

use futures_util::stream;
use http::{Method, StatusCode, header};
use tokio::time;
use tracing::warn;
use zato_core::{Error, Result, bytes::Bytes, message::ByteStream};

use super::{
    Object,
    checked::{Sum, md5},
    details::etag,
    put::Stored,
};
use crate::{
    error::{self, SwiftErrorKind},
    transport::Body,
    wire::{Answer, Call},
};

/// Up to here the checksum of bytes is sent with them, so that the server refuses what is not whole; of more it is worked out
/// beside the sending, which it would hold up by half, and compared with what the server says.
const SENT_AHEAD: usize = 1024 * 1024;

/// What was sent.
struct Content {
    /// The MD5 of it, in hexadecimal.
    sum: String,
    bytes: u64,
    /// Whether the server was told the MD5.
    is_told: bool,
}

/// Makes a call that stores an object, and compares what the server has stored with what was sent.
pub(super) async fn store(object: &Object, call: Call) -> Result<Stored> {
    let stored = match call.body {
        Body::Stream(_) => put_stream(object, call).await,
        Body::Again(_) => put_again(object, call).await,
        Body::Empty | Body::Bytes(_) => put_bytes(object, call).await,
    };
    stored.map_err(|error| match error::kind_of(&error) {
        // Who stores something can't be told that it is missing.
        Some(SwiftErrorKind::NotFound) => error.with("remedy", "create the container first"),
        _ => error,
    })
}

/// Stores what has its checksum among its headers.
async fn put_again(object: &Object, call: Call) -> Result<Stored> {
    let sum = call.headers.get(header::ETAG).and_then(|sum| sum.to_str().ok()).unwrap_or_default().to_owned();
    let content = Content { sum, bytes: call.body.length().unwrap_or_default(), is_told: true };
    settled(object, object.swift().call(call).await?, &content, None).await
}

async fn put_bytes(object: &Object, mut call: Call) -> Result<Stored> {
    let bytes = if let Body::Bytes(bytes) = &call.body { bytes.clone() } else { Bytes::new() };
    let length = bytes.len() as u64;
    let is_told = call.headers.contains_key(header::ETAG);
    // What would be sent again would find itself.
    let is_small = bytes.len() <= SENT_AHEAD;
    if !is_small && !is_told && !call.is_conditional() {
        let again = call.again();
        let sum = tokio::task::spawn_blocking(move || md5(&bytes));
        let answer = object.swift().call(call).await?;
        let content = Content { sum: sum.await.map_err(unknown)?, bytes: length, is_told };
        return settled(object, answer, &content, again).await;
    }
    let sum =
        if is_small { md5(&bytes) } else { tokio::task::spawn_blocking(move || md5(&bytes)).await.map_err(unknown)? };
    if !is_told {
        call = call.text(header::ETAG, &sum)?;
    }
    let content = Content { sum, bytes: length, is_told: true };
    settled(object, object.swift().call(call).await?, &content, None).await
}

#[cold]
fn unknown(error: tokio::task::JoinError) -> Error {
    Error::internal("a checksum was not worked out").with_source(error)
}

async fn put_stream(object: &Object, mut call: Call) -> Result<Stored> {
    let sum = Sum::default();
    let is_told = call.headers.contains_key(header::ETAG);
    if let Body::Stream(stream) = &mut call.body
        && stream.length() == Some(0)
    {
        let most = object.swift().client()?.wire.rules().timeout;
        let late = |_| error::of_kind(SwiftErrorKind::Timeout, "the stream that was to be sent did not end");
        time::timeout(most, is_empty(stream)).await.map_err(late).flatten().map_err(|error| object.about(error))?;
        call.body = Body::Stream(ByteStream::new(stream::empty()).with_length(0));
    }
    call.body = match call.body {
        Body::Stream(stream) => Body::Stream(sum.of(stream)),
        body => body,
    };
    let answer = object.swift().call(call).await?;
    let content = Content { sum: sum.etag(), bytes: sum.bytes(), is_told };
    settled(object, answer, &content, None).await
}

/// Reads a stream that says that it has no bytes, which the library never asks for any: what it has nevertheless would be lost, and
/// what it fails with.
async fn is_empty(stream: &mut ByteStream) -> Result<()> {
    while let Some(piece) = stream.chunk().await.map_err(error::elsewhere)? {
        if !piece.is_empty() {
            return Err(Error::internal("the stream that was to be sent is longer than it says"));
        }
    }
    Ok(())
}

/// Compares what the server has stored with what was sent; what is something else is stored again, if it can be, or deleted.
async fn settled(object: &Object, answer: Answer, content: &Content, again: Option<Call>) -> Result<Stored> {
    let etag = stored(object, answer).await?;
    let Err(fault) = content.compared(object, &etag) else { return Ok(content.stored()) };
    if content.is_told || !is_still(object, &etag).await {
        return Err(fault);
    }
    let (connection, container, name) = (object.swift().name(), object.container(), object.name());
    warn!(connection, container, object = name, error = %fault.report(), "an object has not arrived as what was sent");
    if let Some(again) = again {
        match object.swift().call(again.text(header::ETAG, &content.sum)?).await {
            Ok(answer) => return content.compared(object, &stored(object, answer).await?).map(|()| content.stored()),
            Err(_) if !is_still(object, &etag).await => return Err(fault),
            Err(_) => {}
        }
    }
    let is_left = object.delete_once().await.is_err();
    Err(fault.with("stored", if is_left { "left" } else { "deleted" }))
}

/// Returns what the server says that it has stored.
async fn stored(object: &Object, answer: Answer) -> Result<String> {
    let (status, etag) = (answer.status(), etag(&answer));
    answer.done().await;
    let fault = match etag {
        // 202 is what a proxy says that does not wait for the storage.
        _ if status != StatusCode::CREATED => error::unexpected(format!("status {} to a PUT", status.as_u16())),
        Some(etag) => return Ok(etag),
        None => error::unexpected("the server did not say what it has stored"),
    };
    Err(object.about(fault))
}

/// Tells whether an object is there with this ETag. Swift deletes on no condition, and so it is looked at before.
async fn is_still(object: &Object, is: &str) -> bool {
    let Ok(call) = object.newest(Method::HEAD) else { return false };
    let Ok(answer) = object.swift().call(call).await else { return false };
    let there = etag(&answer);
    answer.done().await;
    there.as_deref() == Some(is)
}

impl Content {
    fn compared(&self, object: &Object, etag: &str) -> Result<()> {
        if etag == self.sum {
            return Ok(());
        }
        let said = format!("the server has stored {etag}, and {} was sent", self.sum);
        Err(object.about(error::of_kind(SwiftErrorKind::ChecksumMismatch, said)))
    }

    fn stored(&self) -> Stored {
        Stored { etag: self.sum.clone(), bytes: self.bytes }
    }
}
