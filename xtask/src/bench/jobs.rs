//! What the servers are asked to do, and what the right answer is.

use std::{fmt::Write as _, net::SocketAddr};

/// Something that servers are measured at.
pub(crate) struct Job {
    /// As the server's program and `--jobs` know it.
    pub(crate) name: &'static str,
    /// What the table says of it.
    pub(crate) about: &'static str,
    /// Who does it, the floor first.
    pub(crate) servers: &'static [&'static str],
    /// Whether requests per second are of interest beside what each costs.
    pub(crate) has_load: bool,
    /// Whether the server calls another one in turn, which is told to it.
    pub(crate) has_partner: bool,
    work: Work,
}

/// What is sent.
enum Work {
    /// A request, again and again: its target, its body, and the body of the reply.
    Request(fn() -> Asked),
    /// One request that has services invoked so many times, this many at once.
    Invocations(u32),
    /// One request with so many rows, a multiple of this.
    Rows(u32),
}

/// A request and the body of its reply.
pub(crate) struct Asked {
    target: &'static str,
    content_type: &'static str,
    accept: &'static str,
    body: String,
    pub(crate) reply: String,
    /// What the reply is to be called.
    pub(crate) reply_type: &'static str,
}

impl Asked {
    fn json(target: &'static str, body: String, reply: String) -> Self {
        let json = "application/json";
        Self { target, content_type: json, accept: json, body, reply, reply_type: json }
    }
}

/// In the order of the table.
pub(crate) const JOBS: [Job; 10] = [
    Job {
        name: "client",
        about: "one route, a small JSON object in and out",
        servers: &["hyper", "axum", "actix", "zato"],
        has_load: true,
        has_partner: false,
        work: Work::Request(client),
    },
    Job {
        name: "json",
        about: "20 KB of nested JSON in and out, through typed models",
        servers: &["hyper", "axum", "actix", "zato"],
        has_load: true,
        has_partner: false,
        work: Work::Request(order),
    },
    Job {
        name: "xml",
        about: "the same order as 20 KB of XML, answered in JSON",
        servers: &["hyper", "zato"],
        has_load: true,
        has_partner: false,
        work: Work::Request(order_in_xml),
    },
    Job {
        name: "csv",
        about: "100,000 rows of CSV, read into models and added up; the cost of a row",
        servers: &["hyper", "zato"],
        has_load: false,
        has_partner: false,
        work: Work::Rows(100_000),
    },
    Job {
        name: "soap",
        about: "as client, in SOAP envelopes",
        servers: &["hyper", "zato"],
        has_load: true,
        has_partner: false,
        work: Work::Request(soap),
    },
    Job {
        name: "call",
        about: "as client, answered by a partner over HTTP: a call out for each request",
        servers: &["hyper", "zato"],
        has_load: true,
        has_partner: true,
        work: Work::Request(call),
    },
    Job {
        name: "query",
        about: "query parameters layered over the body's own fields",
        servers: &["zato"],
        has_load: false,
        has_partner: false,
        work: Work::Request(query),
    },
    Job {
        name: "routes",
        about: "as client, with 999 other routes beside it",
        servers: &["zato"],
        has_load: false,
        has_partner: false,
        work: Work::Request(client),
    },
    Job {
        name: "invoke",
        about: "a service invokes another, in process",
        servers: &["zato"],
        has_load: false,
        has_partner: false,
        work: Work::Invocations(1),
    },
    Job {
        name: "invoke-1000",
        about: "a service invokes 1,000 others at once, each of which waits",
        servers: &["zato"],
        has_load: false,
        has_partner: false,
        work: Work::Invocations(1000),
    },
];

impl Job {
    /// Rounds a number of units up to what can be asked for.
    pub(crate) fn units(&self, wanted: u32) -> u32 {
        match self.work {
            Work::Request(_) => wanted,
            Work::Invocations(at_once) | Work::Rows(at_once) => wanted.next_multiple_of(at_once),
        }
    }

    /// How often to send which request, so that so many units are done.
    pub(crate) fn requests(&self, units: u32) -> (u32, Asked) {
        match self.work {
            Work::Request(asked) => (units, asked()),
            Work::Invocations(at_once) => (1, invocations(units, at_once)),
            Work::Rows(_) => (1, rows(units)),
        }
    }
}

