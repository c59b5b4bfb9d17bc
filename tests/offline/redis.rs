//! Outgoing Redis connections in an app: faked, configured, changed while the program runs.

use std::time::Duration;

use tokio::{
    io::copy_bidirectional,
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};
use zato::{
    App, Kind, Result, Running, model,
    redis::{Redis, memory::Memory},
    service, services,
    testing::{self, FakeRedis},
};

#[model]
#[derive(Debug, PartialEq)]
struct Rate {
    year: u16,
    amount: f64,
}

#[model]
struct GetRate {
    year: u16,
}

/// Returns a rate, and works it out if nobody has.
#[service(name = "rate.get")]
async fn get_rate(input: GetRate, #[out("Rates")] redis: Redis) -> Result<Rate> {
    let key = input.year.to_string();
    if let Some(rate) = redis.get(&key).await? {
        return Ok(rate);
    }
    let rate = Rate { year: input.year, amount: 0.5 };
    redis.set(&key, &rate).expires_in(Duration::from_secs(60)).await?;
    Ok(rate)
}

/// Moves money, from a thread to another if need be.
#[service(name = "money.move")]
async fn move_money(#[out("Rates")] redis: Redis) -> Result<()> {
    redis
        .transaction(&["a", "b"], async |tx| {
            let balance: i64 = tx.get("a").await?.unwrap_or(0);
            tx.set("a", &(balance - 1))?;
            tx.increment("b", 1);
            Ok(())
        })
        .await
}

fn app() -> App {
    testing::app("redis").services(services![get_rate, move_money])
}

#[tokio::test]
async fn a_service_is_tested_with_a_server_in_the_tests_own_process() -> Result<()> {
    let fake = FakeRedis::with_config("key_prefix: 'rates:'").await;
    let yaml = "outgoing_redis: [{name: Rates, url: 'redis://nobody.invalid'}]";
    let app = app().config_yaml(yaml).fake("Rates", &fake.redis()).start().await?;
    assert_eq!(app.invoke::<get_rate>(GetRate { year: 2013 }).await?, Rate { year: 2013, amount: 0.5 });
    fake.redis().set("2013", &Rate { year: 2013, amount: 0.25 }).await?;
    assert_eq!(app.invoke::<get_rate>(GetRate { year: 2013 }).await?, Rate { year: 2013, amount: 0.25 });
    app.invoke::<move_money>(()).await?;
    assert_eq!(fake.redis().get_many::<i64, _>(&["a", "b"]).await?, [Some(-1), Some(1)]);
    fake.memory().fail_next("get", "LOADING Redis is loading the dataset in memory");
    let error = app.invoke::<get_rate>(GetRate { year: 2014 }).await.unwrap_err();
    assert_eq!((error.kind(), error.public_message()), (Kind::Unavailable, "temporarily unavailable"));
    Ok(())
}

/// A server in this process that is reached by a socket.
struct Server {
    memory: Memory,
    url: String,
    _task: Task,
}

struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn server() -> Server {
    let memory = Memory::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("redis://{}", listener.local_addr().expect("it is bound"));
    let served = memory.clone();
    #[expect(clippy::disallowed_methods, reason = "the handle is kept and aborted on drop")]
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut tcp, _)) = listener.accept().await {
            let mut stream = served.stream();
            connections.spawn(async move {
                let _ = copy_bidirectional(&mut tcp, &mut stream).await;
            });
        }
    });
    Server { memory, url, _task: Task(task) }
}

