//! The same jobs done by zato services behind REST channels, with everything that is on by default; and the jobs that
//! only zato has.

mod call;
pub(crate) mod client;
mod formats;
mod invoke;
mod order;
mod reload;

use std::fmt::Write as _;

use zato::{App, services};

use self::{
    call::call_partner,
    client::{find_client, get_client},
    formats::add_rows,
    invoke::{invoke_many, nothing, waiting},
    order::echo,
};
use crate::{
    Result, hundred,
    talk::{Orders, listening, say},
};

/// Nothing but where to listen: the port is whichever is free.
pub(crate) const SERVER: &str = "server: {bind: \"127.0.0.1:0\"}\nchannel_rest:\n";

/// Serves until the client no longer wants it.
pub(crate) async fn serve(job: &str, partner: Option<&str>, mut orders: Orders) -> Result<()> {
    let app = app(job, partner)?.logging().start().await?;
    for address in app.addresses() {
        listening(&address)?;
    }
    let mut round = 0;
    while let Some(order) = orders.next().await {
        if order != "reload" {
            return Err(format!("{order:?} is nothing that can be done (reload)").into());
        }
        round += 1;
        let applied = app.apply_yaml(reload::configuration(round)).await?;
        say(&format!("applied {}", applied.generation))?;
    }
    app.stop().await;
    Ok(())
}

/// The program of a job: no more services and channels than it takes.
fn app(job: &str, partner: Option<&str>) -> Result<App> {
    let app = zato::app("bench");
    let config = match job {
        "client" => channel("get-client", "/api/v1/client", "client.get"),
        "call" => {
            let partner = partner.ok_or("the job is to call a partner, whose address is missing")?;
            channel("call", "/api/v1/call", "client.call") + &call::connection(partner)
        }
        "routes" => thousand(),
        "query" => channel("find-client", "/api/v1/client", "client.find"),
        "json" => channel("order", "/api/v1/order", "order.echo"),
        "xml" => formats::ORDER.to_owned(),
        "csv" => formats::ROWS.to_owned(),
        "soap" => formats::SOAP.to_owned(),
        "invoke" | "invoke-1000" => channel("invoke", "/api/v1/invoke", "bench.invoke"),
        "reload" => return Ok(app.services(services![get_client]).config_yaml(reload::configuration(0))),
        "start" => return Ok(app.services(hundred::services()).config_yaml(hundred::configuration())),
        other => return Err(format!("no job named {other:?}").into()),
    };
    let services = match job {
        "client" | "routes" | "soap" => services![get_client],
        "call" => services![call_partner],
        "query" => services![find_client],
        "json" | "xml" => services![echo],
        "csv" => services![add_rows],
        _ => services![invoke_many, nothing, waiting],
    };
    Ok(app.services(services).config_yaml(format!("{SERVER}{config}")))
}

/// Writes the entry of one channel.
pub(crate) fn channel(name: &str, path: &str, service: &str) -> String {
    format!("  - {{name: {name}, url_path: \"{path}\", service: {service}}}\n")
}

/// The channel of the job `client` and 999 others around it, a half of them with a parameter in their path.
fn thousand() -> String {
    let mut config = String::new();
    for number in 0..999 {
        let path =
            if number % 2 == 0 { format!("/api/v1/client-{number}") } else { format!("/api/v{number}/{{client_id}}") };
        // Writing to a string can't fail.
        let _ = write!(config, "{}", channel(&format!("other-{number}"), &path, "client.get"));
    }
    config + &channel("get-client", "/api/v1/client", "client.get")
}
