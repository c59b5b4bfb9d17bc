//! A ledger of every entry of a stream, while its server is killed and its consumers go: what is confirmed is served, and what
//! comes twice says so.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use zato::{
    Context, Error, Result, Running, Value,
    redis::{Received, Redis},
    service, services,
};

use super::{app, started};
use crate::lent::{Redis as Server, until};

const ENTRIES: usize = 1_500;

/// The attempts of each entry by its id, as services have seen them.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<BTreeMap<String, Vec<u32>>>>);

impl Ledger {
    fn served(&self) -> usize {
        self.0.lock().expect("nobody panics with it").len()
    }
}

/// Notes an entry; some fail at first.
#[service(name = "ledger.note")]
async fn note(ctx: &Context, input: Value, #[state] ledger: Ledger) -> Result<()> {
    let received = Received::of(ctx).ok_or_else(|| Error::internal("no entry of a stream"))?;
    tokio::time::sleep(Duration::from_millis(4)).await;
    let mut all = ledger.0.lock().expect("nobody panics with it");
    all.entry(received.id().to_owned()).or_default().push(received.attempt());
    if input.as_u64().is_some_and(|number| number % 50 == 0) && received.attempt() == 1 {
        return Err(Error::unavailable("not at the first time"));
    }
    Ok(())
}

async fn consumer(server: &Server, ledger: &Ledger) -> Running {
    let url = server.url();
    let yaml = format!(
        "server: {{bind: '127.0.0.1:0', shutdown_timeout: 2s}}
outgoing_redis: [{{name: main, url: '{url}', timeout: 2s, ping_interval: 500ms}}]
channel_redis:
  - {{name: entries, connection: main, stream: entries, group: ledger, service: ledger.note, pool_size: 8, block: 500ms,
      claim_after: 2s, retry_delay: 200ms, max_attempts: 100}}"
    );
    let app = app("ledger").services(services![note]).state(ledger.clone());
    app.config_yaml(yaml).start().await.expect("it starts")
}

/// Adds an entry until that is confirmed, and returns its id.
async fn add(redis: &Redis, number: usize) -> String {
    loop {
        match redis.stream("entries").add(&number).await {
            Ok(id) => return id,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_entry_of_a_stream_is_served_whoever_goes_meanwhile() {
    let Some(server) = Server::own("every_entry_of_a_stream_is_served_whoever_goes_meanwhile").await else { return };
    let ledger = Ledger::default();
    let (_app, redis) =
        started(&format!("    url: {}\n    timeout: 2s\n    ping_interval: 500ms\n", server.url())).await;
    let mut consumers = vec![consumer(&server, &ledger).await, consumer(&server, &ledger).await];
    let adding = async {
        let mut ids = Vec::new();
        for number in 0..ENTRIES {
            ids.push(add(&redis, number).await);
        }
        ids
    };
    let breaking = async {
        for round in 0..6 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            match round % 3 {
                0 => {
                    server.server().kill().await;
                    server.server().start().await;
                }
                1 => {
                    server.cut().await;
                }
                // Without a stop: what it has in work is left.
                _ => drop(consumers.remove(0)),
            }
            if consumers.len() < 2 {
                consumers.push(consumer(&server, &ledger).await);
            }
        }
    };
    let (ids, ()) = tokio::join!(adding, breaking);
    until("every entry served", async || (ledger.served() >= ids.len()).then_some(())).await;
    let group = redis.stream("entries").group("ledger");
    let settled = async || group.pending("-", 1).await.is_ok_and(|pending| pending.is_empty()).then_some(());
    until("every entry acknowledged", settled).await;
    let ledger = ledger.0.lock().expect("nobody panics with it");
    let lost: Vec<_> = ids.iter().filter(|id| !ledger.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), ids.len());
    let unmarked = ledger.values().filter(|attempts| attempts.iter().filter(|attempt| **attempt == 1).count() > 1);
    assert_eq!(unmarked.count(), 0, "what comes twice says so");
    let repeated = ledger.values().filter(|attempts| attempts.len() > 1).count();
    assert!(repeated >= ENTRIES / 50, "{repeated}");
}
