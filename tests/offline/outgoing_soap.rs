//! Outgoing SOAP: what is sent, and what becomes of what comes back, in whole programs with partners made up.

use std::time::Duration;

use tokio::time::timeout;
use zato::{
    Context, Error, Kind, Result, Retry, model,
    rest::{Soap, SoapFault},
    service, services,
    testing::{self, PartnerReply, SoapFake},
};

use crate::support::{Answer, assert_answer, cid};

/// Of which day.
#[model]
struct GetRates {
    day: u8,
    #[model(xml(item = "currency"))]
    currencies: Vec<String>,
    note: Option<String>,
}

#[model]
struct Rates {
    #[model(xml(item = "rate"))]
    rates: Vec<Rate>,
}

#[model]
struct Rate {
    #[model(xml(attribute))]
    currency: String,
    value: f64,
}

/// Asks the partner.
#[service(name = "rates.get")]
async fn get_rates(ctx: &Context, input: GetRates, #[out("Rates")] rates: Soap) -> Result<Rates> {
    rates.invoke(ctx, "GetRates").model(&input).await?.model()
}

const CHANNEL: &str = "channel_rest: [{name: rates, url_path: /rates, service: rates.get, method: POST}]";
const INPUT: &str = r#"{"day": 1, "currencies": ["EUR", "P&L"]}"#;

async fn app(partner: &SoapFake) -> Result<zato::Running> {
    let app = testing::app("bank").services(services![get_rates]).config_yaml(CHANNEL);
    app.fake("Rates", &partner.soap()).start().await
}

fn input() -> GetRates {
    GetRates { day: 1, currencies: vec!["EUR".to_owned()], note: None }
}

