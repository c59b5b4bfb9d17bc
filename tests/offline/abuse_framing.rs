//! Requests that can be read in more than one way, by HTTP/1.1: whatever a proxy in front took them for, what comes
//! behind them is never taken for a request that it isn't.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use zato::{Context, Raw, Result, Running, service, services};

use crate::support::{Answer, Wire, assert_answer, listening_app};

/// Counts the calls whose input it got, and tells how long that was.
#[service(name = "count")]
async fn count(ctx: &Context, input: Raw, #[state] calls: &Arc<AtomicUsize>) -> Result<Raw> {
    let _ = ctx;
    let bytes = input.bytes().await?;
    calls.fetch_add(1, Ordering::SeqCst);
    Ok(Raw::new(bytes.len().to_string()).with_content_type("text/plain"))
}

const CONFIG: &str = "
server: {bind: '127.0.0.1:0', body_timeout: 100ms, max_body_size: 1KB}
channel_rest: [{name: count, url_path: /count, service: count}]
";

/// What comes behind, and asks for the end, so that everything that is answered is there.
const BEHIND: &str = "GET /count HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

struct Server {
    app: Running,
    calls: Arc<AtomicUsize>,
}

impl Server {
    async fn start() -> Self {
        let calls = Arc::new(AtomicUsize::new(0));
        let app = listening_app("abuse").services(services![count]).state(Arc::clone(&calls));
        Self { app: app.config_yaml(CONFIG).start().await.expect("the app starts"), calls }
    }

    /// Sends bytes, and another caller's request after them; returns the statuses that came back for the first, how
    /// often the service was called for them, and everything that came.
    async fn outcome(&self, bytes: impl AsRef<[u8]>) -> (Vec<u16>, usize, String) {
        let before = self.calls.load(Ordering::SeqCst);
        let mut wire = Wire::to(&self.app).await;
        wire.try_send(bytes).await;
        let all = wire.rest().await;
        let calls = self.calls.load(Ordering::SeqCst) - before;
        let statuses = all.split("HTTP/1.").skip(1).filter_map(|reply| reply.get(2..5)?.parse().ok()).collect();
        let well = Wire::to(&self.app).await.post("/count", "ab").await;
        assert_eq!((well.status, well.body.as_str()), (200, "2"), "another caller is answered");
        (statuses, calls, all)
    }
}

/// hyper's own refusal, and nothing of what came behind.
const REFUSED: (&[u16], usize) = (&[400], 0);

/// A refusal of the edge's own, which ends the connection, too.
const UNKNOWN_CODING: (&[u16], usize) = (&[501], 0);

/// Served, and the connection closed, so that nothing behind it counts.
const SERVED_ALONE: (&[u16], usize) = (&[200], 1);

/// Served, with what came behind as a request of its own, since there is one way only to read it.
const SERVED_BOTH: (&[u16], usize) = (&[200, 200], 2);

#[tokio::test]
async fn lengths_that_can_be_read_in_two_ways_are_refused() {
    let server = Server::start().await;
    for (headers, expected) in [
        ("Content-Length: 2\r\nContent-Length: 3", REFUSED),
        ("Content-Length: 2\r\nContent-Length: 2", SERVED_BOTH),
        ("Content-Length: 2, 2", REFUSED),
        ("Content-Length: 2, 3", REFUSED),
        ("Content-Length: +2", REFUSED),
        ("Content-Length: -2", REFUSED),
        ("Content-Length: 0x2", REFUSED),
        ("Content-Length: 2 2", REFUSED),
        ("Content-Length:", REFUSED),
        ("Content-Length : 2", REFUSED),
        ("Content-Length: 18446744073709551616", REFUSED),
        ("Content-Length: 18446744073709551615", (&[431], 0)),
    ] {
        let (statuses, calls, all) =
            server.outcome(format!("POST /count HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n{{}}{BEHIND}")).await;
        assert_eq!((&statuses[..], calls), expected, "{headers:?} got {all}");
    }
}

