//! What comes in an envelope and goes out in one.

use zato::{http::Method, soap::Version};

use super::{ASKED, RATE, answered, code, envelope, fault_11, fault_12, post, started};
use crate::support::{Answer, assert_answer, cid};

const RESPONSE: &str = "<GetRateResponse xmlns=\"urn:r\"><day>Monday</day><rate>0.5</rate><amounts>1</amounts>\
                        <amounts>2</amounts></GetRateResponse>";

#[tokio::test]
async fn a_request_is_answered_in_its_own_version() {
    let (_app, client) = started(RATE).await;
    for (number, version) in [(1, Version::V11), (2, Version::V12)] {
        let reply = post(&client, "/rate", version, envelope(version, "", ASKED)).await;
        assert_answer(reply, &answered(200, number, version, "", RESPONSE));
    }
    // What curl says without being asked is no reason to refuse an envelope.
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let reply = client.send(Method::POST, "/rate", &form, envelope(Version::V12, "", ASKED)).await;
    assert_answer(reply, &answered(200, 3, Version::V12, "", RESPONSE));
    let reply = client.soap("/rate", "urn:any", ASKED).await;
    assert_answer(reply, &answered(200, 4, Version::V11, "", RESPONSE));
}

#[tokio::test]
async fn parameters_lie_over_the_body() {
    let yaml = "channel_soap: [{name: rate, url_path: '/rate/{day}', service: rate.get}]";
    let (_app, client) = started(yaml).await;
    let reply = client.soap("/rate/Sunday?factor=4", "", "<g:Ask xmlns:g=\"urn:g\"><day>Monday</day></g:Ask>").await;
    assert_answer(
        reply,
        &answered(
            200,
            1,
            Version::V11,
            "",
            "<AskResponse xmlns=\"urn:g\"><day>Sunday</day><rate>2</rate></AskResponse>",
        ),
    );
}

#[tokio::test]
async fn who_has_nothing_to_say_answers_with_an_empty_element() {
    let yaml = "channel_soap: [{name: ping, url_path: /ping, service: rate.ping, namespace: 'urn:p&\"'}]";
    let (_app, client) = started(yaml).await;
    let reply = client.soap("/ping", "", "<Ping xmlns=\"urn:p&amp;&quot;\"/>").await;
    let body = "<PingResponse xmlns=\"urn:p&amp;&quot;\"/>";
    assert_answer(reply, &answered(200, 1, Version::V11, "", body));
}

#[tokio::test]
async fn a_list_is_items_whether_it_comes_at_once_or_row_by_row() {
    let yaml = "
channel_soap:
  - {name: list, url_path: /list, service: rate.list}
  - {name: rows, url_path: /rows, service: rate.rows}
";
    let (_app, client) = started(yaml).await;
    let item = |day: &str| format!("<item><day>{day}</day><rate>0.5</rate></item>");
    let body = format!("<AllResponse xmlns=\"urn:r\">{}{}</AllResponse>", item("Monday"), item("Tuesday"));
    let sent = envelope(Version::V12, "", "<All xmlns=\"urn:r\"/>");
    let reply = post(&client, "/list", Version::V12, sent.clone()).await;
    assert_answer(reply, &answered(200, 1, Version::V12, "", &body));
    // A stream may be long enough to be compressed, which nobody knows before.
    let reply = post(&client, "/rows", Version::V12, sent).await;
    assert_answer(reply, &answered(200, 2, Version::V12, "", &body).header("vary", "accept-encoding"));
}

#[tokio::test]
async fn who_takes_raw_takes_the_envelope_as_it_came() {
    let (_app, client) = started("channel_soap: [{name: e, url_path: /e, service: echo}]").await;
    let sent = envelope(Version::V11, "", "<a>1</a>");
    let reply = post(&client, "/e", Version::V11, sent.clone()).await;
    assert_answer(reply, &Answer::new(200, &cid(1), "application/xml", &sent));
}

