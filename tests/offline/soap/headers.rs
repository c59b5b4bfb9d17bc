//! What stands in the header of an envelope.

use zato::soap::Version;

use super::{answered, code, envelope, fault_12, post, started};
use crate::support::assert_answer;

const SEEN: &str = "
channel_soap:
  - {name: s, url_path: /s, service: seen, understood_headers: ['urn:known', '{urn:one}Known']}
";

#[tokio::test]
async fn what_must_be_understood_and_is_not_is_refused_by_name() {
    let (_app, client) = started(SEEN).await;
    let header = "<a:A xmlns:a=\"urn:a\" s:mustUnderstand=\"1\"/><b:B xmlns:b=\"urn:b\" s:mustUnderstand=\"0\"/>\
                  <k:K xmlns:k=\"urn:known\" s:mustUnderstand=\"1\"/><o:Known xmlns:o=\"urn:one\" s:mustUnderstand=\"1\"/>\
                  <o:Other xmlns:o=\"urn:one\" s:mustUnderstand=\"1\"/>";
    let reason = "the envelope has header blocks that have to be understood, and are not";
    let reply = post(&client, "/s", Version::V11, envelope(Version::V11, header, "<a/>")).await;
    let fault = format!(
        "<soap:Fault><faultcode>soap:MustUnderstand</faultcode><faultstring>{reason}</faultstring></soap:Fault>"
    );
    assert_answer(reply, &answered(500, 1, Version::V11, "", &fault));

    let reply = post(&client, "/s", Version::V12, envelope(Version::V12, header, "<a/>")).await;
    let not_understood = "<soap:Header><soap:NotUnderstood xmlns:h=\"urn:a\" qname=\"h:A\"/>\
                          <soap:NotUnderstood xmlns:h=\"urn:one\" qname=\"h:Other\"/></soap:Header>";
    assert_answer(reply, &fault_12(500, 2, not_understood, &code("MustUnderstand"), reason, ""));
}

#[tokio::test]
async fn what_is_meant_for_somebody_else_needs_not_be_understood() {
    let (_app, client) = started(SEEN).await;
    let block = |attribute: &str| format!("<a:A xmlns:a=\"urn:a\" s:mustUnderstand=\"1\" {attribute}/>");
    let next_12 = "http://www.w3.org/2003/05/soap-envelope/role/";
    for (version, attribute, is_taken) in [
        (Version::V11, "s:actor=\"urn:somebody\"".to_owned(), true),
        (Version::V11, "s:actor=\"\"".to_owned(), false),
        (Version::V11, "s:actor=\"http://schemas.xmlsoap.org/soap/actor/next\"".to_owned(), false),
        // The word of 1.2 means nothing in 1.1.
        (Version::V11, "s:role=\"urn:somebody\"".to_owned(), false),
        (Version::V12, "s:role=\"urn:somebody\"".to_owned(), true),
        (Version::V12, format!("s:role=\"{next_12}none\""), true),
        (Version::V12, format!("s:role=\"{next_12}next\""), false),
        (Version::V12, format!("s:role=\"{next_12}ultimateReceiver\""), false),
    ] {
        let reply = post(&client, "/s", version, envelope(version, &block(&attribute), "<a/>")).await;
        assert_eq!(reply.status == 200, is_taken, "{version} {attribute}: {reply}");
    }
}

#[tokio::test]
async fn a_service_reads_the_header() {
    let (_app, client) = started(SEEN).await;
    let header = "<t:Transaction xmlns:t=\"urn:t\">7 &amp; 8</t:Transaction><u:U xmlns:u=\"urn:u\"/>";
    let reply = post(&client, "/s", Version::V12, envelope(Version::V12, header, "<Ask/>")).await;
    let body = "<AskResponse><channel>s</channel><operation>Ask</operation>\
                <headers>Transaction=7 &amp; 8</headers><headers>U=</headers></AskResponse>";
    assert_answer(reply, &answered(200, 1, Version::V12, "", body));
}

#[tokio::test]
async fn addressing_is_answered_in_its_words() {
    let (_app, client) = started("channel_soap: [{name: p, url_path: /p, service: rate.ping}]").await;
    let wsa = "http://www.w3.org/2005/08/addressing";
    let header = |address: &str| {
        format!(
            "<w:Action xmlns:w=\"{wsa}\" s:mustUnderstand=\"1\">urn:ping</w:Action><w:MessageID xmlns:w=\"{wsa}\">\
             urn:uuid:1&amp;2</w:MessageID><w:ReplyTo xmlns:w=\"{wsa}\"><w:Address>{address}</w:Address></w:ReplyTo>"
        )
    };
    let here = header(&format!("{wsa}/anonymous"));
    let reply = post(&client, "/p", Version::V12, envelope(Version::V12, &here, "<Ping/>")).await;
    let expected = format!(
        "<soap:Header xmlns:wsa=\"{wsa}\"><wsa:Action>urn:pingResponse</wsa:Action>\
         <wsa:RelatesTo>urn:uuid:1&amp;2</wsa:RelatesTo></soap:Header>"
    );
    assert_answer(reply, &answered(200, 1, Version::V12, &expected, "<PingResponse/>"));
    let there = header("http://other.example/");
    let reply = post(&client, "/p", Version::V12, envelope(Version::V12, &there, "<Ping/>")).await;
    let reason = "the reply goes back the way the request came; ReplyTo and FaultTo can't name another address";
    assert_answer(reply, &fault_12(400, 2, "", &code("Sender"), reason, ""));
}
