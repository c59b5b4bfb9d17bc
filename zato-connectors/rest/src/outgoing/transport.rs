//! The innermost service: a call over the network, by reqwest.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use arc_swap::ArcSwap;
use http::{HeaderMap, Method, StatusCode, Version};
use http_body::Body as _;
use tokio::time::{self, Instant};
use tower::Service;
use zato_core::{
    Error, Result,
    bytes::{Bytes, BytesMut},
    futures_core::Stream,
    message::ByteStream,
    resilience::Verdict,
};

use super::{
    body::CallBody,
    call::{Call, Parts},
    error::{self, Failure},
};

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: AnswerBody,
    /// What it tells of the partner, if its status doesn't.
    pub(super) verdict: Option<Verdict>,
}

/// The body of an answer: all of it, or what is still to come.
#[derive(Debug)]
pub(super) enum AnswerBody {
    Whole(Bytes),
    Stream(ByteStream),
}

/// Makes a client anew, as it was configured.
pub(super) type Make = dyn Fn() -> Result<reqwest::Client> + Send + Sync;

/// The network.
#[derive(Clone)]
pub(super) struct Transport(Arc<Inner>);

struct Inner {
    current: ArcSwap<Aged>,
    make: Box<Make>,
    max_age: Duration,
    /// What stands in the place of the network.
    #[cfg(feature = "testing")]
    partner: Option<Arc<super::testing::Script>>,
}

/// A client, and since when its connections are used.
struct Aged {
    client: reqwest::Client,
    since: Instant,
}

impl Transport {
    /// # Errors
    ///
    /// What `make` fails with.
    pub(super) fn new(make: Box<Make>, max_age: Duration) -> Result<Self> {
        let current = ArcSwap::from_pointee(Aged { client: make()?, since: Instant::now() });
        Ok(Self(Arc::new(Inner {
            current,
            make,
            max_age,
            #[cfg(feature = "testing")]
            partner: None,
        })))
    }

    /// Has calls go to a partner of the test kit and not over the network.
    #[cfg(feature = "testing")]
    pub(super) fn with_partner(self, partner: Arc<super::testing::Script>) -> Self {
        let Inner { current, make, max_age, .. } =
            Arc::into_inner(self.0).expect("a transport that was just made is nobody else's");
        Self(Arc::new(Inner { current, make, max_age, partner: Some(partner) }))
    }

    /// Returns the client, a new one if the connections of the last are too old: they end with the calls that are on
    /// them, and names are resolved anew.
    pub(super) fn client(&self, now: Instant) -> Result<reqwest::Client> {
        let inner = &*self.0;
        let current = inner.current.load();
        if now.saturating_duration_since(current.since) < inner.max_age {
            return Ok(current.client.clone());
        }
        let client = (inner.make)()?;
        let aged = Arc::new(Aged { client: client.clone(), since: now });
        // Of several who come at once, one is first; the clients of the others make no connections.
        let before = inner.current.compare_and_swap(&*current, aged);
        Ok(if Arc::ptr_eq(&before, &current) { client } else { before.client.clone() })
    }
}

/// A call that is on its way.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<Answer>> + Send>>;

impl Service<Call> for Transport {
    type Response = Answer;
    type Error = Error;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let client = self.client(call.parts.begun);
        #[cfg(feature = "testing")]
        let partner = self.0.partner.clone();
        Box::pin(async move {
            let client = client?;
            let request = request(&client, &call)?;
            #[cfg(feature = "testing")]
            if let Some(partner) = partner {
                return answer(partner.exchange(request).await?, &call.parts).await;
            }
            let response = client.execute(request).await.map_err(error::of)?;
            answer(response, &call.parts).await
        })
    }
}

fn request(client: &reqwest::Client, call: &Call) -> Result<reqwest::Request> {
    let parts = &*call.parts;
    let mut request = reqwest::Request::new(parts.method.clone(), parts.url.clone());
    let headers = request.headers_mut();
    headers.clone_from(&parts.headers);
    if let Some((name, value)) = &call.credentials {
        headers.insert(name, value.clone());
    }
    parts.body.put_into(client, request)
}

