//! Requests over AMQP and the replies to them: of channels of ours, of a client that nobody here wrote, and none.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use zato::{
    Error, Kind, Result, Running,
    amqp::{Amqp, AmqpMessage},
    model, service, services,
    testing::{FaultProxy, LinkFault},
};

use super::{SLACK, all_up, config};
use crate::{
    partner::PIKA,
    rabbitmq::{Broker, until},
};

/// How long the client waits, in seconds.
const SECONDS: &str = "20";

#[model]
#[derive(Debug)]
struct Ask {
    account: u64,
}

#[model]
#[derive(Debug)]
struct Balance {
    account: u64,
    amount: String,
}

/// Tells a balance.
#[service(name = "balance")]
async fn balance(input: Ask) -> Result<Balance> {
    match input.account {
        0 => Err(Error::not_found("there is no account 0")),
        account => Ok(Balance { account, amount: format!("{account}.00") }),
    }
}

const BOTH: &str = "outgoing_amqp: [{name: Bank, definition: main, routing_key: balances, timeout: 5s}]\n\
    channel_amqp: [{name: balances, definition: main, queue: balances, service: balance, retry_delay: 100ms}]\n";

async fn started(yaml: String) -> Running {
    let app = super::app("requests").services(services![balance]).config_yaml(yaml).start().await.expect("it starts");
    all_up(&app).await;
    app
}

async fn ask(app: &Running, account: u64) -> Result<Balance> {
    let bank: Amqp = app.out("Bank")?;
    bank.request(&app.context(), AmqpMessage::model(&Ask { account })).await?.model()
}

#[tokio::test]
async fn a_channel_answers_with_what_its_service_gives() {
    let Some(broker) = Broker::shared("a_channel_answers_with_what_its_service_gives").await else { return };
    broker.management().declare_queue("balances", json!({})).await;
    let app = started(config(&broker.url(), "", BOTH)).await;
    let (app, mut asking) = (Arc::new(app), JoinSet::new());
    for account in 1..=200 {
        let app = Arc::clone(&app);
        asking.spawn(async move { (account, ask(&app, account).await) });
    }
    while let Some(asked) = asking.join_next().await {
        let (account, balance) = asked.expect("it doesn't panic");
        let balance = balance.expect("there is an account");
        assert_eq!((balance.account, balance.amount), (account, format!("{account}.00")), "each has its own reply");
    }
    let error = ask(&app, 0).await.expect_err("there is no such account");
    assert_eq!((error.kind(), error.message()), (Kind::Upstream, "who was asked failed: there is no account 0"));
    let bank: Amqp = app.out("Bank").expect("it is there");
    let bad =
        bank.request(&app.context(), AmqpMessage::text("{\"account\": true}")).await.expect_err("that is no number");
    assert_eq!(bad.kind(), Kind::Upstream, "{bad:?}");
    let settled = async || broker.management().queue("balances").await.filter(|queue| queue.messages == 0);
    until("everything is settled", settled).await;
}

#[tokio::test]
async fn a_request_that_nobody_answers_ends_with_its_time() {
    let Some(broker) = Broker::shared("a_request_that_nobody_answers_ends_with_its_time").await else { return };
    let app = started(config(&broker.url(), "", BOTH.split_once("channel_amqp").expect("both").0)).await;
    let error = ask(&app, 1).await.expect_err("there is no queue");
    assert_eq!((error.kind(), error.message()), (Kind::Upstream, "there is no queue \"balances\" (NO_ROUTE)"));
    broker.management().declare_queue("balances", json!({})).await;
    let bank: Amqp = app.out("Bank").expect("it is there");
    let begun = Instant::now();
    let ctx = app.context();
    let asked = bank.request(&ctx, AmqpMessage::model(&Ask { account: 1 }).timeout(Duration::from_millis(300)));
    let error = asked.await.expect_err("nobody answers");
    assert_eq!((error.kind(), error.message()), (Kind::Timeout, "no reply has come within 0.3 s"));
    assert!(begun.elapsed() < Duration::from_secs(2) + SLACK);
    // One that answers when nobody waits any more disturbs nobody, and who asks next gets no reply of another.
    app.apply_yaml(config(&broker.url(), "", BOTH)).await.expect("it is applied");
    all_up(&app).await;
    assert_eq!(ask(&app, 7).await.expect("it answers now").account, 7);
}