#[tokio::test]
async fn transfer_codings_are_chunked_once_or_nothing() {
    let server = Server::start().await;
    for (headers, expected) in [
        // RFC 9112 §6.3: the chunks count, and the connection ends.
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", SERVED_ALONE),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", SERVED_ALONE),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", UNKNOWN_CODING),
        ("Transfer-Encoding: chunked, chunked", UNKNOWN_CODING),
        ("Transfer-Encoding: gzip, chunked", UNKNOWN_CODING),
        ("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", UNKNOWN_CODING),
        ("Transfer-Encoding: chunked, identity", REFUSED),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", REFUSED),
        ("Transfer-Encoding: identity", REFUSED),
        ("Transfer-Encoding: xchunked", REFUSED),
        ("Transfer-Encoding: \"chunked\"", REFUSED),
        ("Transfer-Encoding: chunked;a=b", REFUSED),
        ("Transfer-Encoding:", REFUSED),
        ("Transfer-Encoding : chunked", REFUSED),
        ("Transfer-Encoding:\x0bchunked", REFUSED),
        ("Transfer-Encoding: chunked\0", REFUSED),
        ("Transfer-Encoding: chunked\r", REFUSED),
        ("Transfer-Encoding:\tchunked \t", SERVED_BOTH),
        ("TRANSFER-ENCODING: CHUNKED", SERVED_BOTH),
    ] {
        let (statuses, calls, all) =
            server.outcome(format!("POST /count HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n0\r\n\r\n{BEHIND}")).await;
        assert_eq!((&statuses[..], calls), expected, "{headers:?} got {all}");
    }
    // Before 1.1 there were no chunks.
    let old = format!("POST /count HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{BEHIND}");
    assert_eq!(server.outcome(old).await.0, [400]);
}

