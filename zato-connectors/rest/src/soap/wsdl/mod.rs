//! WSDL 1.1: what a SOAP client is generated from, made of the models of services.
//!
//! Everything is document/literal and wrapped, as the Basic Profile 1.1 of WS-I wants it (§4.4): one element to a
//! message, named like the operation. `types.rs` says how models become XML Schema.

mod documents;
mod fields;
mod json_schema;
pub(crate) mod markup;
mod pattern;
mod simple;
mod types;

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};
use zato_core::channel::Shape;

use self::{
    documents::{Documents, XS},
    json_schema::Definitions,
    markup::{Escaped, Markup},
    types::Types,
};

/// What is said of the SOAP channels of one path.
pub(crate) struct Description<'a> {
    /// What the service is called.
    pub(crate) name: &'a str,
    /// The namespace of the document, and of what stands in it.
    pub(crate) namespace: &'a str,
    /// What can be called, in the order of the configuration.
    pub(crate) operations: Vec<Operation<'a>>,
}

/// One thing that can be called.
pub(crate) struct Operation<'a> {
    /// What clients call it.
    pub(crate) name: &'a str,
    /// What it does, in the words of the service.
    pub(crate) docs: &'a str,
    /// What stands in `SOAPAction`, or in the `action` of the content type.
    pub(crate) action: &'a str,
    /// Which versions of SOAP it is called by.
    pub(crate) versions: Versions,
    /// What is sent.
    pub(crate) input: Part<'a>,
    /// What is answered.
    pub(crate) output: Part<'a>,
}

/// Which versions of SOAP are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) soap_11: bool,
    pub(crate) soap_12: bool,
}

/// What stands in the body of an envelope.
pub(crate) struct Part<'a> {
    /// The name of its element.
    pub(crate) element: &'a str,
    /// The namespace of that.
    pub(crate) namespace: &'a str,
    pub(crate) shape: Shape,
}

/// What is in the detail of a fault of ours.
pub(crate) struct Detail<'a> {
    /// The name of its element.
    pub(crate) element: &'a str,
    /// The namespace of that.
    pub(crate) namespace: &'a str,
    /// What it looks like, as JSON Schema.
    pub(crate) schema: &'a Value,
}

/// A document of which all is known but where the service is.
pub(crate) struct Wsdl {
    /// Between two of them, and nowhere else, stands the address.
    pieces: Vec<String>,
}

/// What stands for the address until that is known. A quote in a text or an attribute is escaped, so that nothing else
/// looks like it.
const LOCATION: &str = "location=\"\"";

const WSDL: &str = "http://schemas.xmlsoap.org/wsdl/";

/// What the bindings of a version are made of.
struct Version {
    suffix: &'static str,
    prefix: &'static str,
    namespace: &'static str,
    binding: &'static str,
    operation: &'static str,
    body: &'static str,
    fault: &'static str,
    address: &'static str,
    is_spoken: fn(Versions) -> bool,
}

/// SOAP 1.1 (WSDL 1.1 §3) and SOAP 1.2 (WSDL 1.1 Binding Extension for SOAP 1.2).
const VERSIONS: [Version; 2] = [
    Version {
        suffix: "Soap11",
        prefix: "xmlns:soap",
        namespace: "http://schemas.xmlsoap.org/wsdl/soap/",
        binding: "soap:binding",
        operation: "soap:operation",
        body: "soap:body",
        fault: "soap:fault",
        address: "soap:address",
        is_spoken: |versions| versions.soap_11,
    },
    Version {
        suffix: "Soap12",
        prefix: "xmlns:soap12",
        namespace: "http://schemas.xmlsoap.org/wsdl/soap12/",
        binding: "soap12:binding",
        operation: "soap12:operation",
        body: "soap12:body",
        fault: "soap12:fault",
        address: "soap12:address",
        is_spoken: |versions| versions.soap_12,
    },
];

impl Wsdl {
    /// Writes the document.
    pub(crate) fn of(description: &Description<'_>, detail: &Detail<'_>) -> Self {
        let (schemas, definitions) = schemas(&description.operations);
        let mut documents = Documents::default();
        documents.of(description.namespace);
        let mut types = Types::new(&definitions, &mut documents);
        let mut names = HashSet::new();
        let mut messages = Vec::with_capacity(schemas.len());
        for (operation, (input, output)) in description.operations.iter().zip(schemas) {
            let mut add = |part: &Part<'_>, schema: &Value| types.add_message(part.namespace, part.element, schema);
            let (input, output) = (add(&operation.input, &input), add(&operation.output, &output));
            messages.push(Messages { operation, name: unique(operation.name, &mut names), input, output });
        }
        let fault = types.add_message(detail.namespace, detail.element, detail.schema);
        let text = document(description, &messages, &fault, &documents).to_string();
        Self { pieces: text.split(LOCATION).map(str::to_owned).collect() }
    }

    /// Returns the document for whoever came by an address.
    pub(crate) fn at(&self, address: &str) -> String {
        let document = self.pieces.join(&format!("location=\"{}\"", Escaped(address)));
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{document}")
    }
}

