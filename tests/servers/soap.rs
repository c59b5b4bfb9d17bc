//! SOAP with clients and a server that nobody here wrote: clients that are generated from our WSDL call every operation
//! by every port, and our own client calls a server of others.

use std::net::SocketAddr;

use serde_json::{Value, json};
use zato::{
    Context, Decimal, Error, Result, Running,
    chrono::{DateTime, NaiveDate, NaiveTime, Utc},
    model,
    rest::{Soap, SoapFault},
    service, services,
};

use crate::partner::{Interpreter, NODE_SOAP, SPYNE, ZEEP};

/// An order, with everything that an order can have.
#[model]
#[derive(Clone)]
struct Order {
    /// Who pays.
    customer: String,
    placed: NaiveDate,
    at: DateTime<Utc>,
    until: NaiveTime,
    total: Decimal,
    express: bool,
    state: State,
    #[serde(default)]
    lines: Vec<Line>,
    #[model(xml(item = "tag"))]
    tags: Vec<String>,
    payment: Payment,
    note: Option<String>,
    parent: Option<Box<Self>>,
}

#[model]
#[derive(Clone)]
struct Line {
    #[model(xml(attribute))]
    sku: String,
    count: u8,
    price: Decimal,
    note: Option<String>,
}

#[model]
#[derive(Clone)]
#[serde(rename_all = "lowercase")]
enum State {
    /// Nobody has paid.
    New,
    Paid,
}

#[model]
#[derive(Clone)]
#[serde(rename_all = "lowercase")]
enum Payment {
    Card { number: String, pin: Option<u16> },
    Transfer(String),
}

#[model]
struct Find {
    customer: String,
    limit: u32,
}

#[model]
struct Count {
    orders: u64,
}

#[model]
struct Forget {
    customer: String,
}

/// Takes an order, and gives it back as it was understood.
///
/// Nothing is delivered.
#[service(name = "order.place")]
async fn place(input: Order) -> Result<Order> {
    Ok(input)
}

#[service(name = "order.find")]
async fn find(input: Find) -> Result<Vec<Line>> {
    match input.customer.as_str() {
        "" => Err(Error::faults(vec![zato::Fault::new("/customer", "expected a name")])),
        "nobody" => Err(Error::not_found("no such customer")),
        _ => {
            let price: Decimal = "0.10".parse()?;
            let line = |sku: &str| Line { sku: sku.to_owned(), count: 1, price, note: None };
            Ok(vec![line("A"), line("B")])
        }
    }
}

#[service(name = "order.count")]
async fn count() -> Result<Count> {
    Ok(Count { orders: 3 })
}

#[service(name = "order.forget")]
async fn forget(_input: Forget) -> Result<()> {
    Ok(())
}

const CHANNELS: &str = "\
server: {bind: '127.0.0.1:0'}
security:
  - {name: Partner, type: wss, username: partner, password: not-a-secret}
channel_soap:
  - {name: place, url_path: /soap, service: order.place, operation: PlaceOrder, namespace: urn:orders, soap_action: urn:orders:place}
  - {name: find, url_path: /soap, service: order.find, operation: FindOrders, namespace: urn:orders, soap_action: urn:orders:find}
  - {name: count, url_path: /soap, service: order.count, operation: CountOrders, namespace: urn:orders}
  - {name: forget, url_path: /soap, service: order.forget, operation: ForgetOrders, namespace: urn:orders}
  - {name: safe, url_path: /safe, service: order.count, operation: CountOrders, namespace: urn:orders, security: Partner}
";

async fn called_by(client: Interpreter, test: &str) -> Result<Option<Value>> {
    let app = zato::app("orders").services(services![place, find, count, forget]).config_yaml(CHANNELS).start().await?;
    let address = app.addresses().first().cloned().unwrap_or_default();
    let said = client.run(test, &[&address]).await;
    app.stop().await;
    Ok(said)
}

