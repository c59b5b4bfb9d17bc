//! The JSON Schema of models against what is really read and written: what a schema accepts is read, what is read it accepts,
//! and what is written it accepts as well.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use jsonschema::Validator;
use proptest::{prelude::*, string::string_regex, test_runner::TestRunner};
use serde_json::json;
use zato::{
    Base64, Decimal, IsoDuration, Result, Value,
    chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc},
    model, service, services, testing,
    uuid::Uuid,
};

#[model]
struct Scalars {
    a: i8,
    b: u8,
    c: i16,
    d: u32,
    e: i64,
    f: u64,
    g: f64,
    h: bool,
    i: char,
    j: String,
}

#[model]
struct Times {
    date: NaiveDate,
    time: NaiveTime,
    naive: NaiveDateTime,
    utc: DateTime<Utc>,
    zoned: DateTime<FixedOffset>,
    duration: IsoDuration,
}

#[model]
struct Texts {
    id: Uuid,
    amount: Decimal,
    bytes: Base64,
    ip: IpAddr,
    v4: Ipv4Addr,
    v6: Ipv6Addr,
}

#[model]
struct Wrapped(u16);

#[model]
#[serde(rename_all = "lowercase")]
enum Color {
    Red,
    Green,
}

#[model]
struct Containers {
    list: Vec<u8>,
    by_name: BTreeMap<String, i16>,
    by_number: HashMap<String, Color>,
    set: BTreeSet<i8>,
    pair: (u8, String),
    three: [bool; 3],
    #[serde(rename = "someTimes")]
    optional: Option<Wrapped>,
    boxed: Box<Wrapped>,
    #[serde(default)]
    color: Option<Vec<Option<Color>>>,
    #[serde(default = "seven")]
    version: u8,
    any: Value,
}

fn seven() -> u8 {
    7
}

#[model]
enum External {
    Nothing,
    One(u8),
    Named { a: Option<u8>, b: Color },
}

#[model]
#[serde(tag = "kind")]
enum Internal {
    Card { number: u16, code: Option<u8> },
    Account(Inner),
    Cash,
}

#[model]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    A(u8),
    B { x: Color },
    C,
}

#[model]
#[serde(untagged)]
enum Untagged {
    Number(u8),
    Text(String),
    Object { a: u8, b: Option<Color> },
    List(Vec<u8>),
}

#[model]
struct Unions {
    external: External,
    internal: Internal,
    adjacent: Adjacent,
    untagged: Untagged,
}

#[model]
struct Inner {
    x: u8,
    y: Option<Color>,
}

