//! The services without a network, and all three clients without a socket.

use std::collections::BTreeMap;

use zato::{
    Kind, Result,
    http::Method,
    services,
    testing::{self, PartnerReply, RestFake},
};

use super::{GetRates, Memory, Rate, RealRates, Updated, feed::FEED, get_rates, update};

fn treasury() -> RestFake {
    let treasury = RestFake::with_config("name: US Treasury\nurl_path: /feed/real-long-term-rates");
    let feed = PartnerReply::text(FEED).header("content-type", "application/atom+xml");
    treasury.expect().get("/feed/real-long-term-rates").reply(feed);
    treasury
}

async fn updated() -> Result<Memory> {
    let memory = Memory::default();
    let updated = update(&testing::context(), treasury().rest(), memory.clone()).await?;
    assert_eq!(updated, Updated { count: 5 });
    Ok(memory)
}

#[tokio::test]
async fn rates_are_of_the_days_asked_for() -> Result<()> {
    let memory = updated().await?;
    let all = get_rates(GetRates::default(), memory.clone()).await?;
    assert_eq!(all.rates.len(), 5);

    let day = "2013-01-03".parse().ok();
    let found = get_rates(GetRates { from: day, until: day }, memory).await?;
    let rate = Rate { date: day.unwrap_or_default(), percent: "0.41".parse()? };
    assert_eq!(found, RealRates { updated: all.updated, rates: vec![rate] });
    Ok(())
}

#[tokio::test]
async fn nothing_is_there_before_it_was_fetched() {
    let error = get_rates(GetRates::default(), Memory::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Unavailable, "no rates were fetched yet"));
}

#[tokio::test]
async fn what_is_no_feed_changes_nothing() -> Result<()> {
    let memory = updated().await?;
    let treasury = RestFake::new();
    let reply = PartnerReply::text("<html><p>down</html>").header("content-type", "application/xml");
    treasury.expect().reply(reply);
    let error = update(&testing::context(), treasury.rest(), memory.clone()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Upstream);
    assert_eq!(get_rates(GetRates::default(), memory).await?.rates.len(), 5);
    Ok(())
}

#[tokio::test]
async fn three_clients_are_told_the_same() -> Result<()> {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/treasury_rates/zato.yaml");
    let app = testing::app("treasury-rates").services(services![update, get_rates]).state(Memory::default());
    let treasury = treasury();
    let nowhere = BTreeMap::from([("TREASURY_ADDRESS".to_owned(), "http://127.0.0.1:1".to_owned())]);
    let app = app.fake("US Treasury", &treasury.rest()).config_file(config).environment(nowhere).start().await?;
    let client = testing::client(&app);
    assert_eq!(client.post("/rates/update", "").await.text(), r#"{"count":5}"#);

    let json = client.get("/rates/json?from=2013-01-08").await;
    assert_eq!(json.json()["rates"], serde_json::json!([{"date": "2013-01-08", "percent": "0.40"}]));

    let xml = client.get("/rates/xml?from=2013-01-08").await;
    assert!(xml.text().contains("<date>2013-01-08</date>"), "{}", xml.text());

    let envelope = r#"<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body>
        <GetRates xmlns="urn:example:treasury-rates"><from>2013-01-08</from></GetRates></e:Body></e:Envelope>"#;
    let headers = [("content-type", "application/soap+xml; charset=utf-8")];
    let soap = client.send(Method::POST, "/rates/soap", &headers, envelope).await;
    assert!(soap.text().contains("<percent>0.40</percent>"), "{}", soap.text());
    Ok(())
}
