use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, timeout},
};

use super::{
    Direction::{ToClient, ToServer},
    FaultProxy, LinkFault,
};

/// A server that says everything again, until its value is dropped.
async fn echo() -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, mut task) = (listener.local_addr().unwrap(), JoinSet::new());
    task.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    (address, task)
}

async fn between() -> (FaultProxy, JoinSet<()>) {
    let (address, server) = echo().await;
    (FaultProxy::to(address).await.unwrap(), server)
}

async fn connected(proxy: &FaultProxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

/// What comes back of what is said, until the end; `Err` if that is a reset, `None` if there is no end.
async fn told(stream: &mut TcpStream, text: &str) -> Option<Result<String, String>> {
    let _ = stream.write_all(text.as_bytes()).await;
    let mut heard = Vec::new();
    let ended = timeout(Duration::from_millis(200), stream.read_to_end(&mut heard)).await;
    let heard = String::from_utf8_lossy(&heard).into_owned();
    match ended {
        Ok(Ok(_)) => Some(Ok(heard)),
        Ok(Err(_)) => Some(Err(heard)),
        Err(_) if heard.is_empty() => None,
        Err(_) => Some(Ok(heard + "...")),
    }
}

async fn exchange(stream: &mut TcpStream, text: &str) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut heard = vec![0; text.len()];
    timeout(Duration::from_secs(5), stream.read_exact(&mut heard)).await.unwrap().unwrap();
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test]
async fn what_goes_in_comes_out_and_connections_are_counted() {
    let (proxy, _server) = between().await;
    let mut stream = connected(&proxy).await;
    assert_eq!(exchange(&mut stream, "hello").await, "hello");
    assert_eq!((proxy.connections(), proxy.open_connections()), (1, 1));
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0, "the end goes through, too");
    while proxy.open_connections() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn the_port_is_closed_and_opened_again() {
    let (proxy, _server) = between().await;
    let mut before = connected(&proxy).await;
    assert_eq!(exchange(&mut before, "a").await, "a");
    proxy.set(LinkFault::Refuse).await;
    assert_eq!(before.read_u8().await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    proxy.set(LinkFault::None).await;
    assert_eq!(exchange(&mut connected(&proxy).await, "b").await, "b");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_queue_lets_nobody_connect() {
    let (proxy, _server) = between().await;
    proxy.set(LinkFault::NotAccept).await;
    let waiting = timeout(Duration::from_millis(100), TcpStream::connect(proxy.address())).await;
    assert!(waiting.is_err(), "nobody is told anything");
    proxy.set(LinkFault::None).await;
    assert_eq!(exchange(&mut connected(&proxy).await, "b").await, "b");
}

#[tokio::test]
async fn after_so_many_bytes_it_stalls_ends_or_is_reset() {
    let (proxy, _server) = between().await;
    for (fault, expected) in [
        (LinkFault::Stall, None),
        (LinkFault::StallAfter(ToClient, 3), Some(Ok("hel..."))),
        (LinkFault::StallAfter(ToServer, 2), Some(Ok("he..."))),
        (LinkFault::ResetAfter(ToServer, 3), Some(Err(""))),
        (LinkFault::CutAfter(ToClient, 4), Some(Ok("hell"))),
        (LinkFault::HalfCloseAfter(ToServer, 1), Some(Ok("h"))),
        (LinkFault::Corrupt(ToServer, 9), Some(Ok("hello..."))),
        (LinkFault::Replace(ToClient, "garbage".into()), Some(Ok("garbage"))),
    ] {
        proxy.set(fault.clone()).await;
        let heard = told(&mut connected(&proxy).await, "hello").await;
        match (heard, expected) {
            // How much comes before a reset is nothing to rely on.
            (Some(Err(_)), Some(Err(_))) => {}
            (heard, expected) => {
                assert_eq!(heard, expected.map(|it| it.map(str::to_owned).map_err(str::to_owned)), "{fault:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_stall_ends_with_the_fault_and_nothing_is_lost() {
    let (proxy, _server) = between().await;
    let mut stream = connected(&proxy).await;
    proxy.set(LinkFault::StallAfter(ToClient, 2)).await;
    stream.write_all(b"hello").await.unwrap();
    let mut heard = [0; 2];
    stream.read_exact(&mut heard).await.unwrap();
    assert!(timeout(Duration::from_millis(50), stream.read_u8()).await.is_err());
    proxy.set(LinkFault::None).await;
    let mut rest = [0; 3];
    stream.read_exact(&mut rest).await.unwrap();
    assert_eq!((&heard, &rest), (b"he", b"llo"));
}

#[tokio::test]
async fn a_forgotten_connection_stays_so_and_others_go_on() {
    let (proxy, _server) = between().await;
    let mut stream = connected(&proxy).await;
    assert_eq!(exchange(&mut stream, "a").await, "a");
    proxy.set(LinkFault::Forget).await;
    assert_eq!(exchange(&mut connected(&proxy).await, "b").await, "b");
    proxy.set(LinkFault::None).await;
    assert_eq!(told(&mut stream, "hello").await, None);
}

#[tokio::test]
async fn bytes_come_late_few_or_changed() {
    let (proxy, _server) = between().await;
    let mut stream = connected(&proxy).await;
    for fault in [LinkFault::Delay(ToServer, Duration::from_millis(60)), LinkFault::Throttle(ToClient, 100)] {
        proxy.set(fault.clone()).await;
        let begun = Instant::now();
        assert_eq!(exchange(&mut stream, "hello!").await, "hello!");
        assert!(begun.elapsed() >= Duration::from_millis(55), "{fault:?} took {:?}", begun.elapsed());
    }
    proxy.set(LinkFault::Corrupt(ToServer, 1)).await;
    stream.write_all(b"abc").await.unwrap();
    let mut heard = [0; 3];
    stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, [b'a', !b'b', b'c']);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_reset_and_the_end_of_the_proxy_the_end_of_all() {
    let (address, server) = echo().await;
    drop(server);
    tokio::task::yield_now().await;
    let proxy = FaultProxy::to(address).await.unwrap();
    let mut stream = connected(&proxy).await;
    assert!(stream.read_u8().await.is_err());

    let (proxy, _server) = between().await;
    let mut stream = connected(&proxy).await;
    assert_eq!(exchange(&mut stream, "a").await, "a");
    let address = proxy.address();
    drop(proxy);
    assert!(stream.read_u8().await.is_err(), "its end");
    assert!(TcpStream::connect(address).await.is_err());
}