async fn up(app: &Running) {
    while !app.statuses().iter().all(|status| status.state.is_up()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn every_key_can_be_changed_while_the_program_runs() -> Result<()> {
    let (one, two) = (server().await, server().await);
    let entry = |url: &str, more: &str| format!("outgoing_redis: [{{name: Rates, url: '{url}'{more}}}]");
    let app = app().real_connections().config_yaml(entry(&one.url, "")).start().await?;
    up(&app).await;
    app.invoke::<get_rate>(GetRate { year: 2013 }).await?;
    assert_eq!((one.memory.calls("set"), two.memory.calls("set")), (1, 0));
    let before: Redis = app.out("Rates")?;
    let mut news = before.subscribe(["news"]).await?;
    app.apply_yaml(entry(&two.url, ", key_prefix: 'new:', protocol: 3")).await?;
    up(&app).await;
    app.invoke::<get_rate>(GetRate { year: 2013 }).await?;
    assert_eq!((one.memory.calls("set"), two.memory.calls("set")), (1, 1));
    let after: Redis = app.out("Rates")?;
    assert_eq!(after.connection()?.key("a"), "new:a");
    // Nothing of before is left: who listened is told that it is over.
    let ended = tokio::time::timeout(Duration::from_secs(20), news.next()).await;
    assert_eq!(ended.expect("in time"), None);
    Ok(())
}

#[tokio::test]
async fn what_can_not_be_used_is_told_with_its_place_and_remedy() {
    for (keys, said) in [
        ("url: 'http://a'", "configuration:1:33: expected an address that begins with redis://"),
        ("url: 'redis://u:secret@a/x'", "configuration:1:33: a database is a number"),
        ("url: redis://a, host: b", "configuration:1:50: the host stands in the url, too; leave out one"),
        ("url: redis://a, port: 1", "the port belongs into the url"),
        ("url: redis://a/1, db: 2", "the database stands in the url, too"),
        ("url: 'redis://:secret@a', password: b", "the password stands in the url, too"),
        ("url: redis://a, tls: {}", "write rediss://"),
        ("socket_path: /a, host: b", "a server is reached by a socket or by its address"),
        ("socket_path: /a, tls: {}", "a socket of this machine speaks no TLS"),
        ("port: 0", "no server has the port 0"),
        ("port: 70000", "configuration:1:34: "),
        ("db: -1", "databases are numbered from 0"),
        ("username: a", "nobody says which password goes with the username"),
        ("use_sentinels: true", "sentinels are to be asked, and there are none"),
        ("sentinels: 'a:b', sentinel_master: m", "expected a host with its port, such as redis-1:26379"),
        ("sentinels: a", "nobody says what the sentinels call the server"),
        ("cluster: a, sentinels: b, sentinel_master: m", "a cluster has no sentinels"),
        ("cluster: a, host: b", "the nodes of the cluster stand here"),
        ("cluster: a, db: 1", "a cluster has the database 0 alone"),
        ("cluster: a, tls: {}, tls_verify: false", "the certificates of a cluster are always checked"),
        ("tls: {ca: none.pem}", "the file \"none.pem\" does not exist"),
        ("timeout: 0", "no command is answered in no time"),
        ("connect_timeout: 0", "nothing connects in no time"),
        ("pool_size: 0", "without a connection of their own"),
        ("pool_size: 1001", "more than 1000 connections"),
        ("max_in_flight: 0", "without a place no command can be sent"),
        ("protocol: 4", "expected 2 or 3, the version of the protocol"),
        ("security: other", "no security definition named \"other\""),
        ("tiemout: 1s", "did you mean \"timeout\"?"),
    ] {
        let yaml = format!("outgoing_redis: [{{name: A, {keys}}}]");
        let error = testing::app("redis").real_connections().config_yaml(yaml).start().await.unwrap_err();
        assert!(error.to_string().contains(said), "{keys}: {error}");
        assert!(!error.to_string().contains("secret"), "{keys}: {error}");
    }
}

#[tokio::test]
async fn entries_of_zato_are_taken_as_they_are() -> Result<()> {
    let server = server().await;
    let (host, port) =
        server.url.strip_prefix("redis://").and_then(|rest| rest.split_once(':')).expect("host and port");
    let yaml = format!(
        "outconn_redis: [{{name: default, host: {host}, port: {port}, db: 0, password: '', unix_socket_path: '', \
         socket_timeout: '10', use_redis_sentinels: false, redis_sentinels: '', redis_sentinels_master: ''}}]"
    );
    let app = testing::app("redis").real_connections().config_yaml(yaml).start().await?;
    up(&app).await;
    let redis: Redis = app.out("default")?;
    assert!(redis.set("a", "b").await?);
    Ok(())
}
