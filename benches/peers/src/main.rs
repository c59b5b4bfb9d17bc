//! What people would write without zato, in actix-web: the jobs `client` and `json` of `benches/http`, which see.

#[path = "../../http/alloc.rs"]
mod alloc;
#[path = "../../http/customer.rs"]
mod customer;
#[path = "../../http/order.rs"]
mod order;
#[path = "../../http/talk.rs"]
mod talk;

use std::{error::Error, net::Ipv4Addr};

use actix_web::{
    App, HttpResponse, HttpServer,
    rt::System,
    web::{Json, post},
};

use self::{
    customer::{GetClientRequest, fresh_cid, get_client},
    order::Order,
    talk::{Orders, listening, say},
};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let orders = Orders::listen();
    System::new().block_on(serve(orders))?;
    say(&format!("allocations {}", alloc::allocations()))
}

/// Serves until the client no longer wants it, with one worker.
async fn serve(orders: Orders) -> Result<()> {
    let app = || App::new().route(customer::PATH, post().to(answer)).route(order::PATH, post().to(echo));
    let server = HttpServer::new(app).workers(1).disable_signals().bind((Ipv4Addr::LOCALHOST, 0))?;
    for address in server.addrs() {
        listening(&address.to_string())?;
    }
    let server = server.run();
    let handle = server.handle();
    let (served, ()) = tokio::join!(server, async {
        orders.end().await;
        handle.stop(true).await;
    });
    Ok(served?)
}

async fn answer(input: Json<GetClientRequest>) -> HttpResponse {
    match get_client(&input) {
        Some(client) => HttpResponse::Ok().insert_header((customer::CID, &fresh_cid()[..])).json(client),
        None => HttpResponse::NotFound().insert_header((customer::CID, &fresh_cid()[..])).finish(),
    }
}

async fn echo(order: Json<Order>) -> HttpResponse {
    HttpResponse::Ok().insert_header((customer::CID, &fresh_cid()[..])).json(order.into_inner())
}
