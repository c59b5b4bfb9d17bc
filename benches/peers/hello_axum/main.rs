//! What `examples/first_service` does, as far as axum does it.

use axum::{Json, Router, routing::post};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct GetClientRequest {
    client_id: i64,
}

#[derive(Serialize)]
struct GetClientResponse {
    client_id: i64,
    name: String,
    email: String,
    segment: String,
}

async fn get_client(Json(request): Json<GetClientRequest>) -> Json<GetClientResponse> {
    Json(GetClientResponse {
        client_id: request.client_id,
        name: "Jane Doe".to_owned(),
        email: String::new(),
        segment: "RNZ".to_owned(),
    })
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:17010").await?;
    axum::serve(listener, Router::new().route("/api/v1/client", post(get_client))).await
}
