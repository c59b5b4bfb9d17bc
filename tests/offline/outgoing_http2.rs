//! Partners that speak HTTP/2 and say in its own words that they won't answer, or break off.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use h2::{Reason, RecvStream, server::SendResponse};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use zato::{
    Context, Kind, Result, Running,
    bytes::Bytes,
    http::Request,
    rest::Rest,
    service, services, testing,
};

/// Needs the connection and does nothing.
#[service(name = "needs")]
async fn needs(_ctx: &Context, #[out("Partner")] _partner: Rest) -> Result<()> {
    Ok(())
}

/// A partner that counts what it is asked, and does what the path says.
struct Partner {
    address: String,
    asked: Arc<AtomicUsize>,
    _task: JoinSet<()>,
}

async fn partner() -> Partner {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("it is bound"));
    let (asked, mut task) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
    let counted = Arc::clone(&asked);
    task.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            connections.spawn(connection(socket, Arc::clone(&counted)));
        }
    });
    Partner { address, asked, _task: task }
}

async fn connection(socket: TcpStream, asked: Arc<AtomicUsize>) {
    let Ok(mut connection) = h2::server::handshake(socket).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        asked.fetch_add(1, Relaxed);
        answer(&request, respond);
    }
}

fn answer(request: &Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    match request.uri().path() {
        "/refused" => respond.send_reset(Reason::REFUSED_STREAM),
        _ => respond.send_reset(Reason::INTERNAL_ERROR),
    }
}

async fn started(partner: &Partner, path: &str, more: &str) -> Running {
    let address = &partner.address;
    let yaml = format!(
        "outgoing_rest: [{{name: Partner, host: \"{address}\", url_path: {path}, http_version: \"2\", timeout: 5s{more}}}]"
    );
    testing::app("http2").services(services![needs]).config_yaml(yaml).start().await.expect("it starts")
}

#[tokio::test]
async fn a_stream_that_is_refused_is_tried_again_as_often_as_retries_say() -> Result<()> {
    let ctx = testing::context();
    for (path, more, get, post) in [
        ("/refused", ", retry: {max_retries: 0}", 1, 1),
        ("/refused", ", retry: {max_retries: 2, sleep_time: 1ms}", 3, 3),
        // That one was seen, and a POST is not sent twice.
        ("/failed", ", retry: {max_retries: 2, sleep_time: 1ms}", 3, 1),
    ] {
        let partner = partner().await;
        let app = started(&partner, path, more).await;
        let rest: Rest = app.out("Partner")?;
        let error = rest.get(&ctx).await.expect_err("it does not answer");
        assert_eq!(error.kind(), Kind::Upstream);
        let asked = partner.asked.swap(0, Relaxed);
        rest.post(&ctx).text("once").await.expect_err("it does not answer");
        assert_eq!((asked, partner.asked.load(Relaxed)), (get, post), "{path}{more}");
    }
    Ok(())
}
