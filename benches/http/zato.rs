//! The same request answered by a zato service behind a REST channel, with everything that is on by default.

use zato::{Error, Result, model, service, services};

use crate::{Stop, listening};

/// One REST channel, nothing else; the port is whichever is free.
const CONFIG: &str = r#"
server: {bind: "127.0.0.1:0", log: {level: info}}
channel_rest:
  - {name: get-client, url_path: /api/v1/client, service: client.get}
"#;

/// Which client to look up.
#[model]
struct GetClientRequest {
    client_id: i64,
}

/// What is known of a client.
#[model]
struct GetClientResponse {
    name: String,
    email: String,
    segment: String,
}

/// The work itself: none, since only what surrounds it is measured.
#[service(name = "client.get")]
async fn get_client(input: GetClientRequest) -> Result<GetClientResponse> {
    if input.client_id != 123 {
        return Err(Error::not_found("no such client"));
    }
    Ok(GetClientResponse { name: "Jane Doe".to_owned(), email: String::new(), segment: "RNZ".to_owned() })
}

/// Serves until `stop`.
pub(crate) async fn serve(stop: Stop) -> crate::Result<()> {
    let app = zato::app("bench").services(services![get_client]).config_yaml(CONFIG).logging().start().await?;
    for address in app.addresses() {
        listening(&address)?;
    }
    // An error means that the sender is gone, and with it the client.
    let _ = stop.await;
    app.stop().await;
    Ok(())
}
