//! Publishing, by a service of a whole app, to a broker in the test's own process.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};
use zato::{
    Context, Error, Kind, Result, Retry, Running, Value,
    amqp::{Amqp, AmqpMessage, DeliveryMode, ExchangeType},
    model, service, services,
    testing::{self, AmqpRecorder, Broker},
};

/// What to publish.
#[model]
#[derive(Clone, Default)]
struct Order {
    id: u64,
    #[serde(skip_serializing_if = "String::is_empty", default)]
    key: String,
}

#[service(name = "order.place")]
async fn place(ctx: &Context, input: Order, #[out("Orders")] orders: Amqp) -> Result<Value> {
    let key = input.key.clone();
    let message = AmqpMessage::model(&input);
    let message = if key.is_empty() { message } else { message.routing_key(key) };
    Ok(orders.send(ctx, message).await?.message_id.into())
}

#[service(name = "order.place-all")]
async fn place_all(ctx: &Context, input: Vec<Order>, #[out("Orders")] orders: Amqp) -> Result<Value> {
    let messages = input.iter().map(|order| AmqpMessage::model(order).routing_key(order.key.as_str()));
    let sent = orders.send_batch(ctx, messages).await;
    let told = sent.into_iter().map(|sent| sent.map_or_else(|error| error.message().to_owned(), |_| "sent".to_owned()));
    Ok(told.collect())
}

#[service(name = "order.price")]
async fn price(ctx: &Context, input: Order, #[out("Orders")] orders: Amqp) -> Result<Value> {
    let message = AmqpMessage::model(&input).exchange("").routing_key("prices");
    orders.request(ctx, message.timeout(Duration::from_secs(5))).await?.value()
}

/// Is asked for a price.
#[service(name = "price.get")]
async fn price_of(input: Order) -> Result<Value> {
    match input.id {
        0 => Err(Error::invalid_input("there is no order 0")),
        id => Ok(format!("price of {id}").into()),
    }
}

const EXCHANGE: &str = "    exchange: orders\n    routing_key: new\n";

async fn started(broker: &Broker, keys: &str) -> Result<Running> {
    let yaml = format!(
        "outgoing_amqp:\n  - name: Orders\n    definition: Broker\n{keys}\
         channel_amqp:\n  - {{name: prices, definition: Broker, queue: prices, service: price.get}}\n"
    );
    let app = testing::app("bank").services(services![place, place_all, price, price_of]).config_yaml(yaml);
    app.fake_definition("Broker", broker.definition()).start().await
}

fn orders() -> Broker {
    let broker = Broker::new();
    broker.declare_exchange("orders", ExchangeType::Topic);
    for queue in ["new", "prices"] {
        broker.declare_queue(queue);
    }
    broker.bind("new", "orders", "new");
    broker
}

fn order(id: u64) -> Order {
    Order { id, ..Order::default() }
}