#[model]
struct Flattened {
    id: u8,
    #[serde(flatten)]
    inner: Inner,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[model(deny_unknown)]
struct Denying {
    a: u8,
    b: Option<Inner>,
}

#[model]
struct Node {
    name: String,
    children: Vec<Self>,
    parent: Option<Box<Self>>,
}

#[model(coerce)]
struct Lenient {
    number: u32,
    signed: Option<i64>,
    float: f64,
    flag: bool,
    maybe: Option<bool>,
    text: String,
    list: Vec<u16>,
    color: Color,
    amount: Decimal,
    inner: Option<Box<Self>>,
}

macro_rules! echoes {
    ($($name:ident $model:ty;)*) => {
        $(
            #[service]
            async fn $name(input: $model) -> Result<$model> {
                Ok(input)
            }
        )*

        /// The services' names, and what they take and give.
        fn echoes() -> (zato::Services, Vec<(String, Value, Value)>) {
            let services = services![$($name),*];
            let schemas = services.definitions().map(|definition| {
                let (input, output) = (definition.input_schema(), definition.output_schema());
                (definition.name().to_owned(), input.expect("a model"), output.expect("a model"))
            });
            let schemas = schemas.collect();
            (services, schemas)
        }
    };
}

echoes! {
    scalars Scalars;
    times Times;
    texts Texts;
    containers Containers;
    unions Unions;
    flattened Flattened;
    denying Denying;
    node Node;
    lenient Lenient;
    list Vec<Inner>;
}

fn validator(schema: &Value) -> Validator {
    jsonschema::options().should_validate_formats(true).build(schema).expect("the schema is one")
}

async fn started() -> (zato::Running, testing::Client, Vec<(String, Value, Value)>) {
    let (services, schemas) = echoes();
    let channels =
        schemas.iter().map(|(name, ..)| format!("  - {{name: {name}, url_path: /{name}, service: {name}}}\n"));
    let yaml = format!("channel_rest:\n{}", channels.collect::<String>());
    let app = testing::app("schema").services(services).config_yaml(yaml).start().await.expect("the app starts");
    let client = testing::client(&app);
    (app, client, schemas)
}

/// Values that a schema accepts, or nearly so.
fn accepted(schema: &Value, whole: &Value, depth: u8) -> BoxedStrategy<Value> {
    if let Some(name) = schema["$ref"].as_str() {
        let referred = whole.pointer(name.trim_start_matches('#')).expect("a definition");
        return accepted(referred, whole, depth + 1);
    }
    if let Some(value) = schema.get("const") {
        return Just(value.clone()).boxed();
    }
    if let Some(values) = schema["enum"].as_array() {
        return prop::sample::select(values.clone()).boxed();
    }
    if let Some(all) = schema["allOf"].as_array() {
        return joined(all.iter().map(|schema| accepted(schema, whole, depth)).collect());
    }
    for keyword in ["anyOf", "oneOf"] {
        let Some(schemas) = schema[keyword].as_array() else { continue };
        let no_format = json!({"type": schema["type"]});
        let with_type = |one: &Value| {
            if one.get("type").is_none() && one.get("$ref").is_none() { merged(one, &no_format) } else { one.clone() }
        };
        // The last is mostly `null`, which ends a recursion.
        let schemas: Vec<_> = if depth > 4 { schemas.iter().rev().take(1).collect() } else { schemas.iter().collect() };
        let any = schemas.iter().map(|one| accepted(&with_type(one), whole, depth + 1)).collect::<Vec<_>>();
        let any = prop::strategy::Union::new(any).boxed();
        if !schema["properties"].is_object() {
            return any;
        }
        return joined(vec![object(schema, whole, depth), any]);
    }
    let types = match &schema["type"] {
        Value::String(one) => vec![one.clone()],
        Value::Array(several) => several.iter().map(|one| one.as_str().expect("a name of a type").to_owned()).collect(),
        _ if schema["properties"].is_object() => vec!["object".to_owned()],
        _ => return prop_oneof![Just(json!(null)), Just(json!({"a": [1.5, "x"]})), Just(json!("é"))].boxed(),
    };
    prop::strategy::Union::new(types.iter().map(|name| of_type(name, schema, whole, depth)).collect::<Vec<_>>()).boxed()
}

fn merged(a: &Value, b: &Value) -> Value {
    let both = [a, b].into_iter().filter_map(Value::as_object).flatten();
    Value::Object(both.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// Joins objects into one.
fn joined(parts: Vec<BoxedStrategy<Value>>) -> BoxedStrategy<Value> {
    let join = |parts: Vec<Value>| parts.iter().fold(json!({}), |joined, part| merged(&joined, part));
    parts.prop_map(join).boxed()
}

fn of_type(name: &str, schema: &Value, whole: &Value, depth: u8) -> BoxedStrategy<Value> {
    match name {
        "null" => Just(json!(null)).boxed(),
        "boolean" => any::<bool>().prop_map(Value::from).boxed(),
        "integer" => integer(schema),
        "number" if schema["format"] == "decimal" => {
            (-999_999_i64..999_999, 0_u8..4).prop_map(|(n, scale)| json!(n as f64 / 10_f64.powi(scale.into()))).boxed()
        }
        "number" => prop_oneof![any::<i32>().prop_map(Value::from), (-1e300..1e300).prop_map(Value::from)].boxed(),
        "string" => text(schema),
        "array" => array(schema, whole, depth),
        "object" => object(schema, whole, depth),
        other => panic!("no type {other}"),
    }
}

fn integer(schema: &Value) -> BoxedStrategy<Value> {
    let limit = |keyword: &str, otherwise: i128| {
        let limit = &schema[keyword];
        limit.as_i64().map(i128::from).or_else(|| limit.as_u64().map(i128::from)).unwrap_or(otherwise)
    };
    let (least, most) = (limit("minimum", i64::MIN.into()), limit("maximum", i64::MAX.into()));
    let as_json = |number: i128| {
        i64::try_from(number)
            .map_or_else(|_| json!(u64::try_from(number).expect("no smaller than zero")), |number| json!(number))
    };
    let small = (least.max(-99)..=most.min(99)).prop_map(move |number| json!(number as f64));
    prop_oneof![Just(as_json(least)), Just(as_json(most)), (least..=most).prop_map(as_json), small,].boxed()
}

fn text(schema: &Value) -> BoxedStrategy<Value> {
    let day = || (0_i32..=9999, 1_u32..=12, 1_u32..=28).prop_map(|(y, m, d)| format!("{y:04}-{m:02}-{d:02}"));
    let clock = || {
        (0_u32..24, 0_u32..60, 0_u32..60, "(\\.[0-9]{1,9})?")
            .prop_map(|(h, m, s, f)| format!("{h:02}:{m:02}:{s:02}{f}"))
    };
    let strategy = match (schema["format"].as_str(), schema["pattern"].as_str()) {
        (Some("date"), _) => day().boxed(),
        (Some("partial-date-time"), _) => (day(), clock()).prop_map(|(d, t)| format!("{d}T{t}")).boxed(),
        (Some("date-time"), _) => {
            (day(), clock(), "Z|z|[+-]0[0-9]:[0-5][0-9]").prop_map(|(d, t, z)| format!("{d}T{t}{z}")).boxed()
        }
        (Some("uuid"), _) => any::<u128>().prop_map(|bits| Uuid::from_u128(bits).to_string()).boxed(),
        (Some("ipv4"), _) => any::<u32>().prop_map(|bits| Ipv4Addr::from(bits).to_string()).boxed(),
        (Some("ipv6"), _) => any::<u128>().prop_map(|bits| Ipv6Addr::from(bits).to_string()).boxed(),
        (Some("decimal"), _) => "[ ]?[+-]?[0-9]{1,14}([.][0-9]{1,14})?".boxed(),
        // A pattern doesn't say how large a number in a text may be.
        (Some("uint16" | "uint32" | "int64" | "double"), Some(_)) => "[ ]?[+]?[0-9]{1,4}[ ]?".boxed(),
        (_, Some(pattern)) => string_regex(pattern.trim_matches(['^', '$'])).expect("a pattern").boxed(),
        _ if schema["maxLength"] == 1 => any::<char>().prop_map(String::from).boxed(),
        _ => ".{0,6}".boxed(),
    };
    strategy.prop_map(Value::from).boxed()
}

fn array(schema: &Value, whole: &Value, depth: u8) -> BoxedStrategy<Value> {
    if let Some(items) = schema["prefixItems"].as_array() {
        let items: Vec<_> = items.iter().map(|item| accepted(item, whole, depth + 1)).collect();
        return items.prop_map(Value::from).boxed();
    }
    let limit = |keyword: &str, otherwise| {
        schema[keyword].as_u64().map_or(otherwise, |limit| limit.try_into().expect("a limit of tests"))
    };
    let (least, most) = (limit("minItems", 0), if depth > 4 { 0 } else { limit("maxItems", 3) });
    if most == 0 {
        return Just(json!([])).boxed();
    }
    prop::collection::vec(accepted(&schema["items"], whole, depth + 1), least..=most).prop_map(Value::from).boxed()
}

fn object(schema: &Value, whole: &Value, depth: u8) -> BoxedStrategy<Value> {
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut parts = Vec::new();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let name = name.clone();
        let is_required = required.contains(&name.as_str());
        let absent = if is_required || depth > 4 { u32::from(!is_required) } else { 1 };
        if !is_required && depth > 4 {
            continue;
        }
        let value = accepted(property, whole, depth + 1);
        let given = value.prop_map(move |value| json!({name.clone(): value})).boxed();
        parts.push(if is_required { given } else { prop_oneof![absent => Just(json!({})), 2 => given].boxed() });
    }
    match &schema["additionalProperties"] {
        Value::Bool(false) => {}
        more @ Value::Object(_) => {
            let value = accepted(more, whole, depth + 1);
            let more = prop::collection::btree_map("[a-z]{3,5}", value, 0..3);
            parts.push(more.prop_map(|map| Value::Object(map.into_iter().collect())).boxed());
        }
        _ if schema["unevaluatedProperties"] == false => {}
        _ => parts.push(prop_oneof![Just(json!({})), Just(json!({"unknown": [1]}))].boxed()),
    }
    joined(parts)
}

/// Puts something else somewhere into a value.
fn damaged(value: &Value, other: &Value, mut steps: usize) -> Value {
    fn walk(value: &mut Value, other: &Value, steps: &mut usize) -> bool {
        if *steps == 0 {
            *value = other.clone();
            return true;
        }
        *steps -= 1;
        match value {
            Value::Array(items) => items.iter_mut().any(|item| walk(item, other, steps)),
            Value::Object(entries) => {
                if *steps == 0 {
                    let first = entries.keys().next().cloned();
                    first.map(|key| entries.remove(&key));
                    return true;
                }
                entries.values_mut().any(|item| walk(item, other, steps))
            }
            _ => false,
        }
    }
    let mut damaged = value.clone();
    walk(&mut damaged, other, &mut steps);
    damaged
}

fn other() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(300),
        json!(1.0),
        json!(1.5),
        json!(1e30),
        json!(u64::MAX),
        json!(""),
        json!("7"),
        json!("yes"),
        json!("red"),
        json!("2021-02-28"),
        json!([]),
        json!([1]),
        json!({}),
        json!({"a": 1, "kind": "Cash", "unknown": null}),
    ])
}

