//! A reply as it is kept: whole, good, and for nobody in particular.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use zato_core::{
    bytes::{Buf, BufMut, Bytes, BytesMut},
    chrono::{DateTime, Utc},
    message::{Payload, Reply},
};

use crate::content::conditional;

/// What kept replies begin with; another layout has another number.
const LAYOUT: u8 = 1;

pub(super) struct Kept {
    status: StatusCode,
    headers: HeaderMap,
    payload: Bytes,
    /// When the service answered, in milliseconds since 1970.
    at: i64,
    /// For how long the service says that it may be kept; no time at all for one that may be given to others only while they
    /// wait for it.
    limit: Option<Duration>,
}

impl Kept {
    /// Takes a reply that may be given to others who ask for the same.
    ///
    /// # Errors
    ///
    /// The reply, if it is for its own caller alone: a part, a stream, no success, one that sets cookies, one that depends
    /// on headers that make no difference here, or one whose service says so (RFC 9111 §3).
    pub(super) fn of(
        reply: Reply,
        vary: &[HeaderName],
        needs_etag: bool,
        now: DateTime<Utc>,
    ) -> Result<Self, Box<Reply>> {
        let is_whole = reply.status().is_success() && reply.status() != StatusCode::PARTIAL_CONTENT;
        let headers = reply.headers();
        let is_personal = headers.contains_key(header::SET_COOKIE) || depends_on_others(headers, vary);
        let directives = Directives::of(headers);
        if !is_whole || is_personal || directives.is_kept_out || reply.payload().bytes().is_none() {
            return Err(Box::new(reply));
        }
        let (status, mut headers, payload) = reply.into_parts();
        let payload = payload.into_bytes().unwrap_or_default();
        if needs_etag && status == StatusCode::OK && !headers.contains_key(header::ETAG) {
            headers.insert(header::ETAG, conditional::tag_for(&payload));
        }
        Ok(Self { status, headers, payload, at: now.timestamp_millis(), limit: directives.limit })
    }

    /// Returns the reply; with `now`, for somebody who asks later, it says how old it is (RFC 9111 §5.1).
    pub(super) fn reply(&self, now: Option<DateTime<Utc>>) -> Reply {
        let mut headers = self.headers.clone();
        if let Some(now) = now {
            let age = u64::try_from(now.timestamp_millis().saturating_sub(self.at) / 1000).unwrap_or_default();
            headers.insert(header::AGE, HeaderValue::from(age));
        }
        Reply::new(Payload::from(self.payload.clone())).with_status(self.status).with_headers(headers)
    }

    pub(super) fn length(&self) -> usize {
        self.payload.len()
    }

    /// Returns for how long it is kept, of a channel that keeps replies for `ttl`: the inner `None` is as long as the cache
    /// says, the outer one not at all.
    pub(super) fn ttl(&self, ttl: Option<Duration>) -> Option<Option<Duration>> {
        let shortest = match (ttl, self.limit) {
            (Some(ttl), Some(limit)) => Some(ttl.min(limit)),
            (one, other) => one.or(other),
        };
        if shortest.is_some_and(|shortest| shortest.is_zero()) { None } else { Some(shortest) }
    }

    /// Writes it: layout, status, time, headers, payload.
    pub(super) fn write(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(256 + self.payload.len());
        bytes.put_u8(LAYOUT);
        bytes.put_u16(self.status.as_u16());
        bytes.put_i64(self.at);
        bytes.put_u32(u32::try_from(self.headers.len()).unwrap_or(u32::MAX));
        for (name, value) in &self.headers {
            for part in [name.as_str().as_bytes(), value.as_bytes()] {
                bytes.put_u32(u32::try_from(part.len()).unwrap_or(u32::MAX));
                bytes.put_slice(part);
            }
        }
        bytes.put_slice(&self.payload);
        bytes.freeze()
    }

    /// Reads one; what isn't one is none, and is overwritten by the next.
    pub(super) fn read(mut bytes: Bytes) -> Option<Self> {
        if bytes.try_get_u8().ok()? != LAYOUT {
            return None;
        }
        let status = StatusCode::from_u16(bytes.try_get_u16().ok()?).ok()?;
        let at = bytes.try_get_i64().ok()?;
        let count = bytes.try_get_u32().ok()?;
        let mut headers = HeaderMap::new();
        for _ in 0..count {
            let name = HeaderName::from_bytes(&part(&mut bytes)?).ok()?;
            let value = HeaderValue::from_maybe_shared(part(&mut bytes)?).ok()?;
            headers.try_append(name, value).ok()?;
        }
        Some(Self { status, headers, payload: bytes, at, limit: None })
    }
}

/// Takes what follows its own length.
fn part(bytes: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(bytes.try_get_u32().ok()?).ok()?;
    (length <= bytes.len()).then(|| bytes.split_to(length))
}

