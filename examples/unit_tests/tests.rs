//! The four ways, from the smallest to the whole: take the smallest that shows what you want to know.

use std::time::Duration;

use zato::{
    Error, Kind, Result, Running, UserConfig,
    http::{Method, StatusCode},
    loopback::Loopback,
    services,
    testing::{self, SequentialIds, TestClock, TestContext},
};

use super::{GetQuote, Quote, get_quote};

fn ten_euros() -> Result<GetQuote> {
    Ok(GetQuote { currency: "EUR".to_owned(), amount: "10.00".parse()? })
}

/// 1. A service is a function: call it with fakes, and look at what it returns.
#[tokio::test]
async fn a_quote_is_the_amount_times_the_rate() -> Result<()> {
    let rates = Loopback::fake(|asked| {
        assert_eq!(asked, "EUR");
        Ok("1.25".into())
    });
    let quote = get_quote(&testing::context(), ten_euros()?, rates, UserConfig::absent("pricing")).await?;
    assert_eq!(quote.price, "12.5000".parse()?);
    assert_eq!(quote.customer, None);
    Ok(())
}

#[tokio::test]
async fn no_quote_without_a_rate() -> Result<()> {
    let rates = Loopback::fake(|_| Err(Error::unavailable("closed on Sundays")));
    let refused = get_quote(&testing::context(), ten_euros()?, rates, UserConfig::absent("pricing")).await;
    assert_eq!(refused.unwrap_err().kind(), Kind::Unavailable);
    Ok(())
}

/// 2. What comes with the request, and what time it is: a context made by hand.
#[tokio::test]
async fn a_quote_holds_as_long_as_the_configuration_says() -> Result<()> {
    let clock = TestClock::at("2026-01-31T12:00:00Z");
    let ctx =
        TestContext::new().caller("Partner key", "partner").ambient(clock.clone(), SequentialIds::default()).build();
    let pricing = UserConfig::from_yaml("valid_for_seconds: 30")?;
    let rates = Loopback::fake(|_| Ok("2".into()));

    let first = get_quote(&ctx, ten_euros()?, rates.clone(), pricing.clone()).await?;
    clock.advance(Duration::from_secs(60));
    let second = get_quote(&ctx, ten_euros()?, rates, pricing).await?;

    assert_eq!(first.valid_until.to_rfc3339(), "2026-01-31T12:00:30+00:00");
    assert_eq!(second.valid_until - first.valid_until, zato::chrono::TimeDelta::minutes(1));
    assert_eq!(first.customer.as_deref(), Some("partner"));
    Ok(())
}

/// What the app of the tests below is configured with.
const YAML: &str = r#"
security:
  - {name: Partner key, type: apikey, username: partner, password: not-a-secret}
channel_rest:
  - {name: quote, url_path: /api/v1/quote, service: quote.get, method: POST, security: Partner key}
"#;

const BODY: &str = r#"{"currency":"EUR","amount":"10.00"}"#;

/// Starts the service in an app of the test's own, where a fake answers in place of the connection.
async fn app() -> Result<Running> {
    let rates = Loopback::fake(|_| Ok("1.25".into()));
    testing::app("unit_tests").services(services![get_quote]).config_yaml(YAML).fake("Rates", &rates).start().await
}

/// 3. Everything between bytes and bytes: an app in the test's own process, with configuration, channels and layers.
#[tokio::test]
async fn a_partner_gets_a_quote_over_rest() -> Result<()> {
    let app = app().await?;
    let client = testing::client(&app);
    let key = [("X-API-Key", "not-a-secret")];

    let reply = client.send(Method::POST, "/api/v1/quote", &key, BODY).await;
    let quote = r#"{"price":"12.5000","valid_until":"2026-01-01T00:01:00Z","customer":"partner"}"#;
    assert_eq!((reply.status, reply.text()), (StatusCode::OK, quote));

    let reply = client.send(Method::POST, "/api/v1/quote", &key, r#"{"amount":"ten"}"#).await;
    assert_eq!((reply.status, reply.header("content-type")), (StatusCode::BAD_REQUEST, "application/problem+json"));
    let problem = reply.json();
    assert_eq!(
        (&problem["errors"][0]["path"], &problem["errors"][1]["path"]),
        (&"/amount".into(), &"/currency".into())
    );

    let reply = client.post("/api/v1/quote", BODY).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    Ok(())
}

/// A test that is not about channels calls the service in the app, typed.
#[tokio::test]
async fn a_quote_without_a_channel() -> Result<()> {
    let quote: Quote = app().await?.invoke::<get_quote>(ten_euros()?).await?;
    assert_eq!(quote.price, "12.5000".parse()?);
    Ok(())
}

/// 4. What an operator will see: captured log lines, under ids that are the same in every run.
#[tokio::test]
async fn a_quote_is_logged_under_its_correlation_id() -> Result<()> {
    let logs = testing::capture_logs();
    let app = app().await?;
    let key = [("X-API-Key", "not-a-secret")];
    let reply = testing::client(&app).send(Method::POST, "/api/v1/quote", &key, BODY).await;

    let cid = "000000000000000000000001";
    assert_eq!(reply.header("x-zato-cid"), cid);
    let events = logs.events();
    let quoted = events.iter().find(|event| event.message == "quoted").expect("the service logs what it quoted");
    assert_eq!((quoted.fields["rate"].as_str(), quoted.span["zato.cid"].as_str()), ("1.25", cid));
    assert!(!logs.text().contains("not-a-secret"));
    Ok(())
}
