//! From JSON Schema to XML Schema: what has elements in it.

use std::{
    borrow::Cow,
    collections::{HashSet, VecDeque},
};

use serde_json::Value;

use super::{
    documents::{Documents, Place},
    fields::{Field, Fields, fields},
    json_schema::{self as json, Definitions},
    markup::Markup,
    simple::Simple,
};

/// Writes the types of models into schema documents.
pub(super) struct Types<'a> {
    definitions: &'a Definitions,
    documents: &'a mut Documents,
    /// Which definitions have a type in which namespace.
    named: HashSet<(String, Place)>,
    /// Those of them that are still to be written.
    pending: VecDeque<(String, Place)>,
}

/// What says which type something has.
enum Type {
    /// A type of a name of its own.
    Named(String),
    /// One that stands in the element.
    Inline(Markup),
}

/// Anything.
const ANY_TYPE: &str = "xs:anyType";

/// How deep lists are written that have no name of their own.
const DEEPEST: usize = 8;

/// What the items of a list are called that has an element of its own, unless the model says it.
const ITEM: &str = "item";

impl<'a> Types<'a> {
    pub(super) fn new(definitions: &'a Definitions, documents: &'a mut Documents) -> Self {
        Self { definitions, documents, named: HashSet::new(), pending: VecDeque::new() }
    }

    /// Adds the element of a whole message, and every type that it needs; returns what it is called.
    pub(super) fn add_message(&mut self, namespace: &str, name: &str, schema: &Value) -> String {
        let place = self.documents.of(namespace);
        // A list stands in the message's element, its items one after the other.
        let written = self.type_of(schema, place, DEEPEST);
        self.documents.add_element(place, typed(Markup::new("xs:element").with("name", name), written));
        let message = place;
        while let Some((definition, place)) = self.pending.pop_front() {
            let Some(schema) = self.definitions.get(&definition) else { continue };
            let written = self.named_type(schema, place, &type_name(&definition));
            self.documents.add_type(place, written);
        }
        self.documents.qualified(message, name)
    }

    /// Finds the type of a value within an element of a namespace.
    fn type_of(&mut self, schema: &Value, place: Place, depth: usize) -> Type {
        let Some(depth) = depth.checked_sub(1) else { return Type::Named(ANY_TYPE.to_owned()) };
        let schema = json::not_null(schema).schema;
        if let Some(name) = json::reference(schema)
            && schema.get("properties").is_none()
        {
            return self.reference(&name, place, depth);
        }
        if let Some(simple) = Simple::of(schema) {
            return if simple.is_built_in() {
                Type::Named(simple.base.to_owned())
            } else {
                Type::Inline(simple.markup())
            };
        }
        if let Some(items) = items(schema) {
            let item = self.item(items, place, depth).with("minOccurs", 0).with("maxOccurs", "unbounded");
            return Type::Inline(Markup::new("xs:complexType").of([Markup::new("xs:sequence").of([item])]));
        }
        self.complex(schema, place, depth, "").map_or_else(|| Type::Named(ANY_TYPE.to_owned()), Type::Inline)
    }

    /// Finds the type of a definition, which is written later if it needs a name of its own.
    fn reference(&mut self, name: &str, place: Place, depth: usize) -> Type {
        let definitions = self.definitions;
        let Some(schema) = definitions.get(name) else { return Type::Named(ANY_TYPE.to_owned()) };
        if let Some(simple) = Simple::of(schema).filter(Simple::is_built_in) {
            return Type::Named(simple.base.to_owned());
        }
        // A list is no type of its elements, and neither is what may be anything.
        let is_type = Simple::of(schema).is_some() || is_complex(schema, definitions);
        if !is_type {
            return self.type_of(schema, place, depth);
        }
        let within = place;
        let place = json::xml_text(schema, "namespace").map_or(place, |namespace| self.documents.of(namespace));
        if self.named.insert((name.to_owned(), place)) {
            self.pending.push_back((name.to_owned(), place));
        }
        Type::Named(self.documents.name(place, &type_name(name), within))
    }

