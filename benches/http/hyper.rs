//! The floor: hyper, a function, and nothing between them.

use std::{io, net::Ipv4Addr, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    Result,
    call::{self, Partner},
    customer::{self, fresh_cid, get_client},
    formats,
    order::{self, Order},
    talk::{Orders, listening},
};

const CID: HeaderName = HeaderName::from_static(customer::CID);

/// Serves until the client no longer wants it.
pub(crate) async fn serve(partner: Option<&str>, orders: Orders) -> Result<()> {
    let partner = partner.map(Partner::new).transpose()?.map(Arc::new);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    listening(&listener.local_addr()?.to_string())?;
    tokio::select! {
        error = accept(&listener, partner) => Err(error.into()),
        () = orders.end() => Ok(()),
    }
}

/// Gives each connection a task of its own, as a real server would, until accepting fails.
async fn accept(listener: &TcpListener, partner: Option<Arc<Partner>>) -> io::Error {
    let mut connections = JoinSet::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => return error,
        };
        let partner = partner.clone();
        let answer = service_fn(move |request| answer(request, partner.clone()));
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}

async fn answer(request: Request<Incoming>, partner: Option<Arc<Partner>>) -> Result<Response<Full<Bytes>>> {
    if request.method() != Method::POST {
        return empty(StatusCode::NOT_FOUND);
    }
    let does_call = match request.uri().path() {
        customer::PATH => false,
        call::PATH => true,
        order::PATH => return convert(request, |body| json(&serde_json::from_slice::<Order>(body)?)).await,
        formats::ORDER => return convert(request, |body| json(&formats::order(body)?)).await,
        formats::ROWS => return convert(request, |body| json(&formats::rows(body)?)).await,
        formats::SOAP => return convert(request, soap).await,
        _ => return empty(StatusCode::NOT_FOUND),
    };
    let body = request.into_body().collect().await?.to_bytes();
    let Ok(input) = serde_json::from_slice(&body) else {
        return empty(StatusCode::BAD_REQUEST);
    };
    if let (true, Some(partner)) = (does_call, partner) {
        let cid = fresh_cid();
        return match partner.get_client(&input, &cid).await {
            Ok(client) => json_of(&client, &cid),
            Err(_) => empty(StatusCode::BAD_GATEWAY),
        };
    }
    match get_client(&input) {
        Some(client) => json(&client),
        None => empty(StatusCode::NOT_FOUND),
    }
}

/// Answers with what a function makes of the body.
async fn convert(
    request: Request<Incoming>,
    convert: fn(&Bytes) -> Result<Response<Full<Bytes>>>,
) -> Result<Response<Full<Bytes>>> {
    let body = request.into_body().collect().await?.to_bytes();
    convert(&body).or_else(|_| empty(StatusCode::BAD_REQUEST))
}

fn soap(body: &Bytes) -> Result<Response<Full<Bytes>>> {
    let Some(reply) = formats::soap(body)? else { return empty(StatusCode::INTERNAL_SERVER_ERROR) };
    let mut response = Response::new(Full::new(Bytes::from(reply)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    response.headers_mut().insert(CID, HeaderValue::from_bytes(&fresh_cid())?);
    Ok(response)
}

fn json(model: &impl Serialize) -> Result<Response<Full<Bytes>>> {
    json_of(model, &fresh_cid())
}

fn json_of(model: &impl Serialize, cid: &[u8]) -> Result<Response<Full<Bytes>>> {
    let mut response = Response::new(Full::new(Bytes::from(serde_json::to_vec(model)?)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CID, HeaderValue::from_bytes(cid)?);
    Ok(response)
}

fn empty(status: StatusCode) -> Result<Response<Full<Bytes>>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response.headers_mut().insert(CID, HeaderValue::from_bytes(&fresh_cid())?);
    Ok(response)
}
