//! Channels that speak XML.

use zato::{Context, Fault, Result, Value, http::Method, model, rest::Rest, service, services, testing};

use crate::support::{Answer, assert_answer, cid};

/// A rate of a day.
#[model(xml(name = "rate", namespace = "urn:rates"))]
struct Rate {
    #[model(xml(attribute))]
    currency: String,
    #[model(xml(name = "Value"))]
    value: zato::Decimal,
    #[model(xml(item = "day"))]
    days: Vec<u8>,
    tag: Vec<String>,
    note: Option<Note>,
}

#[model]
struct Note {
    #[model(xml(attribute))]
    lang: Option<String>,
    #[model(xml(text))]
    text: String,
}

#[service(name = "rates.echo")]
async fn echo(input: Rate) -> Result<Rate> {
    Ok(input)
}

#[service(name = "rates.all")]
async fn all(input: Vec<Rate>) -> Result<Vec<Rate>> {
    Ok(input)
}

#[service(name = "rates.any")]
async fn any(input: Value) -> Result<Value> {
    Ok(input)
}

#[service(name = "rates.none")]
async fn none(input: Note) -> Result<Note> {
    Err(zato::Error::faults(vec![Fault::new("", format!("no note called {}", input.text))]))
}

#[service(name = "rates.ask")]
async fn ask(ctx: &Context, input: Rate, #[out("Rates")] rates: Rest) -> Result<Rate> {
    rates.post(ctx).model(&input).await?.error_for_status()?.model()
}

const YAML: &str = "
channel_rest:
  - {name: echo, url_path: /echo, service: rates.echo, data_format: xml}
  - {name: bare, url_path: '/bare/{currency}', service: rates.echo, data_format: xml, xml: {declaration: false}}
  - {name: all, url_path: /all, service: rates.all, data_format: xml, xml: {declaration: false, root: rates}}
  - {name: any, url_path: /any, service: rates.any, data_format: xml, xml: {pretty_print: true, namespace: 'urn:any'}}
  - {name: wide, url_path: /wide, service: rates.any, data_format: xml, xml: {encoding: ISO-8859-2}}
  - {name: none, url_path: '/none/{text}', service: rates.none, data_format: xml}
  - {name: json, url_path: /json, service: rates.echo}
";

async fn client(yaml: &str) -> (testing::Client, zato::Running) {
    let services = services![echo, all, any, none];
    let app = testing::app("rates").services(services).config_yaml(yaml).start().await.expect("the app starts");
    (testing::client(&app), app)
}

fn xml(status: u16, number: u64, body: &str) -> Answer {
    Answer::new(status, &cid(number), "application/xml; charset=utf-8", body)
}

const RATE: &str = "<rate xmlns=\"urn:rates\" currency=\"EUR\"><Value>1.25</Value><days><day>1</day><day>2</day></days>\
    <tag>a</tag><tag>b</tag><note lang=\"en\">x &lt; y</note></rate>";

const DECLARED: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

#[tokio::test]
async fn one_service_speaks_xml_and_json() {
    let (client, _app) = client(YAML).await;
    let reply = client.post("/echo", RATE).await;
    assert_answer(reply, &xml(200, 1, &format!("{DECLARED}{RATE}")));
    let json = r#"{"currency":"EUR","value":"1.25","days":[1,2],"tag":["a","b"],"note":{"lang":"en","text":"x < y"}}"#;
    assert_answer(client.post("/json", json).await, &Answer::json(200, &cid(2), json));
    // Whatever the request says that it sends.
    let mixed = "<?xml version='1.0' encoding='utf-8'?><!-- rates --><r:rate xmlns:r='urn:rates' currency='PLN' x='1'>
        <r:tag>a</r:tag><r:days><r:day>1</r:day></r:days><r:tag><![CDATA[<b>]]></r:tag><other/><r:Value> 2 </r:Value></r:rate>";
    let reply = client.send(Method::POST, "/bare/EUR?tag=c", &[("content-type", "text/plain")], mixed).await;
    let expected =
        "<rate xmlns=\"urn:rates\" currency=\"EUR\"><Value>2</Value><days><day>1</day></days><tag>c</tag></rate>";
    assert_answer(reply, &xml(200, 3, expected));
    // Parameters alone.
    let reply = client.post("/bare/EUR?value=1&days=1&days=2&tag=x", "").await;
    let expected = "<rate xmlns=\"urn:rates\" currency=\"EUR\"><Value>1</Value><days><day>1</day><day>2</day></days><tag>x</tag></rate>";
    assert_answer(reply, &xml(200, 4, expected));
}

#[tokio::test]
async fn lists_and_any_value_have_a_root() {
    let (client, _app) = client(YAML).await;
    let expected = format!("<rates>{RATE}</rates>");
    for (number, list) in [
        expected.clone(),
        format!("<r><item_list>{}</item_list></r>", RATE.replace("rate ", "item ").replace("</rate", "</item")),
    ]
    .into_iter()
    .enumerate()
    {
        assert_answer(client.post("/all", list).await, &xml(200, number as u64 + 1, &expected));
    }
    let reply = client.post("/any", "<a xmlns='urn:any' id='1'>t<b>1</b><b><c/></b></a>").await;
    let expected =
        format!("{DECLARED}<response xmlns=\"urn:any\" id=\"1\">t\n  <b>1</b>\n  <b>\n    <c/>\n  </b>\n</response>");
    assert_answer(reply, &xml(200, 3, &expected));
}

