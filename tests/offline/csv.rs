//! CSV that comes and goes: whole tables, and rows of them one by one.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context as TaskContext, Poll},
};

use zato::{
    Decimal, Raw, Response, Result, Rows, bytes::Bytes, chrono::NaiveDate, futures_core::Stream, http::Method, model,
    service, services, testing,
};

use crate::support::{Answer, assert_answer, cid};

#[model]
struct Rate {
    date: NaiveDate,
    country: Country,
    amount: Decimal,
    is_final: bool,
    note: Option<String>,
}

#[model]
#[serde(rename_all = "lowercase")]
enum Country {
    Ca,
    Us,
}

#[model]
struct Total {
    rows: u64,
    bad: String,
}

#[model]
struct Nested {
    id: u8,
    tags: Vec<String>,
}

/// Gives back what it gets.
#[service(name = "rates.echo")]
async fn echo(input: Vec<Rate>) -> Result<Vec<Rate>> {
    Ok(input)
}

#[service(name = "rates.one")]
async fn one(input: Rate) -> Result<Rate> {
    Ok(input)
}

/// Gives back what it gets, row by row.
#[service(name = "rates.stream")]
async fn stream(input: Rows<Rate>) -> Result<Response<Rows<Rate>>> {
    Ok(Response::new(input).header("content-disposition", "attachment; filename=\"rates.csv\""))
}

/// Counts rows, and goes on after those that can't be read.
#[service(name = "rates.count")]
async fn count(mut input: Rows<Rate>) -> Result<Total> {
    let mut total = Total { rows: 0, bad: String::new() };
    loop {
        match input.next().await {
            Ok(Some(_)) => total.rows += 1,
            Ok(None) => return Ok(total),
            Err(error) if error.input_faults().is_empty() => return Err(error),
            Err(error) => total.bad += &format!("{error};"),
        }
    }
}

#[service(name = "nested.get")]
async fn nested() -> Result<Vec<Nested>> {
    Ok(vec![Nested { id: 1, tags: vec!["a".to_owned()] }])
}

#[service(name = "rows.none")]
async fn none() -> Result<Rows<Rate>> {
    Ok(Rows::new([]))
}

const YAML: &str = "
channel_rest:
  - {name: echo, url_path: /echo, service: rates.echo, data_format: csv}
  - {name: one, url_path: /one, service: rates.one, data_format: csv}
  - {name: german, url_path: /german, service: rates.echo, data_format: csv, csv: {delimiter: ';', has_header: false, should_write_header: false}}
  - {name: stream, url_path: /stream, service: rates.stream, data_format: csv, max_body_size: 100MiB, timeout: 1h}
  - {name: stream-json, url_path: /stream-json, service: rates.stream, max_body_size: 100MiB}
  - {name: count, url_path: /count, service: rates.count, data_format: csv, max_body_size: 1GiB, timeout: 1h}
  - {name: nested, url_path: /nested, service: nested.get, data_format: csv}
  - {name: none, url_path: /none, service: rows.none, data_format: csv}
";

const HEADER: &str = "date,country,amount,is_final,note\r\n";

async fn client() -> (testing::Client, zato::Running) {
    let services = services![echo, one, stream, count, nested, none];
    let app = testing::app("rates").services(services).config_yaml(YAML).start().await.expect("the app starts");
    (testing::client(&app), app)
}

fn csv(number: u64, body: &str) -> Answer {
    Answer::new(200, &cid(number), "text/csv; charset=utf-8; header=present", body)
}

#[tokio::test]
async fn a_table_goes_in_and_comes_out() {
    let (client, _app) = client().await;
    let table = "note,amount,date,country,is_final\n\"a, \"\"b\"\"\",0.10,2012-06-01,us,yes\n,-2,2012-06-02,ca,0\n";
    let expected = format!("{HEADER}2012-06-01,us,0.10,true,\"a, \"\"b\"\"\"\r\n2012-06-02,ca,-2,false,\r\n");
    assert_answer(client.post("/echo", table).await, &csv(1, &expected));
    // Nothing is a table without rows; its columns are there all the same.
    assert_answer(client.post("/echo", "").await, &csv(2, HEADER));
    let row = "2012-06-01;us;0.10;t;x";
    let reply = client.post("/german", row).await;
    let expected = Answer::new(200, &cid(3), "text/csv; charset=utf-8; header=absent", "2012-06-01;us;0.10;true;x\r\n");
    assert_answer(reply, &expected);
    let one = "date,country,amount,is_final\n2012-06-01,us,1,1\n";
    assert_answer(client.post("/one?note=n", one).await, &csv(4, &format!("{HEADER}2012-06-01,us,1,true,n\r\n")));
}