    fn named_type(&mut self, schema: &Value, place: Place, name: &str) -> Markup {
        let written = match Simple::of(schema) {
            Some(simple) => simple.markup(),
            None => {
                let complex = self.complex(schema, place, DEEPEST, name);
                complex.unwrap_or_else(|| Markup::new("xs:complexType").of([Markup::new("xs:sequence").of([any()])]))
            }
        };
        let written = written.with("name", name);
        match json::description(schema) {
            Some(words) => written.beginning_with([annotation(words)]),
            None => written,
        }
    }

    /// Writes the type of what has elements or attributes; `None` if it may be anything. `name` is that of the type, if it
    /// has one.
    fn complex(&mut self, schema: &Value, place: Place, depth: usize, name: &str) -> Option<Markup> {
        if let Some(variants) = variants(schema) {
            return Some(self.choice(&variants, place, depth));
        }
        let fields = fields(schema, self.definitions)?;
        let is_map = fields.is_open;
        let is_text = |field: &Field<'_>| json::xml_is(&field.schema, "x-text") || is_marked(&field.schema, "x-text");
        let (attributes, others): (Vec<_>, Vec<_>) =
            fields.all.iter().partition(|field| json::xml_is(&field.schema, "attribute"));
        let attributes: Vec<_> =
            attributes.into_iter().filter_map(|field| self.attribute(field, place, depth)).collect();
        let text = others.iter().find(|field| is_text(field));
        let elements: Vec<_> = others.iter().filter(|field| !is_text(field)).copied().collect();
        if let Some(text) = text.filter(|_| elements.is_empty() && !is_map) {
            let base = self.text_base(text, place, depth, name);
            let extension = Markup::new("xs:extension").with("base", base).of(attributes);
            return Some(Markup::new("xs:complexType").of([Markup::new("xs:simpleContent").of([extension])]));
        }
        let complex = Markup::new("xs:complexType").with_some("mixed", text.map(|_| true));
        let content = if is_map {
            // Beside something of any name nothing else can be told apart (Part 1, §3.8.6).
            Some(Markup::new("xs:sequence").of([any()]))
        } else {
            self.content(&fields, &elements, place, depth)
        };
        Some(complex.of(content).of(attributes))
    }