#[test]
fn a_schema_accepts_exactly_what_is_read_and_written() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_app, client, schemas) = runtime.block_on(started());
    let mut failures = String::new();
    for (name, input, output) in &schemas {
        let (reads, writes) = (validator(input), validator(output));
        let values = (accepted(input, input, 0), other(), 0_usize..24);
        let mut runner = TestRunner::new(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() });
        let count = Cell::new(0);
        let tested = runner.run(&values, |(value, other, steps)| {
            for value in [value.clone(), damaged(&value, &other, steps)] {
                let reply = runtime.block_on(client.post(&format!("/{name}"), value.to_string()));
                let (is_accepted, is_read) = (reads.is_valid(&value), reply.status == 200);
                prop_assert_eq!(is_accepted, is_read, "{} of {}: {}", value, name, reply.text());
                if is_read {
                    let written = reply.json();
                    let faults: Vec<_> = writes.iter_errors(&written).map(|error| error.to_string()).collect();
                    prop_assert!(faults.is_empty(), "{name} wrote {written}: {faults:?}");
                    count.set(count.get() + 1);
                }
            }
            Ok(())
        });
        if let Err(error) = tested {
            failures += &format!("{name}: {error}\n");
            continue;
        }
        let count = count.get();
        assert!(count > 24, "of {name}, {count} values were read, so that little has been tested");
    }
    assert!(failures.is_empty(), "{failures}");
}
