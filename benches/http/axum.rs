//! What people would write without zato: axum, with its own JSON extractor and reply.

use std::{future::IntoFuture as _, net::Ipv4Addr};

use axum::{
    Json, Router,
    http::{HeaderName, HeaderValue, StatusCode},
    response::{AppendHeaders, IntoResponse},
    routing::post,
};
use tokio::net::TcpListener;

use crate::{
    Result,
    customer::{self, GetClientRequest, fresh_cid, get_client},
    order::{self, Order},
    talk::{Orders, listening},
};

const CID: HeaderName = HeaderName::from_static(customer::CID);

/// Serves until the client no longer wants it.
pub(crate) async fn serve(orders: Orders) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    listening(&listener.local_addr()?.to_string())?;
    let router = Router::new().route(customer::PATH, post(answer)).route(order::PATH, post(echo));
    tokio::select! {
        ended = axum::serve(listener, router).into_future() => Ok(ended?),
        () = orders.end() => Ok(()),
    }
}

async fn answer(Json(input): Json<GetClientRequest>) -> impl IntoResponse {
    let reply = get_client(&input).map(Json).ok_or(StatusCode::NOT_FOUND);
    (cid(), reply)
}

async fn echo(Json(order): Json<Order>) -> impl IntoResponse {
    (cid(), Json(order))
}

fn cid() -> AppendHeaders<[(HeaderName, HeaderValue); 1]> {
    let fresh = HeaderValue::from_bytes(&fresh_cid()).expect("hexadecimal digits can stand in a header");
    AppendHeaders([(CID, fresh)])
}
