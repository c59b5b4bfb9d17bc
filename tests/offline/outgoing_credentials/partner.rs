//! A partner that tells what it was presented, and issues tokens.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    serve::Listener,
};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    server::{NoClientAuth, WebPkiClientVerifier, danger::ClientCertVerifier},
};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use zato::{Context, Result, Running, Value, rest::Rest, service, services, testing};

use crate::{
    support::ConfigFile,
    tls::certificates::{Authority, Pair},
};

/// Looked for in everything that anybody can read.
pub(super) const CANARY: &str = "canary-7f3e";

pub(super) struct Partner {
    pub(super) address: String,
    pub(super) state: Arc<Told>,
    task: JoinHandle<()>,
}

#[derive(Default)]
pub(super) struct Told {
    /// How many calls there were, beside those for tokens.
    pub(super) calls: AtomicU32,
    /// How many tokens were asked for, and the bodies of those requests.
    pub(super) fetches: AtomicU32,
    pub(super) asked: Mutex<Vec<String>>,
    /// The tokens before this one are no longer taken.
    pub(super) oldest: AtomicU32,
    /// What is answered in place of a token.
    pub(super) refuses: Mutex<Option<(StatusCode, String)>>,
    /// Lets `/held` answer.
    pub(super) release: Notify,
}

impl Drop for Partner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Partner {
    pub(super) async fn plain() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        Self::serve(listener, address)
    }

    /// One whose certificate is for `localhost`; it demands one of a client if it knows an authority for that.
    pub(super) async fn tls(pair: &Pair, clients: Option<&Authority>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("https://localhost:{}", listener.local_addr().expect("it is bound").port());
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ClientCertVerifier> = match clients {
            None => Arc::new(NoClientAuth),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.certificate()).expect("an authority");
                let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
                builder.build().expect("an authority")
            }
        };
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.expect("the provider has both versions").with_client_cert_verifier(verifier);
        let config = builder.with_single_cert(vec![pair.certificate.clone()], pair.key()).expect("a pair");
        Self::serve(Tls { listener, acceptor: TlsAcceptor::from(Arc::new(config)) }, address)
    }

    fn serve<L: Listener<Addr = SocketAddr>>(listener: L, address: String) -> Self {
        let state = Arc::new(Told::default());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        #[expect(clippy::disallowed_methods, reason = "the handle is kept and aborted on drop")]
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { address, state, task }
    }

    pub(super) fn calls(&self) -> u32 {
        self.state.calls.load(Ordering::SeqCst)
    }

    pub(super) fn fetches(&self) -> u32 {
        self.state.fetches.load(Ordering::SeqCst)
    }
}

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

async fn answer(State(told): State<Arc<Told>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let body = String::from_utf8_lossy(&body).into_owned();
    if head.uri.path() == "/token" {
        return token(&told, body).await;
    }
    told.calls.fetch_add(1, Ordering::SeqCst);
    if head.uri.path() == "/held" {
        told.release.notified().await;
    }
    let header = |name: &str| text(&head.headers, name);
    let number = header("authorization").and_then(|it| it.strip_prefix("Bearer token-")?.parse::<u32>().ok());
    if number.is_some_and(|number| number < told.oldest.load(Ordering::SeqCst)) {
        return (StatusCode::UNAUTHORIZED, "no longer").into_response();
    }
    Json(json!({"authorization": header("authorization"), "key": header("x-key"), "body": body})).into_response()
}

/// Issues `token-1`, `token-2` and so on, after a moment in which others come.
async fn token(told: &Told, body: String) -> Response {
    told.asked.lock().expect("nobody has panicked").push(body);
    let number = told.fetches.fetch_add(1, Ordering::SeqCst) + 1;
    tokio::time::sleep(Duration::from_millis(20)).await;
    match told.refuses.lock().expect("nobody has panicked").clone() {
        Some(refusal) => refusal.into_response(),
        None => Json(json!({"access_token": format!("token-{number}"), "token_type": "Bearer", "expires_in": 3600}))
            .into_response(),
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Relays what it is sent, and gives back what came.
#[service(name = "relay")]
pub(super) async fn relay(ctx: &Context, input: Value, #[out("Partner")] partner: Rest) -> Result<Value> {
    partner.post(ctx).json(&input).await?.error_for_status()?.value()
}

/// A configuration whose connection has an address and some keys; `security` is a list of definitions.
pub(super) fn config(address: &str, connection: &str, security: &str) -> String {
    format!(
        "channel_rest: [{{name: relay, url_path: /relay, service: relay}}]\n\
         security: [{security}]\n\
         outgoing_rest: [{{name: Partner, host: '{address}'{connection}}}]\n"
    )
}

pub(super) async fn started(yaml: impl Into<String>) -> Running {
    let app = testing::app("credentials").real_connections().services(services![relay]).config_yaml(yaml.into());
    app.start().await.expect("it starts")
}

pub(super) async fn started_from(file: &ConfigFile) -> Running {
    let app = testing::app("credentials").real_connections().services(services![relay]).config_file(file.path());
    app.start().await.expect("it starts")
}

/// What is said about a configuration that can't be used.
pub(super) async fn refused(yaml: String) -> String {
    let app = testing::app("credentials").real_connections().services(services![relay]).config_yaml(yaml);
    let error = app.start().await.expect_err("it can't be used").to_string();
    error.replace("the configuration can't be used:\n  ", "")
}

/// Calls the partner, and returns what it was presented.
pub(super) async fn presented(app: &Running) -> Value {
    let reply = testing::client(app).post("/relay", r#"{"a":1}"#).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    serde_json::from_str(reply.text()).expect("JSON")
}

/// Calls the partner, and returns the status that our caller gets, and all that it reads.
pub(super) async fn status(app: &Running) -> (u16, String) {
    let reply = testing::client(app).post("/relay", "{}").await;
    (reply.status.as_u16(), format!("{reply:?}"))
}
