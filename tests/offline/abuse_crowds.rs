//! Clients that come in numbers, or take what they get slowly: what one of them can take up, and that others don't
//! notice.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use zato::{Context, Raw, Result, Running, service, services, testing, tracing::Level};

use crate::support::{PATIENCE, Wire, address, listening_app, until};

/// Counts its calls.
#[service(name = "count")]
async fn count(ctx: &Context, #[state] calls: &Arc<AtomicUsize>) -> Result<()> {
    let _ = ctx;
    calls.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

/// Gives a reply that no socket holds at once.
#[service(name = "large")]
async fn large(ctx: &Context, #[state] calls: &Arc<AtomicUsize>) -> Result<Raw> {
    let _ = ctx;
    calls.fetch_add(1, Ordering::SeqCst);
    Ok(Raw::new(vec![b'x'; LARGE]))
}

const LARGE: usize = 16 * 1024 * 1024;

async fn started(server: &str) -> (Running, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let app = listening_app("abuse").services(services![count, large]).state(Arc::clone(&calls));
    (app.config_yaml(config("127.0.0.1:0", server)).start().await.expect("the app starts"), calls)
}

fn config(bind: &str, server: &str) -> String {
    let channels = ["count", "large"].map(|name| format!("{{name: {name}, url_path: /{name}, service: {name}}}"));
    format!("server: {{bind: '{bind}'{server}}}\nchannel_rest: [{}]", channels.join(", "))
}

/// Connects from another address of this machine.
async fn from(own: [u8; 4], to: &str) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((own, 0)))?;
    socket.connect(to.parse().expect("an address")).await
}

/// Whether a connection is served: otherwise it was closed.
async fn is_served(stream: &mut TcpStream) -> bool {
    let mut reply = [0; 12];
    // What is written to a connection that was closed may be lost or refused.
    let _ = stream.write_all(b"GET /count HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let read = timeout(PATIENCE, stream.read_exact(&mut reply)).await.expect("an answer or an end");
    let mut rest = [0; 1024];
    read.is_ok() && &reply == b"HTTP/1.1 204" && stream.read(&mut rest).await.is_ok()
}

#[tokio::test]
async fn one_client_has_so_many_connections_and_no_more() {
    let logs = testing::capture_logs();
    let (app, _calls) = started(", max_connections_per_address: 3").await;
    let to = address(&app);
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut stream = from([127, 0, 0, 2], &to).await.unwrap();
        assert!(is_served(&mut stream).await);
        held.push(stream);
    }
    for _ in 0..20 {
        assert!(!is_served(&mut from([127, 0, 0, 2], &to).await.unwrap()).await, "one too many is closed");
    }
    assert!(is_served(&mut from([127, 0, 0, 3], &to).await.unwrap()).await, "another client is served");
    let warnings = logs.events().iter().filter(|event| event.level == Level::WARN).count();
    assert_eq!(warnings, 1, "it is told once: {logs:?}");

    held.pop();
    let coming_back = async { while !is_served(&mut from([127, 0, 0, 2], &to).await.unwrap()).await {} };
    timeout(PATIENCE, coming_back).await.expect("a place that was given back is taken again");

    let trusted = ", max_connections_per_address: 3, trusted_proxies: [127.0.0.2]";
    app.apply_yaml(config(&to, trusted)).await.expect("it is applied");
    for _ in 0..10 {
        let mut stream = from([127, 0, 0, 2], &to).await.unwrap();
        assert!(is_served(&mut stream).await, "a proxy speaks for many");
        held.push(stream);
    }
}

#[tokio::test]
async fn a_connection_that_has_served_enough_is_closed() {
    let (app, calls) = started(", max_requests_per_connection: 3").await;
    let mut wire = Wire::to(&app).await;
    for number in 1..=3 {
        let answer = wire.get("/count").await;
        let is_closing = answer.headers.iter().any(|header| *header == ("connection".to_owned(), "close".to_owned()));
        assert_eq!((answer.status, is_closing), (204, number == 3));
    }
    assert_eq!(wire.rest().await, "");
    let mut wire = Wire::to(&app).await;
    wire.send("GET /count HTTP/1.1\r\nHost: a\r\n\r\n".repeat(5)).await;
    assert_eq!(wire.rest().await.matches("HTTP/1.1 204").count(), 3, "the others are to be sent again");
    assert_eq!(calls.load(Ordering::SeqCst), 6);
}

#[tokio::test]
async fn ten_thousand_requests_in_one_go_are_all_answered() {
    let (app, calls) = started("").await;
    let stream = TcpStream::connect(address(&app)).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let sending = async move {
        let request = b"GET /count HTTP/1.1\r\nHost: a\r\n\r\n".repeat(9_999);
        writing.write_all(&request).await.unwrap();
        writing.write_all(b"GET /count HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        writing
    };
    let receiving = async {
        let mut replies = String::new();
        timeout(PATIENCE, reading.read_to_string(&mut replies)).await.expect("in time").unwrap();
        replies.matches("HTTP/1.1 204 No Content\r\n").count()
    };
    let other = async { Wire::to(&app).await.get("/count").await.status };
    let (_writing, replies, other) = tokio::join!(sending, receiving, other);
    assert_eq!((replies, other, calls.load(Ordering::SeqCst)), (10_000, 204, 10_001));
}

#[tokio::test]
async fn who_asks_and_does_not_read_is_served_no_further() {
    let (app, calls) = started("").await;
    let mut wire = Wire::to(&app).await;
    wire.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100)).await;
    until("the first is served", || calls.load(Ordering::SeqCst) > 0).await;
    for _ in 0..50 {
        assert_eq!(Wire::to(&app).await.get("/count").await.status, 204, "others are");
    }
    let large = calls.load(Ordering::SeqCst) - 50;
    assert!(large < 3, "{large} replies wait for one client");
}

