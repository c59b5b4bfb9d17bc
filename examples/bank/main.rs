//! The tutorial's bank: a service that gets a user from the CRM and the balance from Payments.
//!
//! ```text
//! cargo run --example bank --features amqp,outgoing
//! curl http://api:not-for-production@localhost:17010/api/v1/user -d '{"user_name": "my.user"}'
//! ```
//!
//! The answer is `{"user_name":"my.user","user_type":"RGV","account_no":"123456","account_balance":"357.9"}`, and fraud
//! detection is notified over AMQP, if there is a RabbitMQ on this machine, or wherever `AMQP_ADDRESS` says; the example
//! `fraud_detection` is who hears of it. Set `RGV=False` in `examples/bank/user-conf/tutorial.conf`, save it, and ask again:
//! nobody is notified. `cargo test --example bank --features full` tests the service without a network.

mod partners;

use zato::{
    Context, Error, Result, UserConfig,
    amqp::{Amqp, AmqpMessage},
    config::{Environment, ProcessEnvironment},
    http::StatusCode,
    model,
    rest::Rest,
    service, services,
    tracing::{error, info},
};

use self::partners::Partners;

/// Which user to look up.
#[model]
#[derive(Debug)]
pub struct GetUser {
    /// Login name, as the CRM knows it.
    pub user_name: String,
}

/// What is known of a user.
#[model]
#[derive(Debug, PartialEq)]
pub struct UserDetails {
    /// Login name.
    pub user_name: String,
    /// The kind of user, in the CRM's own codes.
    pub user_type: String,
    /// The number of the account.
    pub account_no: String,
    /// What is on the account.
    pub account_balance: String,
}

/// A user, as the CRM writes it.
#[model]
#[serde(rename_all = "PascalCase")]
struct CrmUser {
    user_type: String,
    account_number: String,
}

/// A balance, as Payments writes it.
#[model]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Balance {
    acc_balance: String,
}

/// Returns details of a user by the person's name, and tells fraud detection about the types that it watches.
#[service(name = "api.user.get-details")]
pub async fn get_details(
    ctx: &Context,
    input: GetUser,
    #[out("CRM")] crm: Rest,
    #[out("Payments")] payments: Rest,
    #[out("Fraud Detection Connection")] fraud: Amqp,
    #[config("tutorial")] tutorial: UserConfig,
) -> Result<UserDetails> {
    let user_name = input.user_name;

    info!(user_name, "invoking CRM");
    let found = crm.get(ctx).query("UserName", &user_name).await?;
    if found.status() == StatusCode::NOT_FOUND {
        return Err(Error::not_found("no such user"));
    }
    let user: CrmUser = found.error_for_status()?.model()?;

    info!(user_name, account_no = user.account_number, "invoking Payments");
    let balance = payments.post(ctx).query("USER", &user_name).query("ACC_NUM", &user.account_number);
    let balance: Balance = balance.await?.error_for_status()?.model()?;

    if tutorial.bool(&format!("notify_fraud.{}", user.user_type)).unwrap_or(false) {
        info!(user_name, "notifying fraud detection");
        let message = AmqpMessage::text(format!("User `{user_name}` accessed `{}`", user.account_number));
        // The balance is worth no less when a broker is down; that somebody has to act is in the log.
        if let Err(error) = fraud.send(ctx, message.exchange("/tutorial").routing_key("api")).await {
            error!(user_name, %error, "fraud detection was not notified");
        }
    }
    Ok(UserDetails {
        user_name,
        user_type: user.user_type,
        account_no: user.account_number,
        account_balance: balance.acc_balance,
    })
}

#[tokio::main]
async fn main() -> Result<()> {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/bank/zato.yaml");
    let partners = Partners::start().await?;
    let app = zato::app("bank").services(services![get_details]).config_file(config);
    app.environment(WithPartners(partners)).run().await
}

/// The environment of the process, and in it where the partners are.
struct WithPartners(Partners);

impl Environment for WithPartners {
    fn var(&self, name: &str) -> Option<String> {
        match name {
            "CRM_ADDRESS" => Some(self.0.crm.clone()),
            "PAYMENTS_ADDRESS" => Some(self.0.payments.clone()),
            _ => ProcessEnvironment.var(name),
        }
    }
}

#[cfg(test)]
mod tests;
