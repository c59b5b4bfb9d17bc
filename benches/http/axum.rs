//! What people would write without zato: axum, with its own JSON extractor and reply.

use std::{future::IntoFuture as _, net::Ipv4Addr};

use axum::{
    Json, Router,
    http::StatusCode,
    response::{AppendHeaders, IntoResponse},
    routing::post,
};
use tokio::net::TcpListener;

use crate::{
    Result, Stop,
    customer::{CID, GetClientRequest, PATH, fresh_cid, get_client},
    listening,
};

/// Serves until `stop`.
pub(crate) async fn serve(stop: Stop) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    listening(&listener.local_addr()?.to_string())?;
    tokio::select! {
        ended = axum::serve(listener, Router::new().route(PATH, post(answer))).into_future() => Ok(ended?),
        _ = stop => Ok(()),
    }
}

async fn answer(Json(input): Json<GetClientRequest>) -> impl IntoResponse {
    let reply = get_client(&input).map(Json).ok_or(StatusCode::NOT_FOUND);
    (AppendHeaders([(CID, fresh_cid())]), reply)
}
