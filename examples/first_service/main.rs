//! A first service: a model in, a model out, and a file that says where it is reached.
//!
//! ```text
//! cargo run --example first_service
//! curl localhost:17010/api/v1/client -d '{"client_id":123}'
//! ```
//!
//! The answer is `{"name":"Jane Doe","email":"","segment":"RNZ"}`. Change `url_path` in `zato.yaml` and save it: the service
//! answers there from now on. `ZATO_BIND=127.0.0.1:0` has it listen elsewhere, here at a port that is free.

use zato::{Result, model, service, services, tracing::info};

/// Which client to look up.
#[model]
#[derive(Debug)]
pub struct GetClientRequest {
    /// The client's number.
    pub client_id: i64,
}

/// What is known of a client.
#[model]
#[derive(Debug)]
pub struct GetClientResponse {
    /// First and last name.
    pub name: String,
    /// E-mail address; empty if there is none.
    pub email: String,
    /// The segment of the market that the client belongs to.
    pub segment: String,
}

/// Returns what is known of a client.
#[service(name = "client.get")]
pub async fn get_client(request: GetClientRequest) -> Result<GetClientResponse> {
    info!(client_id = request.client_id, "processing client");

    // In a full service this comes from databases or other systems.
    Ok(GetClientResponse { name: "Jane Doe".to_owned(), email: String::new(), segment: "RNZ".to_owned() })
}

#[tokio::main]
async fn main() -> Result<()> {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/first_service/zato.yaml");
    zato::app("first_service").services(services![get_client]).config_file(config).run().await
}
