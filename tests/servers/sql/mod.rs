//! SQL by what users of zato have, on servers that are killed and whose connections are cut.

mod crm;
mod ledger;
mod locks;
mod pool;

use zato::{Running, connection::State, sql::Sql};

use crate::lent::{Database, Dialect, until};

/// Returns the keys of an entry that lead to a database, to be put into `{...}`.
fn keys(database: &Database) -> String {
    let engine = match database.dialect() {
        Dialect::Postgres => "postgresql",
        Dialect::MariaDb => "mariadb",
    };
    let (host, port) = database.address().rsplit_once(':').expect("an address has a port");
    let (name, user, password) = (database.name(), database.user(), database.password());
    format!(
        "engine: {engine}, host: '{host}', port: {port}, db_name: '{name}', username: '{user}', password: '{password}'"
    )
}

/// Starts an app with one connection, and waits until it is up.
async fn started(keys: &str) -> (Running, Sql) {
    let yaml = format!("server: {{bind: '127.0.0.1:0', shutdown_timeout: 2s}}\nsql: [{{name: main, {keys}}}]");
    let app = zato::app("sql").config_yaml(yaml).start().await.expect("it starts");
    until("the connection", async || state(&app).is_up().then_some(())).await;
    let sql = app.out("main").expect("it is configured");
    (app, sql)
}

/// How the connection stands.
fn state(app: &Running) -> State {
    let found = app.statuses().into_iter().find(|status| status.section == "sql");
    State::clone(&found.expect("there is one").state)
}
