//! A ledger of every entry of a stream whose consumers are processes that are killed and suspended, on a server that is killed
//! and replaced: what is confirmed is served, what comes twice says so, and what can't be served is among the dead letters.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use tokio::{sync::RwLock, time::sleep};
use zato::{
    Context, Error, Result, Value,
    redis::{Received, Redis, redis_rs::AsyncTypedCommands as _},
    service, services,
};

use super::{app, started};
use crate::lent::{Cluster, Part, Redis as Server, Sentinel, note, until};

/// How many entries each consumer has in work at once.
const PLACES: usize = 8;

/// How often an entry is tried.
const ATTEMPTS: u32 = 12;

/// What becomes of the entry of a number.
fn fate(number: u64) -> Fate {
    match number % 50 {
        3 => Fate::Refused,
        7 => Fate::FailsAlways,
        11 => Fate::FailsAtFirst,
        _ => Fate::Served,
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Served,
    FailsAtFirst,
    FailsAlways,
    Refused,
}

/// Notes an entry on another server, which nothing happens to.
#[service(name = "parts.enter")]
async fn enter(ctx: &Context, input: Value, #[out("ledger")] ledger: Redis) -> Result<()> {
    let received = Received::of(ctx).ok_or_else(|| Error::internal("no entry of a stream"))?;
    let mut seen = ledger.connection()?;
    seen.rpush("seen", format!("{} {}", received.id(), received.attempt())).await.map_err(zato::redis::error_of)?;
    sleep(Duration::from_millis(4)).await;
    match fate(input.as_u64().unwrap_or_default()) {
        Fate::Refused => Err(Error::invalid_input("nobody can use that")),
        Fate::FailsAlways => Err(Error::unavailable("never")),
        Fate::FailsAtFirst if received.attempt() == 1 => Err(Error::unavailable("not at the first time")),
        Fate::FailsAtFirst | Fate::Served => Ok(()),
    }
}

/// What a consumer does that was told its name (none for one that is a new consumer each time), where the ledger is, and what
/// leads to the stream.
async fn consume(told: &str) {
    let [name, ledger, keys] = told.split('\n').collect::<Vec<_>>()[..] else { panic!("three lines: {told}") };
    let yaml = format!(
        "server: {{bind: '127.0.0.1:0', shutdown_timeout: 2s}}
outgoing_redis:
  - {{name: main, timeout: 1s, ping_interval: 500ms, {keys}}}
  - {{name: ledger, url: '{ledger}'}}
channel_redis:
  - {{name: entries, connection: main, stream: entries, group: ledger, consumer: '{name}', service: parts.enter,
      pool_size: {PLACES}, block: 500ms, claim_after: 1s, retry_delay: 50ms, max_attempts: {ATTEMPTS}}}"
    );
    let _app = app("parts").services(services![enter]).config_yaml(yaml).start().await.expect("it starts");
    pending::<()>().await;
}

/// A stream, with whoever adds to it and whoever consumes it.
struct Run {
    redis: Redis,
    _app: zato::Running,
    ledger: Server,
    /// Held by whoever adds an entry.
    gate: RwLock<()>,
    consumers: Vec<Consumer>,
}

/// A process that consumes.
struct Consumer {
    test: &'static str,
    told: String,
    part: Part,
}

impl Consumer {
    /// Kills it, and starts it anew.
    fn kill(&mut self) {
        self.part = Part::start(self.test, &self.told);
    }
}

impl Run {
    async fn of(test: &'static str, keys: &str) -> Self {
        let ledger = Server::own(test).await.expect("it is here");
        let consumer = |name: &str| {
            let told = format!("{name}\n{}\n{keys}", ledger.url());
            Consumer { test, part: Part::start(test, &told), told }
        };
        let consumers = vec![consumer("lasting"), consumer("")];
        let (app, redis) =
            started(&format!("    timeout: 1s\n    ping_interval: 500ms\n    {}\n", keys.replace(", ", "\n    ")))
                .await;
        Self { redis, _app: app, ledger, gate: RwLock::new(()), consumers }
    }

    /// Adds entries until it is over, and returns their numbers by their ids.
    async fn add(redis: &Redis, gate: &RwLock<()>, next: &AtomicUsize, is_over: &AtomicBool) -> BTreeMap<String, u64> {
        let mut added = BTreeMap::new();
        while !is_over.load(Relaxed) {
            let number = next.fetch_add(1, Relaxed);
            let open = gate.read().await;
            // One that fails may be there all the same, which nobody was told.
            if let Ok(id) = redis.stream("entries").add(&number).await {
                added.insert(id, u64::try_from(number).expect("few"));
            }
            drop(open);
            sleep(Duration::from_millis(6)).await;
        }
        added
    }

    /// Adds entries while something breaks, and waits until all that were confirmed are served, or given up.
    async fn while_it_breaks(
        &mut self,
        breaking: impl AsyncFnOnce(&mut [Consumer], &RwLock<()>),
    ) -> BTreeMap<String, u64> {
        let (next, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let (redis, gate, consumers) = (&self.redis, &self.gate, &mut self.consumers);
        let add = || Self::add(redis, gate, &next, &is_over);
        let broken = async {
            // So that there is something to lose.
            sleep(Duration::from_millis(500)).await;
            breaking(consumers, gate).await;
            is_over.store(true, Relaxed);
        };
        let (mut added, more, ()) = tokio::join!(add(), add(), broken);
        added.extend(more);
        let group = redis.stream("entries").group("ledger");
        let all_served = async || {
            let seen = self.seen().await;
            added.keys().all(|id| seen.contains_key(id)).then_some(())
        };
        until("every entry served", all_served).await;
        let is_settled = async || group.pending("-", 1).await.is_ok_and(|pending| pending.is_empty()).then_some(());
        until("every entry settled", is_settled).await;
        for consumer in &mut self.consumers {
            assert!(consumer.part.is_alive(), "a consumer has failed");
        }
        added
    }

    /// The attempts of each entry, in the order in which services have seen them.
    async fn seen(&self) -> BTreeMap<String, Vec<u32>> {
        let lines = self.ledger.command(&["LRANGE", "seen", "0", "-1"]).await;
        let mut all = BTreeMap::<String, Vec<u32>>::new();
        for (id, attempt) in lines.lines().filter_map(|line| line.split_once(' ')) {
            all.entry(id.to_owned()).or_default().push(attempt.parse().expect("it is a number"));
        }
        all
    }

    /// Compares what was added with what has come of it; returns how many entries have come again without saying so.
    async fn check(&self, test: &str, added: &BTreeMap<String, u64>) -> usize {
        let seen = self.seen().await;
        let lost: Vec<_> = added.keys().filter(|id| !seen.contains_key(*id)).collect();
        assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), added.len());
        let repeated = seen.values().filter(|attempts| attempts.len() > 1).count();
        let unmarked: Vec<_> =
            seen.iter().filter(|(_, attempts)| attempts.iter().skip(1).any(|&attempt| attempt == 1)).collect();
        let (all, unmarked) = (added.len(), unmarked.len());
        note(format_args!("{test}: {all} entries, {repeated} more than once, {unmarked} of them unmarked"));
        unmarked
    }

    /// Compares the dead letters with what was added; returns how many there are twice.
    async fn check_dead_letters(&self, added: &BTreeMap<String, u64>) -> usize {
        let mut dead = BTreeSet::new();
        let entries = self.redis.stream("entries.dead").read("0").count(10_000).await.expect("it is there");
        for entry in &entries {
            let text = |name| entry.field(name).and_then(|value| str::from_utf8(value).ok()).unwrap_or_default();
            let attempts: u32 = text("x-zato-attempts").parse().expect("it is a number");
            let id = text("x-zato-entry-id").to_owned();
            match added.get(&id).map(|number| fate(*number)) {
                // It was added, and nobody was told.
                None => continue,
                Some(Fate::Refused) => {}
                Some(Fate::FailsAlways) => assert!(attempts >= ATTEMPTS, "{id} was given up after {attempts} attempts"),
                Some(fate) => panic!("{id}, which is {fate:?}, is dead after {attempts} attempts: {entry:?}"),
            }
            dead.insert(id);
        }
        let is_dead = |number: u64| matches!(fate(number), Fate::Refused | Fate::FailsAlways);
        let expected: BTreeSet<_> =
            added.iter().filter(|(_, number)| is_dead(**number)).map(|(id, _)| id.clone()).collect();
        assert!(!expected.is_empty());
        assert_eq!(dead, expected, "the dead letters");
        let known = |entry: &&zato::redis::StreamEntry| {
            entry.field("x-zato-entry-id").is_some_and(|id| added.contains_key(&*String::from_utf8_lossy(id)))
        };
        entries.iter().filter(known).count() - dead.len()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_consumers_are_killed_and_their_server_is() {
    let test = "redis::consumers::nothing_is_lost_when_consumers_are_killed_and_their_server_is";
    if let Some(told) = Part::told() {
        return consume(&told).await;
    }
    let Some(server) = Server::own(test).await else { return };
    let mut run = Run::of(test, &format!("url: '{}'", server.url())).await;
    let breaking = async |consumers: &mut [Consumer], _: &RwLock<()>| {
        for round in 0..4 {
            for consumer in &mut *consumers {
                sleep(Duration::from_millis(400)).await;
                consumer.kill();
            }
            if round % 2 == 0 {
                server.cut().await;
            } else {
                server.server().kill().await;
                server.server().start().await;
            }
        }
    };
    let added = run.while_it_breaks(breaking).await;
    assert_eq!(run.check(test, &added).await, 0, "what comes again says so");
    assert_eq!(run.check_dead_letters(&added).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_consumers_are_suspended() {
    let test = "redis::consumers::nothing_is_lost_when_consumers_are_suspended";
    if let Some(told) = Part::told() {
        return consume(&told).await;
    }
    let Some(server) = Server::own(test).await else { return };
    let mut run = Run::of(test, &format!("url: '{}'", server.url())).await;
    let breaking = async |consumers: &mut [Consumer], _: &RwLock<()>| {
        for consumer in consumers {
            consumer.part.suspend();
            // Until the other has claimed what it had in work.
            sleep(Duration::from_millis(2_200)).await;
            consumer.part.go_on();
            sleep(Duration::from_millis(300)).await;
        }
    };
    let added = run.while_it_breaks(breaking).await;
    // Whoever is suspended between the answer of the server and the first word of its service can't know of it.
    let unmarked = run.check(test, &added).await;
    assert!(unmarked <= 2 * PLACES, "{unmarked} came again and did not say so");
    assert_eq!(run.check_dead_letters(&added).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_have_claimed_is_not_served_by_whoever_was_suspended() {
    let test = "redis::consumers::what_others_have_claimed_is_not_served_by_whoever_was_suspended";
    if let Some(told) = Part::told() {
        return consume(&told).await;
    }
    let Some(server) = Server::own(test).await else { return };
    let Some(ledger) = Server::own(test).await else { return };
    let (_app, redis) = started(&format!("    url: {}\n", server.url())).await;
    let part = Part::start(test, &format!("one\n{}\nurl: '{}'", ledger.url(), server.url()));
    let entries = redis.stream("entries");
    let group = entries.group("ledger");
    // Each of them is delivered to whoever is suspended, and claimed by another, who has served one of them.
    for is_served in [false, true] {
        let deliver = async || {
            server.info("blocked_clients").await.filter(|count| count == "1")?;
            part.suspend();
            let id = entries.add(&1).await.expect("it is there");
            let pending = group.pending("-", 10).await.expect("it is there");
            if pending.iter().any(|entry| entry.id == id && entry.consumer == "one") {
                return Some(id);
            }
            // It was suspended while it did not wait, and gets the entry as soon as it goes on.
            part.go_on();
            let is_settled = async || {
                let is_seen = ledger.command(&["LRANGE", "seen", "0", "-1"]).await.contains(&format!("{id} "));
                (is_seen && group.pending("-", 1).await.is_ok_and(|pending| pending.is_empty())).then_some(())
            };
            until("it is served", is_settled).await;
            None
        };
        let id = until("an entry delivered to whoever is suspended", deliver).await;
        let claim = async || {
            let claimed = group.claim_idle("other", Duration::from_millis(1_000), "0-0", 10).await.ok()?;
            (!claimed.entries.is_empty()).then_some(())
        };
        until("it is claimed", claim).await;
        if is_served {
            group.ack(&[&id]).await.expect("it is there");
        }
        part.go_on();
        let next = entries.add(&2).await.expect("it is there");
        let is_next =
            async || ledger.command(&["LRANGE", "seen", "-1", "-1"]).await.eq(&format!("{next} 1")).then_some(());
        until("the next is served", is_next).await;
        let seen = ledger.command(&["LRANGE", "seen", "0", "-1"]).await;
        assert!(!seen.contains(&format!("{id} ")), "{id} is another's: {seen}");
        group.ack(&[&id]).await.expect("it is there");
    }
}

/// What a server has told of that is killed is on its replica soon after; what it has not told of may be lost.
async fn kill_replicated(server: &Server, gate: &RwLock<()>) {
    let _closed = gate.write().await;
    sleep(Duration::from_millis(100)).await;
    server.server().kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_a_replica_takes_over() {
    let test = "redis::consumers::nothing_is_lost_when_a_replica_takes_over";
    if let Some(told) = Part::told() {
        return consume(&told).await;
    }
    let Some(primary) = Server::own(test).await else { return };
    let replica = primary.replica(test).await;
    let sentinel = Sentinel::watching(&primary, 1, test).await;
    let keys = format!("sentinels: '{}', sentinel_master: {}", sentinel.address(), Sentinel::MAIN);
    let mut run = Run::of(test, &keys).await;
    let redis = run.redis.clone();
    let breaking = async |consumers: &mut [Consumer], gate: &RwLock<()>| {
        kill_replicated(&primary, gate).await;
        until("the replica taking over", async || replica.info("role").await.filter(|role| role == "master")).await;
        until("it is written again", async || redis.set("key", &1).await.ok()).await;
        for consumer in consumers {
            sleep(Duration::from_millis(700)).await;
            consumer.kill();
        }
    };
    let added = run.while_it_breaks(breaking).await;
    // A replica may not have heard of the last deliveries.
    let unmarked = run.check(test, &added).await;
    assert!(unmarked <= 2 * PLACES, "{unmarked} came again and did not say so");
    run.check_dead_letters(&added).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_a_member_of_a_cluster_is() {
    let test = "redis::consumers::nothing_is_lost_when_a_member_of_a_cluster_is";
    if let Some(told) = Part::told() {
        return consume(&told).await;
    }
    let Some((cluster, replica)) = Cluster::replicated(test).await else { return };
    let [first, _, last] = cluster.members() else { panic!("there are three") };
    // That the stream is the last one's.
    let keys = format!("cluster: '{}', key_prefix: '{{foo}}:'", first.address());
    let mut run = Run::of(test, &keys).await;
    let redis = run.redis.clone();
    let breaking = async |consumers: &mut [Consumer], gate: &RwLock<()>| {
        kill_replicated(last, gate).await;
        until("the replica taking over", async || replica.info("role").await.filter(|role| role == "master")).await;
        until("it is written again", async || redis.set("key", &1).await.ok()).await;
        for consumer in consumers {
            sleep(Duration::from_millis(700)).await;
            consumer.kill();
        }
    };
    let added = run.while_it_breaks(breaking).await;
    let unmarked = run.check(test, &added).await;
    assert!(unmarked <= 2 * PLACES, "{unmarked} came again and did not say so");
    run.check_dead_letters(&added).await;
}
