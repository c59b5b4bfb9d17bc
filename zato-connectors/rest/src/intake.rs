//! Taking the body of a request in: as it comes or decompressed; whole, or as a stream for a service that takes one.

use std::sync::Arc;

use http::{HeaderMap, header};
use http_body::Body as HttpBody;
use zato_core::{BoxError, Result, message::Payload};

use crate::{
    body,
    content::compression::{self, Decoded},
    refusal::Refusal,
    table::Route,
    upload::{self, Progress},
};

/// What a service reads.
pub(crate) struct Taken {
    pub(crate) payload: Payload,
    /// How far it has read, if that is a stream.
    pub(crate) progress: Option<Arc<Progress>>,
    /// Whether it was not all there with its headers.
    pub(crate) has_waited: bool,
}

impl Taken {
    /// Returns how many bytes there are; none, if they are still to come.
    pub(crate) fn length(&self) -> u64 {
        self.payload.bytes().map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX))
    }
}

/// Takes a body in as it comes.
pub(crate) async fn plain<B>(body: B, route: &Route) -> Result<Taken, Refusal>
where
    B: HttpBody<Error: Into<BoxError>> + Send + 'static,
{
    let taken = if route.takes_stream && !upload::is_small(&body) {
        upload::stream(body, route.max_body_size, route.body_timeout).map(|(stream, progress)| Taken {
            payload: Payload::from(stream),
            progress: Some(progress),
            has_waited: false,
        })
    } else {
        let mut has_waited = false;
        let read = body::read(body, route.max_body_size, route.body_timeout, &mut has_waited).await;
        read.map(|bytes| Taken { payload: Payload::from(bytes), progress: None, has_waited })
    };
    taken.map_err(Refusal::of_body)
}

/// Takes a body in that says how it is compressed. Its service gets it, and its headers, as if it had never been.
pub(crate) async fn encoded<B>(body: B, headers: &mut HeaderMap, route: &Route) -> Result<Taken, Refusal>
where
    B: HttpBody<Error: Into<BoxError>> + Send + 'static,
{
    let decoding = route.content.decoding;
    let Some((coding, decoding)) = compression::coding_of(headers, decoding)?.zip(decoding) else {
        return plain(body, route).await;
    };
    headers.remove(header::CONTENT_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
    let body = Decoded::new(body, coding, decoding, route.max_body_size).map_err(Refusal::of_body)?;
    plain(body, route).await
}
