//! The jobs in other formats than JSON, as people would write them with the libraries that zato stands on: quick-xml and
//! csv, both through serde.

use std::fmt::Write as _;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    Result,
    customer::{GetClientRequest, get_client},
    order::Order,
};

/// Where an order comes in XML and goes out in JSON.
pub(crate) const ORDER: &str = "/api/v1/order-in-xml";
/// Where rows are added up.
pub(crate) const ROWS: &str = "/api/v1/rows";
/// Where a client is looked up in SOAP.
pub(crate) const SOAP: &str = "/api/v1/soap";

/// One row of a file.
#[derive(Deserialize)]
#[expect(dead_code, reason = "all of it is read, and little of it added up")]
struct Row {
    id: u32,
    name: String,
    quantity: u32,
    price: f64,
    is_paid: bool,
}

/// How many rows there were, and what they add up to.
#[derive(Default, Serialize)]
pub(crate) struct Sum {
    count: u64,
    quantity: u64,
}

/// Reads an order.
pub(crate) fn order(body: &Bytes) -> Result<Order> {
    Ok(quick_xml::de::from_str(str::from_utf8(body)?)?)
}

/// Adds rows up.
pub(crate) fn rows(body: &Bytes) -> Result<Sum> {
    let mut sum = Sum::default();
    for row in csv::Reader::from_reader(body.as_ref()).deserialize::<Row>() {
        sum.count += 1;
        sum.quantity += u64::from(row?.quantity);
    }
    Ok(sum)
}

/// An envelope, of which only the body matters.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "Body")]
    body: Body,
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "GetClient")]
    request: GetClientRequest,
}

/// Looks a client up; `None` if there is no such client.
pub(crate) fn soap(body: &Bytes) -> Result<Option<String>> {
    let envelope: Envelope = quick_xml::de::from_str(str::from_utf8(body)?)?;
    let Some(client) = get_client(&envelope.body.request) else { return Ok(None) };
    let mut reply = String::with_capacity(512);
    reply.push_str(concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
        "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>",
        "<GetClientResponse xmlns=\"urn:example:clients\">",
    ));
    for (name, value) in [("name", &client.name), ("email", &client.email), ("segment", &client.segment)] {
        match value.as_str() {
            "" => write!(reply, "<{name}/>")?,
            value => write!(reply, "<{name}>{}</{name}>", quick_xml::escape::escape(value))?,
        }
    }
    reply.push_str("</GetClientResponse></soap:Body></soap:Envelope>");
    Ok(Some(reply))
}