#[tokio::test]
async fn a_reply_that_nobody_reads_ends_the_connection() {
    let (app, calls) = started(", write_timeout: 200ms, idle_timeout: 10m, header_timeout: 10m").await;
    let mut wire = Wire::to(&app).await;
    wire.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    until("it is served", || calls.load(Ordering::SeqCst) == 1).await;
    // It shows nowhere, but takes longer than the client may.
    tokio::time::sleep(Duration::from_millis(800)).await;
    let got = wire.rest().await.len();
    assert!(got < LARGE, "all of the reply was kept");
    assert_eq!(Wire::to(&app).await.get("/count").await.status, 204);
}

#[tokio::test]
async fn connections_that_are_dropped_anywhere_leave_nothing() {
    let (app, _calls) = started("").await;
    for start in [
        "",
        "G",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /count HTTP/1.1\r\nHost: a\r\n",
        "GET /count HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
        "POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "GET /large HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        for is_reset in [false, true] {
            for _ in 0..10 {
                let mut stream = TcpStream::connect(address(&app)).await.unwrap();
                stream.write_all(start.as_bytes()).await.unwrap();
                if is_reset {
                    stream.set_zero_linger().unwrap();
                } else {
                    stream.shutdown().await.unwrap();
                }
            }
        }
        assert_eq!(Wire::to(&app).await.get("/count").await.status, 204, "{start:?}");
    }
    let in_flight = || app.statistics().iter().all(|service| service.in_flight == 0);
    until("nothing is in work any more", in_flight).await;
    // Nobody is waited for.
    assert_eq!(timeout(PATIENCE, app.stop()).await.expect("it stops"), [""; 0]);
}

/// Against a program of its own, since one process may not open as many files as both ends need, and since its memory
/// is to be its alone.
#[cfg(target_os = "linux")]
mod idle {
    use std::fs;

    use tokio::{task::JoinSet, time::Instant};

    use super::*;
    use crate::examples::Example;

    /// What a connection may take up that has sent most of a head, in a debug build.
    const EACH: usize = 48 * 1024;

    /// How many connections a client may have.
    const PER_ADDRESS: usize = 990;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn ten_thousand_idle_connections_take_up_a_bounded_memory() {
        let most = files().saturating_sub(600).min(10 * PER_ADDRESS);
        if most < 10 * PER_ADDRESS {
            println!("only {most} connections are opened: this process may have {} files open", files());
        }
        let example = Example::start("first_service").await;
        let before = memory(example.id());
        let begin = Instant::now();
        let mut opening = JoinSet::new();
        for last in 1..=10_u8 {
            let (to, number) = (example.address().to_owned(), most / 10);
            opening.spawn(async move { open(&to, [127, 0, 1, last], number).await });
        }
        let connections: Vec<TcpStream> = opening.join_all().await.into_iter().flatten().collect();
        let asking = async { Wire::to_address(example.address()).await.get("/zato/ping").await.status };
        let status = timeout(PATIENCE, asking).await.expect("others are answered");
        assert_eq!(status, 200);
        let each = memory(example.id()).saturating_sub(before) / connections.len();
        assert!(each < EACH, "{each} bytes for each of {} connections", connections.len());
        // Not if this machine is so slow that the first ones have had their time.
        if begin.elapsed() < Duration::from_secs(25) {
            let served = fs::read_dir(format!("/proc/{}/fd", example.id())).unwrap().count();
            assert!(served >= connections.len(), "{served} files for {} connections", connections.len());
        }
        drop(connections);
        example.stop().await;
    }

    /// Opens connections, half of which send the most that a head may have before its end.
    async fn open(to: &str, own: [u8; 4], number: usize) -> Vec<TcpStream> {
        let mut streams = Vec::with_capacity(number);
        let head = format!("GET / HTTP/1.1\r\nA: {}", "b".repeat(15_000));
        for position in 0..number {
            let mut stream = from(own, to).await.expect("it listens");
            if position % 2 == 0 {
                stream.write_all(head.as_bytes()).await.expect("it takes bytes");
            }
            streams.push(stream);
        }
        streams
    }

    /// How many files this process may open at once.
    fn files() -> usize {
        let limits = fs::read_to_string("/proc/self/limits").expect("Linux tells limits");
        let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("files are limited");
        line.split_whitespace().nth(3).and_then(|soft| soft.parse().ok()).unwrap_or(1_024)
    }

    /// What a process has in memory, in bytes.
    fn memory(id: u32) -> usize {
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("the program runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
        let kilobytes = line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse::<usize>().ok());
        kilobytes.expect("it is a number") * 1_024
    }
}