#[tokio::test]
async fn any_encoding_comes_in_and_that_of_the_channel_goes_out() {
    let (client, _app) = client(YAML).await;
    let latin = [b"<?xml version=\"1.0\" encoding=\"windows-1250\"?><a><b>".as_slice(), b"\xbf</b></a>"].concat();
    let utf16: Vec<u8> = "\u{feff}<a><b>ż</b></a>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let typed = [("content-type", "application/xml; charset=\"ISO-8859-2\"")];
    for (headers, body) in [
        (&[][..], latin),
        (&[][..], utf16),
        (&typed[..], b"<a><b>\xbf</b></a>".to_vec()),
        (&[][..], "<a><b>ż</b></a>".into()),
    ] {
        let reply = client.send(Method::POST, "/wide", headers, body).await;
        assert_eq!(reply.headers["content-type"], "application/xml; charset=ISO-8859-2");
        let expected = b"<?xml version=\"1.0\" encoding=\"ISO-8859-2\"?>\n<response><b>\xbf</b></response>";
        assert_eq!(reply.body.as_ref(), expected);
    }
}

fn problem(number: u64, detail: &str, errors: &str) -> Answer {
    let start =
        "<problem xmlns=\"urn:ietf:rfc:7807\"><type>about:blank</type><title>Bad Request</title><status>400</status>";
    let cid = cid(number);
    let body = format!("{DECLARED}{start}<detail>{detail}</detail><cid>{cid}</cid><errors>{errors}</errors></problem>");
    Answer::new(400, &cid, "application/problem+xml; charset=utf-8", &body)
}

#[tokio::test]
async fn faults_are_told_in_xml_with_xpaths() {
    let (client, _app) = client(YAML).await;
    let wrong =
        "<rate xmlns='urn:rates'><Value/><days><day>1</day><day>x</day></days><note lang='en'><b/></note></rate>";
    let errors = "<i><path>/rate/Value</path><detail>expected a decimal number of at most 28 digits, which the text is not</detail><value/></i>\
        <i><path>/rate/days/day[2]</path><detail>expected an integer from 0 to 255, which the text is not</detail><value>x</value></i>\
        <i><path>/rate/@currency</path><detail>missing</detail></i>";
    assert_answer(client.post("/echo", wrong).await, &problem(1, "the input can't be used", errors));
    for (number, (body, said)) in [
        ("<rate>", "malformed XML: an element without its end tag at line 1 column 7"),
        ("{}", "malformed XML: text outside of the root element at line 1 column 1"),
        (
            "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
            "malformed XML: a DOCTYPE, which is not taken at line 1 column 1",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let errors = format!("<i><path/><detail>{said}</detail></i>");
        assert_answer(
            client.post("/echo", body).await,
            &problem(number as u64 + 2, "the input can't be used", &errors),
        );
    }
    let errors = "<i><path/><detail>no note called a&lt;b</detail></i>";
    assert_answer(client.post("/none/a%3Cb", "").await, &problem(5, "the input can't be used", errors));
    let reply = client.get("/echo").await;
    assert_eq!(reply.status, 400, "{}", reply.text());
}

#[tokio::test]
async fn zatos_own_form_of_errors_is_xml_too() {
    let (client, _app) = client(&format!("server: {{error_format: zato}}\n{YAML}")).await;
    let body = format!(
        "{DECLARED}<response><result>Error</result><cid>{}</cid><details>no note called x</details></response>",
        cid(1)
    );
    assert_answer(client.post("/none/x", "").await, &xml(400, 1, &body));
}

#[tokio::test]
async fn options_that_can_not_be_are_refused_with_their_place() {
    let yaml = "channel_rest:\n- {name: a, url_path: /a, service: rates.any, data_format: xml, xml: {encoding: x, root: 'a b'}}";
    let started = testing::app("rates").services(services![any]).config_yaml(yaml).start().await;
    let said = started.expect_err("it is refused").to_string();
    assert!(said.contains("encoding") && said.contains("UTF-16"), "{said}");
}

#[tokio::test]
async fn a_partner_is_spoken_to_in_xml() {
    let yaml = format!("server: {{bind: '127.0.0.1:0'}}\n{YAML}");
    let partner = zato::app("partner").services(services![echo, all, any, none]).config_yaml(yaml).start().await;
    let partner = partner.expect("the partner starts");
    let host = &partner.addresses()[0];
    let yaml = format!(
        "channel_rest: [{{name: ask, url_path: /ask, service: rates.ask}}]
outgoing_rest: [{{name: Rates, host: '{host}', url_path: /echo, data_format: xml}}]"
    );
    let app = zato::app("rates").services(services![ask]);
    let app =
        app.config_yaml(format!("server: {{bind: '127.0.0.1:0'}}\n{yaml}")).start().await.expect("the app starts");
    let json = r#"{"currency":"EUR","value":"1.25","days":[1,2],"tag":["a"]}"#;
    let reply = crate::support::Wire::to(&app).await.post("/ask", json).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, json));
}
