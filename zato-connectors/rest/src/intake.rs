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

/// What a service reads, and how far it has, if that is a stream.
pub(crate) type Taken = (Payload, Option<Arc<Progress>>);

/// Takes a body in as it comes.
pub(crate) async fn plain<B>(body: B, route: &Route) -> Result<Taken, Refusal>
where
    B: HttpBody<Error: Into<BoxError>> + Send + 'static,
{
    let taken = if route.takes_stream && !upload::is_small(&body) {
        upload::stream(body, route.max_body_size, route.body_timeout)
            .map(|(stream, progress)| (Payload::from(stream), Some(progress)))
    } else {
        body::read(body, route.max_body_size, route.body_timeout).await.map(|bytes| (Payload::from(bytes), None))
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
