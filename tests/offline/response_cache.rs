//! Kept replies of REST channels: which are kept, for whom, for how long, and what happens when a cache fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::future::join_all;
use tokio::time;
use zato::{
    Context, Error, Raw, Response, Result, Running,
    bytes::Bytes,
    cache::{BoxFuture, Cache, CacheConfig, EntryDetails, Lifetime, MemoryStore, Page, Store},
    http::Method,
    model, service, services, testing,
    testing::{Client, TestReply},
};

use crate::support::{Answer, assert_answer, cid};

/// How often services were called.
#[derive(Clone, Default)]
struct Calls(Arc<AtomicU32>);

impl Calls {
    fn taken(&self) -> u32 {
        self.0.swap(0, SeqCst)
    }
}

#[model]
struct Wanted {
    control: Option<String>,
    status: Option<u16>,
    cookie: Option<String>,
    vary: Option<String>,
    wait: Option<u64>,
}

/// Answers with the number of the call.
#[service(name = "page.get")]
async fn page(input: Wanted, ctx: &Context, #[state] calls: Calls) -> Result<Response<Raw>> {
    let number = calls.0.fetch_add(1, SeqCst) + 1;
    if let Some(wait) = input.wait {
        time::sleep(Duration::from_millis(wait)).await;
    }
    let who = ctx.caller().map(|caller| caller.username.clone()).unwrap_or_default();
    let mut response =
        Response::new(Raw::new(format!("{who}{number}")).with_content_type("text/plain")).header("x-page", "1");
    for (name, value) in [("cache-control", input.control), ("set-cookie", input.cookie), ("vary", input.vary)] {
        if let Some(value) = value {
            response = response.header(name, &value);
        }
    }
    Ok(match input.status {
        Some(500) => return Err(Error::internal("broken")),
        Some(status) => response.status(status.try_into()?),
        None => response,
    })
}

/// Forgets the replies of a channel.
#[service(name = "page.forget")]
async fn forget(channel: Raw, #[out("replies")] replies: Cache) -> Result<Raw> {
    let channel = channel.bytes().await?;
    let prefix = format!("channel:{}:", String::from_utf8_lossy(&channel));
    Ok(Raw::new(replies.delete_by_prefix(&prefix, None).await?.to_string()))
}

fn app(calls: &Calls) -> zato::App {
    testing::app("replies").services(services![page, forget]).state(calls.clone())
}

const REPLIES: &str = "cache: [{name: replies, max_item_size: 1MB}]\n";

fn config(entry: &str) -> String {
    format!("{REPLIES}channel_rest:\n  - {{name: page, url_path: /page, service: page.get, {entry}}}\n")
}

async fn started(entry: &str) -> (Running, Client, Calls) {
    let calls = Calls::default();
    let app = app(&calls).config_yaml(config(entry)).start().await.expect("the app starts");
    let client = testing::client(&app);
    (app, client, calls)
}

const AT_ONCE: &str = "response_cache: {cache_on_second_request: false}";

async fn get(client: &Client, path: &str, headers: &[(&str, &str)]) -> TestReply {
    client.send(Method::GET, path, headers, "").await
}

#[tokio::test]
async fn a_kept_reply_is_given_again_with_its_age_and_a_correlation_id_of_its_own() {
    let (_app, client, calls) = started(AT_ONCE).await;
    let answer = |number| Answer::new(200, &cid(number), "text/plain", "1").header("x-page", "1");
    assert_answer(client.get("/page").await, &answer(1));
    assert_answer(client.get("/page").await, &answer(2).header("age", "0"));
    assert_eq!(calls.taken(), 1);
    let head = client.send(Method::HEAD, "/page", &[], "").await;
    assert_eq!((head.status.as_u16(), calls.taken()), (200, 1), "that is another request");
    assert_eq!(client.send(Method::POST, "/page", &[], "").await.text(), "1");
    assert_eq!(calls.taken(), 1, "what may change something is asked for each time");
}

#[tokio::test]
async fn what_is_asked_for_once_takes_no_room_by_default() {
    let (app, client, calls) = started("response_cache: {cache: replies}").await;
    let kept = async || app.out::<Cache>("replies").unwrap().keys().await.unwrap().len();
    client.get("/page").await;
    assert_eq!((calls.taken(), kept().await), (1, 0));
    client.get("/page").await;
    assert_eq!((calls.taken(), kept().await), (1, 1));
    assert_eq!(client.get("/page").await.header("age"), "0");
    assert_eq!(calls.taken(), 0);
}

