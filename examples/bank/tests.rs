//! The service without a network: the partners are what each test makes of them.

use serde_json::json;
use zato::{
    Kind, Result, UserConfig,
    amqp::Amqp,
    rest::Rest,
    testing::{self, AmqpRecorder, PartnerReply, RestFake},
};

use super::{GetUser, UserDetails, get_details};

fn crm() -> RestFake {
    let crm = RestFake::with_config("name: CRM\nurl_path: /get-user");
    let user = json!({"UserType": "RGV", "AccountNumber": "123456"});
    crm.expect().get("/get-user").query("UserName", "my.user").reply_json(user);
    crm
}

fn payments() -> RestFake {
    let payments = RestFake::with_config("name: Payments\nurl_path: /balance/get");
    let expected = payments.expect().post("/balance/get").query("USER", "my.user").query("ACC_NUM", "123456");
    expected.reply_json(json!({"ACC_BALANCE": "357.9"}));
    payments
}

async fn details(crm: Rest, payments: Rest, tutorial: UserConfig) -> Result<UserDetails> {
    details_and_fraud(crm, payments, &Amqp::recorder(), tutorial).await
}

async fn details_and_fraud(
    crm: Rest,
    payments: Rest,
    fraud: &AmqpRecorder,
    tutorial: UserConfig,
) -> Result<UserDetails> {
    let input = GetUser { user_name: "my.user".to_owned() };
    get_details(&testing::context(), input, crm, payments, fraud.amqp(), tutorial).await
}

#[tokio::test]
async fn details_are_of_both_systems() -> Result<()> {
    let (crm, payments) = (crm(), payments());
    let details = details(crm.rest(), payments.rest(), UserConfig::absent("tutorial")).await?;
    let expected = UserDetails {
        user_name: "my.user".to_owned(),
        user_type: "RGV".to_owned(),
        account_no: "123456".to_owned(),
        account_balance: "357.9".to_owned(),
    };
    assert_eq!(details, expected);
    Ok(())
}

#[tokio::test]
async fn fraud_detection_hears_of_the_types_that_it_watches() -> Result<()> {
    for (tutorial, is_told) in [
        (UserConfig::from_ini("[notify_fraud]\nRGV=True")?, true),
        (UserConfig::from_ini("[notify_fraud]\nRGV=False")?, false),
        (UserConfig::from_ini("[notify_fraud]\nABC=True")?, false),
        (UserConfig::absent("tutorial"), false),
    ] {
        let (crm, payments, fraud) = (crm(), payments(), Amqp::recorder());
        details_and_fraud(crm.rest(), payments.rest(), &fraud, tutorial.clone()).await?;
        let sent = fraud.sent();
        let told: Vec<_> = sent.iter().map(|sent| (&*sent.exchange, &*sent.routing_key, sent.text())).collect();
        let expected = [("/tutorial", "api", "User `my.user` accessed `123456`")];
        assert_eq!(told, if is_told { &expected[..] } else { &[] }, "{tutorial:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_broker_that_is_down_keeps_nobody_from_a_balance() -> Result<()> {
    let (crm, payments, fraud) = (crm(), payments(), Amqp::recorder());
    fraud.next_is_lost();
    let logs = testing::capture_logs();
    let tutorial = UserConfig::from_ini("[notify_fraud]\nRGV=True")?;
    assert_eq!(details_and_fraud(crm.rest(), payments.rest(), &fraud, tutorial).await?.account_balance, "357.9");
    assert!(logs.events().iter().any(|event| event.message == "fraud detection was not notified"));
    Ok(())
}

#[tokio::test]
async fn a_user_whom_the_crm_does_not_know_is_not_found() {
    let (crm, payments) = (RestFake::new(), RestFake::new());
    crm.expect().reply(PartnerReply::status(404));
    let error = details(crm.rest(), payments.rest(), UserConfig::absent("tutorial")).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::NotFound, "no such user"));
}

#[tokio::test]
async fn it_is_not_our_caller_who_is_to_blame_when_payments_is_down() {
    let (crm, payments) = (crm(), RestFake::new());
    payments.expect().reply(PartnerReply::refused());
    let error = details(crm.rest(), payments.rest(), UserConfig::absent("tutorial")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Upstream);
}
