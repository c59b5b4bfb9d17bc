//! The targets: how bytes become a request.

use std::env;

use tokio::runtime::{Builder, Runtime};
use zato::{
    Running,
    http::Method,
    services,
    testing::{self, Client, TestReply},
};

use crate::model::{echo_order, echo_rows};

/// The channels that the requests go to.
const CONFIG: &str = "
server: {max_body_size: 1 MB, request_timeout: 5s}
channel_rest:
  - {name: layered, url_path: '/layered/{id}', service: order.echo}
  - {name: xml, url_path: /xml, service: order.echo, data_format: xml}
  - {name: csv, url_path: /csv, service: rows.echo, data_format: csv}
  - {name: positions, url_path: /positions, service: rows.echo, data_format: csv, csv: {has_header: false, delimiter: ';'}}
  - {name: multipart, url_path: /multipart, service: order.echo, data_format: form}
channel_soap:
  - {name: soap, url_path: /soap, service: order.echo}
";

/// An app, and what is sent to it.
pub(crate) struct Target {
    runtime: Runtime,
    client: Client,
    _app: Running,
    request: Request,
}

/// Makes a request of an input, if it can be one.
type Request = fn(&[u8]) -> Option<Sent<'_>>;

/// A request.
struct Sent<'a> {
    path: String,
    content_type: &'static str,
    body: &'a [u8],
}

impl Target {
    /// Starts an app for the target that the environment names.
    pub(crate) fn begin() -> Self {
        let name = env::var("ZATO_FUZZ_TARGET").unwrap_or_default();
        let request: Request = match name.as_str() {
            "layered" => layered,
            "xml" => xml,
            "soap" => soap,
            "csv" => csv,
            "multipart" => multipart,
            other => panic!("no target named {other:?} in ZATO_FUZZ_TARGET; `cargo xtask fuzz` sets it"),
        };
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
        let app = testing::app("fuzz").services(services![echo_order, echo_rows]).config_yaml(CONFIG);
        let app = runtime.block_on(app.start()).expect("the configuration is right");
        Self { client: testing::client(&app), runtime, _app: app, request }
    }

    /// Sends an input; `None` if it can't be sent.
    pub(crate) fn send(&self, input: &[u8]) -> Option<TestReply> {
        let Sent { path, content_type, body } = (self.request)(input)?;
        let headers = [("content-type", content_type)];
        Some(self.runtime.block_on(self.client.send(Method::POST, &path, &headers, body.to_vec())))
    }
}

/// Whether an answer says that the fault is ours. SOAP 1.1 answers with 500 whoever is to blame, and says so inside.
pub(crate) fn is_our_fault(reply: &TestReply) -> bool {
    let status = reply.status.as_u16();
    let blames_caller = [":Client<", ":Sender<", ":VersionMismatch<", ":MustUnderstand<", ":DataEncodingUnknown<"];
    let text = String::from_utf8_lossy(&reply.body);
    status >= 500 && !(text.contains("Envelope") && blames_caller.iter().any(|code| text.contains(code)))
}

/// A path parameter and a query string up to the first line end, then a payload in JSON: three sources of one model.
fn layered(input: &[u8]) -> Option<Sent<'_>> {
    let end = input.iter().position(|byte| *byte == b'\n')?;
    let (head, body) = input.split_at(end);
    let path = format!("/layered/{}", str::from_utf8(head).ok()?);
    path.parse::<zato::http::Uri>().ok()?;
    Some(Sent { path, content_type: "application/json", body })
}

fn xml(body: &[u8]) -> Option<Sent<'_>> {
    Some(Sent { path: "/xml".to_owned(), content_type: "application/xml", body })
}

/// Of the version that the envelope seems to have.
fn soap(body: &[u8]) -> Option<Sent<'_>> {
    let newer = b"http://www.w3.org/2003/05/soap-envelope";
    let is_newer = body.windows(newer.len()).any(|part| part == newer);
    let content_type = if is_newer { "application/soap+xml" } else { "text/xml" };
    Some(Sent { path: "/soap".to_owned(), content_type, body })
}

/// By the names of columns or by position, as the first byte says.
fn csv(input: &[u8]) -> Option<Sent<'_>> {
    let (first, body) = input.split_first()?;
    let path = if first.is_ascii_digit() { "/positions" } else { "/csv" };
    Some(Sent { path: path.to_owned(), content_type: "text/csv", body })
}

fn multipart(body: &[u8]) -> Option<Sent<'_>> {
    Some(Sent { path: "/multipart".to_owned(), content_type: "multipart/form-data; boundary=B", body })
}