#[tokio::test]
async fn many_who_ask_for_the_same_are_answered_by_one_call() {
    let (app, client, calls) = started("response_cache: {}").await;
    let all = join_all((0..100).map(|_| client.get("/page?wait=20"))).await;
    assert!(all.iter().all(|reply| reply.text() == "1"));
    assert_eq!(calls.taken(), 1);
    let mut cids: Vec<&str> = all.iter().map(|reply| reply.header("x-zato-cid")).collect();
    cids.sort_unstable();
    cids.dedup();
    assert_eq!(cids.len(), 100);

    let all = join_all((0..20).map(|_| client.get("/page?wait=20&status=500"))).await;
    assert!(all.iter().all(|reply| reply.status == 500));
    assert_eq!(calls.taken(), 1, "an error is an answer, too");
    client.get("/page?wait=20&status=500").await;
    assert_eq!(calls.taken(), 1, "but none that is kept");

    let all = join_all((0..5).map(|_| client.get("/page?wait=20&control=private"))).await;
    let mut texts: Vec<&str> = all.iter().map(TestReply::text).collect();
    texts.sort_unstable();
    assert_eq!((calls.taken(), texts), (5, vec!["1", "2", "3", "4", "5"]), "what is private is for its caller alone");

    let metrics = testing::admin(&app).get("/metrics").await;
    for (outcome, count) in [("coalesced", 118), ("miss", 4), ("bypass", 4), ("hit", 0)] {
        let line =
            format!("zato_response_cache_requests_total{{outcome=\"{outcome}\",zato_channel=\"page\"}} {count}\n");
        assert!(metrics.text().contains(&line), "{line} is not in\n{}", metrics.text());
    }
}

#[tokio::test]
async fn whoever_goes_away_leaves_the_others_their_answer() {
    let (_app, client, calls) = started("response_cache: {}").await;
    let gone = time::timeout(Duration::from_millis(30), client.get("/page?wait=60"));
    let (gone, waiting) = tokio::join!(gone, client.get("/page?wait=60"));
    assert!(gone.is_err());
    assert_eq!((waiting.text(), calls.taken()), ("2", 2));
}

#[tokio::test]
async fn what_is_not_to_be_kept_is_not() {
    let (_app, client, calls) = started("response_cache: {cache_on_second_request: false, max_body_size: 3}").await;
    for path in [
        "/page?control=no-store",
        "/page?control=max-age%3D0",
        "/page?cookie=a",
        "/page?vary=X-Tenant",
        "/page?status=404",
        "/page?status=206",
        "/page?status=500",
    ] {
        for _ in 0..2 {
            assert_eq!(client.get(path).await.headers.get("age"), None, "{path}");
        }
        assert_eq!(calls.taken(), 2, "{path}");
    }
    for _ in 0..2 {
        get(&client, "/page", &[("range", "bytes=0-1")]).await;
    }
    assert_eq!(calls.taken(), 2);
    calls.0.store(1000, SeqCst);
    for _ in 0..2 {
        client.get("/page?long").await;
    }
    assert_eq!(calls.taken(), 1002, "it is longer than may be");
}

#[tokio::test]
async fn what_makes_a_difference_is_configuration() {
    let entry = "response_cache: {cache_on_second_request: false, vary_by_headers: [Accept-Language], \
                 ignored_query_parameters: [utm]}";
    let (_app, client, calls) = started(entry).await;
    for (path, headers, count) in [
        ("/page?a=1&b=2", &[][..], 1),
        ("/page?b=2&a=1&utm=x", &[], 0),
        ("/page?a=1&b=2", &[("accept-language", "pl")], 1),
        ("/page?a=1&b=2", &[("accept-language", "pl"), ("user-agent", "x")], 0),
        ("/page?a=1&b=3", &[], 1),
        ("/page?a=1&b=2", &[("authorization", "x")], 1),
        ("/page?a=1&b=2", &[("cookie", "x")], 1),
    ] {
        get(&client, path, headers).await;
        assert_eq!(calls.taken(), count, "{path} {headers:?}");
    }
}

#[tokio::test]
async fn bodies_make_a_difference_where_the_channel_says_so() {
    let entry = "response_cache: {cache_on_second_request: false, include_body_in_key: true}";
    let (_app, client, calls) = started(entry).await;
    for (body, count) in [("{}", 1), ("{}", 0), ("{\"vary\": \"accept\"}", 1), ("{\"vary\": \"accept\"}", 0)] {
        assert_eq!(client.post("/page", body).await.status, 200);
        assert_eq!(calls.taken(), count, "{body}");
    }
}

