//! Flattened fields, tagged and untagged enums, maps and recursion: in JSON, and where every value is a text.

use std::collections::BTreeMap;

use zato::{Decimal, IsoDuration, Result, Value, chrono::NaiveDate, model, service, services, testing, uuid::Uuid};

use crate::support::{Answer, assert_answer, cid};

#[model]
struct Page {
    number: u32,
    size: Option<u16>,
}

#[model]
struct Period {
    since: Option<NaiveDate>,
    within: Option<IsoDuration>,
}

/// A search whose parts are shared with other models.
#[model]
struct Search {
    name: String,
    #[serde(flatten)]
    page: Page,
    #[serde(flatten)]
    period: Option<Period>,
    #[serde(flatten)]
    amount: Amount,
}

#[model]
struct Amount {
    least: Decimal,
    is_net: bool,
    account: u64,
    only: Vec<u8>,
}

#[model]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Payment {
    Card { number: u64, cvc: Option<u16>, is_virtual: bool },
    Transfer(Transfer),
    Cash,
}

#[model]
struct Transfer {
    amount: Decimal,
    retries: u8,
}

#[model]
struct Paid {
    order: u32,
    #[serde(flatten)]
    payment: Payment,
}

#[model]
#[serde(tag = "kind", content = "of")]
enum Event {
    Count(u32),
    Named(String),
    Both(Vec<u16>),
}

#[model]
#[serde(untagged)]
enum Reference {
    Number(u64),
    Id(Uuid),
    Both { branch: u16, account: u32 },
    Name(String),
}

#[model]
struct Referring {
    to: Reference,
    more: Option<Vec<Reference>>,
}

