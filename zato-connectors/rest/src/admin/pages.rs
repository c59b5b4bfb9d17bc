//! What the admin listener answers with.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use zato_core::{
    Error, Result,
    channel::{BoxFuture, Inlet, Inlets, Intake, Places},
    config::Origin,
    inspect::Inspect,
    message::{Message, Payload, Reply},
};

use crate::config::RestChannelConfig;

/// A page: its path, and what it says.
type Page = (&'static str, &'static str, fn(&dyn Inspect) -> Result<Reply>);

/// Every page.
const PAGES: [Page; 6] = [
    ("/", "these pages", |_| json_reply(StatusCode::OK, &list())),
    ("/livez", "200 as long as the process answers", |_| json_reply(StatusCode::OK, &json!({"status": "live"}))),
    ("/readyz", "200 if requests should be sent here, otherwise 503; which connections are down", |inspect| {
        let readiness = inspect.readiness();
        let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        json_reply(status, &readiness.to_json())
    }),
    ("/metrics", "metrics for Prometheus", |inspect| {
        Ok(reply(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", inspect.metrics().into()))
    }),
    ("/config", "the configuration in force, secrets masked", |inspect| json_reply(StatusCode::OK, &inspect.config())),
    ("/graph", "services, channels and connections, and who uses whom", |inspect| {
        json_reply(StatusCode::OK, &inspect.graph())
    }),
];

fn list() -> Value {
    Value::Object(PAGES.iter().map(|(path, says, _)| ((*path).to_owned(), (*says).into())).collect::<Map<_, _>>())
}

/// Returns the pages as channels, each with its path for a service.
pub(super) fn entries(security: Option<&str>) -> Vec<(RestChannelConfig, Origin)> {
    let entry = |(path, _, _): &Page| {
        let entry = json!({
            "name": format!("admin {path}"), "url_path": path, "service": path, "method": "GET", "security": security,
        });
        // Read as an entry of a file is, so that every key has its default.
        let config = serde_json::from_value(entry).expect("the entry of a page has what an entry needs");
        (config, Origin::start_of("server.admin"))
    };
    PAGES.iter().map(entry).collect()
}

/// The ways to pages, by their paths.
pub(super) struct Pages(pub(super) Arc<dyn Inspect>);

impl Inlets for Pages {
    fn inlet(&self, service: &str) -> Option<Inlet> {
        let (_, _, write) = PAGES.iter().find(|(path, _, _)| *path == service)?;
        Some(Inlet::new(Arc::new(Written { inspect: Arc::clone(&self.0), write: *write })))
    }

    /// Pages have no places of their own: none of them asks for any.
    fn limited_inlet(&self, service: &str, _: Places<'_>) -> Option<Inlet> {
        self.inlet(service)
    }
}

struct Written {
    inspect: Arc<dyn Inspect>,
    write: fn(&dyn Inspect) -> Result<Reply>,
}

impl Intake for Written {
    fn take(&self, _: Message) -> BoxFuture<'static, Result<Reply>> {
        Box::pin(std::future::ready((self.write)(&*self.inspect)))
    }
}

/// Writes JSON so that people can read it, too.
fn json_reply(status: StatusCode, value: &Value) -> Result<Reply> {
    let text = serde_json::to_vec_pretty(value)
        .map_err(|error| Error::internal("a page can't be written").with_source(error))?;
    Ok(reply(status, "application/json", text.into()))
}

fn reply(status: StatusCode, content_type: &'static str, body: Bytes) -> Reply {
    let mut headers = HeaderMap::with_capacity(3);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // What was true a moment ago is of no use to anybody.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Reply::new(Payload::from(body)).with_status(status).with_headers(headers)
}