    /// Writes the elements of a type: in their order if that is known, else in any.
    fn content(&mut self, fields: &Fields<'_>, elements: &[&Field<'_>], place: Place, depth: usize) -> Option<Markup> {
        let written: Vec<_> = elements.iter().filter_map(|field| self.element(field, place, depth)).collect();
        if written.is_empty() {
            return None;
        }
        // Where the order is open nothing may be there twice (Part 1, §3.8.6).
        let is_once = |element: &Markup| element.attribute("maxOccurs").is_none() && element.name() == "xs:element";
        let group = if !fields.is_ordered && written.iter().all(is_once) { "xs:all" } else { "xs:sequence" };
        Some(Markup::new(group).of(written))
    }

    fn attribute(&mut self, field: &Field<'_>, place: Place, depth: usize) -> Option<Markup> {
        let name = json::xml_text(&field.schema, "name").unwrap_or(field.name);
        is_name(name).then_some(())?;
        let is_required = field.is_required && !json::not_null(&field.schema).is_nullable;
        let attribute = Markup::new("xs:attribute").with("name", name);
        let attribute = attribute.with_some("use", is_required.then_some("required"));
        let attribute = typed(
            attribute,
            match self.type_of(&field.schema, place, depth) {
                Type::Named(name) if name == ANY_TYPE => Type::Named("xs:anySimpleType".to_owned()),
                other => other,
            },
        );
        Some(described(attribute, &field.schema))
    }

    /// Returns the type that the text of an element has; one with restrictions gets a name, by which it is extended.
    fn text_base(&mut self, field: &Field<'_>, place: Place, depth: usize, name: &str) -> String {
        match self.type_of(&field.schema, place, depth) {
            Type::Named(name) if name == ANY_TYPE => "xs:string".to_owned(),
            Type::Named(name) => name,
            Type::Inline(_) if name.is_empty() => "xs:string".to_owned(),
            Type::Inline(markup) => {
                let name = format!("{name}.text");
                self.documents.add_type(place, markup.with("name", &name));
                self.documents.name(place, &name, place)
            }
        }
    }

    /// Writes the element of a field; `None` if XML can't carry one of its name.
    fn element(&mut self, field: &Field<'_>, place: Place, depth: usize) -> Option<Markup> {
        let schema = &*field.schema;
        let name = json::xml_text(schema, "name").unwrap_or(field.name);
        is_name(name).then_some(())?;
        let is_nullable = json::not_null(schema).is_nullable;
        let is_required = field.is_required && !is_nullable;
        let definitions = self.definitions;
        let list = json::resolved(schema, definitions).filter(|list| items(list).is_some());
        let own = json::xml_text(schema, "namespace").map_or(place, |namespace| self.documents.of(namespace));
        let element = Markup::new("xs:element").with("name", name);
        let (element, occurs) = match list.and_then(|list| Some((list, items(list)?))) {
            Some((list, items)) if json::xml_is(schema, "wrapped") || json::xml_is(list, "wrapped") => {
                let item = self.item(items, own, depth);
                let item = occurring(item, Occurs::of_list(list, true));
                let wrapper = Markup::new("xs:complexType").of([Markup::new("xs:sequence").of([item])]);
                (element.of([wrapper]), Occurs::once(is_required))
            }
            Some((list, items)) => (self.repeated(element, items, own, depth), Occurs::of_list(list, is_required)),
            None => {
                let nillable = (field.is_required && is_nullable).then_some(true);
                let written = self.type_of(schema, own, depth);
                (typed(element.with_some("nillable", nillable), written), Occurs::once(is_required))
            }
        };
        let element = described(element, schema);
        if own == place {
            return Some(occurring(element, occurs));
        }
        // What is of another namespace stands in that one's document, and is referred to.
        let reference = self.documents.name(own, name, place);
        Some(if self.documents.add_element(own, element) {
            occurring(Markup::new("xs:element").with("ref", reference), occurs)
        } else {
            let any = Markup::new("xs:any").with("namespace", self.documents.namespace(own));
            occurring(any.with("processContents", "lax"), occurs)
        })
    }

    /// Gives an element that is repeated the type of an item.
    fn repeated(&mut self, element: Markup, items: &Value, place: Place, depth: usize) -> Markup {
        let nillable = json::not_null(items).is_nullable.then_some(true);
        let written = self.type_of(items, place, depth);
        typed(element.with_some("nillable", nillable), written)
    }

    /// Writes the element of an item.
    fn item(&mut self, items: &Value, place: Place, depth: usize) -> Markup {
        let name = json::xml_text(items, "name").filter(|name| is_name(name)).unwrap_or(ITEM);
        self.repeated(Markup::new("xs:element").with("name", name), items, place, depth)
    }

    /// Writes what is one of several elements, as an enum is written that says in one what it is; `""` is a text instead.
    fn choice(&mut self, variants: &[Variant<'_>], place: Place, depth: usize) -> Markup {
        let has_texts = variants.iter().any(|variant| matches!(variant, Variant::Texts));
        let elements: Vec<_> = variants
            .iter()
            .filter_map(|variant| match variant {
                Variant::Texts => None,
                Variant::Element { name, schema } => {
                    let field = Field { name, schema: Cow::Borrowed(schema), is_required: true };
                    self.element(&field, place, depth)
                }
            })
            .collect();
        let choice = Markup::new("xs:choice").with_some("minOccurs", has_texts.then_some(0)).of(elements);
        Markup::new("xs:complexType").with_some("mixed", has_texts.then_some(true)).of([choice])
    }
}

/// How often an element may be there.
#[derive(Clone, Copy)]
struct Occurs {
    least: u64,
    /// `None` for as often as one likes.
    most: Option<u64>,
}

impl Occurs {
    fn once(is_required: bool) -> Self {
        Self { least: u64::from(is_required), most: Some(1) }
    }

