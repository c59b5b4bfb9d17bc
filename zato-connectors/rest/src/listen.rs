//! Sockets that take connections in.

use std::{io, net::SocketAddr, num::NonZeroUsize};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// How many connections may wait to be accepted at one socket. The system may allow less (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;

/// Whether several sockets at one address have connections spread over their queues. Elsewhere that either isn't there,
/// or the last socket gets them all.
const SPREADS: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Listens at the first of some addresses that can be had, with as many queues as there are workers, where the system has
/// that.
pub(crate) async fn bind(
    bind: &str,
    addresses: &[SocketAddr],
    workers: NonZeroUsize,
) -> io::Result<Vec<std::net::TcpListener>> {
    if addresses.is_empty() {
        // Says why there are none.
        return Ok(vec![TcpListener::bind(bind).await?.into_std()?]);
    }
    bind_spread(addresses, if SPREADS { workers.get() } else { 1 })
}

fn bind_spread(addresses: &[SocketAddr], queues: usize) -> io::Result<Vec<std::net::TcpListener>> {
    let mut outcome = Err(io::ErrorKind::AddrNotAvailable.into());
    for address in addresses {
        outcome = spread(*address, queues);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

#[cfg(unix)]
fn spread(address: SocketAddr, queues: usize) -> io::Result<Vec<std::net::TcpListener>> {
    // The first is bound alone, so that a port that somebody else listens on is still an error; among sockets that share,
    // any program of the same user could join in unseen.
    let first = socket(address)?;
    first.bind(address)?;
    if queues > 1 {
        first.set_reuseport(true)?;
    }
    let address = first.local_addr()?;
    let mut sockets = vec![first];
    for _ in 1..queues {
        let next = socket(address)?;
        next.set_reuseport(true)?;
        next.bind(address)?;
        sockets.push(next);
    }
    sockets.into_iter().map(|socket| socket.listen(BACKLOG)?.into_std()).collect()
}

#[cfg(not(unix))]
fn spread(address: SocketAddr, _queues: usize) -> io::Result<Vec<std::net::TcpListener>> {
    let socket = socket(address)?;
    socket.bind(address)?;
    Ok(vec![socket.listen(BACKLOG)?.into_std()?])
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // So that a program which was just stopped can be started again, as tokio's own `bind` has it.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    Ok(socket)
}

/// Deals sockets out to workers, each of which gets one at least: copies share a queue, where there are fewer sockets; and
/// none is left out, where there are more, since its queue would never be served.
pub(crate) fn deal(
    sockets: &[std::net::TcpListener],
    workers: NonZeroUsize,
) -> io::Result<Vec<Vec<std::net::TcpListener>>> {
    let mut dealt: Vec<Vec<std::net::TcpListener>> = Vec::new();
    dealt.resize_with(workers.get(), Vec::new);
    let turns = workers.get().max(sockets.len());
    let hands = (0..workers.get()).cycle().take(turns);
    for (hand, socket) in hands.zip(sockets.iter().cycle()) {
        if let Some(hand) = dealt.get_mut(hand) {
            hand.push(socket.try_clone()?);
        }
    }
    Ok(dealt)
}

/// Takes in whoever waits at a socket, without waiting for anybody, and closes it.
///
/// Asked of the system itself: what the runtime knows of a socket may be older than the last who came.
pub(crate) fn queued(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let mut queued = Vec::new();
    let Ok(socket) = listener.into_std() else { return queued };
    // No more than may wait: of a socket that another process has, too, the queue is filled all the time.
    for _ in 0..BACKLOG {
        match socket.accept() {
            Ok((stream, address)) => {
                let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
                queued.extend(stream.ok().map(|stream| (stream, address)));
            }
            // It is that one's own trouble; the next may be well.
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted) => {}
            Err(_) => break,
        }
    }
    queued
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workers(number: usize) -> NonZeroUsize {
        NonZeroUsize::new(number).unwrap()
    }

    async fn bound(number: usize) -> Vec<std::net::TcpListener> {
        bind("127.0.0.1:0", &["127.0.0.1:0".parse().unwrap()], workers(number)).await.unwrap()
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_an_error_also_where_queues_are_spread() {
        let sockets = bound(3).await;
        let address = sockets[0].local_addr().unwrap();
        assert!(sockets.iter().all(|socket| socket.local_addr().unwrap() == address));
        assert_eq!(sockets.len(), if SPREADS { 3 } else { 1 });
        for number in [1, 2] {
            let error = bind(&address.to_string(), &[address], workers(number)).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        }
    }

    #[tokio::test]
    async fn whoever_waits_is_taken_in() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..3).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        let queued = queued(listener);
        let expected: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
        assert_eq!(queued.iter().map(|(_, address)| *address).collect::<Vec<_>>(), expected);
    }

    #[tokio::test]
    async fn every_worker_has_a_socket_and_every_socket_a_worker() {
        for (sockets, number, expected) in [(1, 3, vec![1, 1, 1]), (3, 2, vec![2, 1]), (2, 2, vec![1, 1])] {
            let dealt = deal(&bound(sockets).await, workers(number)).unwrap();
            if SPREADS {
                assert_eq!(dealt.iter().map(Vec::len).collect::<Vec<_>>(), expected);
            }
        }
    }
}
