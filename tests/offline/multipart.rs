//! Forms with files in them: as fields of a model, and part by part.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context as TaskContext, Poll},
};

use zato::{
    FormFile, Multipart, Raw, Result, Value, bytes::Bytes, futures_core::Stream, http::Method, model, service,
    services, testing,
};

use crate::support::{Answer, assert_answer, cid};

#[model]
struct Upload {
    title: String,
    photo: Option<FormFile>,
    more: Vec<FormFile>,
}

#[model]
struct Said {
    title: String,
    photo: Option<String>,
    more: Vec<String>,
}

fn said(file: FormFile) -> String {
    let FormFile { file_name, content_type, bytes, .. } = file;
    format!("{} {} {}", file_name.unwrap_or_default(), content_type.unwrap_or_default(), bytes.len())
}

#[service(name = "upload.files")]
async fn files(input: Upload) -> Result<Said> {
    let more = input.more.into_iter().map(said).collect();
    Ok(Said { title: input.title, photo: input.photo.map(said), more })
}

/// Says what is in a form, and takes in no more of it than a piece.
#[service(name = "upload.parts")]
async fn parts(mut input: Multipart) -> Result<Value> {
    let mut parts = Vec::new();
    while let Some(mut part) = input.next().await? {
        // What isn't read is passed over.
        if part.name() == "skipped" {
            continue;
        }
        let (mut length, mut most) = (0, 0);
        while let Some(piece) = part.chunk().await? {
            length += piece.len();
            most = most.max(piece.len());
        }
        assert!(most <= 256 * 1024, "{most}");
        parts.push(format!("{} {} {length}", part.name(), part.file_name().unwrap_or("-")));
    }
    Ok(Value::from(parts))
}

const YAML: &str = "
channel_rest:
  - {name: files, url_path: /files, service: upload.files, data_format: form, form: {max_parts: 5, max_part_size: 1KiB}}
  - {name: parts, url_path: /parts, service: upload.parts, max_body_size: 1GiB, timeout: 1h, form: {max_part_size: 500MiB}}
  - {name: any, url_path: /any, service: upload.files, data_format: negotiate}
";

async fn client() -> (testing::Client, zato::Running) {
    let services = services![files, parts];
    let app = testing::app("uploads").services(services).config_yaml(YAML).start().await.expect("the app starts");
    (testing::client(&app), app)
}

const FORM: [(&str, &str); 1] = [("content-type", "multipart/form-data; boundary=----WebKitFormBoundaryx")];

/// Writes a part as browsers do.
fn part(name: &str, more: &str, content: &str) -> String {
    format!("------WebKitFormBoundaryx\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{content}\r\n")
}

const END: &str = "------WebKitFormBoundaryx--\r\n";
const FILE: &str = "; filename=\"a.jpg\"\r\nContent-Type: image/jpeg";

#[tokio::test]
async fn fields_and_files_fill_a_model() {
    let (client, _app) = client().await;
    let body = [part("title", "", "a b"), part("photo", FILE, "..."), part("more", FILE, ""), END.to_owned()].concat();
    let expected = r#"{"title":"a b","photo":"a.jpg image/jpeg 3","more":["a.jpg image/jpeg 0"]}"#;
    assert_answer(
        client.send(Method::POST, "/files", &FORM, body.clone()).await,
        &Answer::json(200, &cid(1), expected),
    );
    let reply = client.send(Method::POST, "/any", &FORM, body).await;
    assert_answer(reply, &Answer::json(200, &cid(2), expected).header("vary", "accept"));
    // The same channel takes a form without files, and the parameters of the request.
    let reply = client.post("/files?title=q", "title=p&more=").await;
    assert_answer(reply, &Answer::json(200, &cid(3), r#"{"title":"q","more":["  0"]}"#));
}

#[tokio::test]
async fn what_is_wrong_with_a_form_is_told() {
    let (client, _app) = client().await;
    let large = [part("title", "", "a"), part("photo", FILE, &"x".repeat(1025)), END.to_owned()].concat();
    let expected = Answer::problem(413, &cid(1), "the part \"photo\" of the form is larger than 1024 bytes");
    assert_answer(client.send(Method::POST, "/files", &FORM, large).await, &expected);
    let many = [part("more", FILE, "x").repeat(6), END.to_owned()].concat();
    let expected = Answer::problem(413, &cid(2), "the form has more than 5 parts");
    assert_answer(client.send(Method::POST, "/files", &FORM, many).await, &expected);
    let expected = Answer::problem(400, &cid(3), "malformed form: the part \"title\" is cut off");
    assert_answer(client.send(Method::POST, "/files", &FORM, part("title", "", "a")).await, &expected);
    let wrong = [part("title", FILE, "a"), END.to_owned()].concat();
    let expected = Answer::faults(&cid(4), &[("/title", "expected a string, got a file"), ("/more", "missing")]);
    assert_answer(client.send(Method::POST, "/files", &FORM, wrong).await, &expected);
    let headless = [("content-type", "multipart/form-data")];
    let expected = Answer::problem(400, &cid(5), "the Content-Type names no boundary of 1 to 70 characters");
    assert_answer(client.send(Method::POST, "/files", &headless, "x").await, &expected);
    let expected = Answer::problem(415, &cid(6), "the Content-Type is not multipart/form-data");
    assert_answer(client.post("/parts", "x").await, &expected);
}

/// Gives a form with a file of so many pieces, and counts those that were asked for.
struct Large {
    pieces: usize,
    given: Arc<AtomicUsize>,
}

impl Stream for Large {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Result<Bytes>>> {
        let number = self.given.fetch_add(1, Ordering::SeqCst);
        let piece = match number {
            0 => [part("title", "", "a"), part("skipped", "", &"y".repeat(100_000))].concat(),
            1 => part("file", FILE, "").trim_end_matches("\r\n").to_owned() + "\r\n\r\n",
            _ if number < self.pieces => "z".repeat(64 * 1024),
            _ if number == self.pieces => format!("\r\n{}{END}", part("last", "", "b")),
            _ => return Poll::Ready(None),
        };
        Poll::Ready(Some(Ok(Bytes::from(piece))))
    }
}

#[tokio::test]
async fn a_large_file_is_read_piece_by_piece() {
    let (client, _app) = client().await;
    let given = Arc::<AtomicUsize>::default();
    let form = Raw::from_stream(Large { pieces: 1002, given: Arc::clone(&given) });
    let reply = client.stream(Method::POST, "/parts", &FORM, form).await;
    let text = reply.body.bytes().await.expect("a reply");
    assert_eq!(text, format!("[\"title - 1\",\"file a.jpg {}\",\"last - 1\"]", 1000 * 64 * 1024));
}

#[tokio::test]
async fn a_unit_test_makes_a_form_by_hand() {
    let body = [part("a", "", "1"), part("b", FILE, "22"), END.to_owned()].concat();
    let form = Multipart::new(Raw::new(body).with_content_type(FORM[0].1)).expect("it is a form");
    assert_eq!(parts(form).await.expect("it is read"), Value::from(vec!["a - 1", "b a.jpg 2"]));
}