/// Whatever else is sent.
#[model]
struct Open {
    id: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// Numbers by name, whatever they are called.
#[model]
struct Counts {
    title: String,
    #[serde(flatten)]
    counts: BTreeMap<String, u32>,
}

/// A tree of any depth.
#[model]
struct Node {
    name: String,
    #[serde(default)]
    children: Vec<Self>,
    parent: Option<Box<Self>>,
}

#[model]
struct Generic<T> {
    id: u8,
    #[serde(flatten)]
    more: T,
}

macro_rules! echoes {
    ($($name:ident $model:ty;)*) => {
        $(
            #[service]
            async fn $name(input: $model) -> Result<$model> {
                Ok(input)
            }
        )*

        async fn started() -> (zato::Running, testing::Client) {
            let mut yaml = "channel_rest:\n".to_owned();
            for name in [$(stringify!($name)),*] {
                for (path, format) in [("json", "json"), ("form", "form"), ("xml", "xml"), ("csv", "csv")] {
                    yaml += &format!(
                        "  - {{name: {name}-{path}, url_path: /{path}/{name}, service: unions.{name}, data_format: {format}}}\n"
                    );
                }
            }
            let services = services![$($name),*];
            let app = testing::app("unions").services(services).config_yaml(yaml).start().await.expect("the app starts");
            let client = testing::client(&app);
            (app, client)
        }
    };
}

echoes! {
    search Search;
    paid Paid;
    payment Payment;
    event Event;
    referring Referring;
    open Open;
    counts Counts;
    node Node;
    generic Generic<Page>;
}

/// A model, what is sent as a query string and a form, and what is sent as JSON, all of which mean the same.
const SAME: [(&str, &str, &str); 14] = [
    (
        "search",
        "name=7&number=1&size=20&since=2026-01-31&within=PT90S&least=1.50&is_net=yes&account=18446744073709551615&only=1&only=2",
        r#"{"name":"7","number":1,"size":20,"since":"2026-01-31","within":"PT1M30S","least":"1.50","is_net":true,"account":18446744073709551615,"only":[1,2]}"#,
    ),
    (
        "search",
        "only=5&account=0&is_net=f&least=-0.10&number=0&name=",
        r#"{"name":"","number":0,"least":"-0.10","is_net":false,"account":0,"only":[5]}"#,
    ),
    (
        "paid",
        "order=1&kind=card&number=4000&is_virtual=on",
        r#"{"order":1,"kind":"card","number":4000,"is_virtual":true}"#,
    ),
    (
        "paid",
        "kind=card&cvc=7&number=4000&is_virtual=0&order=1",
        r#"{"order":1,"kind":"card","number":4000,"cvc":7,"is_virtual":false}"#,
    ),
    (
        "paid",
        "order=1&kind=transfer&amount=7.00&retries=3",
        r#"{"order":1,"kind":"transfer","amount":"7.00","retries":3}"#,
    ),
    ("paid", "order=1&kind=cash", r#"{"order":1,"kind":"cash"}"#),
    ("payment", "retries=3&amount=1&kind=transfer", r#"{"kind":"transfer","amount":"1","retries":3}"#),
    ("event", "kind=Count&of=7", r#"{"kind":"Count","of":7}"#),
    ("event", "of=7&kind=Named", r#"{"kind":"Named","of":"7"}"#),
    ("event", "of=7&kind=Both&of=8", r#"{"kind":"Both","of":[7,8]}"#),
    (
        "referring",
        "to=7&more=67e55044-10b1-426f-9247-bb680e5fe0c8&more=x&more=9",
        r#"{"to":7,"more":["67e55044-10b1-426f-9247-bb680e5fe0c8","x",9]}"#,
    ),
    ("open", "id=1&x=2&y=a&y=b", r#"{"id":1,"x":"2","y":["a","b"]}"#),
    ("counts", "title=1&a=2&b=3", r#"{"title":"1","a":2,"b":3}"#),
    ("generic", "id=1&number=2", r#"{"id":1,"number":2}"#),
];

#[tokio::test]
async fn texts_become_what_json_has_as_it_is() {
    let (_app, client) = started().await;
    for (number, (service, text, json)) in (1..).step_by(3).zip(SAME) {
        let expected = |number| Answer::json(200, &cid(number), json);
        assert_answer(client.post(&format!("/json/{service}"), json).await, &expected(number));
        assert_answer(client.get(&format!("/json/{service}?{text}")).await, &expected(number + 1));
        assert_answer(client.post(&format!("/form/{service}"), text).await, &expected(number + 2));
    }
}

#[tokio::test]
async fn elements_and_cells_become_the_same() {
    let (_app, client) = started().await;
    for (service, xml) in [
        (
            "search",
            "<Search><name>7</name><number>1</number><size>20</size><least>1.50</least><is_net>true</is_net><account>5</account><only>1</only><only>2</only></Search>",
        ),
        ("paid", "<Paid><order>1</order><kind>card</kind><number>4000</number><is_virtual>false</is_virtual></Paid>"),
        ("paid", "<Paid><order>1</order><kind>transfer</kind><amount>7.00</amount><retries>3</retries></Paid>"),
        ("open", "<Open><id>1</id><x>2</x></Open>"),
        ("counts", "<Counts><title>1</title><a>2</a><b>3</b></Counts>"),
        ("node", "<Node><name>a</name><children><name>b</name></children><parent><name>c</name></parent></Node>"),
    ] {
        let reply = client.post(&format!("/xml/{service}"), xml).await;
        assert_eq!(reply.status, 200, "{xml}: {}", reply.text());
        let (_, inner) = xml.split_once('>').unwrap();
        let (inner, _) = inner.rsplit_once("</").unwrap();
        assert!(reply.text().contains(&format!(">{inner}</")), "{xml} became {}", reply.text());
    }
    let reply = client.post("/csv/paid", "order,kind,number,is_virtual\n1,card,4000,true\n").await;
    assert_eq!((reply.status.as_u16(), reply.text()), (200, "order,kind,number,is_virtual\r\n1,card,4000,true\r\n"));
    let reply = client.post("/csv/generic", "number,id\n2,x\n").await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert_eq!(reply.json()["errors"][0]["path"], "row 2, column \"id\"");
}

#[tokio::test]
async fn json_stays_strict_in_what_serde_sets_aside() {
    let (_app, client) = started().await;
    let reply = client
        .post("/json/search?name=given", r#"{"number":"1","least":"1.5","is_net":"yes","account":1.5,"only":["1"]}"#)
        .await;
    let faults = [
        ("/number", "expected an integer from 0 to 4294967295, got a string (value: 1)"),
        ("/is_net", "expected a boolean, got a string (value: yes)"),
        ("/account", "expected an integer of 0 or more, got a number with a fraction (value: 1.5)"),
        ("/only", "expected an integer from 0 to 255, got a string"),
    ];
    assert_answer(reply, &Answer::faults(&cid(1), &faults));
    // A number is no reference by name, and a string none by number.
    let reply = client.post("/json/referring", r#"{"to":"7"}"#).await;
    assert_answer(reply, &Answer::json(200, &cid(2), r#"{"to":"7"}"#));
}

#[tokio::test]
async fn every_fault_of_flattened_fields_is_told_with_its_place() {
    let (_app, client) = started().await;
    let reply = client.post("/form/search", "number=x&least=y&is_net=maybe&account=-1&only=1&only=300&size=").await;
    let faults = [
        ("/name", "missing"),
        ("/number", "expected an integer from 0 to 4294967295, which the text is not (value: x)"),
        ("/size", "expected an integer from 0 to 65535, which the text is not (value: )"),
        ("/least", "expected a decimal number of at most 28 digits (value: y)"),
        ("/is_net", "expected a boolean, which the text is not (value: maybe)"),
        ("/account", "expected an integer of 0 or more, which the text is not (value: -1)"),
        ("/only", "expected an integer from 0 to 255, which the text is not"),
    ];
    assert_answer(reply, &Answer::faults(&cid(1), &faults));
    let reply = client.post("/json/search", "{}").await;
    let faults = [
        ("/name", "missing"),
        ("/number", "missing"),
        ("/least", "missing"),
        ("/is_net", "missing"),
        ("/account", "missing"),
        ("/only", "missing"),
    ];
    assert_answer(reply, &Answer::faults(&cid(2), &faults));
    let reply = client.post("/json/paid", r#"{"order":1,"kind":"cheque"}"#).await;
    assert_answer(
        reply,
        &Answer::faults(&cid(3), &[("/kind", "expected one of card, transfer, cash (value: cheque)")]),
    );
}

#[tokio::test]
async fn recursive_models_nest_and_what_text_cannot_carry_is_refused() {
    let (_app, client) = started().await;
    let nested = r#"{"name":"a","children":[{"name":"b","children":[{"name":"c","children":[]}]}],"parent":{"name":"d","children":[]}}"#;
    assert_answer(client.post("/json/node", nested).await, &Answer::json(200, &cid(1), nested));
    let reply = client.post("/json/node", r#"{"name":"a","children":[{"name":"b","children":[{"name":1}]}]}"#).await;
    let faults = [("/children/0/children/0/name", "expected a string, got an integer (value: 1)")];
    assert_answer(reply, &Answer::faults(&cid(2), &faults));
    let reply = client.get("/json/node?name=a&parent=b&children=c&children=d").await;
    let no_object = "expected an object, which no text can be: send it in the payload";
    let of_one = format!("{no_object} (value: b)");
    let faults = [("/parent", &*of_one), ("/children", no_object)];
    assert_answer(reply, &Answer::faults(&cid(3), &faults));
}