/// Whether a reply says that it depends on headers that make no difference to what it is kept under. What is negotiated
/// does: the format that a reply is in is a part of its key, and it is compressed after it has been kept.
fn depends_on_others(headers: &HeaderMap, vary: &[HeaderName]) -> bool {
    let known = |name: &str| {
        let is_ours =
            ["accept", "accept-encoding", "host", "origin"].iter().any(|ours| name.eq_ignore_ascii_case(ours));
        is_ours || vary.iter().any(|known| name.eq_ignore_ascii_case(known.as_str()))
    };
    let names = headers.get_all(header::VARY).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    names.map(|name| String::from_utf8_lossy(name.trim_ascii())).any(|name| !name.is_empty() && !known(&name))
}

/// What a service says of keeping its reply (RFC 9111 §5.2.2).
#[derive(Default)]
struct Directives {
    is_kept_out: bool,
    limit: Option<Duration>,
}

impl Directives {
    fn of(headers: &HeaderMap) -> Self {
        let (mut of_all, mut of_shared, mut is_kept_out) = (None, None, false);
        for value in headers.get_all(header::CACHE_CONTROL) {
            let text = String::from_utf8_lossy(value.as_bytes());
            for directive in text.split(',').map(str::trim) {
                let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
                let seconds = || argument.trim().trim_matches('"').parse().ok().map(Duration::from_secs);
                match name.trim().to_ascii_lowercase().as_str() {
                    "no-store" | "private" | "no-cache" => is_kept_out = true,
                    // What can't be read is as if it were over (RFC 9111 §4.2.1).
                    "max-age" => of_all = Some(seconds().unwrap_or_default()),
                    "s-maxage" => of_shared = Some(seconds().unwrap_or_default()),
                    _ => {}
                }
            }
        }
        Self { is_kept_out, limit: of_shared.or(of_all) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reply(headers: &[(&'static str, &'static str)]) -> Reply {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        Reply::new(Payload::from("{}")).with_headers(map)
    }

    fn kept(headers: &[(&'static str, &'static str)]) -> Option<Kept> {
        Kept::of(reply(headers), &[header::ACCEPT_LANGUAGE], true, DateTime::UNIX_EPOCH).ok()
    }

    #[test]
    fn a_reply_is_read_as_it_was_written_with_its_age() {
        let kept = kept(&[("content-type", "application/json"), ("x-a", "1"), ("x-a", "2")]).unwrap();
        let read = Kept::read(kept.write()).unwrap();
        let (status, headers, payload) = read.reply(DateTime::from_timestamp_millis(90_500)).into_parts();
        assert_eq!((status, payload.into_bytes().unwrap().as_ref()), (StatusCode::OK, &b"{}"[..]));
        let age = headers["age"].to_str().unwrap();
        assert_eq!((headers.len(), age, headers.get_all("x-a").iter().count()), (5, "90", 2));
        assert_eq!(headers["etag"], kept.headers["etag"]);
        assert!(read.reply(None).headers().get("age").is_none());
    }

    #[test]
    fn what_is_for_its_own_caller_alone_is_given_back() {
        for headers in [
            [("set-cookie", "a=b")],
            [("cache-control", "max-age=5, Private")],
            [("cache-control", "no-store")],
            [("cache-control", "no-cache=\"x\"")],
            [("vary", "*")],
            [("vary", "Accept-Language, X-Tenant")],
        ] {
            assert!(kept(&headers).is_none(), "{headers:?}");
        }
        assert!(kept(&[("vary", "accept-language, Accept, Origin")]).is_some());
        for status in [206, 302, 304, 404, 500] {
            let reply = reply(&[]).with_status(StatusCode::from_u16(status).unwrap());
            assert!(Kept::of(reply, &[], false, DateTime::UNIX_EPOCH).is_err(), "{status}");
        }
    }

    #[test]
    fn the_service_may_say_that_it_is_kept_for_less() {
        let (minute, five) = (Duration::from_secs(60), Duration::from_secs(5));
        for (value, of_minute, of_none) in [
            ("public", Some(Some(minute)), Some(None)),
            ("max-age=5", Some(Some(five)), Some(Some(five))),
            ("max-age=0, s-maxage=5", Some(Some(five)), Some(Some(five))),
            ("max-age=3600", Some(Some(minute)), Some(Some(Duration::from_secs(3600)))),
            ("max-age=0", None, None),
            ("max-age=soon", None, None),
        ] {
            let kept = kept(&[("cache-control", value)]).unwrap();
            assert_eq!((kept.ttl(Some(minute)), kept.ttl(None)), (of_minute, of_none), "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange_to_be_read(bytes: Vec<u8>, cut in 0_usize..40) {
            let _ = Kept::read(bytes.into());
            let whole = kept(&[("x-a", "1")]).unwrap().write();
            let read = Kept::read(whole.slice(..whole.len().saturating_sub(cut)));
            prop_assert!(read.is_none() || cut <= 2);
        }
    }
}