    fn of_list(list: &Value, is_required: bool) -> Self {
        let least = list.get("minItems").and_then(Value::as_u64).filter(|_| is_required).unwrap_or(0);
        Self { least, most: list.get("maxItems").and_then(Value::as_u64) }
    }
}

fn occurring(element: Markup, occurs: Occurs) -> Markup {
    let least = (occurs.least != 1).then_some(occurs.least);
    let most = match occurs.most {
        Some(1) => None,
        Some(most) => Some(most.to_string()),
        None => Some("unbounded".to_owned()),
    };
    element.with_some("minOccurs", least).with_some("maxOccurs", most)
}

/// A variant of an enum that is written as what it is called.
enum Variant<'a> {
    /// Some that are only a text.
    Texts,
    Element {
        name: &'a str,
        schema: &'a Value,
    },
}

/// Returns the variants of an enum whose values are objects of one property, or texts.
fn variants(schema: &Value) -> Option<Vec<Variant<'_>>> {
    let alternatives = schema.get("oneOf").and_then(Value::as_array).filter(|_| schema.get("properties").is_none())?;
    let variant = |alternative: &'_ Value| {
        if Simple::of(alternative).is_some() && json::only_type(alternative) == Some("string") {
            return Some(None);
        }
        let properties = alternative.get("properties").and_then(Value::as_object).filter(|all| all.len() == 1)?;
        let (name, _) = properties.iter().next()?;
        // With a reference beside it, or a constant in it, it is the tag of something else.
        let is_variant = json::is_required(alternative, name) && alternative.get("$ref").is_none();
        is_variant.then(|| Some(name.clone()))
    };
    let mut all = Vec::new();
    for alternative in alternatives {
        match variant(alternative)? {
            None => all.push(Variant::Texts),
            Some(name) => {
                let (name, schema) = alternative.get("properties")?.as_object()?.get_key_value(&name)?;
                if schema.get("const").is_some() {
                    return None;
                }
                all.push(Variant::Element { name, schema });
            }
        }
    }
    Some(all)
}

/// Whether a definition gets a type of its own.
fn is_complex(schema: &Value, definitions: &Definitions) -> bool {
    variants(schema).is_some() || fields(schema, definitions).is_some()
}

/// Returns the schema of the items, if it is one of lists.
fn items(schema: &Value) -> Option<&Value> {
    static ANYTHING: Value = Value::Bool(true);
    (json::only_type(schema) == Some("array")).then(|| schema.get("items").unwrap_or(&ANYTHING))
}

fn is_marked(schema: &Value, word: &str) -> bool {
    schema.get(word) == Some(&Value::Bool(true))
}

fn typed(element: Markup, of: Type) -> Markup {
    match of {
        Type::Named(name) => element.with("type", name),
        Type::Inline(markup) => element.of([markup]),
    }
}

/// Adds what a schema says that it is about.
fn described(element: Markup, schema: &Value) -> Markup {
    match json::description(schema) {
        Some(words) => element.beginning_with([annotation(words)]),
        None => element,
    }
}

/// Writes words for people.
pub(super) fn annotation(words: &str) -> Markup {
    Markup::new("xs:annotation").of([Markup::new("xs:documentation").text(words)])
}

/// Anything, any number of times.
pub(super) fn any() -> Markup {
    let any = Markup::new("xs:any").with("minOccurs", 0).with("maxOccurs", "unbounded");
    any.with("namespace", "##any").with("processContents", "lax")
}

/// Whether an element can have the name (Namespaces in XML §4), without the letters that nobody writes.
fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    let begins = characters.next().is_some_and(|first| first.is_alphabetic() || first == '_');
    begins && characters.all(|character| character.is_alphanumeric() || matches!(character, '_' | '-' | '.'))
}

/// Returns the name of a definition as one that XML can have.
fn type_name(definition: &str) -> String {
    let legal = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
    let name: String = definition.chars().map(|character| if legal(character) { character } else { '_' }).collect();
    if is_name(&name) { name } else { format!("_{name}") }
}