#[tokio::test]
async fn callers_have_replies_of_their_own_unless_they_are_shared() {
    let security = "
security:
  - {name: A, type: apikey, username: ann, password: a}
";
    for (shared, of_ann_again) in [("false", "ann1"), ("true", "ann1")] {
        let calls = Calls::default();
        let entry = format!(
            "security: A, response_cache: {{cache_on_second_request: false, is_shared_across_callers: {shared}}}"
        );
        let app = app(&calls).config_yaml(format!("{security}{}", config(&entry))).start().await.unwrap();
        let client = testing::client(&app);
        assert_eq!(get(&client, "/page", &[("x-api-key", "a")]).await.text(), "ann1");
        assert_eq!(get(&client, "/page", &[("x-api-key", "a")]).await.text(), of_ann_again);
        assert_eq!(get(&client, "/page", &[("x-api-key", "b")]).await.status, 401, "a kept reply lets nobody in");
        assert_eq!(client.get("/page").await.status, 401);
        assert_eq!(calls.taken(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_is_kept_for_its_time() {
    for (ttl, seconds) in [("90s", 90), ("2", 120), ("30, ttl_unit: seconds", 30), ("'1', ttl_unit: hour", 3600)] {
        let (_app, client, calls) =
            started(&format!("response_cache: {{cache_on_second_request: false, ttl: {ttl}}}")).await;
        client.get("/page").await;
        time::advance(Duration::from_secs(seconds - 1)).await;
        client.get("/page").await;
        assert_eq!(calls.taken(), 1, "{ttl}");
        time::advance(Duration::from_secs(1)).await;
        client.get("/page").await;
        assert_eq!(calls.taken(), 1, "{ttl}");
    }
    let (_app, client, calls) = started(AT_ONCE).await;
    client.get("/page?control=max-age%3D5").await;
    time::advance(Duration::from_secs(5)).await;
    client.get("/page?control=max-age%3D5").await;
    assert_eq!(calls.taken(), 2, "the service has said so");
}

#[tokio::test]
async fn whoever_has_a_kept_reply_is_told_so() {
    let (_app, client, calls) = started("response_cache: {cache_on_second_request: false, needs_etag: true}").await;
    let tag = client.get("/page").await.header("etag").to_owned();
    let again = get(&client, "/page", &[("if-none-match", &tag)]).await;
    assert_eq!((again.status.as_u16(), again.header("etag"), again.text()), (304, tag.as_str(), ""));
    assert_eq!(calls.taken(), 1);
}

#[tokio::test]
async fn another_configuration_of_the_channel_gives_nothing_that_was_kept() {
    let (app, client, calls) = started("response_cache: {cache: replies, cache_on_second_request: false}").await;
    client.get("/page").await;
    client.get("/page").await;
    assert_eq!(calls.taken(), 1);
    let other = "{name: other, url_path: /other, service: page.get}";
    let same = config("response_cache: {cache: replies, cache_on_second_request: false}");
    app.apply_yaml(format!("{same}  - {other}\n")).await.unwrap();
    client.get("/page").await;
    assert_eq!(calls.taken(), 0, "nothing about the channel has changed");
    app.apply_yaml(config("timeout: 7s, response_cache: {cache: replies, cache_on_second_request: false}"))
        .await
        .unwrap();
    client.get("/page").await;
    assert_eq!(calls.taken(), 1);
}

#[tokio::test]
async fn a_service_removes_the_replies_of_a_channel() {
    let (app, client, calls) = started("response_cache: {cache: replies, cache_on_second_request: false}").await;
    for path in ["/page", "/page?a=1"] {
        client.get(path).await;
    }
    assert_eq!(calls.taken(), 2);
    assert_eq!(app.invoke::<forget>(Raw::new("page")).await.unwrap().bytes().await.unwrap(), "2");
    client.get("/page").await;
    assert_eq!(calls.taken(), 1);
}

#[tokio::test]
async fn the_default_cache_has_the_replies_of_channels_that_name_none() {
    let calls = Calls::default();
    let yaml = config(AT_ONCE).replace("name: replies", "name: replies, is_default: true");
    let app = app(&calls).config_yaml(yaml).start().await.unwrap();
    testing::client(&app).get("/page").await;
    assert_eq!(app.out::<Cache>("replies").unwrap().keys().await.unwrap().len(), 1);
}

#[tokio::test]
async fn zato_3s_words_are_read() {
    let (app, client, calls) =
        started("cache_type: builtin, cache_name: replies, cache_expiry: '10', cache_id: 1").await;
    for body in ["{}", "{}"] {
        client.post("/page", body).await;
    }
    assert_eq!(calls.taken(), 1);
    let replies = app.out::<Cache>("replies").unwrap();
    let key = replies.keys().await.unwrap().remove(0);
    assert_eq!(replies.entry(&key).await.unwrap().unwrap().expiry, Some(Duration::from_secs(600)));
    let (_app, client, calls) = started("cache_type: '', cache_name: null, cache_expiry: 0").await;
    for _ in 0..2 {
        client.get("/page").await;
    }
    assert_eq!(calls.taken(), 2);
}

#[tokio::test]
async fn what_can_not_be_meant_is_refused() {
    for (entry, said) in [
        ("response_cache: {cache: replise}", "no cache named \"replise\"; did you mean \"replies\"? (replies)"),
        (
            "response_cache: {ttl: 0}",
            "the channel \"page\" has a response_cache whose ttl is 0; write \"is_enabled: false\" to keep no replies",
        ),
        ("response_cache: {ttl: soon}", "expected a duration such as 90s, or a number of ttl_unit"),
        ("response_cache: {ttl: 99999999, ttl_unit: days}", "whose ttl is too long; ten years are the most"),
        ("response_cache: {vary_by_headers: ['a b']}", "varies by \"a b\", which is no header's name"),
        ("response_cache: {coalesce_timeout: 0}", "coalesce_timeout is 0; write a time such as 15s"),
        ("response_cache: {vary_by: x}", "unknown key \"vary_by\"; known: cache, cache_on_second_request"),
        ("cache_type: memcached", "a cache_type that isn't \"builtin\"; write response_cache"),
        ("cache_expiry: soon", "expected a whole number of minutes"),
    ] {
        let refused = app(&Calls::default()).config_yaml(config(entry)).start().await.expect_err(entry).to_string();
        assert!(refused.contains(said), "{entry}: {refused}");
    }
}

/// A store that fails, or hangs, when it is told to.
struct Moody {
    inner: MemoryStore,
    fails: AtomicBool,
    hangs: AtomicBool,
    asked: AtomicU32,
}

impl Moody {
    async fn mood(&self) -> Result<()> {
        self.asked.fetch_add(1, SeqCst);
        if self.hangs.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.fails.load(SeqCst) { Err(Error::unavailable("no Redis today")) } else { Ok(()) }
    }
}

impl Store for Moody {
    fn get<'a>(&'a self, key: &'a str, extend: Option<Duration>) -> BoxFuture<'a, Result<Option<Bytes>>> {
        Box::pin(async move {
            self.mood().await?;
            self.inner.get(key, extend).await
        })
    }

    fn set<'a>(&'a self, key: &'a str, value: Bytes, lifetime: Lifetime) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.mood().await?;
            self.inner.set(key, value, lifetime).await
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        self.inner.delete(key)
    }

    fn expire<'a>(&'a self, key: &'a str, lifetime: Lifetime) -> BoxFuture<'a, Result<bool>> {
        self.inner.expire(key, lifetime)
    }

    fn contains<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        self.inner.contains(key)
    }

    fn details<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<EntryDetails>>> {
        self.inner.details(key)
    }

    fn scan<'a>(&'a self, prefix: &'a str, from: Option<String>) -> BoxFuture<'a, Result<Page>> {
        self.inner.scan(prefix, from)
    }

    fn clear<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<()>> {
        self.inner.clear(prefix)
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_fails_or_hangs_fails_no_request_and_is_left_alone_for_a_while() {
    let logs = testing::capture_logs();
    let cache = CacheConfig::new("replies");
    let moody = Arc::new(Moody {
        inner: MemoryStore::new(&cache),
        fails: AtomicBool::new(true),
        hangs: AtomicBool::new(false),
        asked: AtomicU32::new(0),
    });
    let calls = Calls::default();
    let app = app(&calls).fake("replies", &Cache::over(&cache, moody.clone()));
    let app = app.config_yaml(config("response_cache: {cache: replies, cache_on_second_request: false}"));
    let app = app.start().await.unwrap();
    let client = testing::client(&app);
    for _ in 0..5 {
        assert_eq!(client.get("/page").await.status, 200);
    }
    assert_eq!((calls.taken(), moody.asked.load(SeqCst)), (5, 1), "it is left alone");

    time::advance(Duration::from_secs(1)).await;
    moody.hangs.store(true, SeqCst);
    let begun = time::Instant::now();
    assert_eq!(client.get("/page").await.status, 200);
    assert_eq!(begun.elapsed(), Duration::from_millis(500), "that is how long it is waited for");
    let told =
        logs.events().into_iter().filter(|event| event.message == "the cache of replies fails, and is gone round");
    assert_eq!(told.count(), 1, "that it fails is not told again and again");

    time::advance(Duration::from_secs(1)).await;
    moody.hangs.store(false, SeqCst);
    moody.fails.store(false, SeqCst);
    calls.taken();
    for _ in 0..3 {
        client.get("/page").await;
    }
    assert_eq!(calls.taken(), 1, "it is used again");
    let metrics = testing::admin(&app).get("/metrics").await;
    assert!(
        metrics.text().contains("zato_response_cache_failures_total{zato_channel=\"page\"} 2\n"),
        "{}",
        metrics.text()
    );
}
