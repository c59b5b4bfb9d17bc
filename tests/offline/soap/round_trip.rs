//! What goes into an envelope comes out of it, whatever it is.

use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use tokio::time::timeout;
use zato::{Result, Running, model, service, services, soap::Version, testing};

use super::{envelope, post};
use crate::support::PATIENCE;

/// Something of every kind.
#[model]
#[derive(Clone, Debug, PartialEq)]
struct Parcel {
    text: String,
    count: i64,
    share: f64,
    is_paid: bool,
    note: Option<String>,
    #[serde(default)]
    items: Vec<Item>,
}

#[model]
#[derive(Clone, Debug, PartialEq)]
struct Item {
    name: String,
    #[serde(default)]
    sizes: Vec<u8>,
}

#[service(name = "parcel.echo")]
async fn echo(parcel: Parcel) -> Result<Parcel> {
    Ok(parcel)
}

/// What XML can carry (XML 1.0 §2.2), line ends among it.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~\t\r\n]{0,12}", "[\u{a0}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}&<>\"']{0,6}"]
}

fn parcels() -> impl Strategy<Value = Parcel> {
    let item = (text(), prop::collection::vec(any::<u8>(), 0..3)).prop_map(|(name, sizes)| Item { name, sizes });
    let share = prop::num::f64::NORMAL | prop::num::f64::ZERO;
    (text(), any::<i64>(), share, any::<bool>(), prop::option::of(text()), prop::collection::vec(item, 0..3))
        .prop_map(|(text, count, share, is_paid, note, items)| Parcel { text, count, share, is_paid, note, items })
}

fn escaped(text: &str) -> String {
    let special = |character: char| matches!(character, '&' | '<' | '>' | '\r' | '"');
    text.chars().map(|it| if special(it) { format!("&#{};", u32::from(it)) } else { it.to_string() }).collect()
}

/// Written by hand, so that it is not our own writer that our reader is tested with.
fn written(parcel: &Parcel) -> String {
    let items = parcel.items.iter().map(|item| {
        let sizes: String = item.sizes.iter().map(|size| format!("<sizes>{size}</sizes>")).collect();
        format!("<items>{sizes}<name>{}</name></items>", escaped(&item.name))
    });
    let note = parcel.note.as_ref().map(|note| format!("<note>{}</note>", escaped(note))).unwrap_or_default();
    format!(
        "<Send xmlns=\"urn:parcels\"><is_paid>{}</is_paid>{}<share>{}</share><count>{}</count>{note}<text>{}</text></Send>",
        parcel.is_paid,
        items.collect::<String>(),
        parcel.share,
        parcel.count,
        escaped(&parcel.text)
    )
}

fn app() -> (tokio::runtime::Runtime, Running) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let yaml = "channel_soap: [{name: p, url_path: /p, service: parcel.echo}]";
    let starting = testing::app("round trip").services(services![echo]).config_yaml(yaml).start();
    let app = runtime.block_on(starting).expect("the app starts");
    (runtime, app)
}

#[test]
fn what_goes_in_comes_out() {
    let (runtime, app) = app();
    let client = testing::client(&app);
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&(parcels(), any::<bool>()), |(parcel, is_new)| {
        let version = if is_new { Version::V12 } else { Version::V11 };
        let asking = async {
            let first = post(&client, "/p", version, envelope(version, "", &written(&parcel))).await;
            prop_assert_eq!(first.status, 200, "{}", first);
            // What we wrote is read again, and is the same once more.
            let inner = first.body.split_once("<soap:Body>").and_then(|(_, rest)| rest.split_once("</soap:Body>"));
            let (inner, _) = inner.ok_or_else(|| TestCaseError::fail(first.body.clone()))?;
            prop_assert!(inner.starts_with("<SendResponse xmlns=\"urn:parcels\">"), "{}", inner);
            let again = inner.replace("SendResponse", "Send");
            let second = post(&client, "/p", version, envelope(version, "", &again)).await;
            prop_assert_eq!(&second.body, &first.body);
            Ok(())
        };
        runtime.block_on(async { timeout(PATIENCE, asking).await }).map_err(|_| TestCaseError::fail("it hangs"))?
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn no_bytes_are_without_an_answer() {
    let (runtime, app) = app();
    let client = testing::client(&app);
    let config = Config { cases: 128, failure_persistence: None, ..Config::default() };
    let pieces = prop::collection::vec(
        prop_oneof![
            Just("<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\">".to_owned()),
            Just("<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\">".to_owned()),
            Just("</s:Envelope>".to_owned()),
            Just("<s:Header>".to_owned()),
            Just("</s:Header>".to_owned()),
            Just("<s:Body>".to_owned()),
            Just("</s:Body>".to_owned()),
            Just("<Send s:mustUnderstand=\"1\"><text>".to_owned()),
            Just("</text></Send>".to_owned()),
            "[ -~]{0,8}",
        ],
        0..10,
    );
    let outcome = TestRunner::new(config).run(&pieces, |pieces| {
        let asking = async {
            let reply = post(&client, "/p", Version::V11, pieces.concat()).await;
            prop_assert!(reply.body.contains("<soap:Body>"), "{}", reply);
            Ok(())
        };
        runtime.block_on(async { timeout(PATIENCE, asking).await }).map_err(|_| TestCaseError::fail("it hangs"))?
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
