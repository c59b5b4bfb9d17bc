//! The example `crm`, unchanged, on each database: its entry says which.

#![expect(clippy::indexing_slicing, reason = "a JSON value answers null for what it doesn't have")]

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use zato::services;

use self::example::{buy, create, get, list};
use super::keys;
use crate::lent::{Database, Dialect};

#[path = "../../../examples/crm/main.rs"]
#[expect(dead_code, unreachable_pub, reason = "its `main` runs as a program")]
mod example;

const YAML: &str = include_str!("../../../examples/crm/zato.yaml");
const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/crm/migrations");

/// Sends a request, and returns the status and what came back.
async fn ask(address: &str, line: &str, body: Option<Value>) -> (u16, Value) {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let kind = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
    let head =
        format!("{line} HTTP/1.1\r\nhost: crm\r\nconnection: close\r\n{kind}content-length: {}\r\n\r\n", body.len());
    let mut wire = TcpStream::connect(address).await.expect("it listens");
    wire.write_all(format!("{head}{body}").as_bytes()).await.expect("it is read");
    let mut answer = String::new();
    wire.read_to_string(&mut answer).await.expect("it is text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).expect("JSON"))
}

async fn all_of_it(entry: &str) {
    let (head, rest) = YAML.split_once("sql:\n").expect("it has the section");
    let (_, channels) = rest.split_once("channel_rest:").expect("it has channels");
    let head = head.replace("${ZATO_BIND:-127.0.0.1:17010}", "127.0.0.1:0");
    let yaml = format!("{head}sql: [{{name: CRM, {entry}, migrations: '{MIGRATIONS}'}}]\nchannel_rest:{channels}");
    for is_first in [true, false] {
        let app = zato::app("crm").services(services![create, get, list, buy]).config_yaml(yaml.as_str());
        let app = app.start().await.expect("it starts");
        let address = app.addresses().first().cloned().expect("it listens").replace("http://", "");
        crate::lent::until("the connection", async || super::state(&app).is_up().then_some(())).await;
        if is_first {
            as_on_every_database(&address).await;
        } else {
            let (_, found) = ask(&address, "GET /customers", None).await;
            assert_eq!(found["total"], 4, "what there was is there still");
        }
        app.stop().await;
    }
}

async fn as_on_every_database(address: &str) {
    let (status, found) = ask(address, "GET /customers?search=SMITH&page_size=1", None).await;
    assert_eq!((status, &found["total"], &found["has_next"]), (200, &json!(2), &json!(true)));
    let ann = json!({
        "id": "0b8e0a52-6d0e-4f7e-9d7a-0c1f5d2a7b01", "name": "Ann Smith", "email": "ann@example.com", "credit": 10000
    });
    assert_eq!(found["customers"], json!([ann]));
    let dora = json!({"name": "Dora \"%\\' O'Hara", "email": "dora@example.com", "credit": 7});
    let (status, made) = ask(address, "POST /customers", Some(dora.clone())).await;
    assert_eq!((status, &made["name"]), (200, &dora["name"]));
    let (status, refused) = ask(address, "POST /customers", Some(dora)).await;
    assert_eq!(status, 409);
    assert!(!refused.to_string().contains("customer_email"), "{refused}");
    let place = format!("/customers/{}", made["id"].as_str().expect("an id"));
    assert_eq!(ask(address, &format!("GET {place}"), None).await, (200, made.clone()));
    assert_eq!(ask(address, "GET /customers/00000000-0000-0000-0000-000000000000", None).await.0, 404);
    let buy = |amount| Some(json!({"article": "a pen", "amount": amount}));
    let (status, bought) = ask(address, &format!("POST {place}/purchases"), buy(5)).await;
    assert_eq!((status, &bought["credit_left"]), (200, &json!(2)));
    assert_eq!(ask(address, &format!("POST {place}/purchases"), buy(3)).await.0, 409);
    assert_eq!(ask(address, &format!("GET {place}"), None).await.1["credit"], 2);
}

#[tokio::test]
async fn on_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    all_of_it(&format!("engine: sqlite, db_name: '{}'", folder.path().join("crm.db").display())).await;
}

#[tokio::test]
async fn on_postgres() {
    let Some(database) = Database::shared(Dialect::Postgres, "sql::crm::on_postgres").await else { return };
    all_of_it(&keys(&database)).await;
}

#[tokio::test]
async fn on_mariadb() {
    let Some(database) = Database::shared(Dialect::MariaDb, "sql::crm::on_mariadb").await else { return };
    all_of_it(&keys(&database)).await;
}
