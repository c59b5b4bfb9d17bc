//! Temporary URLs: requests that are signed in their query, and need no token.

use std::time::Duration;

use chrono::{NaiveDate, NaiveDateTime};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    answer::{Answer, Outcome, Refusal},
    clock,
    request::{Call, Place, Target, text},
    signature::Signature,
    store::Store,
};

/// What Python's `quote` encodes.
const QUOTED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The same but for spaces.
const SPACED: &AsciiSet = &QUOTED.remove(b' ');

/// What a request was let in with that was signed: how its answer is dressed.
#[derive(Debug)]
pub(super) struct Pass {
    /// The `Content-Disposition` that the query asks for.
    disposition: Option<String>,
    /// The one of an object that has none.
    otherwise: String,
    expires: u64,
    is_reading: bool,
}

/// Tells whether a request comes by a temporary URL; one that does and isn't good for it is refused.
pub(super) fn pass(store: &Store, call: &Call, now: Duration) -> Outcome<Option<Pass>> {
    let (signature, expires) = (call.query.get("temp_url_sig"), call.query.get("temp_url_expires"));
    if signature.is_none() && expires.is_none() {
        return Ok(None);
    }
    let pass = verified(store, call, signature.unwrap_or_default(), expires.unwrap_or_default(), now);
    let refused = || Refusal::new(StatusCode::UNAUTHORIZED, "401 Unauthorized: Temp URL invalid\n");
    pass.map(Some).ok_or_else(refused)
}

fn verified(store: &Store, call: &Call, signature: &str, expires: &str, now: Duration) -> Option<Pass> {
    let Target::Object(place) = &call.target else { return None };
    let signature = Signature::read(signature)?;
    let expires = seconds(expires).filter(|expires| *expires > now.as_secs())?;
    let own = [call.method.as_str()];
    let methods: &[&str] = match call.method.as_str() {
        // Whoever may read or write may look, too.
        "HEAD" => &["HEAD", "GET", "POST", "PUT"],
        "GET" | "PUT" | "POST" | "DELETE" => &own,
        _ => return None,
    };
    if call.query.has("temp_url_ip_range") {
        return None;
    }
    let path = signed_path(place, call.query.get("temp_url_prefix"))?;
    let keys = keys(store, place);
    let is_signed = methods.iter().any(|method| {
        let signed = format!("{method}\n{expires}\n{path}");
        keys.iter().any(|key| signature.is_of(key, &signed))
    });
    is_signed.then(|| Pass::new(call, place, expires))
}

/// Returns the path as it was signed: decoded, and where a prefix is signed, as far as that goes.
fn signed_path(place: &Place, prefix: Option<&str>) -> Option<String> {
    let Place { account, container, name } = place;
    match prefix {
        None => Some(format!("/v1/{account}/{container}/{name}")),
        Some(prefix) if name.starts_with(prefix) => Some(format!("prefix:/v1/{account}/{container}/{prefix}")),
        Some(_) => None,
    }
}

/// Returns the keys that may have signed: those of the account, and those of the container.
fn keys(store: &Store, place: &Place) -> Vec<Vec<u8>> {
    let account = store.account(&place.account).ok().map(|account| (&account.metadata, "x-account-meta"));
    let container = store.container(&place.account, &place.container).ok();
    let container = container.map(|container| (&container.metadata, "x-container-meta"));
    let of = |(metadata, prefix): (&HeaderMap, &str)| {
        let names = [format!("{prefix}-temp-url-key"), format!("{prefix}-temp-url-key-2")];
        names.map(|name| metadata.get(&name).map(|key| key.as_bytes().to_vec()))
    };
    account.into_iter().chain(container).flat_map(of).flatten().collect()
}

/// Reads when a URL ends: seconds since 1970, or a date (ISO 8601).
fn seconds(text: &str) -> Option<u64> {
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let at = NaiveDateTime::parse_from_str(text.trim_end_matches('Z'), "%Y-%m-%dT%H:%M:%S").ok();
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    u64::try_from(at.or_else(day)?.and_utc().timestamp()).ok()
}

