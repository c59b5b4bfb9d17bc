//! Which channel a request is for.

use zato::{http::Method, soap::Version, testing};

use super::{answered, envelope, fault_11, post, refused, started};
use crate::support::{Answer, assert_answer, cid};

const SEVERAL: &str = "
channel_soap:
  - {name: by-action, url_path: /all, service: seen, soap_action: 'urn:a', operation: One}
  - {name: by-element, url_path: /all, service: seen, operation: Two}
  - {name: of-namespace, url_path: /all, service: seen, operation: Two, namespace: 'urn:n', soap_action: 'urn:n:two'}
  - {name: derived, url_path: /all, service: rate.ping}
  - {name: off, url_path: /all, service: seen, operation: Two, is_active: false}
channel_rest:
  - {name: rest, url_path: /all, service: rate.ping, method: GET}
";

/// What the service `seen` answers.
fn by(number: u64, channel: &str, operation: &str, namespace: &str) -> Answer {
    let body = format!(
        "<{operation}Response{namespace}><channel>{channel}</channel><operation>{operation}</operation></{operation}Response>"
    );
    answered(200, number, Version::V11, "", &body)
}

#[tokio::test]
async fn the_action_decides_and_without_it_the_element_of_the_body() {
    let (_app, client) = started(SEVERAL).await;
    assert_answer(client.soap("/all", "urn:a", "<One/>").await, &by(1, "by-action", "One", ""));
    assert_answer(client.soap("/all", "", "<One/>").await, &by(2, "by-action", "One", ""));
    assert_answer(client.soap("/all", "urn:unknown", "<Two/>").await, &by(3, "by-element", "Two", ""));
    let named = "<n:Two xmlns:n=\"urn:n\"/>";
    assert_answer(client.soap("/all", "urn:n:two", named).await, &by(4, "of-namespace", "Two", " xmlns=\"urn:n\""));
    let body = "<RatePingResponse/>";
    assert_answer(client.soap("/all", "", "<RatePing/>").await, &answered(200, 5, Version::V11, "", body));
    assert_answer(client.get("/all").await, &Answer::empty(204, &cid(6)));
}

#[tokio::test]
async fn case_73_an_action_may_be_quoted_and_in_1_2_it_is_a_parameter() {
    let yaml = "
channel_soap:
  - {name: a, url_path: /all, service: seen, soap_action: 'urn:a', operation: One}
  - {name: b, url_path: /all, service: seen, soap_action: 'urn:b', operation: One}
";
    let (_app, client) = started(yaml).await;
    for (number, (action, channel)) in
        (1..).zip([("urn:b", "b"), ("\"urn:b\"", "b"), ("\"urn:b", "a"), ("urn:b\"", "a")])
    {
        let headers = [("content-type", "text/xml"), ("soapaction", action)];
        let reply = client.send(Method::POST, "/all", &headers, envelope(Version::V11, "", "<One/>")).await;
        assert_answer(reply, &by(number, channel, "One", ""));
    }
    let headers = [("content-type", "application/soap+xml; action=\"urn:b\"; charset=utf-8")];
    let reply = client.send(Method::POST, "/all", &headers, envelope(Version::V12, "", "<One/>")).await;
    assert!(reply.text().contains("<channel>b</channel>"), "{}", reply.text());
}

#[tokio::test]
async fn an_unknown_operation_is_told_what_there_is() {
    let (_app, client) = started(SEVERAL).await;
    let reason = "no such operation here; there is One with the action &quot;urn:a&quot;, Two, {urn:n}Two, RatePing";
    assert_answer(client.soap("/all", "", "<Three/>").await, &fault_11(500, 1, "Client", reason, ""));
    // Who asks for one and sends another has made a mistake as well.
    assert_answer(client.soap("/all", "urn:a", "<Two/>").await, &fault_11(500, 2, "Client", reason, ""));
    assert_answer(
        client.send(Method::DELETE, "/all", &[], "").await,
        &fault_11(405, 3, "Client", "the method is not allowed here", "").header("allow", "GET, HEAD, POST, OPTIONS"),
    );
}

#[tokio::test]
async fn channels_that_can_not_be_told_apart_are_refused() {
    let two = |more: &str, other: &str| {
        format!(
            "security: [{{name: k, type: apikey, password: not-a-secret}}]\nchannel_soap:\n  - {{name: a, url_path: /s, service: seen{more}}}\n  - {{name: b, url_path: /s, service: seen{other}}}\n"
        )
    };
    let with = "the SOAP channels \"b\" and \"a\" (at configuration:3:5) both answer /s";
    for (more, other, said) in [
        ("", "", "for the operation \"Seen\"; give each an \"operation\" or a \"soap_action\" of its own"),
        (", soap_action: x", ", soap_action: x", "for the same soap_action and operation; change one of them"),
        (
            ", operation: A",
            ", operation: B, security: k",
            "for callers of different security definitions; give each a \"soap_action\" of its own, which tells before the body whom to let in",
        ),
    ] {
        let told = refused(&two(more, other)).await;
        assert!(told.contains(&format!("configuration:4:5: {with} {said}")), "{told}");
    }
    let clash = "
channel_rest: [{name: r, url_path: /s, service: rate.ping, method: POST}]
channel_soap: [{name: s, url_path: /s, service: seen}]";
    let told = refused(clash).await;
    let said = "the channel \"r\" and the SOAP channel \"s\" (at configuration:3:16) both answer POST /s";
    assert!(told.contains(&format!("configuration:2:16: {said}")), "{told}");
    let told = refused("channel_rest: [{name: r, url_path: /s, service: seen, data_format: soap}]").await;
    assert!(told.contains("has data_format soap, which channels of \"channel_soap\" speak"), "{told}");
}

#[tokio::test]
async fn whom_to_let_in_is_known_before_the_body() {
    let yaml = "
security: [{name: k, type: apikey, password: not-a-secret}]
channel_soap:
  - {name: open, url_path: /s, service: seen, soap_action: open, operation: One}
  - {name: shut, url_path: /s, service: seen, soap_action: shut, operation: Two, security: k}
";
    let (_app, client) = started(yaml).await;
    assert_answer(client.soap("/s", "open", "<One/>").await, &by(1, "open", "One", ""));
    let refused = fault_11(401, 2, "Client", "credentials are missing or wrong", "");
    assert_answer(
        client.soap("/s", "shut", "<Two/>").await,
        &refused.header("www-authenticate", "ApiKey header=\"x-api-key\""),
    );
    let reason =
        "no such operation here; there is One with the action &quot;open&quot;, Two with the action &quot;shut&quot;";
    assert_answer(client.soap("/s", "", "<Two/>").await, &fault_11(500, 3, "Client", reason, ""));
    // The action that lets in is no way to somewhere else.
    assert_answer(client.soap("/s", "open", "<Two/>").await, &fault_11(500, 4, "Client", reason, ""));
}

#[tokio::test]
async fn numbers_belong_to_the_channel_that_answered() {
    let (app, client) = started(SEVERAL).await;
    post(&client, "/all", Version::V11, envelope(Version::V11, "", "<Two/>")).await;
    let reply = testing::admin(&app).get("/metrics").await;
    let metrics = reply.text();
    let counted = |channel: &str| {
        metrics.contains(&format!(
        "http_server_request_duration_seconds_count{{http_request_method=\"POST\",http_response_status_code=\"200\",http_route=\"/all\",zato_channel=\"{channel}\"}} 1"
    ))
    };
    assert!(counted("by-element") && !counted("by-action"), "{metrics}");
}