#[tokio::test]
async fn what_is_wrong_is_told_by_row_and_column() {
    let (client, _app) = client().await;
    let table = "date,country,amount,is_final\n2012-06-01,us,x,1\n01.06.2012,de,1\n2012-06-01,de,1,maybe\n";
    let expected = Answer::faults(
        &cid(1),
        &[
            ("row 2, column \"amount\"", "expected a decimal number of at most 28 digits (value: x)"),
            ("row 3", "the row has 3 values, and there are 4 columns"),
            ("row 4, column \"country\"", "expected one of ca, us (value: de)"),
            ("row 4, column \"is_final\"", "expected a boolean, which the text is not (value: maybe)"),
        ],
    );
    assert_answer(client.post("/echo", table).await, &expected);
    let expected = Answer::faults(&cid(2), &[("row 1, column \"is_final\"", "missing")]);
    assert_answer(client.post("/echo", "date,country,amount\n2012-06-01,us,1\n2012-06-01,us,2\n").await, &expected);
    let unclosed = "date,country,amount,is_final\n2012-06-01,us,1,\"1\n";
    let expected = Answer::faults(&cid(3), &[("line 2", "malformed CSV: a quote is opened and never closed")]);
    assert_answer(client.post("/echo", unclosed).await, &expected);
    let expected = Answer::faults(&cid(4), &[("", "there is no row, and one is expected")]);
    assert_answer(client.post("/one", "date,country,amount,is_final\n").await, &expected);
}

#[tokio::test]
async fn what_is_no_table_is_an_error_of_ours() {
    let (client, _app) = client().await;
    let logs = testing::capture_logs();
    assert_eq!(client.get("/nested").await.status, 500);
    assert!(
        logs.text().contains("in the field \\\"tags\\\" stands a list, which no value of CSV can be"),
        "{}",
        logs.text()
    );
}

#[tokio::test]
async fn rows_go_through_in_any_format() {
    let (client, _app) = client().await;
    let row = "2012-06-01,us,0.10,true,";
    let reply = client.post("/stream", format!("{HEADER}{row}")).await;
    let expected = csv(1, &format!("{HEADER}{row}\r\n"));
    let expected = expected.header("vary", "accept-encoding");
    assert_answer(reply, &expected.header("content-disposition", "attachment; filename=\"rates.csv\""));
    let list = r#"[{"date":"2012-06-01","country":"us","amount":"0.10","is_final":true}]"#;
    let expected = Answer::json(200, &cid(2), list).header("vary", "accept-encoding");
    let expected = expected.header("content-disposition", "attachment; filename=\"rates.csv\"");
    assert_answer(client.post("/stream-json", list).await, &expected);
    assert_answer(client.get("/none").await, &csv(3, HEADER).header("vary", "accept-encoding"));
}

#[tokio::test]
async fn a_row_that_can_not_be_read_does_not_end_the_table() {
    let (client, _app) = client().await;
    let body = format!("{HEADER}2012-06-01,us,1,1,\n2012-06-01,us,x,1,\n2012-06-01,us\n2012-06-02,us,1,1,\n");
    let expected = "rows,bad\r\n2,\"the input can't be used: row 3, column \"\"amount\"\": expected a decimal number of at most 28 \
                    digits;the input can't be used: row 4: the row has 2 values, and there are \
                    5 columns;\"\r\n";
    assert_answer(client.post("/count", body).await, &csv(1, expected));
}

/// Gives a table without an end in sight, and counts the rows that were asked for.
struct Table {
    left: usize,
    made: Arc<AtomicUsize>,
}

impl Stream for Table {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Result<Bytes>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        let rows = "2012-06-01,us,0.10,true,\r\n".repeat(100);
        let piece = if self.made.fetch_add(1, Ordering::SeqCst) == 0 { format!("{HEADER}{rows}") } else { rows };
        Poll::Ready(Some(Ok(Bytes::from(piece))))
    }
}

#[tokio::test]
async fn no_more_rows_are_read_than_are_taken() {
    let (client, _app) = client().await;
    let made = Arc::<AtomicUsize>::default();
    let table = Raw::from_stream(Table { left: 300, made: Arc::clone(&made) });
    let mut reply = client.stream(Method::POST, "/stream", &[], table).await;
    let mut bytes = 0;
    for _ in 0..3 {
        bytes += reply.body.chunk().await.expect("a piece").expect("a piece").len();
    }
    assert!(bytes < 100_000 && made.load(Ordering::SeqCst) < 50, "{bytes} {made:?}");
    while let Some(piece) = reply.body.chunk().await.expect("a piece") {
        bytes += piece.len();
    }
    assert_eq!(bytes, HEADER.len() + 30_000 * "2012-06-01,us,0.10,true,\r\n".len());
}

/// A row with a rule.
#[model]
struct Paid {
    #[model(range(min = 1))]
    amount: i64,
}

/// Says what is wrong with the rows that are.
#[service(name = "paid.check")]
async fn check(mut input: Rows<Paid>) -> Result<Total> {
    let mut total = Total { rows: 0, bad: String::new() };
    loop {
        match input.next().await {
            Ok(Some(_)) => total.rows += 1,
            Ok(None) => return Ok(total),
            Err(error) => total.bad = error.to_string(),
        }
    }
}

#[tokio::test]
async fn constraints_hold_for_rows_that_come_one_by_one() {
    let yaml = "channel_rest: [{name: a, url_path: /a, service: paid.check, data_format: csv}]";
    let app = testing::app("rows").services(services![check]).config_yaml(yaml).start().await.expect("it starts");
    let reply = testing::client(&app).post("/a", "amount\n1\n0\n2\n").await;
    assert!(reply.text().starts_with("rows,bad\r\n2,"), "{}", reply.text());
    assert!(reply.text().contains("row 3, column"), "{}", reply.text());
}
