//! Outgoing REST connections to servers of others, with a proxy in between that does what networks do: what our own
//! caller reads then, how long it takes, and that the next call succeeds.

use std::{
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;
use zato::{
    Context, Result, Running,
    http::StatusCode,
    model,
    rest::Rest,
    service, services,
    testing::{
        self,
        Direction::{ToClient, ToServer},
        FaultProxy, LinkFault, TestReply,
    },
};

use crate::partner::{Interpreter, NODE, PYTHON, Partner};

#[model]
struct Path {
    path: String,
}

#[model]
struct Named {
    name: String,
}

/// Asks the partner for a path, and hands on what it says.
#[service(name = "relay")]
async fn relay(ctx: &Context, input: Path, #[out("Partner")] partner: Rest) -> Result<Named> {
    partner.get(ctx).path("path", input.path).await?.error_for_status()?.model()
}

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_millis(500);

/// How long everything around a call may take, on a machine that is busy.
const SLACK: Duration = Duration::from_secs(5);

/// A program whose partner is behind a proxy.
struct Relay {
    app: Running,
    proxy: FaultProxy,
    /// How long it may take until a call succeeds again. What one call of HTTP/2 has left on its way is in the way of the
    /// next; of HTTP/1.1 the very next one has to succeed.
    recovers_within: Duration,
}

impl Relay {
    async fn to(partner: &Partner, version: &str) -> Self {
        let settings = if version == "http2" { "    http_version: '2'\n" } else { "" };
        Self::with(partner.address(version), "http://127.0.0.1", settings).await
    }

    async fn with(address: SocketAddr, host: &str, settings: &str) -> Self {
        let proxy = FaultProxy::to(address).await.expect("a free port");
        let (port, timeout) = (proxy.address().port(), TIMEOUT.as_millis());
        // Half of all calls fail here, and each is to be made.
        let yaml = format!(
            "channel_rest: [{{name: relay, url_path: '/relay', service: relay}}]\n\
             outgoing_rest:\n  - name: Partner\n    host: {host}:{port}\n    url_path: /{{path}}\n    \
             timeout: {timeout}ms\n    connect_timeout: 200ms\n    max_redirects: 3\n    \
             max_response_size: 100KB\n    circuit_breaker: {{is_active: false}}\n{settings}",
        );
        let app = testing::app("partners").real_connections().services(services![relay]).config_yaml(yaml);
        let shares_connections = !settings.is_empty();
        let recovers_within = if shares_connections { TIMEOUT * 3 + SLACK } else { Duration::ZERO };
        Self { app: app.start().await.expect("the app starts"), proxy, recovers_within }
    }

    /// Calls as a caller of ours does.
    async fn asked(&self, path: &str) -> TestReply {
        testing::client(&self.app).post("/relay", json!({"path": path}).to_string()).await
    }

    async fn answers(&self, name: &str, what: &str) {
        let begun = Instant::now();
        let mut reply = self.asked("ok").await;
        while reply.status != StatusCode::OK && begun.elapsed() < self.recovers_within {
            reply = self.asked("ok").await;
        }
        assert_eq!(
            (reply.status, reply.text()),
            (StatusCode::OK, json!({"name": name}).to_string().as_str()),
            "{what}"
        );
    }

    /// Has something go wrong, and looks at all that our caller gets of it.
    async fn fails(&self, path: &str, fault: LinkFault, status: u16) {
        let what = format!("/{path} with {fault:?}");
        self.proxy.set(fault).await;
        let begun = Instant::now();
        let reply = self.asked(path).await;
        assert!(begun.elapsed() < TIMEOUT + SLACK, "{what} took {:?}", begun.elapsed());
        assert_problem(&reply, status, &what);
        self.proxy.set(LinkFault::None).await;
    }
}

/// Looks at a reply as a whole: nothing of the partner is in it.
#[track_caller]
fn assert_problem(reply: &TestReply, status: u16, what: &str) {
    let (title, detail) = match status {
        502 => ("Bad Gateway", "another system that is needed for this failed"),
        504 => ("Gateway Timeout", "the request took too long"),
        other => panic!("nothing is known of {other}"),
    };
    let cid = reply.header("x-zato-cid");
    let expected = json!({"type": "about:blank", "title": title, "status": status, "detail": detail, "cid": cid});
    assert_eq!((reply.status.as_u16(), reply.json()), (status, expected), "{what}");
    let mut names: Vec<_> = reply.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-type", "x-zato-cid"], "{what}");
}

/// What goes wrong on the way, whatever the partner and the version of HTTP are; `half` of an answer's bytes is where it
/// breaks off.
fn faults(half: u64) -> Vec<(LinkFault, u16)> {
    let garbage = LinkFault::Replace(ToClient, "\u{0}secret garbage\r\n\r\n".into());
    vec![
        (LinkFault::Refuse, 502),
        #[cfg(target_os = "linux")]
        (LinkFault::NotAccept, 504),
        (LinkFault::Stall, 504),
        (LinkFault::StallAfter(ToClient, half), 504),
        (LinkFault::ResetAfter(ToServer, 0), 502),
        (LinkFault::ResetAfter(ToClient, 5), 502),
        (LinkFault::ResetAfter(ToClient, half), 502),
        (LinkFault::CutAfter(ToClient, half), 502),
        (LinkFault::Delay(ToClient, TIMEOUT * 2), 504),
        (LinkFault::Throttle(ToClient, 50), 504),
        (garbage, 502),
    ]
}

async fn every_fault(relay: &Relay, name: &str, half: u64) {
    relay.answers(name, "at first").await;
    for (fault, status) in faults(half) {
        relay.fails("ok", fault.clone(), status).await;
        relay.answers(name, &format!("after {fault:?}")).await;
    }
}

async fn every_habit(relay: &Relay, name: &str) {
    for (path, status) in [
        ("missing", 502),
        ("broken", 502),
        ("slow", 504),
        ("too-long", 502),
        ("too-short", 502),
        ("garbage", 502),
        ("redirect", 502),
        ("endless", 502),
    ] {
        relay.fails(path, LinkFault::None, status).await;
        relay.answers(name, &format!("after /{path}")).await;
    }
}

/// The partner ends, and is started anew where it was.
async fn a_crash(interpreter: Interpreter, partner: Partner, relay: &Relay, name: &str) {
    let port = partner.address("http").port();
    partner.kill().await;
    relay.fails("ok", LinkFault::None, 502).await;
    let _partner = interpreter.partner(name, port).await.expect("it was there before");
    relay.answers(name, "after a crash").await;
}

async fn is_survived(interpreter: Interpreter, name: &str) {
    let Some(partner) = interpreter.partner(name, 0).await else { return };
    let relay = Relay::to(&partner, "http").await;
    every_fault(&relay, name, 60).await;
    every_habit(&relay, name).await;
    a_crash(interpreter, partner, &relay, name).await;
}

#[tokio::test]
async fn whatever_pythons_server_and_the_network_do_is_survived() {
    is_survived(PYTHON, "python").await;
}

#[tokio::test]
async fn whatever_nodes_server_and_the_network_do_is_survived() {
    is_survived(NODE, "node").await;
}

#[tokio::test]
async fn whatever_the_network_does_to_http_2_is_survived() {
    let Some(partner) = NODE.partner("http2", 0).await else { return };
    let relay = Relay::to(&partner, "http2").await;
    // Headers that were sent before are a byte each (RFC 7541).
    every_fault(&relay, "node", 12).await;
    for (path, status) in [("missing", 502), ("slow", 504), ("redirect", 502), ("endless", 502)] {
        relay.fails(path, LinkFault::None, status).await;
        relay.answers("node", &format!("after /{path}")).await;
    }
}

/// A connection of HTTP/2 is not ended by a call that takes too long, so that something else has to find out.
#[tokio::test]
async fn a_connection_that_the_network_forgot_is_given_up() {
    let Some(partner) = NODE.partner("forgotten", 0).await else { return };
    for version in ["http", "http2"] {
        let relay = Relay::to(&partner, version).await;
        relay.answers("node", version).await;
        relay.fails("ok", LinkFault::Forget, 504).await;
        relay.answers("node", version).await;
    }
}

/// The server that comes with Python ends each connection with the answer.
#[tokio::test]
async fn files_of_pythons_own_server_are_read() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    std::fs::write(folder.path().join("ok"), json!({"name": "file"}).to_string()).expect("the file can be written");
    std::fs::create_dir(folder.path().join("folder")).expect("the folder can be made");
    let Some(partner) = Partner::of_files("files", folder.path()).await else { return };
    let relay = Relay::to(&partner, "http").await;
    every_fault(&relay, "file", 60).await;
    for path in ["missing", "folder"] {
        relay.fails(path, LinkFault::None, 502).await;
    }
}