/// An operation with where the elements of its messages stand.
struct Messages<'a> {
    operation: &'a Operation<'a>,
    name: String,
    input: String,
    output: String,
}

/// Returns a name that no operation before has: of two channels that do the same for different actions, each is one.
fn unique(name: &str, names: &mut HashSet<String>) -> String {
    let further = (2..).map(|number| format!("{name}{number}"));
    let name = std::iter::once(name.to_owned()).chain(further).find(|name| !names.contains(name));
    let name = name.expect("there are more numbers than operations");
    names.insert(name.clone());
    name
}

/// Returns the schemas of what each operation takes and gives, and what they refer to. All are made at once, so that two
/// models of one name get names of their own.
fn schemas(operations: &[Operation<'_>]) -> (Vec<(Value, Value)>, Definitions) {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut of = |shape: Shape| match shape {
        Shape::Model { schema, .. } | Shape::Rows { schema, .. } => schema(&mut generator).to_value(),
        // Bytes as they come may be anything, and nothing is an element without content.
        Shape::Raw => json!({"type": "object", "additionalProperties": true}),
        _ => json!({"type": "object"}),
    };
    let schemas = operations.iter().map(|operation| (of(operation.input.shape), of(operation.output.shape))).collect();
    (schemas, generator.take_definitions(false))
}

fn document(description: &Description<'_>, messages: &[Messages<'_>], fault: &str, documents: &Documents) -> Markup {
    let root = Markup::new("wsdl:definitions").with("xmlns:wsdl", WSDL).with("xmlns:xs", XS);
    let versions: Vec<_> = VERSIONS
        .iter()
        .filter(|version| messages.iter().any(|message| (version.is_spoken)(message.operation.versions)))
        .collect();
    let root = versions.iter().fold(root, |root, version| root.with(version.prefix, version.namespace));
    let root = documents.declared(root.with("name", description.name).with("targetNamespace", description.namespace));
    let parts = messages.iter().flat_map(|message| {
        [(request(&message.name), message.input.as_str()), (response(&message.name), message.output.as_str())]
    });
    let message = |(name, element): (String, &str)| {
        let part = Markup::new("wsdl:part").with("name", "parameters").with("element", element);
        Markup::new("wsdl:message").with("name", name).of([part])
    };
    root.of([Markup::new("wsdl:types").of(documents.markup())])
        .of(parts.map(message))
        .of([message((FAULT.to_owned(), fault))])
        .of([port_type(description, messages)])
        .of(versions.iter().map(|version| binding(description, messages, version)))
        .of([service(description, &versions)])
}

/// What the fault of every operation is called.
const FAULT: &str = "Fault";

fn request(operation: &str) -> String {
    format!("{operation}Request")
}

fn response(operation: &str) -> String {
    format!("{operation}Response")
}

fn port_type(description: &Description<'_>, messages: &[Messages<'_>]) -> Markup {
    let operations = messages.iter().map(|Messages { operation, name, .. }| {
        let docs = Some(operation.docs.trim()).filter(|docs| !docs.is_empty());
        let message = |element, name| Markup::new(element).with("message", format!("tns:{name}"));
        Markup::new("wsdl:operation")
            .with("name", name)
            .of(docs.map(|docs| Markup::new("wsdl:documentation").text(docs)))
            .of([
                message("wsdl:input", request(name)),
                message("wsdl:output", response(name)),
                message("wsdl:fault", FAULT.to_owned()).with("name", FAULT),
            ])
    });
    Markup::new("wsdl:portType").with("name", description.name).of(operations)
}

fn binding(description: &Description<'_>, messages: &[Messages<'_>], version: &Version) -> Markup {
    let name = description.name;
    let spoken = messages.iter().filter(|message| (version.is_spoken)(message.operation.versions));
    let literal = |element| Markup::new(element).with("use", "literal");
    let operations = spoken.map(|Messages { operation, name, .. }| {
        Markup::new("wsdl:operation").with("name", name).of([
            Markup::new(version.operation).with("soapAction", operation.action).with("style", "document"),
            Markup::new("wsdl:input").of([literal(version.body)]),
            Markup::new("wsdl:output").of([literal(version.body)]),
            Markup::new("wsdl:fault").with("name", FAULT).of([literal(version.fault).with("name", FAULT)]),
        ])
    });
    let transport = "http://schemas.xmlsoap.org/soap/http";
    Markup::new("wsdl:binding")
        .with("name", format!("{name}{}", version.suffix))
        .with("type", format!("tns:{name}"))
        .of([Markup::new(version.binding).with("style", "document").with("transport", transport)])
        .of(operations)
}

fn service(description: &Description<'_>, versions: &[&Version]) -> Markup {
    let ports = versions.iter().map(|version| {
        let name = format!("{}{}", description.name, version.suffix);
        Markup::new("wsdl:port")
            .with("name", &name)
            .with("binding", format!("tns:{name}"))
            .of([Markup::new(version.address).with("location", "")])
    });
    Markup::new("wsdl:service").with("name", description.name).of(ports)
}