impl Asked {
    /// The request as it goes over the connection.
    pub(crate) fn bytes(&self, address: SocketAddr) -> Vec<u8> {
        let Self { target, content_type, accept, body, .. } = self;
        format!(
            "POST {target} HTTP/1.1\r\nhost: {address}\r\ncontent-type: {content_type}\r\naccept: {accept}\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

const JANE: &str = r#"{"name":"Jane Doe","email":"","segment":"RNZ"}"#;

/// The request of the jobs that look a client up.
pub(crate) fn client() -> Asked {
    Asked::json("/api/v1/client", r#"{"client_id":123}"#.to_owned(), JANE.to_owned())
}

fn call() -> Asked {
    Asked { target: "/api/v1/call", ..client() }
}

fn query() -> Asked {
    let body = r#"{"client_id":7,"locale":"en"}"#.to_owned();
    Asked::json("/api/v1/client?client_id=123&segment=RNZ", body, JANE.to_owned())
}

fn invocations(times: u32, at_once: u32) -> Asked {
    let body = format!(r#"{{"times":{times},"at_once":{at_once}}}"#);
    // One after the other gives back what each gave, of which the first is zero; at once, how many were done.
    let number = if at_once == 1 { times - 1 } else { times };
    Asked::json("/api/v1/invoke", body, format!(r#"{{"number":{number}}}"#))
}

/// An order of 107 lines, 20 KB, written as any of the servers writes it, so that it comes back as it went.
fn order() -> Asked {
    let mut body = String::from(concat!(
        r#"{"number":100245,"placed":"2026-03-14T09:26:53Z","customer":{"name":"Jane Doe","is_business":true,"#,
        r#""addresses":[{"street":"12 Harbour Street","city":"Wellington","country":"NZ"},"#,
        r#"{"street":"Große Straße 7","city":"Münster","country":"DE"}]},"lines":["#,
    ));
    for position in 1..=107 {
        let (comma, code) = (if position == 1 { "" } else { "," }, 7_000 + position * 13);
        let (quantity, price) = (position % 9 - 2, f64::from(position) * 3.5 + 0.25);
        // Writing to a string can't fail.
        let _ = write!(
            body,
            concat!(
                r#"{}{{"position":{},"product":{{"code":"ZT-{:05}","title":"Galvanised bracket, \"wide\" {}","#,
                r#""tags":["steel","outdoor","size-{}"]}},"quantity":{},"price":{},"note":"deliver after {} o'clock"}}"#,
            ),
            comma,
            position,
            code,
            position,
            position % 7,
            quantity,
            price,
            position % 12 + 8
        );
    }
    body.push_str(r#"],"total":19130.25}"#);
    Asked::json("/api/v1/order", body.clone(), body)
}

/// The same order in XML.
fn order_in_xml() -> Asked {
    let mut body = String::from(concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<order><number>100245</number>",
        "<placed>2026-03-14T09:26:53Z</placed><customer><name>Jane Doe</name><is_business>true</is_business>",
        "<addresses><street>12 Harbour Street</street><city>Wellington</city><country>NZ</country></addresses>",
        "<addresses><street>Große Straße 7</street><city>Münster</city><country>DE</country></addresses></customer>",
    ));
    for position in 1..=107 {
        let (code, quantity, price) = (7_000 + position * 13, position % 9 - 2, f64::from(position) * 3.5 + 0.25);
        // Writing to a string can't fail.
        let _ = write!(
            body,
            concat!(
                "<lines><position>{}</position><product><code>ZT-{:05}</code><title>Galvanised bracket, ",
                "&quot;wide&quot; {}</title><tags>steel</tags><tags>outdoor</tags><tags>size-{}</tags></product>",
                "<quantity>{}</quantity><price>{}</price><note>deliver after {} o'clock</note></lines>",
            ),
            position,
            code,
            position,
            position % 7,
            quantity,
            price,
            position % 12 + 8
        );
    }
    body.push_str("<total>19130.25</total></order>");
    let reply = order().body;
    Asked { content_type: "application/xml", ..Asked::json("/api/v1/order-in-xml", body, reply) }
}

/// A file of rows, and how many there were and what they add up to.
fn rows(count: u32) -> Asked {
    let mut body = String::from("id,name,quantity,price,is_paid\r\n");
    let mut sum = 0;
    for id in 1..=count {
        let quantity = id % 9;
        sum += u64::from(quantity);
        // Writing to a string can't fail.
        let _ = write!(body, "{id},\"Bracket, galvanised\",{quantity},{}.25,{}\r\n", id % 500, id % 2 == 0);
    }
    let reply = format!(r#"{{"count":{count},"quantity":{sum}}}"#);
    Asked { content_type: "text/csv", ..Asked::json("/api/v1/rows", body, reply) }
}

/// The request of the job that looks a client up in SOAP 1.1.
fn soap() -> Asked {
    let body = format!(
        "{SOAP_HEAD}<GetClient xmlns=\"urn:example:clients\"><client_id>123</client_id></GetClient>{SOAP_TAIL}"
    );
    let reply = format!(
        "{SOAP_HEAD}<GetClientResponse xmlns=\"urn:example:clients\"><name>Jane Doe</name><email/>\
         <segment>RNZ</segment></GetClientResponse>{SOAP_TAIL}"
    );
    let xml = "text/xml; charset=utf-8";
    Asked { target: "/api/v1/soap", content_type: xml, accept: "text/xml", body, reply, reply_type: xml }
}

const SOAP_HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
    <soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>";
const SOAP_TAIL: &str = "</soap:Body></soap:Envelope>";

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{JOBS, order};

    #[test]
    fn the_order_is_20_kb_of_json() {
        let order = order();
        assert!((20_000..20_500).contains(&order.body.len()), "it has {} bytes", order.body.len());
        let read: Value = serde_json::from_str(&order.body).unwrap();
        assert_eq!(read["lines"].as_array().unwrap().len(), 107);
        assert_eq!(read["lines"][0]["product"]["title"], "Galvanised bracket, \"wide\" 1");
    }

    #[test]
    fn a_job_is_asked_for_as_often_as_it_can_be() {
        let job = |name| JOBS.iter().find(|job| job.name == name).unwrap();
        assert_eq!((job("client").units(1500), job("client").requests(1500).0), (1500, 1500));
        assert_eq!((job("invoke-1000").units(1500), job("invoke-1000").requests(2000).0), (2000, 1));
        let bytes = String::from_utf8(job("query").requests(1).1.bytes(([127, 0, 0, 1], 80).into())).unwrap();
        assert!(bytes.starts_with("POST /api/v1/client?client_id=123&segment=RNZ HTTP/1.1\r\nhost: 127.0.0.1:80\r\n"));
        assert!(bytes.ends_with("content-length: 29\r\n\r\n{\"client_id\":7,\"locale\":\"en\"}"));
    }
}