/// A certificate for `localhost`, put into files; the first is that of the authority.
fn certificate(folder: &std::path::Path, expired: bool) -> [PathBuf; 3] {
    let key = || KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, key()).expect("an authority");
    let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    if expired {
        params.not_after = time::OffsetDateTime::now_utc() - time::Duration::days(1);
    }
    let pair = key();
    let signed = params.signed_by(&pair, &*authority).expect("a certificate");
    let files = [("ca", authority.pem()), ("key", pair.serialize_pem()), ("certificate", signed.pem())];
    files.map(|(name, text)| {
        let file = folder.join(format!("{name}-{expired}.pem"));
        std::fs::write(&file, text).expect("the file can be written");
        file
    })
}

#[tokio::test]
async fn certificates_are_checked_and_whatever_the_network_does_to_tls_is_survived() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let [ca, key, pem] = certificate(folder.path(), false);
    let Some(partner) = NODE.partner_with("tls", 0, &[&key, &pem]).await else { return };
    let trusting = |ca: &std::path::Path| format!("    tls: {{ca: '{}'}}\n", ca.display());
    let address = partner.address("https");
    let relay = Relay::with(address, "https://localhost", &trusting(&ca)).await;
    every_fault(&relay, "node", 60).await;

    let relay = Relay::with(address, "https://127.0.0.1", &trusting(&ca)).await;
    relay.fails("ok", LinkFault::None, 502).await;
    let relay = Relay::with(address, "https://127.0.0.1", "    tls_verify: false\n").await;
    relay.answers("node", "whoever it is").await;

    let [other, key, pem] = certificate(folder.path(), true);
    let relay = Relay::with(address, "https://localhost", &trusting(&other)).await;
    relay.fails("ok", LinkFault::None, 502).await;
    let partner = NODE.partner_with("tls", 0, &[&key, &pem]).await.expect("it was there before");
    let relay = Relay::with(partner.address("https"), "https://localhost", &trusting(&other)).await;
    relay.fails("ok", LinkFault::None, 502).await;
}
