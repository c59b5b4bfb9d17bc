//! Containers that are polled for services, as programs see it: on a Swift in the test's own process.

mod failing;
mod running;
mod serving;
mod shown;

use std::sync::{Arc, Mutex};

use tokio::{
    sync::Notify,
    time::{Duration, Instant, sleep},
};
use zato::{
    Context, Delivery, Error, Raw, Result, Running, model, service, services,
    swift::{Received, Swift, memory::SwiftServer},
    testing,
    testing::FakeSwift,
};

/// An invoice.
#[model]
#[derive(PartialEq)]
struct Invoice {
    /// Which.
    id: u64,
    /// Whose.
    customer: String,
}

/// What services were called with, in order.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn add(&self, what: impl Into<String>) {
        self.0.lock().expect("nobody panics with it").push(what.into());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics with it").clone()
    }

    fn len(&self) -> usize {
        self.all().len()
    }
}

/// Lets a service go on.
#[derive(Clone, Default)]
struct Gate(Arc<Notify>);

/// Takes an invoice.
#[service(name = "invoice.take")]
async fn take(ctx: &Context, input: Invoice, #[state] seen: Seen) -> Result<()> {
    let attempt = Received::of(ctx).map_or(0, Received::attempt);
    seen.add(format!("{} of {} {attempt}", input.id, input.customer));
    match input.id {
        0 => Err(Error::invalid_input("no invoice has the number 0")),
        13 => panic!("13"),
        14 => {
            sleep(Duration::from_secs(3600)).await;
            Ok(())
        }
        15 => Err(Error::unavailable("the ledger is closed")),
        16 if attempt < 3 => Err(Error::unavailable("the ledger is closed")),
        _ => Ok(()),
    }
}

/// Takes whatever it is given, and says what Swift says of it.
#[service(name = "anything")]
async fn anything(ctx: &Context, input: Raw, #[state] seen: Seen) -> Result<()> {
    let received = Received::of(ctx).ok_or_else(|| Error::internal("no object"))?;
    let header =
        |name: &str| ctx.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("none").to_owned();
    seen.add(format!(
        "{:?} {} {} {} {} {:?} {} {}",
        input.bytes().await?.as_ref(),
        ctx.cid(),
        received.container(),
        received.name(),
        received.bytes(),
        received.content_type(),
        header("x-object-meta-tenant"),
        header("x-zato-object"),
    ));
    Ok(())
}

/// Settles its objects itself.
#[service(name = "by.hand")]
async fn by_hand(ctx: &Context, input: Raw, #[delivery] delivery: Delivery, #[state] seen: Seen) -> Result<()> {
    let body = String::from_utf8_lossy(&input.bytes().await?).into_owned();
    let attempt = Received::of(ctx).map_or(0, Received::attempt);
    seen.add(format!("{body} {attempt}"));
    match (body.as_str(), attempt) {
        ("dead", _) => delivery.dead_letter("nobody knows").await,
        ("again", 1) => delivery.requeue_after(Duration::from_secs(30)).await,
        ("dropped", 1) => Ok(()),
        _ => delivery.ack().await,
    }
}

/// Waits until it may go on.
#[service(name = "slow")]
async fn slow(ctx: &Context, input: Raw, #[state] seen: Seen, #[state] gate: Gate) -> Result<()> {
    let attempt = Received::of(ctx).map_or(0, Received::attempt);
    seen.add(format!("begun {} {attempt}", String::from_utf8_lossy(&input.bytes().await?)));
    gate.0.notified().await;
    seen.add("ended");
    Ok(())
}

/// Does not wait.
#[service(name = "fast")]
async fn fast(ctx: &Context, input: Raw, #[state] seen: Seen) -> Result<()> {
    let (name, attempt) = Received::of(ctx).map_or(("", 0), |received| (received.name(), received.attempt()));
    let body = String::from_utf8_lossy(&input.bytes().await?).into_owned();
    seen.add(format!("{name} {body} {attempt}"));
    Ok(())
}

struct Kit {
    fake: FakeSwift,
    swift: Swift,
    seen: Seen,
    gate: Gate,
    /// Those of programs, which end with them.
    of_programs: Mutex<Vec<FakeSwift>>,
}

impl Kit {
    /// A server with the container that is polled.
    async fn new() -> Self {
        let kit = Self::over(SwiftServer::new()).await;
        kit.swift.container("CRM").create().await.expect("it is made");
        kit
    }

    /// Whoever else there is, over the same server.
    async fn over(server: SwiftServer) -> Self {
        let fake = FakeSwift::of(server, "").await;
        let of_programs = Mutex::default();
        Self { swift: fake.swift(), fake, seen: Seen::default(), gate: Gate::default(), of_programs }
    }

    /// Starts a program.
    async fn started(&self, yaml: &str) -> Running {
        let keys = "starting_backoff: 100ms\nmax_backoff: 1s";
        let fake = FakeSwift::of(self.fake.server().clone(), keys).await;
        let app = testing::app("bank")
            .services(services![take, anything, by_hand, slow, fast])
            .state(self.seen.clone())
            .state(self.gate.clone())
            .fake("Invoices", &fake.swift());
        self.of_programs.lock().expect("nobody panics with it").push(fake);
        app.config_yaml(yaml).start().await.expect("the app starts")
    }

    async fn put(&self, name: &str, body: impl Into<String>) {
        self.swift.object("CRM", name).put(body.into()).await.expect("it is stored");
    }

    fn names(&self, container: &str) -> Vec<String> {
        self.fake.server().objects(container)
    }

    /// Waits until so much was seen, and then for more that is not to come.
    async fn settled(&self, count: usize) -> Vec<String> {
        until("it is served", || self.seen.len() >= count).await;
        sleep(Duration::from_secs(30)).await;
        self.seen.all()
    }

    /// Waits for a dead letter; returns why it is one, metadata by name.
    async fn dead(&self, name: &str, words: [&str; 4]) -> [String; 4] {
        until("it is put to the dead letters", || self.names("CRM_dead").iter().any(|dead| dead == name)).await;
        let dead = self.swift.object("CRM_dead", name).head().await.expect("it is there");
        words.map(|word| dead.metadata.get(word).unwrap_or("none").to_owned())
    }
}

/// A channel over the container, with further keys.
fn channel(more: &str) -> String {
    let containers = if more.contains("containers:") { "" } else { "containers: CRM, " };
    format!("channel_swift: [{{name: invoices, connection: Invoices, {containers}interval: 1s, {more}}}]")
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(4000), "it takes too long until {what}");
        sleep(Duration::from_millis(10)).await;
    }
}
