//! What an endpoint tells the tools of its callers: its WSDL, at `?wsdl`.

use bytes::Bytes;
use http::{HeaderValue, header, request::Parts};
use serde_json::{Value, json};
use zato_core::{
    channel::{Served, Shape},
    format::soap::{ERROR_NAMESPACE, Version},
};

use super::{
    Endpoint, Operation,
    operation::derived,
    wsdl::{self, Detail, Part, Versions, Wsdl},
};
use crate::{
    edge::Via,
    forwarded::Proxies,
    table::{Route, Table},
};

/// What describes an endpoint, and what that is called.
pub(crate) type Description = (Bytes, HeaderValue);

/// The namespace of operations that may be asked for in any; a document has to name one.
const NAMESPACE: &str = "urn:zato:services";

impl Endpoint {
    /// Whether a request asks for a description, whatever the case that it asks in.
    pub(crate) fn is_asked_for_description(parts: &Parts) -> bool {
        parts.uri.query().is_some_and(|query| query.eq_ignore_ascii_case("wsdl"))
    }

    /// Writes the description of all channels of the path, for whoever reached it by an address; `None` if there is none.
    ///
    /// All but the address is written once, when somebody first asks.
    pub(crate) fn description(&self, address: &str) -> Option<Description> {
        let wsdl = self.wsdl.get_or_init(|| self.described());
        Some((wsdl.at(address).into(), HeaderValue::from_static("text/xml; charset=utf-8")))
    }

    fn described(&self) -> Wsdl {
        let operations: Vec<_> = self.operations().collect();
        let responses: Vec<_> = operations.iter().map(|(_, operation)| format!("{}Response", operation.name)).collect();
        let path = operations.first().and_then(|(route, _)| route.info.route.as_deref()).unwrap_or_default();
        let name = if path.contains(char::is_alphanumeric) { derived(path) } else { "Service".to_owned() };
        let operations: Vec<_> = operations
            .into_iter()
            .zip(&responses)
            .map(|((route, operation), response)| described(route, operation, response))
            .collect();
        let namespace = operations.first().map_or(NAMESPACE, |operation| operation.input.namespace);
        let schema = detail();
        let detail = Detail { element: "error", namespace: ERROR_NAMESPACE, schema: &schema };
        Wsdl::of(&wsdl::Description { name: &name, namespace, operations }, &detail)
    }
}

fn described<'a>(route: &'a Route, operation: &'a Operation, response: &'a str) -> wsdl::Operation<'a> {
    let unknown = Served { name: "", documentation: "", input: Shape::Raw, output: Shape::Raw };
    let served = route.inlet.served().unwrap_or(unknown);
    let namespace = operation.namespace.as_deref().unwrap_or(NAMESPACE);
    let of_reply = route.info.options.xml.namespace.as_deref().unwrap_or(namespace);
    let speaks = |version| operation.versions.contains(&version);
    wsdl::Operation {
        name: &operation.name,
        docs: served.documentation,
        action: operation.action.as_deref().unwrap_or_default(),
        versions: Versions { soap_11: speaks(Version::V11), soap_12: speaks(Version::V12) },
        input: Part { element: &operation.name, namespace, shape: served.input },
        output: Part { element: response, namespace: of_reply, shape: served.output },
    }
}

/// What stands in the detail of a fault, as [`FaultMessage`](super::FaultMessage) writes it.
fn detail() -> Value {
    let fault = json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "xml": {"attribute": true}},
            "value": {"type": "string", "xml": {"attribute": true}},
            "text": {"type": "string", "xml": {"x-text": true}},
        },
        "required": ["path", "text"],
        "x-order": ["path", "value", "text"],
    });
    json!({
        "type": "object",
        "properties": {"cid": {"type": "string"}, "fault": {"type": "array", "items": fault}},
        "required": ["cid"],
        "x-order": ["cid", "fault"],
    })
}

/// Returns the address by which a request came, without its query string: of a proxy that is trusted, that by which the
/// client reached the proxy.
pub(super) fn address_of(table: &Table, parts: &Parts, via: Via<'_>) -> String {
    let is_trusted = |proxies: &&Proxies| via.peer(parts).is_some_and(|peer| proxies.trusts(peer.ip()));
    let proxies = table.proxies.as_ref().filter(is_trusted);
    let (scheme, host) = proxies.map(|proxies| proxies.reached(&parts.headers)).unwrap_or_default();
    let of_connection =
        if via.is_listener() && table.tls.is_some() { "https" } else { parts.uri.scheme_str().unwrap_or("http") };
    // A target with a host in it counts more than the header (RFC 9112 §3.2.2); HTTP/2 has no other.
    let of_request = || {
        let header = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        parts.uri.authority().map(|authority| authority.as_str()).or(header).unwrap_or("localhost").to_owned()
    };
    let scheme = scheme.as_deref().unwrap_or(of_connection);
    format!("{scheme}://{}{}", host.unwrap_or_else(of_request), parts.uri.path())
}

#[cfg(test)]
mod tests {
    use zato_core::{
        Fault,
        format::{
            soap::{FaultCode, FaultMessage},
            xml::Document,
        },
    };

    use super::*;

    #[test]
    fn the_detail_is_described_as_it_is_written() {
        let faults = [Fault::new("/a/b", "expected a day").with_value("x\"<")];
        let message = FaultMessage {
            version: Version::V12,
            code: &FaultCode::Sender,
            reason: "no",
            cid: "c1".parse().unwrap(),
            faults: &faults,
            versions: &Version::ALL,
        };
        let document = Document::parse(message.to_bytes()).unwrap();
        let fault = document.root().child("Body").and_then(|body| body.child("Fault")).unwrap();
        let error = fault.child("Detail").and_then(|detail| detail.child("error")).unwrap();
        assert_eq!((error.name(), error.namespace()), ("error", Some(ERROR_NAMESPACE)));
        let children: Vec<_> = error.children().map(|child| (child.name(), child.namespace())).collect();
        assert_eq!(children, [("cid", Some(ERROR_NAMESPACE)), ("fault", Some(ERROR_NAMESPACE))]);
        let fault = error.child("fault").unwrap();
        assert_eq!((fault.attribute("path"), fault.attribute("value")), (Some("/a/b"), Some("x\"<")));
        assert_eq!(fault.text(), "expected a day");
        assert_eq!(detail()["x-order"], json!(["cid", "fault"]));
    }
}