async fn up(app: &Running) {
    let until_up = async {
        while !app.connections().iter().all(|connection| connection.state.is_up()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(60), until_up).await.expect("the connection comes up");
}

#[tokio::test(start_paused = true)]
async fn a_message_says_what_its_call_says_over_what_is_configured() -> Result<()> {
    let broker = orders();
    let keys = format!(
        "{EXCHANGE}    priority: 7\n    delivery_mode: 1\n    expiration: 60000\n    app_id: back-office\n\
         {:4}headers: {{tenant: bank, size: 3}}\n",
        ""
    );
    let app = started(&broker, &keys).await?;
    let id = app.invoke::<place>(order(1)).await?;
    let id = id.as_str().expect("a text");
    let message = broker.messages("new").remove(0);
    assert_eq!(message.text(), r#"{"id":1}"#);
    let properties = &message.properties;
    assert_eq!(properties.message_id().as_ref().map(|id| id.as_str()), Some(id));
    assert_eq!(properties.content_type().as_ref().map(|kind| kind.as_str()), Some("application/json"));
    assert_eq!((*properties.priority(), *properties.delivery_mode()), (Some(7), Some(1)));
    assert_eq!(properties.expiration().as_ref().map(|text| text.as_str()), Some("60000"));
    assert_eq!(properties.app_id().as_ref().map(|app| app.as_str()), Some("back-office"));
    assert_eq!(properties.timestamp(), &Some(1_767_225_600), "by the clock of the test, which stands still");
    let headers: Vec<&str> = properties
        .headers()
        .as_ref()
        .map(|headers| headers.inner().keys())
        .into_iter()
        .flatten()
        .map(|name| name.as_str())
        .collect();
    assert_eq!(headers, ["size", "tenant", "traceparent", "x-zato-cid"]);

    // The same by hand, with everything that a call can say.
    let (recorder, ctx) = (AmqpRecorder::with_config("priority: 7\nexchange: orders"), testing::context());
    let message = AmqpMessage::text("a").exchange("").routing_key("new").priority(1).message_id("one");
    let message = message.delivery_mode(DeliveryMode::Transient).content_type("a/b").header("n", 1).kind("note");
    recorder.amqp().send(&ctx, message).await?;
    let sent = recorder.sent().remove(0);
    assert_eq!((sent.exchange.as_str(), sent.routing_key.as_str(), sent.content_type()), ("", "new", Some("a/b")));
    assert_eq!((*sent.properties.priority(), *sent.properties.delivery_mode()), (Some(1), Some(1)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_can_not_arrive_is_an_error_that_says_where_it_was_to_go() -> Result<()> {
    let broker = orders();
    let app = started(&broker, EXCHANGE).await?;
    let nowhere = Order { id: 1, key: "nowhere".to_owned() };
    let error = app.invoke::<place>(nowhere.clone()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (Kind::Upstream, Retry::Never));
    let words =
        "no queue is bound for a message to the exchange \"orders\" with the routing key \"nowhere\" (NO_ROUTE)";
    assert_eq!(error.message(), words);
    assert!(!error.public_message().contains("orders"), "{}", error.public_message());
    drop(app);

    let app = started(&broker, &format!("{EXCHANGE}    mandatory: false\n")).await?;
    assert!(app.invoke::<place>(nowhere).await.is_ok(), "nobody wanted to know");
    drop(app);

    let app = started(&broker, "    exchange: missing\n").await?;
    let error = app.invoke::<place>(order(1)).await.unwrap_err();
    assert_eq!(error.message(), "NOT_FOUND - no exchange 'missing' in vhost '/'");

    broker.refuse_next(1);
    let app = started(&broker, EXCHANGE).await?;
    let error = app.invoke::<place>(order(1)).await.unwrap_err();
    assert!(error.message().starts_with("the broker could not take a message to the exchange \"orders\""), "{error}");
    assert!(app.invoke::<place>(order(2)).await.is_ok());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn of_a_batch_each_message_is_told_its_own() -> Result<()> {
    let broker = orders();
    let app = started(&broker, "    exchange: orders\n    max_in_flight: 10\n").await?;
    let batch = (0..500).map(|id| Order { id, key: if id % 7 == 3 { "nowhere" } else { "new" }.to_owned() });
    let told = app.invoke::<place_all>(batch.collect()).await?;
    for (id, told) in told.as_array().expect("a list").iter().enumerate() {
        assert_eq!(told == "sent", id % 7 != 3, "{id}: {told}");
    }
    let arrived: Vec<u64> = broker.messages("new").iter().map(|message| message.model::<Order>().unwrap().id).collect();
    assert!(arrived.is_sorted() && arrived.len() == 429, "in their order: {arrived:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_was_not_confirmed_is_an_error_or_is_sent_again_by_the_same_id() -> Result<()> {
    for is_retried in [false, true] {
        let broker = orders();
        let app = Arc::new(started(&broker, &format!("{EXCHANGE}    retry: {is_retried}\n")).await?);
        up(&app).await;
        app.invoke::<place>(order(0)).await?;
        broker.pause();
        let mut sending = JoinSet::new();
        let sender = Arc::clone(&app);
        sending.spawn(async move { sender.invoke::<place>(order(1)).await });
        tokio::time::sleep(Duration::from_millis(100)).await;
        broker.restart();
        broker.resume();
        let sent = sending.join_next().await.expect("it is being sent").expect("it doesn't panic");
        let messages = broker.messages("new");
        let ids: Vec<_> = messages.iter().skip(1).map(|message| message.properties.message_id().clone()).collect();
        match sent {
            Ok(id) if is_retried => {
                assert!(
                    !ids.is_empty() && ids.iter().all(|known| known.as_ref().is_some_and(|known| id == known.as_str()))
                );
            }
            Err(error) if !is_retried => {
                assert_eq!(error.kind(), Kind::Upstream);
                assert!(error.message().contains("was not confirmed, the broker may have it or not"), "{error}");
            }
            other => panic!("with retry: {is_retried}: {other:?}"),
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_sent_again_in_time_is_told_as_it_was_the_first_time() -> Result<()> {
    let broker = orders();
    let app = Arc::new(started(&broker, &format!("{EXCHANGE}    retry: true\n    timeout: 5s\n")).await?);
    up(&app).await;
    app.invoke::<place>(order(0)).await?;
    broker.pause();
    let mut sending = JoinSet::new();
    let sender = Arc::clone(&app);
    sending.spawn(async move { sender.invoke::<place>(order(1)).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    broker.refuse_connections();
    broker.restart();
    let sent = timeout(Duration::from_secs(60), sending.join_next()).await.expect("it ends");
    let error = sent.expect("it is being sent").expect("it doesn't panic").unwrap_err();
    assert_eq!(error.kind(), Kind::Upstream);
    assert!(error.message().contains("was not confirmed, the broker may have it or not"), "{error}");
    assert!(error.report().to_string().contains("message_id"), "by which it may be found: {}", error.report());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_down_keeps_nobody_waiting_and_is_found_again() -> Result<()> {
    let broker = orders();
    broker.refuse_connections();
    let app = started(&broker, EXCHANGE).await?;
    let begun = Instant::now();
    let error = app.invoke::<place>(order(1)).await.unwrap_err();
    assert_eq!((error.kind(), begun.elapsed()), (Kind::Unavailable, Duration::ZERO));
    assert!(error.message().starts_with("the outgoing_amqp connection \"Orders\" is down since "), "{error}");
    let told = app.invoke::<place_all>(vec![order(1), order(2)]).await?;
    assert_eq!(told, Value::from(vec![error.message(), error.message()]), "each of a batch");
    broker.accept_connections();
    up(&app).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(app.invoke::<place>(order(1)).await.is_ok());
    for _ in 0..3 {
        broker.close_connections("CONNECTION_FORCED - an operator");
        let lost = Instant::now();
        tokio::time::sleep(Duration::from_millis(10)).await;
        up(&app).await;
        assert!(lost.elapsed() < Duration::from_secs(10), "{:?}", lost.elapsed());
        assert!(app.invoke::<place>(order(1)).await.is_ok());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_takes_nothing_holds_callers_up_for_their_time_and_no_message_is_sent_later() -> Result<()> {
    let broker = orders();
    let app = started(&broker, &format!("{EXCHANGE}    timeout: 3s\n")).await?;
    up(&app).await;
    broker.block("low on memory");
    // A broker says so to who publishes: the first message is what it holds up.
    let error = app.invoke::<place>(order(1)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    let begun = Instant::now();
    let error = app.invoke::<place>(order(2)).await.unwrap_err();
    assert!(begun.elapsed() >= Duration::from_secs(3), "{:?} {error}", begun.elapsed());
    broker.unblock();
    assert!(app.invoke::<place>(order(3)).await.is_ok());
    let arrived: Vec<u64> = broker.messages("new").iter().map(|message| message.model::<Order>().unwrap().id).collect();
    assert!(!arrived.contains(&2) && arrived.contains(&3), "{arrived:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn no_more_messages_are_on_their_way_than_may_be() -> Result<()> {
    let broker = orders();
    let app = Arc::new(started(&broker, &format!("{EXCHANGE}    timeout: 2s\n    max_in_flight: 2\n")).await?);
    up(&app).await;
    broker.pause();
    let mut sending = JoinSet::new();
    for id in 0..5 {
        let app = Arc::clone(&app);
        sending.spawn(async move { app.invoke::<place>(order(id)).await });
    }
    let mut told: Vec<String> = Vec::new();
    while let Some(sent) = sending.join_next().await {
        let error = sent.expect("it doesn't panic").unwrap_err();
        told.push(error.message().to_owned());
    }
    let waited = told.iter().filter(|words| words.starts_with("there was no place for it")).count();
    assert_eq!(waited, 3, "{told:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_by_a_channel() -> Result<()> {
    let broker = orders();
    let app = started(&broker, EXCHANGE).await?;
    up(&app).await;
    assert_eq!(app.invoke::<price>(order(7)).await?, "price of 7");
    let error = app.invoke::<price>(order(0)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Upstream);
    assert!(error.message().contains("there is no order 0"), "{error}");
    broker.delete_queue("prices");
    let error = app.invoke::<price>(order(7)).await.unwrap_err();
    assert_eq!(error.message(), "there is no queue \"prices\" (NO_ROUTE)");
    Ok(())
}

#[tokio::test]
async fn what_can_not_be_used_is_told_with_its_place_and_remedy() {
    let definition = "definition_amqp: [{name: B, address: amqp://localhost}]\n";
    for (yaml, said) in [
        ("definition_amqp: [{name: B}]", "configuration:1:19: nobody says where the broker is"),
        (
            "definition_amqp: [{name: B, address: 'http://a'}]",
            "configuration:1:38: expected an address that begins with",
        ),
        (
            "definition_amqp: [{name: B, address: amqp://a, host: b}]",
            "configuration:1:54: the host stands in the address",
        ),
        ("definition_amqp: [{name: B, address: [amqp://a, amqps://b]}]", "some of the addresses are amqp:// and some"),
        ("definition_amqp: [{name: B, address: amqp://a, heartbeat: 10ms}]", "a heartbeat is from 1 to 65535 whole"),
        ("definition_amqp: [{name: B, address: amqp://a, queues: [{name: q, typ: quorum}]}]", "did you mean \"type\"?"),
        (&format!("{definition}outgoing_amqp: [{{name: A, definition: Brokr}}]"), "no definition_amqp named \"Brokr\""),
        (
            &format!("{definition}outgoing_amqp: [{{name: A, definition: B, priority: 10}}]"),
            "a priority is from 0 to 9",
        ),
        (
            &format!("{definition}outgoing_amqp: [{{name: A, definition: B, delivery_mode: 3}}]"),
            "expected persistent (2)",
        ),
        (
            &format!("{definition}outgoing_amqp: [{{name: A, definition: B, expiration: soon}}]"),
            "expected a duration such",
        ),
        (
            &format!(
                "{definition}channel_amqp: [{{name: A, definition: B, queue: q, service: price.get, on_error: dead_letter}}]"
            ),
            "there is no dead_letter for messages to go to",
        ),
        (
            &format!(
                "{definition}channel_amqp: [{{name: A, definition: B, queue: q, service: price.get, data_format: soap}}]"
            ),
            "SOAP is spoken by channel_soap",
        ),
    ] {
        let app = testing::app("bank").services(services![price_of]).config_yaml(yaml).start().await;
        let error = app.map(drop).unwrap_err();
        assert!(error.message().contains(said), "{yaml}\n{error}");
    }
}

#[tokio::test]
async fn a_file_of_zatos_is_read() -> Result<()> {
    let yaml = "
def_amqp:
  - {name: Fraud Detection Definition, host: localhost, port: 5672, vhost: tutorial, username: api, password: x, frame_max: 131072, heartbeat: 30}
outconn_amqp:
  - {name: Orders, def_name: Fraud Detection Definition, delivery_mode: 1, priority: 5, pool_size: 10, content_type: '',
     content_encoding: '', expiration: null, user_id: '', app_id: '', is_active: true}
channel_amqp:
  - {name: From CRM, def_name: Fraud Detection Definition, queue: crm, consumer_tag_prefix: z1, service: price.get, ack_mode: ack, pool_size: 1, prefetch_count: 0, data_format: json, is_active: true}
";
    testing::app("bank").services(services![place, price_of]).config_yaml(yaml).start().await.map(drop)
}
