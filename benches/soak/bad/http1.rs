//! By HTTP/1.1.

use std::{
    io::{self, Write as _},
    net::Ipv4Addr,
    sync::LazyLock,
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Instant, sleep, timeout},
};

use super::{read_to_end, tcp::random};
use crate::{
    configuration::{LIMITED, PATIENCE},
    reply::Http1,
    server::FILE,
    wire::{Target, Wire},
};

/// Sends a byte of a header now and then.
pub(super) async fn slow_headers(target: Target, from: Ipv4Addr) -> io::Result<bool> {
    let mut wire = target.http1(from).await?;
    wire.write_all(b"GET /report HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").await?;
    while timeout(Duration::from_millis(300), wire.read(&mut [0])).await.is_err() {
        wire.write_all(b"x").await?;
        wire.flush().await?;
    }
    Ok(true)
}

/// Announces a body, sends a part of it, and waits.
pub(super) async fn half_body(target: Target, from: Ipv4Addr) -> io::Result<bool> {
    announce(target, from, "/api/v1/client").await
}

/// The same, where a service is waiting for it.
pub(super) async fn half_stream(target: Target, from: Ipv4Addr) -> io::Result<bool> {
    announce(target, from, "/echo").await
}

async fn announce(target: Target, from: Ipv4Addr, path: &str) -> io::Result<bool> {
    let mut wire = target.http1(from).await?;
    let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n{{\"client_id\":");
    send(&mut wire, head.as_bytes()).await?;
    read_to_end(&mut wire).await;
    Ok(true)
}

/// Asks for a lot, and takes a little of it now and then.
pub(super) async fn slow_reader(target: Target, from: Ipv4Addr) -> io::Result<bool> {
    let mut wire = target.http1(from).await?;
    send(&mut wire, b"GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    let until = Instant::now() + 3 * Duration::from_secs(PATIENCE);
    while Instant::now() < until {
        wire.read_exact(&mut [0; 100]).await?;
        sleep(Duration::from_millis(500)).await;
    }
    // Less than all of it is there, since the server gave up.
    Ok(read_to_end(&mut wire).await < FILE - 10_000)
}

/// Asks for a lot, and goes away while it comes.
pub(super) async fn broken_off(target: Target, from: Ipv4Addr) -> io::Result<bool> {
    let mut wire = target.http1(from).await?;
    send(&mut wire, b"GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    wire.read_exact(&mut [0; 50_000]).await?;
    Ok(true)
}

/// Resets its connection after a request, or in the middle of one.
pub(super) async fn reset(target: Target, from: Ipv4Addr) -> io::Result<bool> {
    let stream = target.tcp(from).await?;
    stream.set_zero_linger()?;
    let mut wire = target.http1_over(stream).await?;
    let request: &[u8] =
        b"POST /api/v1/client HTTP/1.1\r\nHost: localhost\r\nContent-Length: 17\r\n\r\n{\"client_id\":123}";
    send(&mut wire, request.get(..fastrand::usize(1..=request.len())).unwrap_or(request)).await?;
    Ok(true)
}

/// Sends a little that unpacks to a lot.
pub(super) async fn bomb(target: Target, from: Ipv4Addr) -> io::Result<bool> {
    static BOMB: LazyLock<io::Result<Vec<u8>>> = LazyLock::new(|| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![0; 32 * 1024 * 1024])?;
        encoder.finish()
    });
    let bomb = BOMB.as_ref().map_err(|error| io::Error::from(error.kind()))?;
    let path = if fastrand::bool() { "/api/v1/client" } else { "/echo" };
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        bomb.len()
    );
    let mut connection = Http1::new(target.http1(from).await?);
    Ok(connection.ask(&[head.as_bytes(), bomb].concat()).await?.status >= 400)
}

/// Requests that are complete, and wrong.
const WRONG: [&[u8]; 8] = [
    b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"DELETE /api/v1/client HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /api/v1/client HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{]",
    b"POST /api/v1/client HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999\r\n\r\n",
    b"POST /api/v1/client HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"POST /api/v1/client HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
    b"GET /report HTTP/1.1\r\n\r\n",
    b"GET /report HTTP/1.1\r\nHost : localhost\r\n\r\n",
];

/// Sends one of them, and reads the refusal.
pub(super) async fn wrong(target: Target, from: Ipv4Addr) -> io::Result<bool> {
    let mut wire = target.http1(from).await?;
    send(&mut wire, fastrand::choice(WRONG).unwrap_or_default()).await?;
    let mut status = [0; 12];
    wire.read_exact(&mut status).await?;
    Ok(status.starts_with(b"HTTP/1.1 4") || status.starts_with(b"HTTP/1.1 5"))
}

/// Sends hundreds of requests without waiting for a reply, and stays for some of the replies.
pub(super) async fn pipeline(target: Target, from: Ipv4Addr) -> io::Result<bool> {
    let mut wire = target.http1(from).await?;
    let request = b"GET /report HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: zstd\r\n\r\n";
    send(&mut wire, &request.repeat(200)).await?;
    wire.read_exact(&mut [0; 20_000]).await?;
    Ok(true)
}

/// Sends more requests than it may.
pub(super) async fn too_many(target: Target) -> io::Result<bool> {
    let mut connection = Http1::new(target.http1(LIMITED.into()).await?);
    for _ in 0..20 {
        let reply = connection.ask(b"GET /report HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
        // How many are refused depends on how long ago the last ones were.
        if !matches!(reply.status, 200 | 429) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Sends what is no HTTP.
pub(super) async fn garbage(target: Target, from: Ipv4Addr) -> io::Result<bool> {
    let mut wire = target.http1(from).await?;
    send(&mut wire, &random(4000)).await?;
    read_to_end(&mut wire).await;
    Ok(true)
}

async fn send(wire: &mut Wire, bytes: &[u8]) -> io::Result<()> {
    wire.write_all(bytes).await?;
    wire.flush().await
}
