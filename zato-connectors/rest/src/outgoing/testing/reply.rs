use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use tokio::time;
use zato_core::{Result, bytes::Bytes};

use super::{
    PartnerCall,
    body::{End, Pieces},
};
use crate::outgoing::error::{Failure, PARTNER};

/// What a partner of the test kit replies: an answer, or one of the ways in which networks and partners fail.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use serde_json::json;
/// use zato_core::{Kind, testing};
/// use zato_rest::testing::{PartnerReply, RestFake};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let crm = RestFake::new();
/// let missing = PartnerReply::json(&json!({"error": "no such user"})).with_status(404).header("x-node", "b");
/// crm.expect().get("/").reply_each([missing, PartnerReply::refused(), PartnerReply::garbage()]);
///
/// let (ctx, crm) = (testing::context(), crm.rest());
/// assert_eq!(crm.get(&ctx).await?.status(), 404);
/// assert_eq!(crm.get(&ctx).await.unwrap_err().kind(), Kind::Upstream);
/// assert_eq!(crm.get(&ctx).await.unwrap_err().kind(), Kind::Upstream);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct PartnerReply {
    after: Duration,
    given: Given,
}

#[derive(Clone, Debug)]
enum Given {
    Answer(Answer),
    Fault(Fault),
}

#[derive(Clone, Debug, Default)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    pieces: Vec<Bytes>,
    pause: Duration,
    end: End,
    /// How long the body is said to be.
    length: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Refused,
    NotAccepted,
    Reset,
    Garbage,
    Never,
}

/// Answers.
impl PartnerReply {
    /// Answers with a status and an empty body.
    ///
    /// # Panics
    ///
    /// If there can't be such a status.
    #[track_caller]
    pub fn status(status: u16) -> Self {
        Self::bytes(Bytes::new()).with_status(status)
    }

    /// Answers with a model or any other value, as JSON.
    ///
    /// # Panics
    ///
    /// If it can't be written as JSON.
    #[track_caller]
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Self {
        let text = serde_json::to_vec(value).expect("the reply can be written as JSON");
        Self::bytes(text).header("content-type", "application/json")
    }

    /// Answers with a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::bytes(text.into()).header("content-type", "text/plain; charset=utf-8")
    }

    /// Answers with bytes, of no type.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        let body: Bytes = bytes.into();
        let length = u64::try_from(body.len()).ok();
        let pieces = if body.is_empty() { Vec::new() } else { vec![body] };
        Self::new(Given::Answer(Answer { pieces, length, ..Answer::default() }))
    }

    /// Answers with a body that comes piece by piece, and whose length nobody was told.
    pub fn pieces<B: Into<Bytes>>(pieces: impl IntoIterator<Item = B>) -> Self {
        let pieces = pieces.into_iter().map(Into::into).collect();
        Self::new(Given::Answer(Answer { pieces, ..Answer::default() }))
    }

    /// Answers with another status than 200. Of no meaning to a reply that is none.
    ///
    /// # Panics
    ///
    /// If there can't be such a status.
    #[track_caller]
    pub fn with_status(self, status: u16) -> Self {
        let status = StatusCode::from_u16(status).expect("a status is from 100 to 999");
        self.answer(|answer| answer.status = status)
    }

    /// Adds a header to the answer, in place of one of the same name that it has by itself.
    ///
    /// # Panics
    ///
    /// If name or value can't stand in a header.
    #[track_caller]
    pub fn header(self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a name of a header");
        let value: HeaderValue = value.parse().expect("a value of a header");
        self.answer(|answer| {
            if name == header::CONTENT_TYPE {
                answer.headers.insert(name, value);
            } else {
                answer.headers.append(name, value);
            }
        })
    }

    /// Lets time pass before the reply, whatever it is.
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }

    /// Lets time pass between the pieces of the body.
    pub fn pausing(self, pause: Duration) -> Self {
        self.answer(|answer| answer.pause = pause)
    }
}

/// Ways to fail.
impl PartnerReply {
    /// Nobody listens: the connection is refused.
    pub fn refused() -> Self {
        Self::new(Given::Fault(Fault::Refused))
    }

    /// Nobody takes the connection, and nobody says so: the `connect_timeout` passes.
    pub fn not_accepted() -> Self {
        Self::new(Given::Fault(Fault::NotAccepted))
    }

    /// The connection is reset when the call was on its way, so that nobody knows how much of it has arrived.
    pub fn reset() -> Self {
        Self::new(Given::Fault(Fault::Reset))
    }

    /// Something comes back that is no HTTP.
    pub fn garbage() -> Self {
        Self::new(Given::Fault(Fault::Garbage))
    }

