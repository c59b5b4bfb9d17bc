//! Real long-term interest rates, out of a complex XML feed, for three clients: one wants JSON, one simple XML, one SOAP.
//!
//! ```text
//! cargo run --example treasury_rates --features outgoing,soap
//! curl -X POST localhost:17010/rates/update
//! curl 'localhost:17010/rates/json?from=2013-01-03'
//! curl 'localhost:17010/rates/xml?from=2013-01-03'
//! curl 'localhost:17010/rates/soap?wsdl'
//! ```
//!
//! There is one service, `rates.get`, which knows of none of them; `zato.yaml` says which channel speaks what. `cargo test
//! --example treasury_rates --features full` tests it without a network.

pub(crate) mod feed;

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use zato::{
    Context, Decimal, Error, Result,
    chrono::{DateTime, NaiveDate, NaiveDateTime, Utc},
    config::{Environment, ProcessEnvironment},
    model,
    rest::Rest,
    service, services,
    tracing::info,
};

use self::feed::Treasury;

/// The feed: an entry for each day, with what matters deep inside of it.
#[model(xml(name = "feed", namespace = "http://www.w3.org/2005/Atom"))]
struct Feed {
    #[serde(default)]
    entry: Vec<Entry>,
}

#[model]
struct Entry {
    content: Content,
}

/// What is in an entry, in an element of another namespace.
#[model]
struct Content {
    #[model(xml(namespace = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"))]
    properties: Properties,
}

/// What is said of a day, in elements of yet another one.
#[model(xml(namespace = "http://schemas.microsoft.com/ado/2007/08/dataservices"))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Properties {
    quote_date: NaiveDateTime,
    rate: Decimal,
}

/// For which days; for all of them unless said otherwise.
#[model(custom(GetRates::is_a_period))]
#[derive(Debug, Default)]
pub struct GetRates {
    /// The first day.
    pub from: Option<NaiveDate>,
    /// The last day.
    pub until: Option<NaiveDate>,
}

impl GetRates {
    fn is_a_period(&self) -> Result<(), &'static str> {
        match (self.from, self.until) {
            (Some(from), Some(until)) if from > until => Err("\"until\" has to be on or after \"from\""),
            _ => Ok(()),
        }
    }

    fn includes(&self, day: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }
}

/// Real rates: long-term ones, with inflation taken out.
#[model]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RealRates {
    /// When they were fetched.
    pub updated: Option<DateTime<Utc>>,
    /// One for each day, the oldest first.
    #[model(xml(item = "rate"))]
    pub rates: Vec<Rate>,
}

/// The rate of a day.
#[model]
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// The day.
    pub date: NaiveDate,
    /// The rate, in percent a year.
    pub percent: Decimal,
}

/// How many rates there are.
#[model]
#[derive(Debug, PartialEq)]
pub struct Updated {
    /// That many.
    pub count: usize,
}

/// What was fetched last.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<RealRates>>);

impl Memory {
    fn read(&self) -> RealRates {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, rates: RealRates) -> RealRates {
        mem::replace(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), rates)
    }
}

/// Fetches the feed, and keeps what clients want of it.
#[service(name = "rates.update")]
pub async fn update(ctx: &Context, #[out("US Treasury")] treasury: Rest, #[state] memory: Memory) -> Result<Updated> {
    let feed: Feed = treasury.get(ctx).await?.error_for_status()?.model()?;
    let properties = feed.entry.into_iter().map(|entry| entry.content.properties);
    let mut rates: Vec<_> = properties.map(|day| Rate { date: day.quote_date.date(), percent: day.rate }).collect();
    rates.sort_by_key(|rate| rate.date);

    let count = rates.len();
    let before = memory.replace(RealRates { updated: Some(ctx.now()), rates });
    info!(count, before = before.rates.len(), "rates updated");
    Ok(Updated { count })
}

/// Returns the real long-term rates of a period.
#[service(name = "rates.get")]
pub async fn get_rates(input: GetRates, #[state] memory: Memory) -> Result<RealRates> {
    let mut found = memory.read();
    if found.updated.is_none() {
        return Err(Error::unavailable("no rates were fetched yet"));
    }
    found.rates.retain(|rate| input.includes(rate.date));
    Ok(found)
}

#[tokio::main]
async fn main() -> Result<()> {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/treasury_rates/zato.yaml");
    let environment = WithTreasury { treasury: Treasury::start().await?, bind: None };
    let app = zato::app("treasury-rates").services(services![update, get_rates]).state(Memory::default());
    app.config_file(config).environment(environment).run().await
}

/// The environment of the process, and in it where the feed is.
pub(crate) struct WithTreasury {
    pub(crate) treasury: Treasury,
    /// Where to listen, if the environment does not say it.
    pub(crate) bind: Option<&'static str>,
}

impl Environment for WithTreasury {
    fn var(&self, name: &str) -> Option<String> {
        let ours = match name {
            "TREASURY_ADDRESS" => Some(self.treasury.address.clone()),
            "ZATO_BIND" => self.bind.map(str::to_owned),
            _ => None,
        };
        ProcessEnvironment.var(name).or(ours)
    }
}

#[cfg(test)]
mod tests;
