//! Partners that speak HTTP/2 and say in its own words that they won't answer, or break off.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use h2::{Reason, RecvStream, server::SendResponse};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use zato::{
    Context, Kind, Result, Running,
    bytes::Bytes,
    http::{Request, Response},
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
    let mut tasks = JoinSet::new();
    while let Some(Ok((request, respond))) = connection.accept().await {
        asked.fetch_add(1, Relaxed);
        answer(&request, respond, &mut tasks);
    }
}

fn answer(request: &Request<RecvStream>, mut respond: SendResponse<Bytes>, tasks: &mut JoinSet<()>) {
    match request.uri().path() {
        "/refused" => respond.send_reset(Reason::REFUSED_STREAM),
        "/cut" | "/whole" => {
            let Ok(mut sent) = respond.send_response(Response::new(()), false) else { return };
            let is_whole = request.uri().path() == "/whole";
            let _ = sent.send_data(Bytes::from_static(b"half"), is_whole);
            tasks.spawn(async move {
                // What is sent has to be on its way before the reset, which takes the place of what is not.
                tokio::time::sleep(Duration::from_millis(50)).await;
                sent.send_reset(Reason::NO_ERROR);
            });
        }
        _ => respond.send_reset(Reason::INTERNAL_ERROR),
    }
}

async fn started(partner: &Partner, path: &str, more: &str) -> Running {
    let address = &partner.address;
    let yaml = format!(
        "outgoing_rest: [{{name: Partner, host: \"{address}\", url_path: {path}, http_version: \"2\", timeout: 5s{more}}}]"
    );
    testing::app("http2")
        .real_connections()
        .services(services![needs])
        .config_yaml(yaml)
        .start()
        .await
        .expect("it starts")
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

#[tokio::test]
async fn an_answer_that_is_reset_half_way_is_not_taken_for_a_whole_one() -> Result<()> {
    let ctx = testing::context();
    let partner = partner().await;
    let app = started(&partner, "/cut", ", retry: {max_retries: 0}").await;
    let rest: Rest = app.out("Partner")?;
    let error = rest.get(&ctx).await.expect_err("half of it is missing");
    assert_eq!((error.kind(), error.message()), (Kind::Upstream, "the exchange with the partner broke off"));
    let streamed = rest.get(&ctx).stream().await?.into_body();
    let mut read = Vec::new();
    let ended = tokio::io::AsyncReadExt::read_to_end(&mut streamed.into_reader(), &mut read).await;
    assert_eq!((ended.is_err(), read.as_slice()), (true, &b"half"[..]));

    let app = started(&partner, "/whole", ", retry: {max_retries: 0}").await;
    let rest: Rest = app.out("Partner")?;
    assert_eq!(rest.get(&ctx).await?.text()?, "half");
    Ok(())
}