#[tokio::test]
async fn lines_end_where_everybody_says_they_do() {
    let server = Server::start().await;
    for (head, expected) in [
        // Obsolete folding, before a header and after one.
        ("POST /count HTTP/1.1\r\nHost: a\r\nA: b\r\n Transfer-Encoding: chunked\r\n\r\n", REFUSED),
        ("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n", REFUSED),
        ("POST /count HTTP/1.1\r\n Host: a\r\nTransfer-Encoding: chunked\r\n\r\n", REFUSED),
        ("POST /count HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", REFUSED),
        // CR alone.
        ("POST /count HTTP/1.1\r\nHost: a\r\nA: b\rTransfer-Encoding: chunked\r\n\r\n", REFUSED),
        ("POST /count HTTP/1.1\rHost: a\r\r", REFUSED),
        // LF alone ends a line, as a recipient may have it (RFC 9112 §2.2), everywhere and always.
        ("POST /count HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n", SERVED_BOTH),
        ("POST /count HTTP/1.1\r\nHost: a\r\nA: b\nTransfer-Encoding: chunked\r\n\r\n", SERVED_BOTH),
        // What is no header, and no line.
        ("POST /count HTTP/1.1\r\nHost: a\r\nA: b\0\r\n\r\n", REFUSED),
        ("POST /count HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", REFUSED),
        (" POST /count HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED),
        ("POST  /count HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED),
        ("POST /count\tHTTP/1.1\r\nHost: a\r\n\r\n", REFUSED),
        ("POST /count HTTP/1.2\r\nHost: a\r\n\r\n", REFUSED),
        ("POST /count HTTP/2.0\r\nHost: a\r\n\r\n", REFUSED),
        ("\r\n\r\nPOST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", SERVED_BOTH),
    ] {
        let (statuses, calls, all) = server.outcome(format!("{head}0\r\n\r\n{BEHIND}")).await;
        assert_eq!((&statuses[..], calls), expected, "{head:?} got {all}");
    }
}

#[tokio::test]
async fn chunks_have_a_size_and_an_end_or_are_no_body() {
    let server = Server::start().await;
    let long = format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "a".repeat(20_000));
    let many_trailers = format!("2\r\n{{}}\r\n0\r\n{}\r\n", "A: b\r\n".repeat(200));
    let long_trailer = format!("2\r\n{{}}\r\n0\r\nA: {}\r\n\r\n", "b".repeat(20_000));
    for (chunks, expected) in [
        ("2;a=b\r\n{}\r\n0\r\n\r\n", SERVED_BOTH),
        ("2 \r\n{}\r\n0\r\n\r\n", SERVED_BOTH),
        ("00000000000000000000002\r\n{}\r\n0\r\n\r\n", SERVED_BOTH),
        // Trailers are read, and are no headers.
        ("2\r\n{}\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: gzip\r\n\r\n", SERVED_BOTH),
        ("2;\n{}\r\n0\r\n\r\n", REFUSED),
        ("2\n{}\n0\n\n", REFUSED),
        (" 2\r\n{}\r\n0\r\n\r\n", REFUSED),
        ("0x2\r\n{}\r\n0\r\n\r\n", REFUSED),
        ("+2\r\n{}\r\n0\r\n\r\n", REFUSED),
        ("-2\r\n{}\r\n0\r\n\r\n", REFUSED),
        ("\r\n{}\r\n0\r\n\r\n", REFUSED),
        ("2\r\n{}xx0\r\n\r\n", REFUSED),
        ("2\r\n{}\r\n0\r\n A\r\n\r\n", REFUSED),
        ("10000000000000000\r\n{}", REFUSED),
        // Chunks that never end are waited for no longer than any body, and taken in no further.
        ("ffffffffffffffff\r\n{}", (&[408], 0)),
        (&long, REFUSED),
        (&many_trailers, REFUSED),
        (&long_trailer, REFUSED),
    ] {
        let head = "POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let (statuses, calls, all) = server.outcome(format!("{head}{chunks}{BEHIND}")).await;
        assert_eq!((&statuses[..], calls), expected, "{:?} got {all}", chunks.get(..40).unwrap_or(chunks));
    }
}

#[tokio::test]
async fn a_body_belongs_to_its_request_whatever_the_method() {
    let server = Server::start().await;
    for method in ["GET", "HEAD", "DELETE", "PUT"] {
        let head = format!("{method} /count HTTP/1.1\r\nHost: a\r\n");
        for body in ["Content-Length: 2\r\n\r\n{}", "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"] {
            let (statuses, calls, all) = server.outcome(format!("{head}{body}{BEHIND}")).await;
            assert_eq!((&statuses[..], calls), SERVED_BOTH, "{head:?} {body:?} got {all}");
        }
    }
    // Also where the request is refused before anybody reads it.
    for head in ["OPTIONS /count", "TRACE /count", "POST /nowhere", "CONNECT a:80"] {
        let refused = format!("{head} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}{BEHIND}");
        let (statuses, calls, all) = server.outcome(refused).await;
        assert_eq!((statuses.len(), calls), (2, 1), "{head} got {all}");
    }
}

#[tokio::test]
async fn every_method_is_answered_and_only_those_of_the_channel_are_served() {
    let server = Server::start().await;
    let long = "A".repeat(100);
    for (method, status) in [
        ("GET", 200),
        ("HEAD", 200),
        ("POST", 200),
        ("PUT", 200),
        ("PATCH", 200),
        ("DELETE", 200),
        ("OPTIONS", 204),
        ("TRACE", 405),
        ("CONNECT", 405),
        ("get", 405),
        ("Post", 405),
        ("PRI", 405),
        ("M-SEARCH", 405),
        ("!#$%&'*+-.^_`|~1", 405),
        (&long, 405),
        ("G@T", 400),
        ("G\x7fT", 400),
        ("G\u{e9}T", 400),
        ("", 400),
    ] {
        let request = format!("{method} /count HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let (statuses, calls, all) = server.outcome(request).await;
        assert_eq!((statuses, calls), (vec![status], usize::from(status == 200)), "{method:?} got {all}");
        let allow = "\r\nallow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n";
        assert_eq!(all.contains(allow), [204, 405].contains(&status), "{method:?} got {all}");
    }
}

#[tokio::test]
async fn every_form_of_a_target_leads_where_its_path_says() {
    let server = Server::start().await;
    for (target, status) in [
        ("/count", 200),
        ("/count?a=b", 200),
        // The absolute form (RFC 9112 §3.2.2), in which Host doesn't count.
        ("http://other/count", 200),
        ("HTTP://OTHER:80/count", 200),
        ("http://other", 404),
        ("http://user:password@other/count", 400),
        // The authority form, which is CONNECT's alone.
        ("other:80", 404),
        ("other", 404),
        // The asterisk, which is that of OPTIONS.
        ("*", 404),
        ("//other/count", 404),
        ("count/", 400),
        ("/co unt", 400),
        ("/\x01", 400),
        ("", 400),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let (statuses, _, all) = server.outcome(request).await;
        assert_eq!(statuses, [status], "{target:?} got {all}");
    }
    let connect = "CONNECT other:80 HTTP/1.1\r\nHost: other:80\r\nConnection: close\r\n\r\n";
    assert_eq!(server.outcome(connect).await.0, [404], "nothing is connected");
    let all = "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert_eq!(server.outcome(all).await.0, [204]);
}

#[tokio::test]
async fn a_host_has_the_form_of_one() {
    let server = Server::start().await;
    let malformed = "the Host header has no form that a host may have";
    for (host, detail) in [
        ("Host: a, b", malformed),
        ("Host: a b", malformed),
        ("Host: user@a", malformed),
        ("Host: a/b", malformed),
        ("Host: a:b", malformed),
        ("Host: [::1", malformed),
        ("Host: a\r\nhost: a", "exactly one Host header is needed"),
        ("X: y", "exactly one Host header is needed"),
    ] {
        let (statuses, calls, all) =
            server.outcome(format!("GET /count HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n")).await;
        assert_eq!((&statuses[..], calls), REFUSED, "{host:?} got {all}");
        assert!(all.contains(detail) && all.contains("\r\nx-zato-cid: "), "{host:?} got {all}");
    }
    for host in ["", "a", "a.example:8080", "[2001:db8::1]:80", "127.0.0.1"] {
        let (statuses, ..) =
            server.outcome(format!("GET /count HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(statuses, [200], "{host:?}");
    }
}

#[tokio::test]
async fn heads_are_held_to_their_limits() {
    let server = Server::start().await;
    let (line, bytes) = ("A: b\r\n", |number| "b".repeat(number));
    for (head, status) in [
        (format!("GET /count HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{}\r\n", line.repeat(98)), 200),
        (format!("GET /count HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{}\r\n", line.repeat(99)), 431),
        (format!("GET /count HTTP/1.1\r\nHost: a\r\nConnection: close\r\nA: {}\r\n\r\n", bytes(16_000)), 200),
        (format!("GET /count HTTP/1.1\r\nHost: a\r\nConnection: close\r\nA: {}\r\n\r\n", bytes(16_384)), 431),
        (format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", bytes(16_384)), 431),
        (format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", bytes(70_000)), 431),
        (format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", bytes(20_000)), 431),
    ] {
        let (statuses, _, all) = server.outcome(&head).await;
        // What was on its way when the connection ended may take the refusal with it.
        let is_cut = statuses.is_empty() && status == 431;
        assert!(is_cut || statuses == [status], "{:?} got {all}", head.get(..60));
    }
    let config = CONFIG.replace("server: {bind: '127.0.0.1:0'", "server: {max_headers: 3, max_header_size: 64KiB");
    let config = config.replace("server: {", &format!("server: {{bind: '{}', ", crate::support::address(&server.app)));
    server.app.apply_yaml(config).await.expect("it is applied");
    let mut wire = Wire::to(&server.app).await;
    let four = "GET /count HTTP/1.1\r\nHost: a\r\nA: b\r\nA: b\r\nA: b\r\n\r\n";
    wire.send(four).await;
    let answer = wire.answer().await;
    let expected = Answer::problem(431, &answer.headers[2].1, "the request has more than 3 headers").on_the_wire();
    assert_answer(answer, &expected);
    wire.send(format!("GET /count HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", bytes(60_000))).await;
    let answer = wire.answer().await;
    assert_eq!(answer.status, 200);
}
