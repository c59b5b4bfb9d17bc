//! The schema documents of a WSDL: one for each namespace that something stands in.

use std::collections::BTreeSet;

use super::markup::Markup;

/// XML Schema's own namespace.
pub(super) const XS: &str = "http://www.w3.org/2001/XMLSchema";

/// Which of the documents something stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place(usize);

/// All documents, that of the service first.
#[derive(Debug, Default)]
pub(super) struct Documents(Vec<Document>);

#[derive(Debug, Default)]
struct Document {
    namespace: String,
    elements: Vec<Markup>,
    types: Vec<Markup>,
    /// What is referred to in it beside itself.
    imports: BTreeSet<Place>,
}

impl Documents {
    /// Returns the document of a namespace.
    pub(super) fn of(&mut self, namespace: &str) -> Place {
        let known = self.0.iter().position(|document| document.namespace == namespace);
        Place(known.unwrap_or_else(|| {
            self.0.push(Document { namespace: namespace.to_owned(), ..Document::default() });
            self.0.len() - 1
        }))
    }

    /// Adds a type of a name of its own.
    pub(super) fn add_type(&mut self, place: Place, markup: Markup) {
        self.0.get_mut(place.0).expect("a place is made with its document").types.push(markup);
    }

    /// Adds an element that others refer to; `false` if there is another of that name.
    pub(super) fn add_element(&mut self, place: Place, markup: Markup) -> bool {
        let elements = &mut self.0.get_mut(place.0).expect("a place is made with its document").elements;
        match elements.iter().find(|known| known.attribute("name") == markup.attribute("name")) {
            Some(known) => *known == markup,
            None => {
                elements.push(markup);
                true
            }
        }
    }

    /// Returns how something of one document is called in another.
    pub(super) fn name(&mut self, of: Place, name: &str, within: Place) -> String {
        if of != within {
            self.0.get_mut(within.0).expect("a place is made with its document").imports.insert(of);
        }
        self.qualified(of, name)
    }

    /// Returns how something of a document is called.
    pub(super) fn qualified(&self, of: Place, name: &str) -> String {
        // What is in no namespace has no prefix either, and no default namespace is declared anywhere.
        if self.namespace(of).is_empty() { name.to_owned() } else { format!("{}:{name}", prefix(of)) }
    }

    /// Returns the namespace of a document.
    pub(super) fn namespace(&self, place: Place) -> &str {
        self.0.get(place.0).map_or("", |document| &document.namespace)
    }

    /// Declares the prefixes of all documents.
    pub(super) fn declared(&self, markup: Markup) -> Markup {
        self.0.iter().enumerate().filter(|(_, document)| !document.namespace.is_empty()).fold(
            markup,
            |markup, (position, document)| {
                markup.with(format!("xmlns:{}", prefix(Place(position))), &document.namespace)
            },
        )
    }

    /// Writes the documents.
    pub(super) fn markup(&self) -> Vec<Markup> {
        self.0.iter().map(|document| self.schema(document)).collect()
    }

    fn schema(&self, document: &Document) -> Markup {
        let imports = document.imports.iter().map(|place| {
            let namespace = Some(self.namespace(*place)).filter(|namespace| !namespace.is_empty());
            Markup::new("xs:import").with_some("namespace", namespace)
        });
        let namespace = Some(&document.namespace).filter(|namespace| !namespace.is_empty());
        let schema = Markup::new("xs:schema").with("xmlns:xs", XS).with_some("targetNamespace", namespace);
        // Whatever stands in an element of ours is of its namespace, as `xmlns="..."` has it.
        self.declared(schema.with("elementFormDefault", "qualified"))
            .of(imports)
            .of(document.elements.iter().cloned())
            .of(document.types.iter().cloned())
    }
}

/// Returns the prefix that stands for a document's namespace everywhere.
fn prefix(place: Place) -> String {
    if place.0 == 0 { "tns".to_owned() } else { format!("ns{}", place.0) }
}
