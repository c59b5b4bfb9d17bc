//! Caches: what services keep, computed once, bounded, and configured.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::future::join_all;
use tokio::time;
use zato::{
    Error, Kind, Result, Running,
    cache::{Cache, CacheConfig, MemoryStore},
    connection::{Handle, State},
    model, service, services, testing,
};

#[model]
#[derive(Debug)]
struct Rate {
    year: u16,
    rate: f64,
}

#[model]
struct GetRate {
    year: u16,
}

/// How often rates were computed.
#[derive(Clone, Default)]
struct Computed(Arc<AtomicU32>);

#[service(name = "rates.get")]
async fn get_rate(input: GetRate, #[out("rates")] rates: Cache, #[state] computed: Computed) -> Result<Rate> {
    let compute = async || {
        computed.0.fetch_add(1, SeqCst);
        time::sleep(Duration::from_millis(20)).await;
        if input.year < 1970 { Err(Error::upstream("no rates")) } else { Ok(Rate { year: input.year, rate: 1.25 }) }
    };
    rates.get_or_compute(&input.year.to_string(), compute).await
}

async fn started(yaml: &str, computed: &Computed) -> Running {
    let app = testing::app("cache").services(services![get_rate]).state(computed.clone());
    app.config_yaml(yaml).start().await.expect("the app starts")
}

#[tokio::test]
async fn a_value_is_computed_once_for_all_who_ask_and_an_error_is_not_kept() {
    let computed = Computed::default();
    let app = started("cache: [{name: rates}]", &computed).await;
    let all = join_all((0..200).map(|_| app.invoke::<get_rate>(GetRate { year: 2013 }))).await;
    assert!(all.iter().all(|rate| rate.as_ref().is_ok_and(|rate| rate.year == 2013)));
    assert_eq!(computed.0.load(SeqCst), 1);

    let all = join_all((0..50).map(|_| app.invoke::<get_rate>(GetRate { year: 1000 }))).await;
    assert!(all.iter().all(|rate| rate.as_ref().is_err_and(|error| error.kind() == Kind::Upstream)));
    assert_eq!(computed.0.load(SeqCst), 2, "the error went to all who waited");
    app.invoke::<get_rate>(GetRate { year: 1000 }).await.unwrap_err();
    assert_eq!(computed.0.load(SeqCst), 3, "and is not kept");

    let statistics = app.out::<Cache>("rates").unwrap().statistics().await.unwrap();
    assert_eq!((statistics.loads, statistics.load_failures, statistics.coalesced), (3, 2, 248));
    assert_eq!((statistics.hits, statistics.entries, statistics.errors), (0, Some(1), 0));
}

#[tokio::test]
async fn whoever_computes_and_goes_away_leaves_nobody_stranded() {
    let rates = Cache::fake();
    let gone = time::timeout(
        Duration::from_millis(20),
        rates.get_or_compute::<u32, _>("a", async || std::future::pending().await),
    );
    let waiting = rates.get_or_compute("a", async || Ok(2));
    let (gone, waiting) = tokio::join!(gone, waiting);
    assert!(gone.is_err());
    assert_eq!(waiting.unwrap(), 2);
}

#[tokio::test]
async fn what_can_not_be_kept_or_read_is_told_and_stops_no_computation() {
    let mut config = CacheConfig::new("small");
    config.max_item_size = 6.into();
    let small = Cache::in_process(&config);
    let error = small.set("a", "x".repeat(31).as_str()).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Internal, "value too long: 33 > 6 bytes"));
    assert!(!small.exists("a").await.unwrap());
    assert_eq!(
        small.get_or_compute("a", async || Ok("longer than that".to_owned())).await.unwrap(),
        "longer than that"
    );

    small.set("b", &1).await.unwrap();
    let error = small.get::<String>("b").await.unwrap_err();
    assert_eq!(error.message(), "the value that was cached can't be read as what was asked for");
    assert_eq!(small.get_or_compute("b", async || Ok("two".to_owned())).await.unwrap(), "two");
    assert_eq!(small.get::<String>("b").await.unwrap().as_deref(), Some("two"), "what could not be read was replaced");
    assert!(small.set(&"k".repeat(5000), &1).await.unwrap_err().message().starts_with("key too long: 5000 > 4096"));
}

