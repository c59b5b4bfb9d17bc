//! Partners that a test makes up, in a whole program.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::json;
use tokio::task::JoinSet;
use zato::{
    Context, Result, Value, model,
    rest::Rest,
    service, services,
    testing::{self, PartnerReply, RestFake},
};

use crate::support::{Answer, assert_answer, cid};

#[model]
struct GetUser {
    user_name: String,
}

#[model]
struct Details {
    user_type: String,
    balance: String,
}

/// Asks two partners.
#[service(name = "user.get")]
async fn get_user(
    ctx: &Context,
    input: GetUser,
    #[out("CRM")] crm: Rest,
    #[out("Payments")] payments: Rest,
) -> Result<Details> {
    let user = crm.get(ctx).query("UserName", &input.user_name).await?.error_for_status()?.value()?;
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let account = text(&user, "account");
    let balance = payments.get(ctx).path("account", account).await?.error_for_status()?.value()?;
    Ok(Details { user_type: text(&user, "type"), balance: text(&balance, "balance") })
}

const CHANNEL: &str = "channel_rest: [{name: user, url_path: '/user/{user_name}', service: user.get}]";

#[tokio::test]
async fn fakes_stand_in_for_connections_that_the_configuration_need_not_have() -> Result<()> {
    let (crm, payments) = (RestFake::new(), RestFake::with_config("name: Payments\nurl_path: /accounts/{account}"));
    crm.expect().get("/").query("UserName", "my.user").reply_json(json!({"type": "RGV", "account": "1/2"}));
    payments.expect().get("/accounts/1%2F2").reply_each([
        PartnerReply::json(&json!({"balance": "357.9"})),
        PartnerReply::text("secret").with_status(500),
        PartnerReply::refused(),
        PartnerReply::not_accepted(),
    ]);
    let app = testing::app("bank").services(services![get_user]).config_yaml(CHANNEL);
    let app = app.fake("CRM", &crm.rest()).fake("Payments", &payments.rest()).start().await?;
    let client = testing::client(&app);
    let reply = client.get("/user/my.user").await;
    assert_answer(reply.clone(), &Answer::json(200, &cid(1), r#"{"user_type":"RGV","balance":"357.9"}"#));
    for partner in [&crm, &payments] {
        assert_eq!(partner.calls()[0].cid(), reply.header("x-zato-cid"), "both calls are of the same request");
    }

    // Nobody expects a second call of this partner: an error of ours, and a test that fails.
    let reply = client.get("/user/my.user").await;
    assert_eq!(reply.status, 500);
    let report = catch_unwind(AssertUnwindSafe(|| crm.verify())).expect_err("a call came too often");
    let report = report.downcast::<String>().expect("a text");
    assert!(report.contains("the call is as it should be, but once too often"), "{report}");

    crm.expect().at_least(1).reply_json(json!({"type": "RGV", "account": "1/2"}));
    for status in [502, 502, 504] {
        assert_eq!(client.get("/user/my.user").await.status, status);
    }
    payments.verify();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_services_call_one_fake_at_once() -> Result<()> {
    let crm = RestFake::with_config("pool_size: 200");
    let payments = RestFake::with_config("url_path: /{account}\npool_size: 200");
    crm.expect().times(200).reply_with(|call| {
        let (_, name) = call.query().remove(0);
        PartnerReply::json(&json!({"type": "RGV", "account": name}))
    });
    payments
        .expect()
        .get("/{account}")
        .times(200)
        .reply_with(|call| PartnerReply::json(&json!({"balance": call.path().trim_start_matches('/')})));
    let app = testing::app("bank").services(services![get_user]).config_yaml(CHANNEL);
    let app = app.fake("CRM", &crm.rest()).fake("Payments", &payments.rest()).start().await?;
    let client = testing::client(&app);
    let mut callers = JoinSet::new();
    for number in 0..200 {
        let client = client.clone();
        callers.spawn(async move { (number, client.get(&format!("/user/{number}")).await.json()) });
    }
    while let Some(called) = callers.join_next().await {
        let (number, details) = called.expect("no caller panics");
        assert_eq!(details["balance"], number.to_string());
    }
    Ok(())
}

#[tokio::test]
async fn an_app_of_the_test_kit_calls_nobody_but_fakes() -> Result<()> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("it can wait for nobody");
    let address = listener.local_addr().expect("it is bound");
    let yaml = format!(
        "{CHANNEL}\noutgoing_rest:\n  - {{name: CRM, host: 'http://{address}'}}\n  - \
         {{name: Payments, host: 'http://{address}', ping_interval: 1ms}}\n"
    );
    let crm = RestFake::new();
    crm.otherwise(PartnerReply::json(&json!({"type": "RGV", "account": "1"})));
    let app = testing::app("bank").services(services![get_user]).config_yaml(yaml).fake("CRM", &crm.rest());
    let app = app.start().await?;
    let logs = testing::capture_logs();
    assert_eq!(testing::client(&app).get("/user/my.user").await.status, 503);
    let told = "is not made in a test; put a fake in its place";
    assert!(logs.text().contains(told), "{}", logs.text());
    assert_eq!(listener.accept().expect_err("nobody calls").kind(), std::io::ErrorKind::WouldBlock);
    Ok(())
}
