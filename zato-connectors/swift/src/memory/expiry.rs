//! When an object ends: `X-Delete-At` and `X-Delete-After`.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use super::{
    answer::{Outcome, Refusal},
    request::text,
};

/// Reads when an object ends, in seconds since 1970.
pub(super) fn read(headers: &HeaderMap, now: Duration) -> Outcome<Option<u64>> {
    let now = now.as_secs();
    if let Some(after) = text(headers, "x-delete-after") {
        let after = number(after, "Non-integer X-Delete-After")?;
        return in_future(now.saturating_add_signed(after), now, "X-Delete-After in past").map(Some);
    }
    let Some(at) = text(headers, "x-delete-at").filter(|at| !at.is_empty()) else { return Ok(None) };
    let at = number(at, "Non-integer X-Delete-At")?;
    in_future(u64::try_from(at).unwrap_or_default(), now, "X-Delete-At in past").map(Some)
}

fn number(digits: &str, refusal: &'static str) -> Outcome<i64> {
    digits.trim().parse().map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, refusal))
}

fn in_future(at: u64, now: u64, refusal: &'static str) -> Outcome<u64> {
    if at > now { Ok(at) } else { Err(Refusal::new(StatusCode::BAD_REQUEST, refusal)) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::memory::{SwiftServer, kit};

    #[tokio::test(start_paused = true)]
    async fn an_object_ends_and_is_listed_on() {
        let server = SwiftServer::new();
        let caller = kit::caller(&server).await;
        caller.fill("/c", &["stays"]).await;
        assert_eq!(caller.send("PUT", "/c/o", &[("x-delete-after", "60")], "x").await.status, 201);
        let head = caller.send("HEAD", "/c/o", &[], "").await;
        assert_eq!((head.status, head.header("x-delete-at").len()), (200, 10));
        tokio::time::sleep(Duration::from_secs(61)).await;
        for method in ["HEAD", "GET", "POST", "DELETE"] {
            assert_eq!(caller.send(method, "/c/o", &[], "").await.status, 404, "{method}");
            if method != "DELETE" {
                assert_eq!(server.objects("c"), ["o", "stays"]);
            }
        }
    }

    #[tokio::test]
    async fn what_ends_before_it_begins_is_refused() {
        let caller = kit::caller(&SwiftServer::new()).await;
        caller.fill("/c", &["o"]).await;
        for header in [("x-delete-at", "1"), ("x-delete-at", "soon"), ("x-delete-after", "0"), ("x-delete-after", "-5")]
        {
            assert_eq!(caller.send("PUT", "/c/new", &[header], "").await.status, 400, "{header:?}");
            assert_eq!(caller.send("POST", "/c/o", &[header], "").await.status, 400, "{header:?}");
        }
        assert_eq!(caller.server.objects("c"), ["o"]);
    }
}
