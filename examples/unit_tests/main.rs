//! A service tested four ways: as a function, with a context made by hand, in an app, and by what it logs.
//!
//! ```text
//! cargo test --example unit_tests
//! ```
//!
//! None of the tests opens a socket. The program itself runs as well:
//!
//! ```text
//! cargo run --example unit_tests
//! curl localhost:17010/api/v1/quote -d '{"currency":"EUR","amount":"10.00"}'
//! ```

use std::time::Duration;

use zato::{
    Context, Decimal, Error, Kind, Result, UserConfig,
    chrono::{DateTime, Utc},
    loopback::Loopback,
    model, service, services,
    tracing::info,
};

/// What is to be bought.
#[model]
#[derive(Debug)]
pub struct GetQuote {
    /// The currency's ISO 4217 code.
    pub currency: String,
    /// How much of it.
    pub amount: Decimal,
}

/// What it costs, and for how long.
#[model]
#[derive(Debug, PartialEq)]
pub struct Quote {
    /// The price of all of it.
    pub price: Decimal,
    /// Until when the price holds.
    pub valid_until: DateTime<Utc>,
    /// Whom the price is for; left out for callers that we don't know.
    pub customer: Option<String>,
}

/// Returns what an amount of a foreign currency costs now.
#[service(name = "quote.get")]
pub async fn get_quote(
    ctx: &Context,
    input: GetQuote,
    #[out("Rates")] rates: Loopback,
    #[config("pricing")] pricing: UserConfig,
) -> Result<Quote> {
    let refused = pricing.strings("not_traded").any(|currency| currency == input.currency);
    if refused {
        return Err(Error::new(Kind::Forbidden, format!("{} is not traded here", input.currency)));
    }
    let rate = rates.call(input.currency.clone()).await?;
    let rate: Decimal = String::from_utf8(rate.to_vec())?.parse()?;
    let seconds = pricing.read("valid_for_seconds")?.unwrap_or(60);
    info!(currency = input.currency, %rate, "quoted");
    Ok(Quote {
        price: input.amount * rate,
        valid_until: ctx.now() + Duration::from_secs(seconds),
        customer: ctx.caller().map(|caller| caller.username.clone()),
    })
}

#[tokio::main]
async fn main() -> Result<()> {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/unit_tests/zato.yaml");
    zato::app("unit_tests").services(services![get_quote]).config_file(config).run().await
}

#[cfg(test)]
mod tests;
