//! What goes wrong, as SOAP tells it.

use std::time::Duration;

use zato::{Error, Result, http::Method, model, service, services, soap::Version, testing};

use super::{RATE, code, envelope, fault_11, fault_12, post, started};
use crate::support::assert_answer;

#[tokio::test]
async fn every_fault_of_an_input_is_told_with_its_xpath() {
    let (_app, client) = started(RATE).await;
    let body = "<GetRate><amounts>1</amounts><amounts>x</amounts><factor>300</factor></GetRate>";
    let reply = client.soap("/rate", "", body).await;
    let faults = "<zato:fault path=\"/GetRate/amounts[2]\" value=\"x\">expected an integer from 0 to 4294967295, which the text is not</zato:fault>\
                  <zato:fault path=\"/GetRate/factor\" value=\"300\">expected an integer from 0 to 255, which the text is not</zato:fault>\
                  <zato:fault path=\"/GetRate/day\">missing</zato:fault>";
    assert_answer(reply, &fault_11(500, 1, "Client", "the input can't be used", faults));
    let reply = post(&client, "/rate", Version::V12, envelope(Version::V12, "", body)).await;
    assert_answer(reply, &fault_12(400, 2, "", &code("Sender"), "the input can't be used", faults));
}

#[tokio::test]
async fn constraints_are_told_with_the_faults_of_types() {
    /// What is transferred.
    #[model]
    struct Transfer {
        amounts: Vec<Amount>,
        #[model(secret, length(equal = 4))]
        pin: String,
        copies: u8,
    }

    #[model]
    struct Amount {
        #[model(xml(attribute), pattern("^[A-Z]{3}$"))]
        currency: String,
        #[model(xml(text), range(min = 1))]
        amount: i64,
    }

    #[service(name = "transfer")]
    async fn transfer(input: Transfer) -> Result<Transfer> {
        Ok(input)
    }

    let yaml = "channel_soap: [{name: transfer, url_path: /transfer, service: transfer}]";
    let app = testing::app("transfers").services(services![transfer]).config_yaml(yaml).start().await;
    let app = app.expect("the app starts");
    let client = testing::client(&app);
    let body = "<Transfer><amounts currency='EUR'>5</amounts><amounts currency='&lt;'>0</amounts><pin>123</pin>\
                <copies>many</copies></Transfer>";
    let faults = "<zato:fault path=\"/Transfer/copies\" value=\"many\">expected an integer from 0 to 255, which the text is not</zato:fault>\
                  <zato:fault path=\"/Transfer/amounts[2]/@currency\" value=\"&lt;\">expected a text that matches ^[A-Z]{3}$</zato:fault>\
                  <zato:fault path=\"/Transfer/amounts[2]/text()\" value=\"0\">expected at least 1</zato:fault>\
                  <zato:fault path=\"/Transfer/pin\">expected 4 characters, got 3</zato:fault>";
    assert_answer(
        client.soap("/transfer", "", body).await,
        &fault_11(500, 1, "Client", "the input can't be used", faults),
    );
}

#[tokio::test]
async fn an_error_of_the_service_is_told_by_its_kind_and_nothing_of_the_inside() {
    let (_app, client) = started(RATE).await;
    let ask = |day: &str| format!("<GetRate><day>{day}</day></GetRate>");
    let reply = client.soap("/rate", "", &ask("never")).await;
    assert_answer(reply, &fault_11(404, 1, "Client", "there is no such day", ""));
    let reply = client.soap("/rate", "", &ask("broken")).await;
    assert_answer(reply, &fault_11(500, 2, "Server", "an error has occurred", ""));
    let reply = post(&client, "/rate", Version::V12, envelope(Version::V12, "", &ask("broken"))).await;
    assert_answer(reply, &fault_12(500, 3, "", &code("Receiver"), "an error has occurred", ""));
}

#[tokio::test]
async fn every_refusal_of_the_edge_is_a_fault() {
    let yaml = "
security: [{name: login, type: basic_auth, username: u, password: not-a-secret}]
channel_soap:
  - {name: small, url_path: /small, service: rate.get, max_body_size: 100}
  - {name: shut, url_path: /shut, service: rate.get, security: login}
";
    let (_app, client) = started(yaml).await;
    let large = envelope(Version::V12, "", &"<a/>".repeat(100));
    let reply = post(&client, "/small", Version::V12, large).await;
    let refused = |status, number, reason: &str| fault_12(status, number, "", &code("Sender"), reason, "");
    assert_answer(reply, &refused(413, 1, "the body is larger than 100 bytes"));

    let reply = post(&client, "/shut", Version::V12, envelope(Version::V12, "", "<a/>")).await;
    let challenge = "Basic realm=\"zato\", charset=\"UTF-8\"";
    let expected = refused(401, 2, "credentials are missing or wrong").header("www-authenticate", challenge);
    assert_answer(reply, &expected);

    let reply = client.send(Method::POST, "/small", &[("content-type", "application/json")], "{}").await;
    let reason = "the body has to be a SOAP envelope, of the type text/xml or application/soap+xml";
    assert_answer(reply, &fault_11(415, 3, "Client", reason, ""));

    let reply = client.get("/small").await;
    let expected = fault_11(405, 4, "Client", "the method is not allowed here", "");
    assert_answer(reply, &expected.header("allow", "POST, OPTIONS"));

    let reply = client.soap("/small/", "", "<a/>").await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (404, "application/problem+json"));
}

#[tokio::test]
async fn what_is_limited_is_told_as_a_fault_with_when_to_come_back() {
    let yaml = "
server: {rate_limiting: [{time_range: [{limit: 2, limit_unit: hour}]}]}
channel_soap: [{name: rate, url_path: /rate, service: rate.get}]
";
    let (_app, client) = started(yaml).await;
    let mut last = None;
    for _ in 0..3 {
        last = Some(client.soap("/rate", "", "<GetRate><day>Monday</day></GetRate>").await);
    }
    let last = last.expect("three requests were sent");
    assert_eq!(last.status, 429, "{}", last.text());
    assert!(last.headers.contains_key("retry-after"));
    assert!(last.text().contains("<faultcode>soap:Client</faultcode><faultstring>too many requests</faultstring>"));
}

/// Takes longer than it may.
#[service(name = "slow")]
async fn slow() -> Result<()> {
    tokio::time::sleep(Duration::from_secs(3600)).await;
    Ok(())
}

#[service(name = "panics")]
async fn panics() -> Result<()> {
    Err(Error::internal("never")).map_err(|_: Error| panic!("secret"))
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_and_what_panics_is_a_fault_of_ours() -> Result<()> {
    let _logs = testing::capture_logs();
    let yaml = "
channel_soap:
  - {name: slow, url_path: /slow, service: slow, timeout: 1s}
  - {name: panics, url_path: /panics, service: panics}
";
    let app = testing::app("soap").services(services![slow, panics]).config_yaml(yaml).start().await?;
    let client = testing::client(&app);
    let reply = client.soap("/slow", "", "<a/>").await;
    assert_answer(reply, &fault_11(504, 1, "Server", "the request took too long", ""));
    let reply = client.soap("/panics", "", "<a/>").await;
    assert_answer(reply, &fault_11(500, 2, "Server", "an error has occurred", ""));
    Ok(())
}
