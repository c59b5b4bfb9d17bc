use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::json;
use zato_core::{Value, chrono, model::Decimal, uuid::Uuid};

use super::*;

const BOTH: Versions = Versions { soap_11: true, soap_12: true };

fn shape<T: JsonSchema>() -> Shape {
    Shape::Model {
        name: "Model",
        schema: SchemaGenerator::subschema_for::<T>,
        root: SchemaGenerator::into_root_schema_for::<T>,
        is_lenient: false,
    }
}

fn operation<'a>(name: &'a str, response: &'a str, input: Shape, output: Shape) -> Operation<'a> {
    let part = |element, shape| Part { element, namespace: "urn:bank", shape };
    Operation { name, docs: "", action: "", versions: BOTH, input: part(name, input), output: part(response, output) }
}

fn detail() -> Value {
    json!({"type": "object", "properties": {"cid": {"type": "string"}}, "required": ["cid"]})
}

fn wsdl(operations: Vec<Operation<'_>>) -> String {
    let schema = detail();
    let detail = Detail { element: "error", namespace: "urn:fault", schema: &schema };
    let description = Description { name: "Bank", namespace: "urn:bank", operations };
    Wsdl::of(&description, &detail).at("http://127.0.0.1:17010/soap?a=1&b=\"")
}

/// The types of one message, without the rest of the document.
fn types_of<T: JsonSchema>() -> String {
    let written = wsdl(vec![operation("Op", "OpResponse", shape::<T>(), Shape::Nothing)]);
    let (_, rest) = written.split_once("  <wsdl:types>\n").unwrap();
    let (types, _) = rest.split_once("  </wsdl:types>").unwrap();
    types.lines().map(|line| format!("{}\n", line.strip_prefix("    ").unwrap())).collect()
}

/// What to look for.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
#[schemars(extend("x-order" = ["name", "from", "count", "until"]))]
struct Query {
    /// As the CRM knows it.
    name: String,
    from: chrono::NaiveDate,
    count: Option<u8>,
    until: Option<chrono::DateTime<chrono::Utc>>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
#[schemars(extend("x-order" = ["id", "total", "lines", "state", "note", "tags", "next"]))]
struct Order {
    #[schemars(extend("xml" = {"attribute": true}))]
    id: Uuid,
    total: Decimal,
    lines: Vec<Line>,
    state: State,
    note: Option<String>,
    #[schemars(transform = wrapped)]
    tags: Vec<String>,
    next: Option<Box<Self>>,
}

fn wrapped(schema: &mut Schema) {
    schema.insert("xml".to_owned(), json!({"wrapped": true, "name": "tag_list"}));
    let items = schema.get_mut("items").and_then(Value::as_object_mut).unwrap();
    items.insert("xml".to_owned(), json!({"name": "tag"}));
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
#[schemars(extend("x-order" = ["currency", "amount"]))]
struct Line {
    #[schemars(extend("xml" = {"attribute": true}))]
    currency: Option<String>,
    #[schemars(extend("xml" = {"x-text": true}), range(min = 1))]
    amount: i64,
}

/// Where it stands.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
enum State {
    /// Nobody has looked at it.
    New,
    Paid,
}

#[test]
fn a_document_has_everything_that_a_client_is_made_of() {
    let mut find = operation("FindOrders", "FindOrdersResponse", shape::<Query>(), shape::<Vec<Order>>());
    find.docs = "Finds orders.\n\nAll of them, <if> need be.";
    find.action = "urn:bank:find";
    let mut forget = operation("Forget", "ForgetResponse", Shape::Raw, Shape::Nothing);
    forget.versions = Versions { soap_11: true, soap_12: false };
    insta::assert_snapshot!(wsdl(vec![find, forget]));
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
enum Payment {
    Cash,
    Card { number: String, pin: Option<u16> },
    Transfer(Account),
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
#[schemars(extend("xml" = {"namespace": "urn:accounts"}))]
struct Account {
    number: String,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
#[serde(tag = "kind")]
enum Shape2 {
    Circle { radius: f64 },
    Square { side: f64 },
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
#[serde(untagged)]
enum Id {
    Number(u32),
    Text(String),
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
struct Rest {
    a: i32,
    #[serde(flatten)]
    account: Account,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
struct Odd {
    payment: Payment,
    shape: Shape2,
    id: Id,
    more: BTreeMap<String, String>,
    anything: Value,
    lists: Vec<Vec<u8>>,
    holes: Vec<Option<String>>,
    flat: Rest,
    #[schemars(extend("xml" = {"namespace": "urn:other"}))]
    elsewhere: Option<bool>,
    #[serde(rename = "no name")]
    unnameable: bool,
    bytes: Bytes,
    #[schemars(length(min = 2, max = 3))]
    few: Vec<String>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
struct Bytes(#[schemars(extend("contentEncoding" = "base64"))] String);

#[test]
fn whatever_a_model_can_be_has_a_type() {
    insta::assert_snapshot!(types_of::<Odd>());
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
struct Endless(Vec<Self>);

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
struct Recursive {
    children: Vec<Self>,
    endless: Endless,
    all: BTreeMap<String, Self>,
}

#[test]
fn what_has_itself_in_it_ends_somewhere() {
    let written = types_of::<Recursive>();
    assert_eq!(written.matches("<xs:complexType name=\"Recursive\">").count(), 1, "{written}");
    assert!(
        written
            .contains("<xs:element name=\"children\" type=\"tns:Recursive\" minOccurs=\"0\" maxOccurs=\"unbounded\"/>")
    );
}

mod other {
    use super::*;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema matters")]
    pub(super) struct Account {
        pub(super) owner: String,
    }
}

#[test]
fn models_of_one_name_and_operations_too_are_told_apart() {
    let written = wsdl(vec![
        operation("A", "AResponse", shape::<Rest>(), shape::<Line>()),
        operation("B", "BResponse", shape::<other::Account>(), shape::<BTreeMap<String, Account>>()),
        operation("A", "AResponse", shape::<Rest>(), shape::<Line>()),
    ]);
    assert!(
        written.contains("<wsdl:operation name=\"A\">") && written.contains("<wsdl:operation name=\"A2\">"),
        "{written}"
    );
    assert_eq!(written.matches("<xs:element name=\"A\" ").count(), 1, "{written}");
}