#[tokio::test]
async fn a_model_goes_out_in_an_envelope_and_one_comes_back() -> Result<()> {
    let partner = SoapFake::with_config("namespace: urn:rates\nsoap_action: urn:rates:get\nurl_path: /soap");
    partner.expect("GetRates").action("urn:rates:get").header("content-type", "text/xml; charset=utf-8").reply_xml(
        "<r:GetRatesResponse xmlns:r='urn:rates'><r:rates><r:rate currency='EUR'><r:value>4.25</r:value></r:rate>\
         </r:rates></r:GetRatesResponse>",
    );
    let app = app(&partner).await?;
    let reply = testing::client(&app).post("/rates", INPUT).await;
    assert_answer(reply, &Answer::json(200, &cid(1), r#"{"rates":[{"currency":"EUR","value":4.25}]}"#));
    let call = &partner.calls()[0];
    assert_eq!(
        (call.path(), call.header("x-zato-cid"), call.header("accept")),
        ("/soap", Some(&*cid(1)), Some("text/xml"))
    );
    assert_eq!(
        call.text(),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soap:Envelope \
         xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><GetRates xmlns=\"urn:rates\"><day>1</day>\
         <currencies><currency>EUR</currency><currency>P&amp;L</currency></currencies></GetRates></soap:Body>\
         </soap:Envelope>"
    );
    Ok(())
}

#[tokio::test]
async fn soap_12_says_its_action_in_the_content_type() -> Result<()> {
    let partner = SoapFake::with_config("soap_version: '1.2'\nsoap_action: urn:configured");
    let content_type = "application/soap+xml; charset=utf-8; action=\"urn:given\"";
    partner.expect("Ping").action("urn:given").header("content-type", content_type).reply_xml("<PingResponse/>");
    let response = partner.soap().invoke(&testing::context(), "{urn:other}Ping").action("urn:given").await?;
    assert_eq!(
        (response.status().as_u16(), response.body_xml().as_str()),
        (200, "<PingResponse xmlns:soap=\"http://www.w3.org/2003/05/soap-envelope\"/>")
    );
    let call = &partner.calls()[0];
    assert!(call.text().contains("<soap:Body><Ping xmlns=\"urn:other\"/></soap:Body>"), "{}", call.text());
    assert_eq!(call.header("soapaction"), None);
    Ok(())
}

#[tokio::test]
async fn xml_is_put_into_an_envelope_unless_it_is_one() -> Result<()> {
    let partner = SoapFake::new();
    partner.expect("a").times(2).reply_xml("<b/>");
    let (soap, ctx) = (partner.soap(), testing::context());
    soap.send(&ctx, "<?xml version='1.0'?>\n<x:a xmlns:x='urn:x'><c/></x:a>").soap_header("<h>1</h>").await?;
    let envelope = "<E:Envelope xmlns:E='http://schemas.xmlsoap.org/soap/envelope/'><E:Body><a/></E:Body></E:Envelope>";
    soap.send(&ctx, envelope).await?;
    let texts: Vec<_> = partner.calls().iter().map(|call| call.text()).collect();
    let wrapped = "<soap:Header><h>1</h></soap:Header><soap:Body><x:a xmlns:x='urn:x'><c/></x:a></soap:Body>";
    assert!(texts[0].contains(wrapped), "{}", texts[0]);
    assert_eq!(texts[1], envelope);

    for (xml, said) in [
        ("<a><b></a>", "the body is no XML"),
        ("", "the body is no XML"),
        (
            "<E:Envelope xmlns:E='http://www.w3.org/2003/05/soap-envelope'/>",
            "the envelope is one of SOAP 1.2, and the connection speaks 1.1",
        ),
    ] {
        let error = soap.send(&ctx, xml).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (Kind::Internal, said), "our own caller has not written it");
    }
    Ok(())
}

#[tokio::test]
async fn a_fault_is_an_error_of_the_partner_that_a_service_can_look_into() -> Result<()> {
    let partner = SoapFake::with_config("soap_version: '1.2'\nname: Rates");
    partner.expect("GetRates").times(2).reply(
        PartnerReply::bytes(
            "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body><s:Fault><s:Code>\
             <s:Value>s:Sender</s:Value><s:Subcode><s:Value xmlns:r='urn:r'>r:NoSuchRate</s:Value><s:Subcode>\
             <s:Value>r:Ever</s:Value></s:Subcode></s:Subcode></s:Code><s:Reason><s:Text xml:lang='en'>secret words\
             </s:Text><s:Text xml:lang='pl'>tajne</s:Text></s:Reason><s:Node>urn:node</s:Node><s:Role>urn:role</s:Role>\
             <s:Detail><d:why xmlns:d='urn:d'>because</d:why></s:Detail></s:Fault></s:Body></s:Envelope>",
        )
        .header("content-type", "application/soap+xml")
        .with_status(400),
    );
    let error = partner.soap().invoke(&testing::context(), "GetRates").model(&input()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (Kind::Upstream, Retry::Never));
    let fault = error.find::<SoapFault>().expect("it is there");
    assert_eq!(
        (fault.code(), fault.subcodes(), fault.reason()),
        ("Sender", &["NoSuchRate".to_owned(), "Ever".to_owned()][..], "secret words")
    );
    assert_eq!((fault.actor(), fault.node(), fault.is_senders()), (Some("urn:role"), Some("urn:node"), true));
    let detail = fault.detail().expect("it has one");
    assert_eq!((detail.root().name(), detail.root().text().as_ref()), ("why", "because"));
    let report = error.report().to_string();
    assert_eq!(
        report,
        "the partner answered with a fault (status: 400 Bad Request) (connection: Rates): Sender/NoSuchRate/Ever: secret words"
    );

    let app = app(&partner).await?;
    let reply = testing::client(&app).post("/rates", INPUT).await;
    assert_eq!(reply.status, 502);
    assert!(!reply.text().contains("secret"), "{}", reply.text());
    Ok(())
}

#[tokio::test]
async fn what_is_no_answer_is_told_by_what_it_is() -> Result<()> {
    let partner = SoapFake::new();
    let (v11, v12) = ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope");
    let envelope =
        |namespace: &str, body: &str| format!("<s:Envelope xmlns:s='{namespace}'><s:Body>{body}</s:Body></s:Envelope>");
    let fault =
        envelope(v11, "<s:Fault><faultcode>s:VersionMismatch</faultcode><faultstring>1.1 only</faultstring></s:Fault>");
    let xml = |text: &str| PartnerReply::bytes(text.to_owned()).header("content-type", "text/xml");
    let html = PartnerReply::bytes("<html><br></html>").header("content-type", "text/html");
    for (reply, said) in [
        (html.clone(), "the partner's answer is no SOAP"),
        (html.with_status(502), "the partner answered 502 Bad Gateway"),
        (xml("<html><br></html>").with_status(503), "the partner answered 503 Service Unavailable"),
        (xml("<html><br></html>"), "the partner's answer can't be used"),
        (xml("<html/>"), "the partner's answer is no SOAP"),
        (xml("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), "the partner's answer can't be used"),
        (xml(&envelope(v12, "<a/>")), "the partner answered in SOAP 1.2, and not in 1.1; set soap_version"),
        (xml(&envelope(v11, "<a/>")).with_status(500), "the partner answered 500 Internal Server Error"),
        (xml(&fault).with_status(500), "the partner answered with a fault"),
        (xml(&fault), "the partner answered with a fault"),
        (PartnerReply::status(500), "the partner answered 500 Internal Server Error"),
        (PartnerReply::refused(), "the partner can't be reached"),
    ] {
        partner.expect("a").reply(reply);
        let error = partner.soap().invoke(&testing::context(), "a").await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (Kind::Upstream, said));
        assert!(!error.public_message().contains("SOAP"), "{}", error.public_message());
    }
    for (reply, body) in [(PartnerReply::status(202), ""), (xml(&envelope(v11, "")), "")] {
        partner.expect("a").reply(reply);
        let response = partner.soap().invoke(&testing::context(), "a").await?;
        assert_eq!(response.body_xml(), body);
        let error = response.model::<Rate>().err().expect("there is nothing");
        assert_eq!(
            (error.kind(), error.message()),
            (Kind::Upstream, "the partner's answer can't be used: its body is empty")
        );
    }
    Ok(())
}

#[tokio::test]
async fn every_fault_of_an_answer_is_in_the_error_with_its_place() -> Result<()> {
    let partner = SoapFake::new();
    partner
        .expect("a")
        .reply_xml("<aResponse><rates><rate currency='EUR'><value>x</value></rate><rate/></rates></aResponse>");
    let response = partner.soap().invoke(&testing::context(), "a").await?;
    let error = response.model::<Rates>().err().map(|error| error.to_string()).unwrap_or_default();
    assert!(
        error.contains("/aResponse/rates/rate[1]/value") && error.contains("/aResponse/rates/rate[2]/@currency"),
        "{error}"
    );
    Ok(())
}

const WSS: &str = "{name: Rates, type: wss, username: 'bank<1>', password: not-a-secret";

#[tokio::test]
async fn a_password_of_a_wss_goes_into_the_envelope() -> Result<()> {
    let partner = SoapFake::with_credentials("", &format!("{WSS}}}"));
    partner.expect("a").reply_xml("<b/>");
    partner.soap().invoke(&testing::context(), "a").await?;
    let text = partner.calls()[0].text();
    assert!(text.contains("<wsse:Username>bank&lt;1&gt;</wsse:Username>"), "{text}");
    assert!(text.contains("#PasswordText\">not-a-secret</wsse:Password>"), "{text}");
    assert!(text.contains("soap:mustUnderstand=\"1\""), "{text}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_a_token_of_its_own() -> Result<()> {
    let partner = SoapFake::with_credentials("retry: {max_retries: 1}", &format!("{WSS}, use_digest: true}}"));
    partner.expect("a").times(2).reply(PartnerReply::status(503));
    let call = partner.soap();
    let ctx = testing::context();
    let error = call.invoke(&ctx, "a").idempotent().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Upstream);
    let texts: Vec<_> = partner.calls().iter().map(|call| call.text()).collect();
    assert!(
        texts.iter().all(|text| text.contains("#PasswordDigest\">") && !text.contains("not-a-secret")),
        "{texts:?}"
    );
    assert_ne!(texts[0], texts[1], "a partner takes no nonce twice");

    partner.expect("a").reply(PartnerReply::status(503));
    call.invoke(&ctx, "a").await.unwrap_err();
    assert_eq!(partner.calls().len(), 3, "what may have been done is not done again");
    Ok(())
}

#[tokio::test]
async fn a_partner_that_blames_us_is_well() -> Result<()> {
    let config = "circuit_breaker: {min_calls: 3, failure_percent: 50, is_active: true}";
    let partner = SoapFake::with_config(config);
    partner.expect("a").any_number().reply_fault("Client", "bad input");
    for _ in 0..20 {
        let error = partner.soap().invoke(&testing::context(), "a").await.unwrap_err();
        assert!(error.find::<SoapFault>().is_some(), "{}", error.report());
    }
    let partner = SoapFake::with_config(config);
    partner.expect("a").any_number().reply_fault("Server", "broken");
    let mut refused = 0;
    for _ in 0..20 {
        let error = partner.soap().invoke(&testing::context(), "a").await.unwrap_err();
        refused += usize::from(error.kind() == Kind::Unavailable);
    }
    assert!(refused > 10, "{refused}");
    Ok(())
}

#[tokio::test]
async fn with_an_inactive_definition_nothing_is_sent() -> Result<()> {
    let partner = SoapFake::with_credentials("", &format!("{WSS}, is_active: false}}"));
    let error = partner.soap().invoke(&testing::context(), "a").await.unwrap_err();
    assert_eq!((error.kind(), partner.calls().len()), (Kind::Unavailable, 0));
    let partner = SoapFake::with_credentials("", "{name: b, type: basic_auth, username: u, password: not-a-secret}");
    partner.expect("a").header("authorization", "Basic dTpub3QtYS1zZWNyZXQ=").reply_xml("<b/>");
    partner.soap().invoke(&testing::context(), "a").await.map(drop)
}

#[tokio::test]
async fn a_configuration_that_can_not_be_used_says_where() -> Result<()> {
    async fn refusal(entry: &str) -> String {
        let yaml = format!("outgoing_soap: [{{name: Rates, {entry}}}]");
        let started = testing::app("bank").config_yaml(&yaml).start().await;
        started.err().map(|error: Error| error.report().to_string()).unwrap_or_default()
    }
    for (entry, said) in [
        ("host: 'http://a', soap_version: '1.3'", "no version \"1.3\" of SOAP (1.1, 1.2)"),
        ("host: 'http://a', timeout: 0s", "no call can be made in no time"),
        ("host: a", "expected scheme and host"),
        ("host: 'http://a', security: CRM", "CRM"),
        ("host: 'http://a', data_formats: json", "unknown key \"data_formats\""),
    ] {
        let refusal = refusal(entry).await;
        assert!(refusal.contains(said), "{entry}: {refusal}");
    }
    // Keys of Zato without a meaning here are taken, and reported.
    assert_eq!(refusal("host: 'http://a', serialization_type: suds, data_format: ''").await, "");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_waited_for_longer_than_said() -> Result<()> {
    let partner = SoapFake::with_config("timeout: 2s");
    partner.expect("a").times(2).reply(PartnerReply::never());
    let (soap, ctx) = (partner.soap(), testing::context());
    assert_eq!(soap.invoke(&ctx, "a").await.unwrap_err().kind(), Kind::Timeout);
    let call = soap.invoke(&ctx, "a").timeout(Duration::from_millis(5)).into_future();
    let error = timeout(Duration::from_secs(1), call).await.expect("it ends before that").unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    Ok(())
}
