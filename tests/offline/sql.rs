//! Services over a database, which is SQLite here: as a whole program, and with a fake in its place.

use std::time::Duration;

use zato::{
    Decimal, Result, model, service, services,
    sql::{Row, Sql, params},
    testing,
};

/// Which customer.
#[model]
struct ById {
    id: i64,
}

/// A customer.
#[model]
#[derive(Debug, PartialEq)]
struct Customer {
    id: i64,
    name: String,
    balance: Decimal,
}

#[service(name = "customer.get")]
async fn get(input: ById, #[out("CRM")] crm: Sql) -> Result<Customer> {
    crm.one("SELECT id, name, balance FROM customer WHERE id = :id", params! { id: input.id }).await
}

#[service(name = "customer.add")]
async fn add(input: Customer, #[out("CRM")] crm: Sql) -> Result<()> {
    crm.execute("INSERT INTO customer (id, name, balance) VALUES (:id, :name, :balance)", &input).await?;
    Ok(())
}

#[service(name = "customer.prepare")]
async fn prepare(#[out("CRM")] crm: &Sql) -> Result<()> {
    crm.script(TABLE).await?;
    crm.ping().await?;
    Ok(())
}

#[service(name = "customer.list")]
async fn list(#[out("CRM")] crm: &Sql) -> Result<zato::Value> {
    let rows: Vec<Row> = crm.all("SELECT * FROM customer ORDER BY id", ()).await?;
    Ok(serde_json::to_value(rows)?)
}

const CHANNELS: &str = "
channel_rest:
  - {name: get, url_path: '/customer/{id}', service: customer.get}
  - {name: add, url_path: /customer, service: customer.add, method: POST}
  - {name: prepare, url_path: /prepare, service: customer.prepare, method: POST}
  - {name: list, url_path: /customers, service: customer.list}
";

const TABLE: &str = "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, balance TEXT NOT NULL)";

async fn talk(client: &testing::Client) {
    let ann = r#"{"id":1,"name":"O'Neill","balance":"1234567890123.89"}"#;
    assert_eq!(client.post("/customer", ann).await.status, 204);
    let reply = client.get("/customer/1").await;
    assert_eq!((reply.status.as_u16(), reply.text()), (200, ann));
    let again = client.post("/customer", ann).await;
    assert_eq!(again.status, 409);
    assert!(again.text().contains("the request conflicts with the current state"), "{}", again.text());
    assert_eq!(client.get("/customer/2").await.status, 404);
    let all: zato::Value = serde_json::from_str(client.get("/customers").await.text()).expect("it is JSON");
    assert_eq!(all, serde_json::json!([{"id": 1, "name": "O'Neill", "balance": "1234567890123.89"}]));
}

#[tokio::test]
async fn a_program_serves_what_is_in_its_database() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("crm.db");
    let yaml = format!("sql: [{{name: CRM, engine: sqlite, db_name: '{}'}}]\n{CHANNELS}", path.display());
    let app = testing::app("crm")
        .real_connections()
        .services(services![get, add, list, prepare])
        .config_yaml(&yaml)
        .start()
        .await?;
    while !app.connections().iter().all(|connection| connection.state.is_up()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let client = testing::client(&app);
    assert_eq!(client.post("/prepare", "").await.status, 204);
    talk(&client).await;
    Ok(())
}

#[tokio::test]
async fn a_fake_stands_in_for_a_database_elsewhere() -> Result<()> {
    let crm = Sql::sqlite_in_memory();
    crm.script(TABLE).await?;
    let yaml = format!("sql: [{{name: CRM, engine: postgresql, host: db.invalid, db_name: crm}}]\n{CHANNELS}");
    let app = testing::app("crm")
        .services(services![get, add, list, prepare])
        .fake("CRM", &crm)
        .config_yaml(&yaml)
        .start()
        .await?;
    talk(&testing::client(&app)).await;
    Ok(())
}

#[tokio::test]
async fn what_can_not_be_meant_is_said_with_its_place() {
    for (entry, expected) in [
        ("{name: CRM, engine: oracle, db_name: a}", "there is no connection to this database here"),
        ("{name: CRM, engine: sqlite}", "nobody says which database"),
        ("{name: CRM, engine: sqlite, db_name: a, host: b}", "SQLite is a file and has no such thing"),
        ("{name: CRM, engine: mysql, db_name: a, pool_size: 0}", "without a connection no call can be made"),
        ("{name: CRM, engine: mysql, db_name: a, extra: 'a b=c'}", "expected options such as search_path=billing"),
    ] {
        let app = testing::app("crm").config_yaml(format!("sql: [{entry}]"));
        let error = app.start().await.unwrap_err();
        assert!(error.message().contains(expected), "{entry}: {error}");
        assert!(error.message().contains("configuration:1:"), "{error}");
    }
}
