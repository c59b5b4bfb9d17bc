//! SOAP channels: envelopes of both versions, which channel one is for, what a fault says, who sends it.

mod changes;
mod dispatch;
mod envelopes;
mod faults;
mod headers;
mod round_trip;
mod wss;

use zato::{
    App, Context, Error, Raw, Result, Rows, Running, http::Method, model, service, services, soap::Version, testing,
};

use crate::support::{Answer, cid};

/// Of which day a rate is wanted.
#[model]
pub(crate) struct GetRate {
    day: String,
    #[serde(default)]
    amounts: Vec<u32>,
    factor: Option<u8>,
}

/// A rate.
#[model]
pub(crate) struct Rate {
    day: String,
    rate: f64,
    amounts: Vec<u32>,
    note: Option<String>,
}

#[service(name = "rate.get")]
async fn get_rate(input: GetRate) -> Result<Rate> {
    if input.day == "never" {
        return Err(Error::not_found("there is no such day"));
    }
    if input.day == "broken" {
        return Err(Error::internal("password=hunter2"));
    }
    let rate = 0.5 * f64::from(input.factor.unwrap_or(1));
    Ok(Rate { day: input.day, rate, amounts: input.amounts, note: None })
}

fn rates() -> Vec<Rate> {
    let rate = |day: &str| Rate { day: day.to_owned(), rate: 0.5, amounts: Vec::new(), note: None };
    vec![rate("Monday"), rate("Tuesday")]
}

#[service(name = "rate.list")]
async fn list() -> Result<Vec<Rate>> {
    Ok(rates())
}

/// The same one by one.
#[service(name = "rate.rows")]
async fn rows() -> Result<Rows<Rate>> {
    Ok(Rows::new(rates()))
}

/// Says nothing but that all is well.
#[service(name = "rate.ping")]
async fn ping() -> Result<()> {
    Ok(())
}

/// Says which channel it was reached through, and by whom.
#[model]
pub(crate) struct Seen {
    channel: String,
    operation: String,
    caller: Option<String>,
    headers: Vec<String>,
}

#[service(name = "seen")]
async fn seen(ctx: &Context) -> Result<Seen> {
    let envelope = ctx.soap().ok_or_else(|| Error::internal("no envelope"))?;
    let headers = envelope.headers().map(|block| format!("{}={}", block.element().name(), block.element().text()));
    Ok(Seen {
        channel: ctx.channel().name.clone(),
        operation: envelope.operation().name().to_owned(),
        caller: ctx.caller().map(|caller| caller.username.clone()),
        headers: headers.collect(),
    })
}

/// Gives back what came, as it came.
#[service(name = "echo")]
async fn echo(input: Raw) -> Result<Raw> {
    Ok(Raw::new(input.bytes().await?).with_content_type("application/xml"))
}

fn app() -> App {
    testing::app("soap").services(services![get_rate, list, rows, ping, seen, echo])
}

async fn started(channels: &str) -> (Running, testing::Client) {
    let app = app().config_yaml(channels).start().await.expect("the app starts");
    let client = testing::client(&app);
    (app, client)
}

async fn refused(yaml: &str) -> String {
    match app().config_yaml(yaml).start().await {
        Ok(_) => panic!("the configuration is taken"),
        Err(error) => error.to_string(),
    }
}

/// Writes an envelope.
fn envelope(version: Version, header: &str, body: &str) -> String {
    let namespace = version.namespace();
    format!("<s:Envelope xmlns:s=\"{namespace}\"><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>")
}

/// Posts an envelope under the name that its version has.
async fn post(client: &testing::Client, path: &str, version: Version, envelope: impl Into<Vec<u8>>) -> Answer {
    let headers = [("content-type", version.media_type())];
    client.send(Method::POST, path, &headers, envelope.into()).await.into()
}

/// A reply with an envelope of a version.
fn answered(status: u16, number: u64, version: Version, header: &str, body: &str) -> Answer {
    let (namespace, content_type) = (version.namespace(), version.media_type());
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soap:Envelope xmlns:soap=\"{namespace}\">{header}\
         <soap:Body>{body}</soap:Body></soap:Envelope>"
    );
    Answer::new(status, &cid(number), &format!("{content_type}; charset=utf-8"), &text)
}

/// The detail of a fault.
fn detail(number: u64, faults: &str) -> String {
    format!("<zato:error xmlns:zato=\"urn:zato:error\"><zato:cid>{}</zato:cid>{faults}</zato:error>", cid(number))
}

/// A fault of SOAP 1.1.
fn fault_11(status: u16, number: u64, code: &str, reason: &str, faults: &str) -> Answer {
    let detail = detail(number, faults);
    let body = format!(
        "<soap:Fault><faultcode>soap:{code}</faultcode><faultstring>{reason}</faultstring>\
         <detail>{detail}</detail></soap:Fault>"
    );
    answered(status, number, Version::V11, "", &body)
}

/// A fault of SOAP 1.2.
fn fault_12(status: u16, number: u64, header: &str, code: &str, reason: &str, faults: &str) -> Answer {
    let detail = detail(number, faults);
    let body = format!(
        "<soap:Fault><soap:Code>{code}</soap:Code><soap:Reason><soap:Text xml:lang=\"en\">{reason}</soap:Text>\
         </soap:Reason><soap:Detail>{detail}</soap:Detail></soap:Fault>"
    );
    answered(status, number, Version::V12, header, &body)
}

/// A code of SOAP 1.2.
fn code(name: &str) -> String {
    format!("<soap:Value>soap:{name}</soap:Value>")
}

const RATE: &str = "channel_soap: [{name: rate, url_path: /rate, service: rate.get}]";

const ASKED: &str = "<GetRate xmlns=\"urn:r\"><day>Monday</day><amounts>1</amounts><amounts>2</amounts></GetRate>";
