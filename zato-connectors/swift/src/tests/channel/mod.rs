//! Containers that are polled for services: on a Swift in the test's own process and, where one is, on a real one.

mod after;
mod config;
mod dead;
mod held;
mod kills;
mod late;
mod polling;
mod processes;
mod serving;

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use http::{HeaderValue, Method, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::Notify,
    time::{Duration, Instant, sleep},
};
use zato_core::{
    Error, Result,
    app::{App, Running},
    channel::Delivery,
    service::{Binder, Context, Definition, Raw, Service, TakeDelivery},
};

use super::kit::{Kit, fake};
use crate::{Listed, Received, SwiftChannels, SwiftConnector, name, transport::Body, wire::Call};

/// What services were called with, in order.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn add(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    pub(super) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// Lets a service go on.
#[derive(Clone, Default)]
pub(super) struct Gate(pub(super) Arc<Notify>);

/// Takes whatever it is given, piece by piece, and does what that says.
struct Anything {
    seen: Seen,
    gate: Gate,
}

impl Service for Anything {
    type Input = Raw;
    type Output = ();

    fn definition() -> Definition {
        Definition::of::<Self>("anything").state::<Seen>().state::<Gate>()
    }

    fn bind(binder: &Binder<'_>) -> Result<Self> {
        Ok(Self { seen: binder.state()?, gate: binder.state()? })
    }