#[tokio::test(start_paused = true)]
async fn entries_live_as_long_as_the_cache_or_the_call_says() {
    let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
    let config = |on_get, on_set| {
        let mut config = CacheConfig::new("timed");
        (config.expiry, config.extend_expiry_on_get, config.extend_expiry_on_set) =
            (Some(minute.into()), on_get, on_set);
        Cache::in_process(&config)
    };
    let left = async |cache: &Cache| {
        let details = cache.entry("a").await.unwrap();
        details.and_then(|details| details.expires_at).map(|at| (at - zato::chrono::Utc::now()).num_seconds() + 1)
    };

    let cache = config(false, true);
    cache.set("a", &1).await.unwrap();
    time::advance(minute / 2).await;
    assert_eq!(cache.get::<u8>("a").await.unwrap(), Some(1));
    assert_eq!(left(&cache).await, Some(30), "a read changes nothing");
    cache.set("a", &2).await.unwrap();
    assert_eq!(left(&cache).await, Some(60), "another value lives anew");
    cache.set("a", &3).expires_in(2 * second).await.unwrap();
    assert_eq!(left(&cache).await, Some(2));
    assert!(cache.expire("a", 5 * second).await.unwrap());
    time::advance(4 * second).await;
    assert!(cache.exists("a").await.unwrap());
    time::advance(second).await;
    assert!(!cache.exists("a").await.unwrap() && cache.get::<u8>("a").await.unwrap().is_none());
    assert!(!cache.expire("a", second).await.unwrap() && !cache.delete("a").await.unwrap());
    cache.set("a", &4).never_expires().await.unwrap();
    assert_eq!(left(&cache).await, None);

    let cache = config(true, false);
    cache.set("a", &1).expires_in(10 * second).await.unwrap();
    time::advance(9 * second).await;
    assert_eq!(cache.get::<u8>("a").await.unwrap(), Some(1));
    assert_eq!(left(&cache).await, Some(10), "a read has it live on");
    time::advance(4 * second).await;
    cache.set("a", &2).await.unwrap();
    assert_eq!(left(&cache).await, Some(6), "another value ends when it would have ended");
    assert!(cache.persist("a").await.unwrap());
    assert_eq!(left(&cache).await, None);
}

#[tokio::test]
async fn entries_are_found_by_the_beginnings_of_their_keys() {
    let mut config = CacheConfig::new("prefixed");
    config.key_prefix = Some("bank:".to_owned());
    let store = Arc::new(MemoryStore::new(&config));
    let (cache, others) = (Cache::over(&config, store.clone()), Cache::over(&CacheConfig::new("others"), store));
    others.set("bunk:EUR:1", &0).await.unwrap();
    for (key, value) in [("EUR:1", 1), ("EUR:2", 2), ("CHF:1", 3)] {
        cache.set(key, &value).await.unwrap();
    }
    assert_eq!(others.keys().await.unwrap(), ["bank:CHF:1", "bank:EUR:1", "bank:EUR:2", "bunk:EUR:1"]);
    assert_eq!(cache.keys_by_prefix("EUR:", None).await.unwrap(), ["EUR:1", "EUR:2"]);
    let found = cache.get_by_prefix::<u8>("EUR:", None).await.unwrap();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [("EUR:1".to_owned(), 1), ("EUR:2".to_owned(), 2)]);
    assert_eq!(cache.get_by_prefix::<u8>("EUR:", 1).await.unwrap().len(), 1);
    assert_eq!(cache.expire_by_prefix("CHF:", Duration::from_secs(60), None).await.unwrap(), 1);
    assert!(cache.entry("CHF:1").await.unwrap().unwrap().expires_at.is_some());
    assert_eq!(cache.delete_by_prefix("EUR:", 1).await.unwrap(), 1);
    assert_eq!(cache.delete_by_prefix("EUR:", None).await.unwrap(), 1);
    cache.clear().await.unwrap();
    assert_eq!(others.keys().await.unwrap(), ["bunk:EUR:1"], "others keep what is theirs");
}

#[tokio::test]
async fn a_cache_keeps_its_entries_until_something_about_it_changes() {
    let computed = Computed::default();
    let app = started("cache: [{name: rates}]", &computed).await;
    app.invoke::<get_rate>(GetRate { year: 2013 }).await.unwrap();
    app.apply_yaml("cache: [{name: rates}, {name: other}]").await.unwrap();
    app.invoke::<get_rate>(GetRate { year: 2013 }).await.unwrap();
    assert_eq!(computed.0.load(SeqCst), 1, "nothing about it has changed");
    app.apply_yaml("cache: [{name: rates, max_size: 5}]").await.unwrap();
    app.invoke::<get_rate>(GetRate { year: 2013 }).await.unwrap();
    assert_eq!(computed.0.load(SeqCst), 2);
    app.apply_yaml("cache: [{name: rates, is_active: false}]").await.unwrap();
    let error = app.invoke::<get_rate>(GetRate { year: 2013 }).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Unavailable, "the cache connection \"rates\" is inactive"));
}

