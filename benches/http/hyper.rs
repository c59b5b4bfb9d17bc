//! The floor: hyper, a function, and nothing between them.

use std::{io, net::Ipv4Addr};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    Result, Stop,
    customer::{CID, PATH, fresh_cid, get_client},
    listening,
};

/// Serves until `stop`.
pub(crate) async fn serve(stop: Stop) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    listening(&listener.local_addr()?.to_string())?;
    tokio::select! {
        error = accept(&listener) => Err(error.into()),
        _ = stop => Ok(()),
    }
}

/// Gives each connection a task of its own, as a real server would, until accepting fails.
async fn accept(listener: &TcpListener) -> io::Error {
    let mut connections = JoinSet::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => return error,
        };
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
    if request.method() != Method::POST || request.uri().path() != PATH {
        return empty(StatusCode::NOT_FOUND);
    }
    let body = request.into_body().collect().await?.to_bytes();
    let Ok(input) = serde_json::from_slice(&body) else {
        return empty(StatusCode::BAD_REQUEST);
    };
    let Some(client) = get_client(&input) else {
        return empty(StatusCode::NOT_FOUND);
    };
    let mut response = Response::new(Full::new(Bytes::from(serde_json::to_vec(&client)?)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CID, fresh_cid());
    Ok(response)
}

fn empty(status: StatusCode) -> Result<Response<Full<Bytes>>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response.headers_mut().insert(CID, fresh_cid());
    Ok(response)
}
