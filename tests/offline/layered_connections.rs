//! Connections that stand over other connections: what they are handed, and when they are made anew.

use std::sync::Arc;

use serde::Deserialize;
use zato::{
    __private::schemars::JsonSchema,
    Result, Running,
    config::{ConfigFaults, SectionName},
    connection::{ConnectionConfig, Connector, Handle, Offer, Setup, Slot, State},
    loopback::{Loopback, LoopbackConnector},
    testing,
};

/// An interface that a connection may offer.
struct Doubling(Loopback);

/// An entry of `outgoing_base`, which offers to double what it is sent.
#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "zato::__private::schemars")]
struct Base {
    name: String,
    #[serde(default = "yes")]
    is_active: bool,
    #[serde(default)]
    doubles: bool,
}

fn yes() -> bool {
    true
}

impl ConnectionConfig for Base {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_active(&self) -> bool {
        self.is_active
    }
}

const BASE: SectionName = SectionName { name: "outgoing_base", aliases: &[] };

struct BaseConnector;

impl Connector for BaseConnector {
    const SECTION: SectionName = BASE;
    type Config = Base;
    type Prepared = bool;
    type Client = bool;

    fn prepare(setup: Setup<'_, Base>) -> Result<bool, ConfigFaults> {
        Ok(setup.config.doubles)
    }

    async fn connect(doubles: &bool) -> Result<bool> {
        Ok(*doubles)
    }

    async fn ping(_: &bool) -> Result<()> {
        Ok(())
    }

    fn offer(_: &Arc<Slot<Self>>, offer: &mut Offer<'_>) {
        offer.with(|| {
            Doubling(Loopback::fake(|sent| {
                let twice = [&sent[..], &sent[..]].concat();
                Ok(twice.into())
            }))
        });
    }
}

#[derive(Clone, Debug)]
struct BaseHandle(Arc<Slot<BaseConnector>>);

impl Handle for BaseHandle {
    type Connector = BaseConnector;

    fn from_slot(slot: Arc<Slot<BaseConnector>>) -> Self {
        Self(slot)
    }

    fn slot(&self) -> &Arc<Slot<BaseConnector>> {
        &self.0
    }
}

/// An entry of `outgoing_upper`, over one of `outgoing_base`.
#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "zato::__private::schemars")]
struct Upper {
    name: String,
    connection: String,
}

impl ConnectionConfig for Upper {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_active(&self) -> bool {
        true
    }

    fn over(&self) -> Option<(&'static str, &str)> {
        Some((BASE.name, &self.connection))
    }
}

struct UpperConnector;

struct Joined {
    base: BaseHandle,
    doubling: Doubling,
}

impl Connector for UpperConnector {
    const SECTION: SectionName = SectionName { name: "outgoing_upper", aliases: &[] };
    type Config = Upper;
    type Prepared = Arc<Joined>;
    type Client = Arc<Joined>;

    fn prepare(setup: Setup<'_, Upper>) -> Result<Arc<Joined>, ConfigFaults> {
        let (name, place) = (&setup.config.connection, &setup.node.origin);
        let base = setup.definitions.handle(name, place)?;
        let doubling = setup.definitions.offered("doubling", BASE.name, name, place)?;
        if setup.definitions.offered::<u16>("a port", BASE.name, name, place).is_ok() {
            return Err(setup.fault("connection", "nobody offered that").into());
        }
        Ok(Arc::new(Joined { base, doubling }))
    }

    async fn connect(joined: &Arc<Joined>) -> Result<Arc<Joined>> {
        Ok(Arc::clone(joined))
    }

    async fn ping(_: &Arc<Joined>) -> Result<()> {
        Ok(())
    }
}

#[derive(Clone, Debug)]
struct UpperHandle(Arc<Slot<UpperConnector>>);

impl Handle for UpperHandle {
    type Connector = UpperConnector;

    fn from_slot(slot: Arc<Slot<UpperConnector>>) -> Self {
        Self(slot)
    }

    fn slot(&self) -> &Arc<Slot<UpperConnector>> {
        &self.0
    }
}

fn app() -> zato::App {
    testing::app("layered").connector::<BaseConnector>().connector::<UpperConnector>()
}

fn config(base: &str) -> String {
    format!("outgoing_base: [{{name: base, {base}}}]\noutgoing_upper: [{{name: upper, connection: base}}]")
}

fn slot(app: &Running) -> Arc<Slot<UpperConnector>> {
    Arc::clone(app.out::<UpperHandle>("upper").expect("it is configured").slot())
}

#[tokio::test]
async fn a_connection_is_handed_what_it_stands_over_and_made_anew_with_it() {
    let app = app().real_connections().config_yaml(config("doubles: true")).start().await.expect("the app starts");
    let before = slot(&app);
    let joined = before.until_up().await;
    assert!(*joined.base.slot().until_up().await, "the handle leads to the connection below");
    assert_eq!(joined.doubling.0.call("ab").await.expect("it answers"), "abab");

    let unchanged = format!("{}\noutgoing_loopback: [{{name: Other}}]", config("doubles: true"));
    app.apply_yaml(unchanged).await.expect("it is applied");
    assert!(Arc::ptr_eq(&before, &slot(&app)), "nothing about it has changed");

    app.apply_yaml(config("doubles: false")).await.expect("it is applied");
    let after = slot(&app);
    assert!(!Arc::ptr_eq(&before, &after), "what it stands over has changed");
    assert!(!*after.until_up().await.base.slot().until_up().await);

    app.apply_yaml(config("is_active: false")).await.expect("it is applied");
    assert_eq!(*slot(&app).state(), State::Inactive);
    app.stop().await;
}

#[tokio::test]
async fn what_is_missing_or_not_offered_is_refused_where_it_is_written() {
    let yaml = "outgoing_base: [{name: base}]\noutgoing_upper: [{name: upper, connection: bass}]";
    let refusal = app().config_yaml(yaml).start().await.expect_err("there is no bass").to_string();
    assert!(refusal.contains("no outgoing_base named \"bass\"; did you mean \"base\"?"), "{refusal}");
}

#[tokio::test]
async fn over_a_fake_it_is_made_also_in_an_app_of_the_test_kit() {
    let unfaked = app().config_yaml(config("doubles: true")).start().await.expect("the app starts");
    assert_eq!(*slot(&unfaked).state(), State::Unfaked);

    let fake = BaseHandle(Slot::up("base", true));
    let faked = app().fake("base", &fake).config_yaml(config("doubles: false")).start().await.expect("the app starts");
    let joined = slot(&faked).until_up().await;
    assert!(*joined.base.slot().until_up().await, "it stands over the fake");
}

#[test]
fn the_loopback_offers_nothing() {
    let mut asked = None::<Doubling>;
    let slot = Arc::clone(Loopback::fake(Ok).slot());
    LoopbackConnector::offer(&slot, &mut Offer::asking(&mut asked));
    assert!(asked.is_none());
}
