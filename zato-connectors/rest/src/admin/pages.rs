//! What the admin listener answers with.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use zato_core::{
    Error, Result,
    channel::{BoxFuture, Inlet, Inlets, Intake, Places},
    config::Origin,
    inspect::Inspect,
    message::{Message, Payload, Reply},
};

use crate::config::{HttpChannelConfig, RestChannelConfig};

/// One page.
struct Page {
    path: &'static str,
    says: &'static str,
    /// Whether everybody may ask, also where credentials are wanted: probes have none.
    is_for_probes: bool,
    write: fn(&Pages) -> Result<Reply>,
}

/// Every page.
const PAGES: [Page; 6] = [
    Page { path: "/", says: "these pages", is_for_probes: false, write: |_| json_reply(StatusCode::OK, &list()) },
    Page {
        path: "/livez",
        says: "200 as long as the process answers",
        is_for_probes: true,
        write: |_| json_reply(StatusCode::OK, &json!({"status": "live"})),
    },
    Page {
        path: "/readyz",
        says: "200 if requests should be sent here, otherwise 503; which connections are down, and which user configuration is stale",
        is_for_probes: true,
        write: readiness,
    },
    Page {
        path: "/metrics",
        says: "metrics for Prometheus",
        is_for_probes: false,
        write: |pages| {
            let content_type = "text/plain; version=0.0.4; charset=utf-8";
            Ok(reply(StatusCode::OK, content_type, pages.inspect.metrics().into()))
        },
    },
    Page {
        path: "/config",
        says: "the configuration in force, secrets masked",
        is_for_probes: false,
        write: |pages| json_reply(StatusCode::OK, &pages.inspect.config()),
    },
    Page {
        path: "/graph",
        says: "services, channels and connections, and who uses whom",
        is_for_probes: false,
        write: |pages| json_reply(StatusCode::OK, &pages.inspect.graph()),
    },
];

fn list() -> Value {
    Value::Object(PAGES.iter().map(|page| (page.path.to_owned(), page.says.into())).collect())
}

fn readiness(pages: &Pages) -> Result<Reply> {
    let readiness = pages.inspect.readiness();
    let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut told = readiness.to_json();
    if let Some(connections) = told.get_mut("connections").filter(|_| !pages.is_open) {
        // Names and reasons are for who proves to be somebody, and those are on other pages, too.
        *connections = readiness.down.len().into();
    }
    if let Some(stale) = told.get_mut("user_config").filter(|_| !pages.is_open) {
        *stale = readiness.stale.len().into();
    }
    json_reply(status, &told)
}

/// Returns the pages as channels, each with its path for a service.
pub(super) fn entries(security: Option<&str>) -> Vec<(HttpChannelConfig, Origin)> {
    let entry = |page: &Page| {
        let security = security.filter(|_| !page.is_for_probes);
        let entry = json!({
            "name": format!("admin {}", page.path),
            "url_path": page.path,
            "service": page.path,
            "method": "GET",
            "security": security,
        });
        // Read as an entry of a file is, so that every key has its default.
        let config: RestChannelConfig =
            serde_json::from_value(entry).expect("the entry of a page has what an entry needs");
        (config.into(), Origin::start_of("server.admin"))
    };
    PAGES.iter().map(entry).collect()
}

/// The ways to pages, by their paths.
#[derive(Clone)]
pub(super) struct Pages {
    pub(super) inspect: Arc<dyn Inspect>,
    /// Whether nobody has to prove who they are.
    pub(super) is_open: bool,
}

impl Inlets for Pages {
    fn inlet(&self, service: &str) -> Option<Inlet> {
        let page = PAGES.iter().find(|page| page.path == service)?;
        Some(Inlet::new(Arc::new(Written { pages: self.clone(), write: page.write })))
    }

    /// Pages have no places of their own: none of them asks for any.
    fn limited_inlet(&self, service: &str, _: Places<'_>) -> Option<Inlet> {
        self.inlet(service)
    }
}

struct Written {
    pages: Pages,
    write: fn(&Pages) -> Result<Reply>,
}

impl Intake for Written {
    fn take(&self, _: Message) -> BoxFuture<'static, Result<Reply>> {
        Box::pin(std::future::ready((self.write)(&self.pages)))
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