#[tokio::test(flavor = "multi_thread")]
async fn zeep_calls_what_our_wsdl_describes() -> Result<()> {
    let Some(said) = called_by(ZEEP, "zeep_calls_what_our_wsdl_describes").await? else { return Ok(()) };
    for port in ["SoapSoap11", "SoapSoap12"] {
        let said = &said["ports"][port];
        let placed = &said["place"];
        assert_eq!(placed["customer"], "ACME & Söhne", "{said:#}");
        assert_eq!(
            (&placed["placed"], &placed["total"], &placed["until"]),
            (&json!("2026-01-02"), &json!("12.50"), &json!("17:30:00"))
        );
        assert_eq!(
            (&placed["at"], &placed["express"], &placed["state"]),
            (&json!("2026-01-02 03:04:05+00:00"), &json!(true), &json!("paid"))
        );
        assert_eq!(placed["lines"][0], json!({"sku": "A<1>", "count": 2, "price": "1.10", "note": null}));
        assert_eq!(placed["lines"][1]["note"], "last");
        assert_eq!((&placed["tags"], &placed["note"]), (&json!({"tag": ["x", "y"]}), &Value::Null));
        assert_eq!(placed["payment"]["card"], json!({"number": "1234", "pin": 7}));
        assert_eq!(
            (&placed["parent"]["state"], &placed["parent"]["payment"]["transfer"]),
            (&json!("new"), &json!("PL61"))
        );
        assert_eq!((&said["count"], &said["forget"]), (&json!(3), &Value::Null));
        assert_eq!((&said["find"][0]["sku"], &said["find"][1]["price"]), (&json!("A"), &json!("0.10")));
        assert_eq!(said["refused"]["message"], "no such customer", "{said:#}");
        let detail = said["unusable"]["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("expected a name") && detail.contains("cid"), "{said:#}");
    }
    let wss = &said["wss"];
    assert_eq!((&wss["text"], &wss["digest"]), (&json!({"no fault": "3"}), &json!({"no fault": "3"})), "{wss:#}");
    for refused in ["wrong", "none"] {
        assert!(wss[refused]["message"].is_string(), "{wss:#}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_node_calls_what_our_wsdl_describes() -> Result<()> {
    let Some(said) = called_by(NODE_SOAP, "a_client_of_node_calls_what_our_wsdl_describes").await? else {
        return Ok(());
    };
    for port in ["SoapSoap11", "SoapSoap12"] {
        let said = &said["ports"][port];
        let placed = &said["place"];
        assert_eq!((&placed["customer"], &placed["express"]), (&json!("ACME & Söhne"), &json!(true)), "{said:#}");
        // Decimals and dates are those of the language: the types of the WSDL were understood.
        assert_eq!(
            (&placed["total"], &placed["placed"]),
            (&json!(12.5), &json!("2026-01-02T00:00:00.000Z")),
            "{said:#}"
        );
        assert_eq!(placed["lines"][0], json!({"attributes": {"sku": "A<1>"}, "count": "2", "price": 1.1}));
        assert_eq!(placed["tags"], json!({"tag": ["x", "y"]}));
        assert_eq!(said["count"], json!({"orders": "3"}), "{said:#}");
        assert_eq!(said["find"]["item"][1]["price"], 0.1, "{said:#}");
        assert!(said["refused"]["fault"].is_object(), "{said:#}");
    }
    let wss = &said["wss"];
    for taken in ["text", "digest"] {
        assert_eq!(wss[taken], json!({"no fault": {"orders": "3"}}), "{wss:#}");
    }
    assert!(wss["none"]["fault"].is_object(), "{wss:#}");
    Ok(())
}

#[model]
struct GetRates {
    since: NaiveDate,
    count: u8,
}

#[model]
struct Rates {
    #[model(xml(item = "rate"))]
    rates: Vec<Rate>,
}

#[model]
struct Rate {
    day: NaiveDate,
    value: Decimal,
    note: Option<String>,
}

#[model]
struct Echo {
    text: String,
}

#[model]
struct Refuse {
    why: String,
}

#[model]
struct Said {
    said: Vec<String>,
}

/// Calls every operation of the partner.
#[service(name = "call.all")]
async fn call_all(ctx: &Context, #[out("1.1")] of_11: Soap, #[out("1.2")] of_12: Soap) -> Result<Said> {
    let mut said = Vec::new();
    for soap in [of_11, of_12] {
        let since = NaiveDate::from_ymd_opt(2026, 1, 1).expect("there is such a day");
        let rates: Rates = soap.invoke(ctx, "GetRates").model(&GetRates { since, count: 2 }).await?.model()?;
        said.extend(rates.rates.iter().map(|rate| format!("{} {} {:?}", rate.day, rate.value, rate.note)));
        let echo = soap.invoke(ctx, "Echo").model(&Echo { text: "a < b & Żółw".to_owned() }).await?;
        said.extend(echo.body().and_then(|body| body.child("EchoResult")).map(|text| text.text().into_owned()));
        let who = soap.invoke(ctx, "WhoAmI").await?;
        let who =
            who.body().map(|body| body.child("WhoAmIResult").map(|who| who.text().into_owned()).unwrap_or_default());
        said.push(format!("knows us: {}", who.unwrap_or_default().contains("Username>bank</")));
        for (operation, why) in [("Refuse", Some("not today")), ("Break", None), ("Crash", None), ("Missing", None)] {
            let call = soap.invoke(ctx, operation);
            let call = match why {
                Some(why) => call.model(&Refuse { why: why.to_owned() }),
                None => call,
            };
            let error = call.await.err().unwrap_or_else(|| Error::internal("no fault"));
            let fault = error.find::<SoapFault>();
            said.push(format!("{:?} {}", error.kind(), fault.map(ToString::to_string).unwrap_or_default()));
            if operation == "Refuse" {
                let detail = fault.and_then(SoapFault::detail);
                said.extend(detail.map(|detail| detail.root().text().into_owned()));
            }
        }
    }
    Ok(Said { said })
}

async fn calling(host: SocketAddr) -> Result<Running> {
    let yaml = format!(
        "security: [{{name: Bank, type: wss, username: bank, password: not-a-secret, use_digest: true}}]\n\
         outgoing_soap:\n\
         - {{name: '1.1', host: 'http://{host}', url_path: /soap11, namespace: urn:rates, security: Bank}}\n\
         - {{name: '1.2', host: 'http://{host}', url_path: /soap12, namespace: urn:rates, soap_version: '1.2', security: Bank}}\n"
    );
    zato::app("rates").services(services![call_all]).config_yaml(&yaml).start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_of_a_server_of_others_is_called() -> Result<()> {
    let Some(partner) = SPYNE.partner("every_operation_of_a_server_of_others_is_called", 0).await else {
        return Ok(());
    };
    let app = calling(partner.address("http")).await?;
    let said: Said = app.invoke::<call_all>(()).await?;
    let expected = |[refused, broken, missing]: [&str; 3]| {
        [
            "2026-01-01 0.61 None".to_owned(),
            "2026-01-02 1.61 None".to_owned(),
            "a < b & Żółw".to_owned(),
            "knows us: true".to_owned(),
            format!("Upstream {refused}: not today"),
            "no such rate".to_owned(),
            format!("Upstream {broken}: the secret database is down"),
            format!("Upstream {broken}: Internal Error"),
            format!("Upstream {missing}: Requested resource '{{urn:rates}}Missing' not found"),
        ]
    };
    let of_11 = expected(["Client.NoSuchRate", "Server", "Client.ResourceNotFound"]);
    let of_12 = expected(["Sender/NoSuchRate", "Receiver", "Sender/ResourceNotFound"]);
    assert_eq!(said.said, [of_11, of_12].concat());
    app.stop().await;
    partner.kill().await;
    Ok(())
}
