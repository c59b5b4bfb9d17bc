//! Channels whose payloads are read as no model: `data_format: raw`.

use zato::{Context, Result, http::Method, model, service, services, testing};

use crate::support::{Answer, assert_answer, cid};

#[model]
struct Targets {
    target: Vec<String>,
}

#[model]
struct Dispatched {
    target: Vec<String>,
    invoice: String,
}

/// Hands an invoice over to each target, whatever it is written in.
#[service(name = "invoice.dispatcher")]
async fn dispatch(ctx: &Context, input: Targets) -> Result<Dispatched> {
    Ok(Dispatched { target: input.target, invoice: String::from_utf8_lossy(ctx.payload()).into_owned() })
}

const YAML: &str = "
channel_rest:
  - {name: dispatcher, url_path: /invoice.dispatcher, service: invoice.dispatcher, data_format: raw}
";

#[tokio::test]
async fn the_model_comes_from_parameters_and_the_payload_is_whatever_it_is() {
    let app =
        testing::app("invoices").services(services![dispatch]).config_yaml(YAML).start().await.expect("it starts");
    let client = testing::client(&app);
    // As curl sends it: `curl "localhost:11223/invoice.dispatcher?target=CRM&target=Billing" -d '{"id":"123"}'`.
    let curl = [("content-type", "application/x-www-form-urlencoded")];
    for (number, payload) in [r#"{"id":"123"}"#, "<invoice/>", "target=none", "{", ""].into_iter().enumerate() {
        let path = "/invoice.dispatcher?target=CRM&target=Billing";
        let reply = client.send(Method::POST, path, &curl, payload).await;
        let invoice = serde_json::Value::from(payload);
        let expected = format!(r#"{{"target":["CRM","Billing"],"invoice":{invoice}}}"#);
        assert_answer(reply, &Answer::json(200, &cid(number as u64 + 1), &expected));
    }
    let reply = client.post("/invoice.dispatcher", r#"{"target": ["CRM"]}"#).await;
    assert_answer(reply, &Answer::faults(&cid(6), &[("/target", "missing")]));
}