#[tokio::test]
async fn what_no_cache_can_mean_is_refused_with_the_place_and_the_remedy() {
    for (entry, said) in [
        (
            "max_size: 0",
            "\"max_size\" of the cache \"rates\" is 0, which keeps nothing; write \"is_active: false\" for no cache",
        ),
        (
            "max_item_size: 0",
            "\"max_item_size\" of the cache \"rates\" is 0, which no value meets; write how many bytes one may have",
        ),
        ("max_bytes: 0", "\"max_bytes\" of the cache \"rates\" is 0, which keeps nothing; leave it out for no limit"),
        ("expiry: 0", "\"expiry\" of the cache \"rates\" is 0; leave it out for entries that live for ever"),
        (
            "coalesce_timeout: 0",
            "\"coalesce_timeout\" of the cache \"rates\" is 0, which nobody can wait; write a time such as 15s",
        ),
        (
            "store: redis",
            "\"store\" of the cache \"rates\" is redis, which takes a \"connection\": the name of an outgoing_redis",
        ),
        ("connection: a", "\"connection\" of the cache \"rates\" means nothing without \"store: redis\""),
        ("max_szie: 1", "unknown key \"max_szie\"; did you mean \"max_size\"?"),
        ("max_size: many", "expected a whole number"),
        ("store: disk", "unknown value \"disk\"; known: memory, redis"),
    ] {
        let yaml = format!("cache: [{{name: rates, {entry}}}]");
        let app = testing::app("cache").services(services![get_rate]).state(Computed::default()).config_yaml(&yaml);
        let refused = app.start().await.expect_err(entry).to_string();
        // Where the value stands, or the key that there is not.
        let column = 23 + if entry.contains("szie") { 0 } else { entry.find(' ').unwrap_or_default() + 1 };
        let said = format!("configuration:1:{column}: {said}");
        assert!(refused.contains(&said), "{entry}: {refused}");
    }
}

#[tokio::test]
async fn zatos_own_section_is_read() {
    let logs = testing::capture_logs();
    let yaml = "
zato_cache_builtin:
  - {name: rates, cache_type: builtin, is_default: true, is_active: true, max_size: '10000', max_item_size: 1000,
     extend_expiry_on_get: true, extend_expiry_on_set: true, sync_method: in-background, persistent_storage: sql}
";
    let app = started(yaml, &Computed::default()).await;
    let cache = app.out::<Cache>("rates").unwrap();
    assert!(cache.is_default() && matches!(*cache.slot().state(), State::Up { .. }));
    let events = logs.events();
    let mut left_out: Vec<_> = events.iter().filter(|event| event.message.contains("no counterpart")).collect();
    left_out.sort_by_key(|event| event.fields["key"].clone());
    let left_out: Vec<&str> = left_out.iter().map(|event| &*event.fields["key"]).collect();
    assert_eq!(left_out, ["cache_type", "persistent_storage", "sync_method"]);
}

#[tokio::test]
async fn what_a_cache_counts_is_in_the_metrics() {
    let app = started("cache: [{name: rates, max_size: 1}]", &Computed::default()).await;
    for year in [2013, 2013, 2014] {
        app.invoke::<get_rate>(GetRate { year }).await.unwrap();
    }
    app.out::<Cache>("rates").unwrap().statistics().await.unwrap();
    let metrics = testing::admin(&app).get("/metrics").await;
    let metrics = metrics.text();
    let labels = "{section=\"cache\",name=\"rates\"}";
    for line in
        ["hits_total{} 1", "misses_total{} 2", "loads_total{} 2", "entries{} 1", "bytes{} 29", "evictions_total{} 1"]
    {
        let line = format!("zato_cache_{}\n", line.replace("{}", labels));
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn the_store_in_the_process_keeps_the_contract() {
    let store = Arc::new(MemoryStore::new(&CacheConfig::new("contract")));
    testing::store_contract(store, "contract:").await.unwrap();
}