#[tokio::test]
async fn the_charset_of_the_type_counts_and_so_does_a_declaration() {
    let (_app, client) = started("channel_soap: [{name: s, url_path: /s, service: seen}]").await;
    let text = envelope(Version::V11, "<t:H xmlns:t=\"urn:t\">\u{e9}</t:H>", "<a/>");
    let latin: Vec<u8> = text.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect();
    let headers = [("content-type", "text/xml; charset=iso-8859-1")];
    let reply = client.send(Method::POST, "/s", &headers, latin.clone()).await;
    assert!(reply.text().contains("<headers>H=\u{e9}</headers>"), "{}", reply.text());
    let declared = [b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>".as_slice(), &latin].concat();
    let reply = post(&client, "/s", Version::V11, declared).await;
    assert!(reply.body.contains("<headers>H=\u{e9}</headers>"), "{reply}");
}

#[tokio::test]
async fn what_is_no_envelope_is_a_fault_of_its_sender() {
    let (_app, client) = started(RATE).await;
    let ns = Version::V11.namespace();
    let around = |inside: &str| format!("<s:Envelope xmlns:s=\"{ns}\">{inside}</s:Envelope>");
    let cases = [
        (String::new(), "the request has no body, and so no SOAP envelope"),
        ("<a/>".to_owned(), "the document is no SOAP envelope"),
        (around(""), "a SOAP envelope has a Body, after at most one Header"),
        (around("<s:Body><a/></s:Body><s:Header/>"), "a SOAP envelope ends with its Body"),
        (around("<s:Header/><s:Header/><s:Body><a/></s:Body>"), "a SOAP envelope has a Body, after at most one Header"),
        (around("<s:Body/>"), "the SOAP Body has no operation in it"),
        (around("<s:Body><a/><b/></s:Body>"), "the SOAP Body has several elements, and not one operation"),
        (format!("<?x y?>{}", around("<s:Body><a/></s:Body>")), "a SOAP envelope has no processing instructions"),
    ];
    for (number, (sent, reason)) in (1..).zip(cases) {
        let reply = post(&client, "/rate", Version::V11, sent).await;
        assert_answer(reply, &fault_11(500, number, "Client", reason, ""));
    }
}

#[tokio::test]
async fn bombs_are_refused_for_what_they_are() {
    let (_app, client) = started(RATE).await;
    let dtd = "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;&b;\">]>";
    let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    let wide: String = (0..50_000).map(|number| format!(" a{number}=\"\"")).collect();
    for bomb in [
        format!("{dtd}{}", envelope(Version::V12, "", "<a>&c;</a>")),
        envelope(Version::V12, "", &deep),
        envelope(Version::V12, "", &format!("<a{wide}/>")),
        envelope(Version::V12, &deep, ASKED),
        envelope(Version::V12, "", ASKED).replace("</s:Envelope>", ""),
    ] {
        let reply = post(&client, "/rate", Version::V12, bomb).await;
        assert_eq!(reply.status, 400, "{reply}");
        assert!(reply.body.contains("<soap:Value>soap:Sender</soap:Value>"), "{reply}");
        assert!(reply.body.contains("malformed XML: "), "{reply}");
    }
}

#[tokio::test]
async fn the_version_of_the_envelope_is_that_of_its_type() {
    let (_app, client) = started(
        "
channel_soap:
  - {name: both, url_path: /rate, service: rate.get}
  - {name: new, url_path: /new, service: rate.get, soap_version: '1.2'}
",
    )
    .await;
    let upgrade = |versions: &[Version]| {
        let supported = |version: &Version| {
            format!("<soap:SupportedEnvelope xmlns:v=\"{}\" qname=\"v:Envelope\"/>", version.namespace())
        };
        let supported: String = versions.iter().map(supported).collect();
        format!("<soap:Header><soap:Upgrade>{supported}</soap:Upgrade></soap:Header>")
    };
    let both = upgrade(&[Version::V12, Version::V11]);
    let reply = post(&client, "/rate", Version::V12, envelope(Version::V11, "", ASKED)).await;
    let reason = "the request is of the type application/soap+xml, and its envelope of SOAP 1.1";
    assert_answer(reply, &fault_12(500, 1, &both, &code("VersionMismatch"), reason, ""));

    let mismatch_11 = |number, reason: &str| {
        let body = format!(
            "<soap:Fault><faultcode>soap:VersionMismatch</faultcode><faultstring>{reason}</faultstring></soap:Fault>"
        );
        answered(500, number, Version::V11, "", &body)
    };
    let reply = post(&client, "/rate", Version::V11, envelope(Version::V12, "", ASKED)).await;
    assert_answer(reply, &mismatch_11(2, "the request is of the type text/xml, and its envelope of SOAP 1.2"));

    let other = envelope(Version::V12, "", ASKED).replace("2003/05", "2001/12");
    let reply = post(&client, "/rate", Version::V12, other).await;
    let reason = "the SOAP envelope is of no version that is known: its namespace is \
                  http://schemas.xmlsoap.org/soap/envelope/ or http://www.w3.org/2003/05/soap-envelope";
    assert_answer(reply, &fault_12(500, 3, &both, &code("VersionMismatch"), reason, ""));

    let reply = post(&client, "/new", Version::V11, envelope(Version::V11, "", ASKED)).await;
    assert_answer(reply, &mismatch_11(4, "SOAP 1.2 is spoken here"));
}

#[tokio::test]
async fn an_encoding_that_is_not_plain_is_refused_where_the_version_has_a_word_for_that() {
    let (_app, client) = started(RATE).await;
    let encoded = |version: Version| {
        let body = ASKED.replace("<GetRate", "<GetRate s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"");
        envelope(version, "", &body)
    };
    let reply = post(&client, "/rate", Version::V11, encoded(Version::V11)).await;
    assert_eq!(reply.status, 200, "{reply}");
    let reply = post(&client, "/rate", Version::V12, encoded(Version::V12)).await;
    let reason = "the body is encoded by rules that are not known here";
    assert_answer(reply, &fault_12(500, 2, "", &code("DataEncodingUnknown"), reason, ""));
}
