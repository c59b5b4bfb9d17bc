//! Rows of databases.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::sleep;
use zato::{Error, Running, model, service, services, sql::Sql};

use super::{SERVER, Share, parts, stop};
use crate::{
    Result, obey,
    row::Document,
    table::{CONNECTIONS, MANY, ONE, ROWS, aid, file},
    talk::Orders,
};

/// An account as a model.
#[model]
struct Account {
    aid: i32,
    bid: i32,
    abalance: i32,
    filler: String,
}

pub(super) async fn serve(job: &str, url: &str, orders: &mut Orders) -> Result<()> {
    let app = zato::app("bench").services(services![connected, one, stream]).config_yaml(config(url)?).logging();
    let app = Arc::new(app.start().await?);
    app.invoke::<connected>(()).await?;
    let obeyed = if job.starts_with("sql-one") { parts::<one>(&app, orders).await } else { lists(&app, orders).await };
    stop(app).await;
    obeyed
}

/// Where the database is.
fn config(url: &str) -> Result<String> {
    let database = if let Some(file) = file(url) {
        format!("engine: sqlite, db_name: \"{file}\"")
    } else {
        // `postgres://USER:PASSWORD@HOST:PORT/NAME`
        let parts: Vec<&str> = url.split(['/', ':', '@']).filter(|part| !part.is_empty()).collect();
        let [_, user, password, host, port, name] = parts.as_slice() else { return Err("no URL of a database".into()) };
        let place = format!("host: \"{host}\", port: {port}, db_name: \"{name}\"");
        format!("engine: postgresql, {place}, username: \"{user}\", password: \"{password}\"")
    };
    // A list of 100,000 rows under valgrind takes longer than a statement usually may.
    let settings =
        format!("pool_size: {CONNECTIONS}, acquire_timeout: 10m, statement_timeout: 10m, connect_timeout: 1m");
    Ok(format!("{SERVER}sql:\n  - {{name: Bank, {database}, {settings}}}\n"))
}

/// Reads lists, one after the other.
async fn lists(app: &Running, orders: &mut Orders) -> Result<()> {
    let work = async |count: u32| {
        let start = Instant::now();
        let mut left = count;
        while left > 0 {
            let rows = left.min(ROWS);
            app.invoke::<stream>(Share { first: 0, count: rows }).await?;
            left -= rows;
        }
        Ok(start.elapsed())
    };
    obey(orders, work).await
}

/// Waits until statements can be sent: under valgrind that takes longer than a program waits with its start.
#[service(name = "bench.connected")]
async fn connected(#[out("Bank")] bank: &Sql) -> zato::Result<()> {
    while bank.ping().await.is_err() {
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Reads one row after the other.
#[service(name = "bench.one")]
async fn one(input: Share, #[out("Bank")] bank: &Sql) -> zato::Result<()> {
    for piece in input.first..input.first + input.count {
        let account: Account = bank.one(ONE, (aid(piece),)).await?;
        if account.aid != aid(piece) {
            return Err(Error::internal("another row was read than was asked for"));
        }
    }
    Ok(())
}

/// Writes rows as a list in JSON.
#[service(name = "bench.stream")]
async fn stream(input: Share, #[out("Bank")] bank: &Sql) -> zato::Result<()> {
    let mut rows = bank.stream::<Account>(MANY, (i64::from(input.count),)).await?;
    let mut document = Document::default();
    while let Some(account) = rows.next().await? {
        document.add(&account).map_err(|error| Error::internal(error.to_string()))?;
    }
    document.end(input.count).map_err(|error| Error::internal(error.to_string()))
}
