//! Below HTTP.

use std::{io, net::Ipv4Addr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::sleep,
};

use crate::wire::Target;

/// Who comes as a crowd, of which the server takes so many as it may from one address.
const CROWD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 8);

/// Opens connections and leaves at once, from some of them with a reset.
pub(super) async fn flood(target: Target, from: Ipv4Addr) -> io::Result<bool> {
    for number in 0..100 {
        let stream = target.tcp(from).await?;
        if number % 3 == 0 {
            stream.set_zero_linger()?;
        }
    }
    Ok(true)
}

/// Opens more connections than one address may have, and does nothing with them for a while.
pub(super) async fn crowd(target: Target) -> io::Result<bool> {
    let mut all = Vec::new();
    for _ in 0..250 {
        all.push(target.tcp(CROWD).await?);
    }
    sleep(Duration::from_secs(2)).await;
    Ok(true)
}

/// Sends what is no TLS.
pub(super) async fn garbage(target: Target, from: Ipv4Addr) -> io::Result<bool> {
    let mut stream = target.tcp(from).await?;
    if fastrand::bool() {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    } else {
        stream.write_all(&random(2000)).await?;
    }
    ended(&mut stream).await
}

/// Begins to shake hands, and goes no further.
pub(super) async fn half_hello(target: Target, from: Ipv4Addr) -> io::Result<bool> {
    let mut stream = target.tcp(from).await?;
    // A record with a hello for clients of 512 bytes (RFC 8446 §5.1, §4.1.2), of which 100 come.
    stream.write_all(&[&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3], &*random(100)].concat()).await?;
    ended(&mut stream).await
}

async fn ended(stream: &mut TcpStream) -> io::Result<bool> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await?;
    Ok(true)
}

/// Returns so many bytes that mean nothing.
pub(super) fn random(length: usize) -> Vec<u8> {
    (0..length).map(|_| fastrand::u8(..)).collect()
}