    /// Nothing ever comes back: the call's `timeout` passes.
    pub fn never() -> Self {
        Self::new(Given::Fault(Fault::Never))
    }

    /// The connection ends after so many bytes of the body.
    pub fn broken_off_after(self, bytes: usize) -> Self {
        self.answer(|answer| answer.shorten(bytes, End::BrokenOff))
    }

    /// Nothing more comes after so many bytes of the body, and nobody says so.
    pub fn stalled_after(self, bytes: usize) -> Self {
        self.answer(|answer| answer.shorten(bytes, End::Stalled))
    }

    /// Says another length than the body has: of a longer one the rest is missing when the connection ends, of a
    /// shorter one nobody sees what is too much.
    pub fn with_length(self, length: usize) -> Self {
        self.answer(|answer| {
            let is_longer = length > answer.pieces.iter().map(Bytes::len).sum();
            answer.shorten(length, if is_longer { End::BrokenOff } else { End::Whole });
            answer.length = u64::try_from(length).ok();
        })
    }
}

impl PartnerReply {
    fn new(given: Given) -> Self {
        Self { after: Duration::ZERO, given }
    }

    fn answer(mut self, change: impl FnOnce(&mut Answer)) -> Self {
        if let Given::Answer(answer) = &mut self.given {
            change(answer);
        }
        self
    }

    /// Plays it.
    pub(super) async fn play(self, method: &Method, connect_timeout: Duration) -> Result<reqwest::Response> {
        if self.after.is_zero() {
            // Even what answers at once gives way, as every call over a network does.
            tokio::task::yield_now().await;
        } else {
            time::sleep(self.after).await;
        }
        match self.given {
            Given::Answer(answer) => Ok(answer.into_response(method)),
            Given::Fault(Fault::Refused) => Err(Failure::Unreachable.into_error(PARTNER)),
            Given::Fault(Fault::NotAccepted) => {
                time::sleep(connect_timeout).await;
                Err(Failure::NotAccepted.into_error(PARTNER))
            }
            Given::Fault(Fault::Reset | Fault::Garbage) => Err(Failure::Unusable.into_error(PARTNER)),
            Given::Fault(Fault::Never) => std::future::pending().await,
        }
    }
}

impl Answer {
    /// Leaves so many bytes of the body.
    fn shorten(&mut self, mut left: usize, end: End) {
        for piece in &mut self.pieces {
            piece.truncate(left);
            left -= piece.len();
        }
        self.pieces.retain(|piece| !piece.is_empty());
        self.end = end;
    }

    fn into_response(mut self, method: &Method) -> reqwest::Response {
        if let Some(length) = self.length {
            self.headers.insert(header::CONTENT_LENGTH, length.into());
        }
        let body = if *method == Method::HEAD {
            // The headers are those of a GET (RFC 9110 §9.3.2).
            reqwest::Body::default()
        } else {
            reqwest::Body::wrap(Pieces::new(self.pieces, self.pause, self.end, self.length))
        };
        let mut response = http::Response::new(body);
        (*response.status_mut(), *response.headers_mut()) = (self.status, self.headers);
        response.into()
    }
}

/// The replies to the calls that meet an expectation.
#[derive(Clone)]
pub(super) struct Replies(Kind);

#[derive(Clone)]
enum Kind {
    /// One after the other; the last one as often as is needed.
    Each(Vec<PartnerReply>),
    Made(Arc<dyn Fn(&PartnerCall) -> PartnerReply + Send + Sync>),
}

impl Replies {
    pub(super) fn each(replies: impl IntoIterator<Item = PartnerReply>) -> Self {
        Self(Kind::Each(replies.into_iter().collect()))
    }

    pub(super) fn made(make: impl Fn(&PartnerCall) -> PartnerReply + Send + Sync + 'static) -> Self {
        Self(Kind::Made(Arc::new(make)))
    }

    /// How many different ones there are.
    pub(super) fn len(&self) -> usize {
        match &self.0 {
            Kind::Each(replies) => replies.len(),
            Kind::Made(_) => 1,
        }
    }

    /// The reply to the call of this number, counted from 0.
    pub(super) fn to(&self, number: usize, call: &PartnerCall) -> Option<PartnerReply> {
        match &self.0 {
            Kind::Each(replies) => replies.get(number).or(replies.last()).cloned(),
            Kind::Made(make) => Some(make(call)),
        }
    }
}

impl fmt::Debug for Replies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Each(replies) => f.debug_list().entries(replies).finish(),
            Kind::Made(_) => f.write_str("made of each call"),
        }
    }
}