impl Pass {
    fn new(call: &Call, place: &Place, expires: u64) -> Self {
        let attached = |kind: &str, name: &str| {
            let encoded = utf8_percent_encode(name, QUOTED);
            let plain = utf8_percent_encode(name, SPACED);
            format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
        };
        let disposition = match (call.query.has("inline"), call.query.get("filename")) {
            (true, None) => Some("inline".to_owned()),
            (true, Some(name)) => Some(attached("inline", name)),
            (false, name) => name.map(|name| attached("attachment", name)),
        };
        let last = place.name.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let is_reading = call.method == Method::GET || call.method == Method::HEAD;
        Self { disposition, otherwise: attached("attachment", last), expires, is_reading }
    }

    /// Dresses an answer: browsers save what comes, and metadata that is not for everybody stays out.
    pub(super) fn dress(self, mut answer: Answer) -> Answer {
        let hidden = |name: &HeaderName| {
            name.as_str().starts_with("x-object-meta-") && !name.as_str().starts_with("x-object-meta-public-")
        };
        let names: Vec<_> = answer.headers.keys().filter(|name| hidden(name)).cloned().collect();
        for name in names {
            answer.headers.remove(name);
        }
        if !self.is_reading || !answer.status.is_success() {
            return answer;
        }
        let own = text(&answer.headers, "content-disposition").map(str::to_owned);
        let disposition = self.disposition.or(own).unwrap_or(self.otherwise);
        answer.with("content-disposition", disposition).with("expires", clock::date(self.expires))
    }
}

#[cfg(test)]
mod tests {
    use crate::memory::{
        SwiftServer,
        kit::{self, Seen},
        signature::Hash,
    };

    async fn filled() -> SwiftServer {
        let server = SwiftServer::new();
        let caller = kit::caller(&server).await;
        caller.fill("/c", &["a%20b"]).await;
        caller.send("POST", "", &[("x-account-meta-temp-url-key", "secret")], "").await;
        server
    }

    async fn send(server: &SwiftServer, method: &str, path: &str, query: &str) -> Seen {
        kit::exchange(server, method, &format!("http://memory/v1/AUTH_test{path}?{query}"), &[], "new").await.unwrap()
    }

    fn signature(hash: Hash, method: &str, expires: &str, path: &str) -> String {
        format!("temp_url_sig={}", hash.sign(b"secret", &format!("{method}\n{expires}\n{path}")))
    }

    const LATER: &str = "4102444800";

    #[tokio::test]
    async fn a_signed_url_needs_no_token() {
        let server = filled().await;
        for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha512] {
            let signed = signature(hash, "GET", LATER, "/v1/AUTH_test/c/a b");
            for expires in [LATER, "2100-01-01T00:00:00Z", "2100-01-01"] {
                let seen = send(&server, "GET", "/c/a%20b", &format!("{signed}&temp_url_expires={expires}")).await;
                assert_eq!((seen.status, seen.body.as_ref()), (200, &b"a%20b"[..]), "{expires}");
                let disposition = "attachment; filename=\"a b\"; filename*=UTF-8''a%20b";
                assert_eq!(seen.header("content-disposition"), disposition);
                assert_eq!(seen.header("expires"), "Fri, 01 Jan 2100 00:00:00 GMT");
            }
            let query = format!("{signed}&temp_url_expires={LATER}");
            assert_eq!(send(&server, "HEAD", "/c/a%20b", &query).await.status, 200);
            assert_eq!(send(&server, "PUT", "/c/a%20b", &query).await.status, 401);
            assert_eq!(send(&server, "GET", "/c/other", &query).await.status, 401);
        }
        let query = format!("{}&temp_url_expires=1", signature(Hash::Sha256, "GET", "1", "/v1/AUTH_test/c/a b"));
        assert_eq!(send(&server, "GET", "/c/a%20b", &query).await.status, 401);
    }

    #[tokio::test]
    async fn a_prefix_may_be_signed_and_things_may_be_written() {
        let server = filled().await;
        let signed = signature(Hash::Sha256, "PUT", LATER, "prefix:/v1/AUTH_test/c/in/");
        let query = format!("{signed}&temp_url_expires={LATER}&temp_url_prefix=in/");
        assert_eq!(send(&server, "PUT", "/c/in/new", &query).await.status, 201);
        assert_eq!(send(&server, "PUT", "/c/out/new", &query).await.status, 401);
        assert_eq!(server.object("c", "in/new").unwrap(), "new");
    }
}
