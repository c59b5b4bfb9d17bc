use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;
use crate::{
    error::Kind,
    message::{ByteStream, ChannelInfo, Cid, Format, Message, Params},
    service::Raw,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Point {
    x: i64,
    y: Option<i64>,
}

impl Model for Point {
    const NAME: &'static str = "Point";

    fn __made_by_the_macro() {}
}

fn point(x: i64, y: Option<i64>) -> Point {
    Point { x, y }
}

fn head(format: Format, query: &str) -> Box<Head> {
    let mut channel = ChannelInfo::new("rest", "points", "points.put");
    channel.format = format;
    channel.options.csv.should_skip_initial_space = query == "spaces";
    let mut head = Message::new(Cid::from_bits(1), Arc::new(channel), Payload::empty()).head;
    head.params = Params::new(Vec::new(), format!("/x?{query}").parse().unwrap());
    head
}

/// Gives a text in pieces of a length.
fn pieces(text: &[u8], length: usize) -> ByteStream {
    ByteStream::new(Pieces(text.chunks(length).map(Bytes::copy_from_slice).map(Ok).collect()))
}

struct Pieces(VecDeque<Result<Bytes>>);

impl Stream for Pieces {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        Poll::Ready(self.0.pop_front())
    }
}

fn rows(stream: ByteStream, format: Format, query: &str) -> Rows<Point> {
    Rows::from_payload(Payload::from(stream), &head(format, query)).unwrap()
}

#[tokio::test]
async fn csv_is_read_in_whatever_pieces_it_comes() {
    let text = "\u{feff}\"y\", x\r\n1,2\r\n\r\n,3\r\n\"4\",5".as_bytes();
    for length in 1..text.len() {
        let all = rows(pieces(text, length), Format::Csv, "spaces").into_vec().await.unwrap();
        assert_eq!(all, [point(2, Some(1)), point(3, None), point(5, Some(4))], "{length}");
    }
}

#[tokio::test]
async fn a_bad_row_is_told_and_the_next_one_is_read() {
    for length in [1, 7, 1000] {
        let mut rows = rows(pieces(b"x,y\n1,2\nx,y\n3\n\xff,1\n4,\n\"", length), Format::Csv, "");
        let mut seen = Vec::new();
        loop {
            match rows.next().await {
                Ok(Some(row)) => seen.push(format!("{},{:?}", row.x, row.y)),
                Ok(None) => break,
                Err(error) => seen.extend(error.input_faults().iter().map(ToString::to_string)),
            }
        }
        assert_eq!(
            seen,
            [
                "1,Some(2)",
                "row 3, column \"x\": expected an integer, which the text is not",
                "row 3, column \"y\": expected an integer, which the text is not",
                "row 4: the row has 1 values, and there are 2 columns",
                "row 5: the text is not UTF-8; save the file as UTF-8",
                "4,None",
                "line 7: malformed CSV: a quote is opened and never closed",
            ]
        );
    }
}

#[tokio::test]
async fn a_row_without_an_end_is_not_kept() {
    let text = format!("x,y\n1,\"{}", "a".repeat(3 << 20));
    let mut rows = rows(pieces(text.as_bytes(), 4096), Format::Csv, "");
    assert_eq!(
        rows.next().await.unwrap_err().to_string(),
        "the input can't be used: line 2: the row is longer than 1048576 bytes; a quote may never be closed"
    );
    assert_eq!(rows.next().await.unwrap(), None);
}

#[tokio::test]
async fn parameters_lie_over_every_row() {
    let all = rows(pieces(b"x\n1\n2\n", 3), Format::Csv, "y=7").into_vec().await.unwrap();
    assert_eq!(all, [point(1, Some(7)), point(2, Some(7))]);
}

#[tokio::test]
async fn an_error_of_the_payload_is_the_end() {
    let broken = VecDeque::from([Ok(Bytes::from("x\n1\n2")), Err(Error::new(Kind::TooLarge, "too much"))]);
    let mut rows = rows(ByteStream::new(Pieces(broken)), Format::Csv, "");
    assert_eq!(rows.next().await.unwrap(), Some(point(1, None)));
    assert_eq!(rows.next().await.unwrap_err().kind(), Kind::TooLarge);
    assert_eq!(rows.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_list_of_another_format_is_read_as_a_whole() {
    let all = rows(pieces(br#"[{"x": 1}, {"x": 2, "y": 3}]"#, 5), Format::Json, "").into_vec().await.unwrap();
    assert_eq!(all, [point(1, None), point(2, Some(3))]);
    let mut wrong = rows(pieces(br#"[{"x": 1}, {"x": "a"}]"#, 5), Format::Json, "");
    assert_eq!(
        wrong.next().await.unwrap_err().to_string(),
        "the input can't be used: /1/x: expected an integer, got a string"
    );
    assert_eq!(wrong.next().await.unwrap(), None);
}

async fn written(rows: Rows<Point>, format: Format) -> (String, String) {
    let reply = rows.into_reply(&head(format, "")).unwrap();
    let content_type = reply.headers()["content-type"].to_str().unwrap().to_owned();
    let stream = reply.into_parts().2.into_bytes_or_stream().unwrap_err();
    let bytes = Raw::from(stream).bytes().await.unwrap();
    (content_type, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn rows_are_written_as_they_are_made() {
    let some = || Rows::new([point(1, None), point(2, Some(3))]);
    let csv = "text/csv; charset=utf-8; header=present".to_owned();
    assert_eq!(written(some(), Format::Csv).await, (csv.clone(), "x,y\r\n1,\r\n2,3\r\n".to_owned()));
    assert_eq!(written(Rows::new([]), Format::Csv).await, (csv, "x,y\r\n".to_owned()));
    let json = "application/json".to_owned();
    let list = json!([{"x": 1, "y": null}, {"x": 2, "y": 3}]).to_string();
    assert_eq!(written(some(), Format::Json).await, (json.clone(), list));
    assert_eq!(written(Rows::new([]), Format::Json).await, (json, "[]".to_owned()));
    let mut reply = Rows::new((0..).map(|x| point(x, None))).into_reply(&head(Format::Csv, "")).unwrap();
    let first = reply.stream_mut().unwrap().chunk().await.unwrap().unwrap();
    assert!(first.len() < 32 * 1024);
}
