use std::sync::Arc;

use http::header;
use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use crate::{
    error::Kind,
    format,
    message::{ChannelInfo, Cid, Format, Head, Message, Payload},
    model::FormFile,
};

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Upload {
    title: String,
    #[serde(default)]
    tags: Vec<String>,
    count: Option<u8>,
    photo: Option<FormFile>,
    #[serde(default)]
    more: Vec<FormFile>,
}

impl Model for Upload {
    const NAME: &'static str = "Upload";

    fn __made_by_the_macro() {}
}

fn head(content_type: &str) -> Box<Head> {
    let mut channel = ChannelInfo::new("rest", "upload", "upload");
    channel.format = Format::Form;
    channel.options.form.max_parts = 6;
    channel.options.form.max_part_size = Some(200_000);
    let mut head = Message::new(Cid::from_bits(1), Arc::new(channel), Payload::empty()).head;
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
    head
}

fn read(body: impl AsRef<[u8]>) -> Result<Upload, (Kind, String)> {
    let read = format::decode(body.as_ref(), &head("multipart/form-data; boundary=\"b b\""));
    read.map_err(|error| (error.kind(), error.to_string()))
}

/// Writes a part as browsers do.
fn part(name: &str, more: &str, content: &str) -> String {
    format!("--b b\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{content}\r\n")
}

const FILE: &str = "; filename=\"a \\\"b\\\".jpg\"\r\nContent-Type: image/jpeg";

#[test]
fn fields_and_files_meet_in_one_model() {
    let body = [
        &part("title", "", "a\r\n--b\r\nc"),
        &part("tags", "", "x"),
        &part("count", "", "7"),
        &part("photo", FILE, "\u{1}--b\r\n"),
        &part("tags", "", "y"),
        &part("more", "; filename=one", "1"),
    ];
    let upload = read(format!("preamble\r\n{}--b b--\r\nepilogue", body.map(String::as_str).concat())).unwrap();
    assert_eq!(
        (upload.title.as_str(), upload.tags, upload.count),
        ("a\r\n--b\r\nc", vec!["x".into(), "y".into()], Some(7))
    );
    let photo = upload.photo.unwrap();
    assert_eq!(photo.file_name.as_deref(), Some("a \"b\".jpg"));
    assert_eq!((photo.content_type.as_deref(), photo.bytes.as_ref()), (Some("image/jpeg"), b"\x01--b\r\n".as_slice()));
    assert_eq!(upload.more.len(), 1);
    // Where no file was chosen, browsers send an empty one without a name.
    let body = format!("{}{}--b b--", part("title", "", ""), part("photo", "; filename=\"\"", ""));
    assert_eq!(read(body).unwrap().photo, None);
    // In other formats it is base64.
    let json: Upload = format::read(Format::Json, br#"{"title": "a", "photo": "/9g=", "more": []}"#).unwrap();
    assert_eq!(json.photo.unwrap().bytes.as_ref(), [0xff, 0xd8]);
}

#[test]
fn what_is_wrong_is_told() {
    let title = part("title", "", "a");
    let invalid = |said: &str| Err((Kind::InvalidInput, said.to_owned()));
    for (body, expected) in [
        (
            format!("{}{}{}--b b--", part("count", "", "x"), part("photo", "", "!"), part("tags", FILE, "")),
            invalid(
                "the input can't be used: /count: expected an integer from 0 to 255, which the text is not; /photo: expected \
                 bytes as base64, which the text is not; /tags/0: expected a string, got a file; /title: missing",
            ),
        ),
        (String::new(), invalid("the input can't be used: /title: missing")),
        ("--b b--".to_owned(), invalid("the input can't be used: /title: missing")),
        (title.clone(), invalid("malformed form: the part \"title\" is cut off")),
        (
            "garbage".to_owned(),
            invalid("malformed form: it has not the boundaries that its Content-Type says, up to the last one"),
        ),
        (
            title.replace("\r\n--b b", "").trim_end().to_owned(),
            invalid("malformed form: the part \"title\" is cut off"),
        ),
        (
            "--b b\r\nContent-Disposition: form-data\r\n\r\na\r\n--b b--".to_owned(),
            invalid("a part of the form has no name"),
        ),
        (
            "--b b\r\nx y\r\n\r\na\r\n--b b--".to_owned(),
            invalid("malformed form: the headers of a part can't be read, or are more than 32"),
        ),
        (
            format!("--b b\r\n{}\r\na\r\n--b b--", "a: b\r\n".repeat(40)),
            invalid("malformed form: the headers of a part can't be read, or are more than 32"),
        ),
        (format!("{}--b b--", title.repeat(7)), Err((Kind::TooLarge, "the form has more than 6 parts".to_owned()))),
        (
            format!("{}--b b--", part("title", "", &"x".repeat(200_001))),
            Err((Kind::TooLarge, "the part \"title\" of the form is larger than 200000 bytes".to_owned())),
        ),
        (
            "x".repeat(1 << 20),
            invalid("malformed form: more than 64 KiB are there without a part, or are the headers of one"),
        ),
        (
            format!("--b b\r\n{}", "x".repeat(1 << 20)),
            invalid("malformed form: more than 64 KiB are there without a part, or are the headers of one"),
        ),
    ] {
        assert_eq!(read(&body), expected, "{}", body.get(..80).unwrap_or(&body));
    }
    let latin = b"--b b\r\nContent-Disposition: form-data; name=title\r\n\r\n\xff\r\n--b b--";
    assert_eq!(read(latin), invalid("the input can't be used: /title: the text is not UTF-8"));
    for content_type in ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\""]
    {
        let error = format::decode::<Upload>(b"--\r\n", &head(content_type)).unwrap_err();
        assert_eq!(error.to_string(), "the Content-Type names no boundary of 1 to 70 characters", "{content_type}");
    }
    let long = format!("multipart/form-data; boundary={}", "b".repeat(71));
    assert_eq!(format::decode::<Upload>(b"--", &head(&long)).unwrap_err().kind(), Kind::InvalidInput);
}

#[test]
fn a_form_without_files_is_read_as_ever() {
    let read = |content_type: &str| format::decode::<Upload>(b"title=a+b&tags=x&tags=y", &head(content_type));
    for content_type in ["application/x-www-form-urlencoded", "text/plain", "multipart/mixed; boundary=x"] {
        assert_eq!(read(content_type).unwrap().tags, ["x", "y"], "{content_type}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_a_client_writes_is_read_again(
        title in "[ -~\r\n\u{e4}]{0,30}",
        files in prop::collection::vec(("[a-z0-9 .]{1,10}", any::<Vec<u8>>()), 0..4),
    ) {
        let mut body = part("title", "", &title).into_bytes();
        for (name, content) in &files {
            body.extend_from_slice(part("more", &format!("; filename=\"{name}\""), "").trim_end_matches("\r\n").as_bytes());
            body.extend_from_slice(b"\r\n\r\n");
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--b b--\r\n");
        let upload = read(&body).unwrap();
        prop_assert_eq!(upload.title, title);
        let read: Vec<_> = upload.more.into_iter().map(|file| (file.file_name.unwrap(), file.bytes.to_vec())).collect();
        prop_assert_eq!(read, files);
    }

    #[test]
    fn no_bytes_make_it_panic(body in "(--b b|--|\r\n|Content-Disposition: form-data; name=|filename=|\"|;|x|: ){0,30}") {
        let _ = read(&body);
    }
}
