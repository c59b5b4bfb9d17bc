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
}

/// A request and the body of its reply.
pub(crate) struct Asked {
    target: &'static str,
    body: String,
    pub(crate) reply: String,
}

/// In the order of the table.
pub(crate) const JOBS: [Job; 7] = [
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
            Work::Invocations(at_once) => wanted.next_multiple_of(at_once),
        }
    }

    /// How often to send which request, so that so many units are done.
    pub(crate) fn requests(&self, units: u32) -> (u32, Asked) {
        match self.work {
            Work::Request(asked) => (units, asked()),
            Work::Invocations(at_once) => (1, invocations(units, at_once)),
        }
    }
}

impl Asked {
    /// The request as it goes over the connection.
    pub(crate) fn bytes(&self, address: SocketAddr) -> Vec<u8> {
        let (target, body) = (self.target, &self.body);
        format!(
            "POST {target} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

const JANE: &str = r#"{"name":"Jane Doe","email":"","segment":"RNZ"}"#;

/// The request of the jobs that look a client up.
pub(crate) fn client() -> Asked {
    Asked { target: "/api/v1/client", body: r#"{"client_id":123}"#.to_owned(), reply: JANE.to_owned() }
}

fn call() -> Asked {
    Asked { target: "/api/v1/call", ..client() }
}

fn query() -> Asked {
    Asked {
        target: "/api/v1/client?client_id=123&segment=RNZ",
        body: r#"{"client_id":7,"locale":"en"}"#.to_owned(),
        reply: JANE.to_owned(),
    }
}

fn invocations(times: u32, at_once: u32) -> Asked {
    let body = format!(r#"{{"times":{times},"at_once":{at_once}}}"#);
    // One after the other gives back what each gave, of which the first is zero; at once, how many were done.
    let number = if at_once == 1 { times - 1 } else { times };
    Asked { target: "/api/v1/invoke", body, reply: format!(r#"{{"number":{number}}}"#) }
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
    Asked { target: "/api/v1/order", reply: body.clone(), body }
}

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