async fn answer(mut response: reqwest::Response, parts: &Parts) -> Result<Answer> {
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    let (max, length) = (parts.max_response_size, response.content_length());
    // That of a HEAD, or of what has not changed, is the length of what is not sent (RFC 9110 §8.6).
    let has_body = parts.method != Method::HEAD && status != StatusCode::NOT_MODIFIED;
    if has_body && length.is_some_and(|length| length > u64::try_from(max).unwrap_or(u64::MAX)) {
        return Err(error::too_large(max));
    }
    let body = match parts.streamed {
        None => {
            let whole = whole(&mut response, max).await.map_err(error::of)?;
            let whole = whole.ok_or_else(|| error::too_large(max))?;
            if can_be_cut_short(&response, parts) && !reqwest::Body::from(response).is_end_stream() {
                return Err(Failure::BrokenOff.into_error(error::PARTNER));
            }
            AnswerBody::Whole(whole)
        }
        Some(patience) => {
            let is_checked = can_be_cut_short(&response, parts);
            let stream = ByteStream::new(Pieces::new(response.into(), max, patience).checked(is_checked));
            AnswerBody::Stream(match length {
                Some(length) if has_body => stream.with_length(length),
                _ => stream,
            })
        }
    };
    let verdict = match (parts.judge, &body) {
        (Some(judge), AnswerBody::Whole(whole)) => judge(status, &headers, whole),
        _ => None,
    };
    Ok(Answer { status, headers, body, verdict })
}

/// Whether a body may seem to have ended that hasn't. By HTTP/2 the library takes a stream that the partner resets without
/// an error for one that has ended, as it is for a request whose body nobody wants to read on (RFC 9113 §8.1). One without
/// a body was read as a whole, so that its answer has to end by itself.
fn can_be_cut_short(response: &reqwest::Response, parts: &Parts) -> bool {
    response.version() == Version::HTTP_2 && matches!(parts.body, CallBody::None)
}

/// Reads a body, unless it is larger than it may be; one that comes in a single piece is not copied.
pub(super) async fn whole(response: &mut reqwest::Response, max: usize) -> Result<Option<Bytes>, reqwest::Error> {
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    while let Some(piece) = response.chunk().await? {
        if first.len() + rest.len() + piece.len() > max {
            return Ok(None);
        }
        if first.is_empty() && rest.is_empty() {
            first = piece;
        } else {
            rest.extend_from_slice(&std::mem::take(&mut first));
            rest.extend_from_slice(&piece);
        }
    }
    Ok(Some(if rest.is_empty() { first } else { rest.freeze() }))
}

/// The pieces of an answer, each of which has its time, and all of which have their limit.
struct Pieces {
    body: reqwest::Body,
    left: usize,
    max: usize,
    patience: Duration,
    timer: Pin<Box<time::Sleep>>,
    /// Whether its end is to be checked: see [`can_be_cut_short`].
    is_checked: bool,
}

impl Pieces {
    fn new(body: reqwest::Body, max: usize, patience: Duration) -> Self {
        Self { body, left: max, max, patience, timer: Box::pin(time::sleep(patience)), is_checked: false }
    }

    fn checked(self, is_checked: bool) -> Self {
        Self { is_checked, ..self }
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let this = self.get_mut();
        loop {
            let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
                return match this.timer.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Some(Err(error::too_slow()))),
                    Poll::Pending => Poll::Pending,
                };
            };
            this.timer.as_mut().reset(Instant::now() + this.patience);
            let piece = match frame {
                None if std::mem::take(&mut this.is_checked) && !this.body.is_end_stream() => {
                    return Poll::Ready(Some(Err(Failure::BrokenOff.into_error(error::PARTNER))));
                }
                None => return Poll::Ready(None),
                Some(Err(broken)) => return Poll::Ready(Some(Err(error::of(broken)))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) => piece,
                    Err(_trailers) => continue,
                },
            };
            let Some(left) = this.left.checked_sub(piece.len()) else {
                return Poll::Ready(Some(Err(error::too_large(this.max))));
            };
            this.left = left;
            return Poll::Ready(Some(Ok(piece)));
        }
    }
}