    async fn call(&self, ctx: &Context, input: Raw) -> Result<()> {
        let received = Received::of(ctx).unwrap();
        let body = String::from_utf8_lossy(&input.bytes().await?).into_owned();
        let shown = if body.len() > 40 { format!("{} bytes", body.len()) } else { body.clone() };
        self.seen.add(format!("{} {} {shown}", received.name(), received.attempt()));
        match body.split(' ').next().unwrap_or_default() {
            "bad" => Err(Error::invalid_input("nobody can use this")),
            "broken" => Err(Error::unavailable("the ledger is closed")),
            "once" if received.attempt() == 1 => Err(Error::unavailable("the ledger is closed")),
            "panic" => panic!("as it says"),
            "wait" => {
                self.gate.0.notified().await;
                self.seen.add("ended");
                if body.ends_with("broken") { Err(Error::unavailable("the ledger is closed")) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }
}

/// What was ordered.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Invoice {
    id: u64,
}

impl zato_core::model::Model for Invoice {
    const NAME: &'static str = "Invoice";
    fn __made_by_the_macro() {}
}

/// Takes a model.
struct Take {
    seen: Seen,
}

impl Service for Take {
    type Input = Invoice;
    type Output = ();

    fn definition() -> Definition {
        Definition::of::<Self>("invoice.take").state::<Seen>()
    }

    fn bind(binder: &Binder<'_>) -> Result<Self> {
        Ok(Self { seen: binder.state()? })
    }

    async fn call(&self, ctx: &Context, input: Invoice) -> Result<()> {
        let (received, mut line) = (Received::of(ctx).unwrap(), String::new());
        let header = |name: &str| ctx.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("none");
        write!(line, "{} {} {}", input.id, received.container(), header("x-object-meta-by")).unwrap();
        write!(line, " {} {}", ctx.cid(), ctx.trace().is_some()).unwrap();
        self.seen.add(line);
        Ok(())
    }
}

/// Settles its objects itself.
struct ByHand {
    seen: Seen,
}

impl Service for ByHand {
    type Input = Raw;
    type Output = ();

    fn definition() -> Definition {
        Definition::of::<Self>("by.hand").state::<Seen>().delivery::<Delivery>()
    }

    fn bind(binder: &Binder<'_>) -> Result<Self> {
        Ok(Self { seen: binder.state()? })
    }

    async fn call(&self, ctx: &Context, input: Raw) -> Result<()> {
        let delivery = Delivery::take(ctx)?;
        let body = String::from_utf8_lossy(&input.bytes().await?).into_owned();
        let attempt = Received::of(ctx).unwrap().attempt();
        self.seen.add(format!("{body} {attempt}"));
        match (body.as_str(), attempt) {
            ("dead", _) => delivery.dead_letter("nobody knows").await,
            ("again", 1) => delivery.requeue_after(Duration::from_secs(2)).await,
            ("dropped", 1) => Ok(()),
            _ => delivery.ack().await,
        }
    }
}

/// A program with the channel.
pub(super) struct Program {
    pub(super) app: Running,
    pub(super) seen: Seen,
    pub(super) gate: Gate,
    _kit: Kit,
}

impl Program {
    /// Starts another process over the same account, with what it has seen so far.
    pub(super) async fn start(kit: &Kit, seen: &Seen, yaml: &str) -> Self {
        Self::start_with(kit, seen, yaml, "starting_backoff: 100ms").await
    }

    /// The same with keys of the connection.
    pub(super) async fn start_with(kit: &Kit, seen: &Seen, yaml: &str, keys: &str) -> Self {
        let (kit, gate) = (kit.another(keys).await, Gate::default());
        let app = app(&kit, seen, &gate).config_yaml(yaml).start().await.unwrap();
        Self { app, seen: seen.clone(), gate, _kit: kit }
    }

    /// Waits until so much was seen, and then a while for more that is not to come.
    pub(super) async fn settled(&self, count: usize) -> Vec<String> {
        until("it is served", || self.seen.len() >= count).await;
        sleep(Duration::from_millis(700)).await;
        self.seen.all()
    }
}

pub(super) fn app(kit: &Kit, seen: &Seen, gate: &Gate) -> App {
    App::new("bank")
        .service::<Anything>()
        .service::<Take>()
        .service::<ByHand>()
        .state(seen.clone())
        .state(gate.clone())
        .connector::<SwiftConnector>()
        .channel(SwiftChannels::of_app("bank"))
        .fake("Store", &kit.swift)
}

/// A channel over a container of the test's own, with further keys.
pub(super) fn channel(kit: &Kit, more: &str) -> String {
    let service = if more.contains("service:") { "" } else { "service: anything, " };
    let containers =
        if more.contains("container") { String::new() } else { format!("containers: {}, ", kit.name("in")) };
    let paces = if more.contains("retry_delay:") { "" } else { "retry_delay: 0, " };
    let keys = format!("name: invoices, connection: Store, {containers}{service}{paces}{more}");
    format!("channel_swift: [{{{keys}, data_format: json, interval: 100ms, lease: 5s, state: {}}}]", kit.name("state"))
}

pub(super) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it takes too long until {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

impl Kit {
    /// Puts an object into the container that is polled.
    pub(super) async fn put(&self, name: &str, body: impl Into<String>) {
        self.swift.object(&self.name("in"), name).put(body.into()).await.unwrap();
    }

    /// Lists what is remembered: names and content types.
    pub(super) async fn remembered(&self) -> Vec<(String, String)> {
        let prefix = format!("invoices/served/{}/", self.name("in"));
        let state = self.name("state");
        let listed = self.swift.container(&state).objects().prefix(prefix.as_str()).collect().await.unwrap();
        let entries = listed.into_iter().map(|listed| match listed {
            Listed::Object(entry) => {
                let (name, _version) = entry.name.strip_prefix(&prefix).unwrap().split_once('\t').unwrap();
                (name.to_owned(), entry.content_type)
            }
            Listed::Prefix { .. } => unreachable!(),
        });
        entries.collect()
    }

    /// Has somebody else say what became of all versions that are remembered.
    pub(super) async fn mark(&self, content_type: &'static str) {
        for mark in self.names("state").await.into_iter().filter(|name| name.contains("/served/")) {
            // A name such as no caller may choose.
            let call = Call::of_path(Method::PUT, &name::path(&self.name("state"), Some(&mark)), None);
            let call = call.header(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            self.swift.call(call.body(Body::Bytes("".into()))).await.unwrap().done().await;
        }
    }

    /// Has somebody else take the lease of the container, for so long.
    pub(super) async fn take_lease(&self, life: Duration) {
        let (state, lease) = (self.name("state"), format!("invoices/lease/{}", self.name("in")));
        self.swift.object(&state, &lease).put("somebody else").expires_in(life).await.unwrap();
    }

    /// Waits until these objects are remembered, and no others.
    pub(super) async fn until_remembered(&self, names: &[&str]) {
        let begun = Instant::now();
        loop {
            let found: Vec<_> = self.remembered().await.into_iter().map(|(name, _)| name).collect();
            if found == names {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{}: {found:?} are remembered", self.place);
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Lists a container of the test.
    pub(super) async fn names(&self, container: &str) -> Vec<String> {
        let name = self.name(container);
        let Ok(listed) = self.swift.container(&name).objects().collect().await else { return Vec::new() };
        let names = listed.into_iter().map(|listed| match listed {
            Listed::Object(entry) => entry.name,
            Listed::Prefix { prefix } => prefix,
        });
        names.collect()
    }

    /// Waits until something is so of the server.
    pub(super) async fn until_names(&self, container: &str, names: &[&str]) {
        let begun = Instant::now();
        loop {
            let found = self.names(container).await;
            if found == names {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{}: {found:?} in {container}", self.place);
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// One in this process, with the container that is polled.
pub(super) async fn memory() -> Kit {
    let kit = fake("").await;
    kit.container("in").await;
    kit
}

pub(super) const SERVED: &str = "application/x-zato-served";