#[tokio::test]
async fn a_request_whose_connection_breaks_is_told_so_and_the_next_one_is_answered() {
    let Some(broker) = Broker::shared("a_request_whose_connection_breaks_is_told_so").await else { return };
    broker.management().declare_queue("balances", json!({})).await;
    let proxy = FaultProxy::to(broker.address().parse().expect("an address")).await.expect("a free port");
    let url = broker.url().replace(broker.address(), &proxy.address().to_string());
    let outgoing = BOTH.split_once("channel_amqp").expect("both").0.replace("5s", "30s");
    let app = started(config(&url, "", &outgoing)).await;
    let begun = Instant::now();
    let broken = async {
        let waits = async || broker.management().queue("balances").await.filter(|queue| queue.messages == 1);
        until("the request is there", waits).await;
        proxy.set(LinkFault::Refuse).await;
        proxy.set(LinkFault::None).await;
    };
    let (asked, ()) = tokio::join!(ask(&app, 1), broken);
    let error = asked.expect_err("nobody answers");
    assert_eq!((error.kind(), error.message()), (Kind::Upstream, "the connection broke while a reply was awaited"));
    assert!(begun.elapsed() < Duration::from_secs(5) + SLACK, "before its time is over");
    app.apply_yaml(config(&url, "", BOTH)).await.expect("it is applied");
    until("the next one is answered", async || ask(&app, 7).await.ok()).await;
}

#[tokio::test]
async fn a_client_on_pika_answers_and_is_answered() {
    let test = "a_client_on_pika_answers_and_is_answered";
    let Some(broker) = Broker::shared(test).await else { return };
    for queue in ["balances", "pikas", "answers"] {
        broker.management().declare_queue(queue, json!({})).await;
    }
    let url = broker.url();
    let app = started(config(&url, "", BOTH)).await;
    let request = json!({
        "exchange": "", "routing_key": "balances", "body": BASE64.encode(r#"{"account": 7}"#),
        "properties": {"reply_to": "answers", "correlation_id": "of pika"},
    });
    if PIKA.lines(test, &["publish", &url, SECONDS], &[request]).await.is_none() {
        return;
    }
    let answer = PIKA.lines(test, &["consume", &url, SECONDS, "answers", "1"], &[]).await.expect("it was here before");
    let answer = answer.first().expect("an answer");
    assert_eq!(answer["body"], BASE64.encode(r#"{"account":7,"amount":"7.00"}"#), "{answer}");
    let properties = &answer["properties"];
    assert_eq!(
        (&properties["correlation_id"], &properties["content_type"]),
        (&json!("of pika"), &json!("application/json"))
    );

    let bank: Amqp = app.out("Bank").expect("it is there");
    let ctx = app.context();
    let asked =
        bank.request(&ctx, AmqpMessage::text("how are you").routing_key("pikas").timeout(Duration::from_secs(40)));
    let answering = async {
        let got = PIKA.lines(test, &["consume", &url, SECONDS, "pikas", "1"], &[]).await.expect("it was here before");
        let asked: &Value = &got.first().expect("a request")["properties"];
        // Direct reply-to is no queue: a mandatory message would be returned.
        let answer = json!({
            "exchange": "", "routing_key": asked["reply_to"], "body": BASE64.encode("fine"), "mandatory": false,
            "properties": {"correlation_id": asked["correlation_id"], "content_type": "text/plain"},
        });
        let outcome = PIKA.lines(test, &["publish", &url, SECONDS], &[answer]).await.expect("it was here before");
        assert_eq!(outcome, [json!({"outcome": "ack"})]);
    };
    let (reply, ()) = tokio::join!(asked, answering);
    let reply = reply.expect("it answers");
    assert_eq!(reply.content_type(), Some("text/plain"));
    assert_eq!(reply.text().expect("it is UTF-8"), "fine");
}
