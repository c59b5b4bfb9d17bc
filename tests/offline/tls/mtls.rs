//! Channels that want a client certificate.

use std::sync::Arc;

use zato::{
    http::Request,
    message::{ClientCertificate, Fingerprint},
    rest::{Body, http_service},
    services, testing,
    tower::ServiceExt,
};

use super::{
    certificates::Authority,
    clients::{Client, caller, files, started},
};
use crate::support::{Answer, assert_answer, cid};

const CHANNELS: &str = "
security:
  - {name: Anybody, type: mtls}
  - {name: Partner, type: mtls, username: partner-1, client_cert_common_name: partner}
  - {name: By subject, type: mtls, client_cert_subject_dn: ['CN=other', 'CN=partner, O=Bank']}
  - {name: By name, type: mtls, client_cert_san: 'DNS:partner.example'}
  - {name: Nobody, type: mtls, is_active: false}
  - {name: Key, type: apikey, password: not-a-secret}
channel_rest:
  - {name: anybody, url_path: /anybody, service: caller, security: Anybody}
  - {name: partner, url_path: /partner, service: caller, security: Partner}
  - {name: subject, url_path: /subject, service: caller, security: By subject}
  - {name: name, url_path: /name, service: caller, security: By name}
  - {name: nobody, url_path: /nobody, service: caller, security: Nobody}
  - {name: key, url_path: /key, service: caller, security: Key}
  - {name: open, url_path: /open, service: caller}
";

fn said(number: u64, text: &str) -> Answer {
    Answer::new(200, &cid(number), "text/plain", text).on_the_wire()
}

fn refused(number: u64) -> Answer {
    let problem = Answer::problem(401, &cid(number), "credentials are missing or wrong").on_the_wire();
    problem.header("www-authenticate", "ClientCertificate")
}

#[tokio::test]
async fn a_channel_lets_those_in_whose_certificate_its_definition_names() {
    let authority = Authority::new("authority");
    let logs = testing::capture_logs();
    let tls = ", client_ca: clients.pem, client_certificates: optional";
    let app = started(&files(&authority, tls, CHANNELS)).await;

    let mut partner = Client::with(&authority, &authority.client("partner")).wire(&app).await;
    for (number, (path, username)) in (1..).zip([
        ("/anybody", "Anybody"),
        ("/partner", "partner-1"),
        ("/subject", "By subject"),
        ("/name", "By name"),
        ("/open", "nobody"),
    ]) {
        let expected = said(number, &format!("{username}; CN=partner,O=Bank; 127.0.0.1"));
        assert_answer(partner.get(path).await, &expected);
    }
    assert_answer(partner.get("/nobody").await, &refused(6));

    let mut other = Client::with(&authority, &authority.client("other")).wire(&app).await;
    assert_answer(other.get("/anybody").await, &said(7, "Anybody; CN=other,O=Bank; 127.0.0.1"));
    for (number, path) in (8..).zip(["/partner", "/subject", "/name"]) {
        assert_answer(other.get(path).await, &refused(number));
    }

    let mut without = Client::new(&authority).wire(&app).await;
    for (number, path) in (11..).zip(["/anybody", "/partner"]) {
        assert_answer(without.get(path).await, &refused(number));
    }
    assert_answer(without.get("/open").await, &said(13, "nobody; no certificate; 127.0.0.1"));

    let told = |number: u64, field: &str| {
        let of_request = |event: &testing::CapturedEvent| event.fields.get("zato.cid") == Some(&cid(number));
        let events = logs.events();
        let event = events.iter().find(|event| event.message == "caller refused" && of_request(event));
        event.expect("a refusal is told").fields.get(field).cloned()
    };
    assert_eq!(told(11, "reason").as_deref(), Some("no client certificate"));
    assert_eq!(told(8, "reason").as_deref(), Some("the client certificate is none that the definition names"));
    assert_eq!(told(8, "certificate.subject").as_deref(), Some("CN=other,O=Bank"));
    assert_eq!(told(8, "certificate.fingerprint").map(|digits| digits.len()), Some(64));
}

#[tokio::test]
async fn a_server_around_us_hands_the_certificate_over() {
    let app = testing::app("tls").services(services![caller]).config_yaml(CHANNELS).start().await.unwrap();
    let certificate =
        ClientCertificate::new("CN=partner,O=Bank", Fingerprint::new([7; 32])).with_common_name("partner");
    let mut request = Request::get("/partner").body(Body::default()).unwrap();
    request.extensions_mut().insert(Arc::new(certificate));
    let Ok(response) = http_service(&app).oneshot(request).await;
    assert_eq!(response.status(), 200);
    assert_eq!(testing::client(&app).get("/partner").await.status, 401);
}
