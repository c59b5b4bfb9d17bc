//! Tower layers of a program's own, around all services or one.

use std::sync::{Arc, Mutex};

use tower::{
    layer::layer_fn,
    service_fn,
    util::{MapRequest, MapResponse},
};
use zato::{
    Context, Error, Raw, Result,
    http::HeaderValue,
    message::{Message, Reply},
    service, services, testing,
};

use crate::support::{Answer, assert_answer, cid};

/// Gives back what it gets.
#[service(name = "echo")]
async fn echo(input: Raw) -> Result<Raw> {
    Ok(Raw::new(input.bytes().await?).with_content_type("text/plain"))
}

/// Invokes the other one.
#[service(name = "outer")]
async fn outer(ctx: &Context, input: Raw) -> Result<Raw> {
    ctx.invoke::<echo>(input).await
}

/// Fails.
#[service(name = "fail")]
async fn fail() -> Result<()> {
    Err(Error::not_found("no such thing"))
}

const CONFIG: &str = "
channel_rest:
  - {name: echo, url_path: /echo, service: echo}
  - {name: outer, url_path: /outer, service: outer}
  - {name: fail, url_path: /fail, service: fail}
";

type Seen = Arc<Mutex<Vec<String>>>;

/// Writes down which service was called through which layer.
fn noting(seen: &Seen, layer: &'static str) -> impl Fn(Message) -> Message + Clone + Send + Sync + 'static {
    let seen = Arc::clone(seen);
    move |message| {
        let service = &message.head.channel.service;
        seen.lock().expect("nobody panics with it").push(format!("{layer} {service}"));
        message
    }
}

#[tokio::test]
async fn layers_stand_in_the_order_in_which_they_were_added() {
    let seen = Seen::default();
    let (first, second) = (noting(&seen, "all 1"), noting(&seen, "all 2"));
    let (third, fourth) = (noting(&seen, "echo 1"), noting(&seen, "echo 2"));
    let app = testing::app("layers")
        .services(services![echo, outer, fail])
        // Those of one service stand inside those of all, whenever they were added.
        .layer_for::<echo, _>(layer_fn(move |inner| MapRequest::new(inner, third.clone())))
        .layer(layer_fn(move |inner| MapRequest::new(inner, first.clone())))
        .layer_for::<echo, _>(layer_fn(move |inner| MapRequest::new(inner, fourth.clone())))
        .layer(layer_fn(move |inner| MapRequest::new(inner, second.clone())));
    let app = app.config_yaml(CONFIG).start().await.unwrap();
    let client = testing::client(&app);
    let take = || std::mem::take(&mut *seen.lock().unwrap());
    assert_answer(client.post("/echo", "x").await, &Answer::new(200, &cid(1), "text/plain", "x"));
    assert_eq!(take(), ["all 1 echo", "all 2 echo", "echo 1 echo", "echo 2 echo"]);
    assert_answer(client.post("/fail", "").await, &Answer::problem(404, &cid(2), "no such thing"));
    assert_eq!(take(), ["all 1 fail", "all 2 fail"]);
    assert_answer(client.post("/outer", "y").await, &Answer::new(200, &cid(3), "text/plain", "y"));
    let inner = ["all 1 echo", "all 2 echo", "echo 1 echo", "echo 2 echo"];
    assert_eq!(take(), [&["all 1 outer", "all 2 outer"][..], &inner[..]].concat(), "also where one invokes another");
    // A new configuration has the same layers.
    app.apply_yaml(format!("{CONFIG}\nserver: {{max_body_size: 1KB}}")).await.unwrap();
    assert_answer(client.post("/fail", "").await, &Answer::problem(404, &cid(4), "no such thing"));
    assert_eq!(take(), ["all 1 fail", "all 2 fail"]);
}

#[tokio::test]
async fn a_layer_may_change_a_reply() {
    let stamp = |reply: Reply| {
        let (status, mut headers, payload) = reply.into_parts();
        headers.insert("x-stamp", HeaderValue::from_static("seen"));
        Reply::new(payload).with_status(status).with_headers(headers)
    };
    let app = testing::app("layers").services(services![echo, outer, fail]);
    let app = app.layer_for::<echo, _>(layer_fn(move |inner| MapResponse::new(inner, stamp)));
    let app = app.config_yaml(CONFIG).start().await.unwrap();
    let client = testing::client(&app);
    let expected = Answer::new(200, &cid(1), "text/plain", "x").header("x-stamp", "seen");
    assert_answer(client.post("/echo", "x").await, &expected);
}

#[tokio::test]
async fn a_layer_may_answer_in_a_services_place_and_fail_with_any_error() {
    let ours = |_: Message| async { Err::<Reply, _>(zato::BoxError::from(Error::forbidden("not today"))) };
    let foreign = |_: Message| async { Err::<Reply, _>(std::io::Error::other("disk full")) };
    let app = testing::app("layers").services(services![echo, outer, fail]);
    let app = app.layer_for::<echo, _>(layer_fn(move |_| service_fn(ours)));
    let app = app.layer_for::<fail, _>(layer_fn(move |_| service_fn(foreign)));
    let app = app.config_yaml(CONFIG).start().await.unwrap();
    let client = testing::client(&app);
    assert_answer(client.post("/echo", "x").await, &Answer::problem(403, &cid(1), "not today"));
    assert_answer(client.post("/fail", "").await, &Answer::problem(500, &cid(2), "an error has occurred"));
    let statistics = app.statistics();
    let seen: Vec<_> = statistics.iter().map(|one| (one.service.as_str(), one.count, one.errors)).collect();
    assert_eq!(seen, [("echo", 1, 1), ("fail", 1, 1), ("outer", 0, 0)], "layers of ours stand around");
}
