//! Load: 64 connections that are kept, each with one request under way at any time.
//!
//! One thread and no runtime, so that the client costs less than any server does. How much of its time it was busy is
//! told with the result: near 1, it is the client that was measured.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use super::{
    jobs::Asked,
    tools::{Core, thread_seconds},
};
use crate::Result;

/// How many connections there are.
const CONNECTIONS: usize = 64;

/// How long nothing may be heard from any of them.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of it.
#[derive(Default)]
pub(crate) struct Heard {
    /// Of each right reply, in nanoseconds, from the moment that its request was written.
    pub(crate) latencies: Vec<u32>,
    /// Connections that broke, and replies that were not right.
    pub(crate) failed: u32,
    pub(crate) took: Duration,
    /// The part of the time that the client was working.
    pub(crate) busy: f64,
}

impl Heard {
    /// Adds a further round.
    pub(crate) fn add(&mut self, other: Self) {
        let (mine, its) = (self.took.as_secs_f64(), other.took.as_secs_f64());
        self.busy = (self.busy * mine + other.busy * its) / (mine + its);
        self.latencies.extend(other.latencies);
        self.failed += other.failed;
        self.took += other.took;
    }

    /// The latencies that so many of a thousand did not pass, in microseconds; 1,000 is the worst.
    pub(crate) fn percentiles<const N: usize>(&mut self, of_thousand: [usize; N]) -> [f64; N] {
        self.latencies.sort_unstable();
        let last = self.latencies.len().saturating_sub(1);
        of_thousand.map(|part| self.latencies.get(last * part / 1000).map_or(0.0, |nanos| f64::from(*nanos) / 1000.0))
    }
}

/// Sends the same request over all connections until `is_over`, which is asked some thousand times a second.
///
/// It binds the calling thread to the client's processor: call it on a thread of its own.
pub(crate) fn load(address: SocketAddr, asked: &Asked, is_over: impl Fn() -> bool) -> Result<Heard> {
    Core::Client.bind();
    let mut poll = Poll::new()?;
    let request = asked.bytes(address);
    let mut reply = Reply { body: asked.reply.as_bytes(), length: 0 };
    let mut heard = Heard::default();
    let mut lines = Vec::with_capacity(CONNECTIONS);
    for token in 0..CONNECTIONS {
        lines.push(Line::open(address, &request, &poll, Token(token))?);
    }
    let (start, busy) = (Instant::now(), thread_seconds());
    let mut events = Events::with_capacity(CONNECTIONS);
    while !is_over() {
        poll.poll(&mut events, Some(PATIENCE))?;
        if events.is_empty() {
            return Err(format!("nothing was heard for {} s", PATIENCE.as_secs()).into());
        }
        for event in &events {
            let Some(line) = lines.get_mut(event.token().0) else { continue };
            if !line.go_on(&request, &mut reply, &mut heard.latencies)? {
                heard.failed += 1;
                *line = Line::open(address, &request, &poll, event.token())?;
            }
        }
    }
    heard.took = start.elapsed();
    heard.busy = (thread_seconds() - busy) / heard.took.as_secs_f64();
    Ok(heard)
}

/// A connection, and what has come of the reply that it waits for.
struct Line {
    stream: TcpStream,
    since: Instant,
    buffer: Vec<u8>,
    filled: usize,
}

impl Line {
    fn open(address: SocketAddr, request: &[u8], poll: &Poll, token: Token) -> Result<Self> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut line =
            Self { stream: TcpStream::from_std(stream), since: Instant::now(), buffer: vec![0; 64 * 1024], filled: 0 };
        poll.registry().register(&mut line.stream, token, Interest::READABLE)?;
        line.send(request)?;
        Ok(line)
    }

    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.since = Instant::now();
        let mut rest = request;
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                // The buffer of a socket on loopback holds any request of ours; it is full for a moment at most.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what there is, and sends the next request if the reply is complete; `false` if it is wrong.
    fn go_on(&mut self, request: &[u8], reply: &mut Reply<'_>, latencies: &mut Vec<u32>) -> Result<bool> {
        loop {
            let Some(room) = self.buffer.get_mut(self.filled..) else { return Ok(false) };
            let room_left = room.len();
            match self.stream.read(room) {
                Ok(0) => return Ok(false),
                Ok(read) => {
                    self.filled += read;
                    let so_far = self.buffer.get(..self.filled).unwrap_or_default();
                    match reply.judge(so_far) {
                        Judged::Incomplete if read < room_left => return Ok(true),
                        Judged::Incomplete => {}
                        Judged::Wrong => return Ok(false),
                        Judged::Right => {
                            latencies.push(u32::try_from(self.since.elapsed().as_nanos()).unwrap_or(u32::MAX));
                            self.filled = 0;
                            return Ok(self.send(request).is_ok());
                        }
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Ok(false),
            }
        }
    }
}

/// What the right reply looks like.
struct Reply<'a> {
    body: &'a [u8],
    /// Of head and body, once one was taken apart: the others of a server have the same.
    length: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum Judged {
    Incomplete,
    Right,
    Wrong,
}

impl Reply<'_> {
    fn judge(&mut self, read: &[u8]) -> Judged {
        const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";
        if read.len() >= OK.len() && !read.starts_with(OK) {
            return Judged::Wrong;
        }
        if read.len() < self.length {
            return Judged::Incomplete;
        }
        if read.len() == self.length && read.ends_with(self.body) {
            return Judged::Right;
        }
        let Some(head) = read.windows(4).position(|window| window == b"\r\n\r\n") else { return Judged::Incomplete };
        let length = head + 4 + self.body.len();
        if read.len() < length {
            return Judged::Incomplete;
        }
        if read.len() > length || !read.ends_with(self.body) {
            return Judged::Wrong;
        }
        self.length = length;
        Judged::Right
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        net::TcpListener,
        sync::atomic::{AtomicU32, Ordering},
        thread,
        time::Duration,
    };

    use super::{super::jobs, Heard, Judged, Reply, load};

    #[test]
    fn replies_are_judged_by_head_length_and_body() {
        let mut reply = Reply { body: b"{}", length: 0 };
        let right = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        for cut in 0..right.len() {
            assert_eq!(reply.judge(&right[..cut]), Judged::Incomplete);
        }
        assert_eq!(reply.judge(right), Judged::Right);
        assert_eq!(reply.length, right.len());
        assert_eq!(reply.judge(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}"), Judged::Right);
        assert_eq!(reply.judge(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx: y\r\n\r\n{}"), Judged::Right);
        assert_eq!(reply.judge(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx: y\r\n\r\n[]"), Judged::Wrong);
        assert_eq!(reply.judge(b"HTTP/1.1 503 Service Unavailable\r\n"), Judged::Wrong);
    }

    #[test]
    fn percentiles_are_of_all_rounds() {
        let mut heard = Heard { latencies: vec![4000, 1000], took: Duration::from_secs(1), busy: 0.5, failed: 1 };
        heard.add(Heard { latencies: vec![3000, 2000, 5000], took: Duration::from_secs(3), busy: 0.9, failed: 2 });
        let percentiles = heard.percentiles([0, 500, 1000]);
        assert_eq!(percentiles.map(|micros| format!("{micros:.1}")), ["1.0", "3.0", "5.0"]);
        assert_eq!((heard.failed, format!("{:.2}", heard.busy)), (3, "0.80".to_owned()));
    }

    #[test]
    fn a_connection_that_breaks_is_told_and_opened_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // Answers the first request of every connection right, and closes it in place of a second answer.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || {
                    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                    let body = jobs::client().reply;
                    let mut stream = stream;
                    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
                    // The body of the first request, and the head of the second.
                    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                });
            }
        });
        let asked = AtomicU32::new(0);
        let heard = load(address, &jobs::client(), || asked.fetch_add(1, Ordering::Relaxed) > 200).unwrap();
        assert!(heard.failed > 0 && heard.latencies.len() >= 64, "{} failed", heard.failed);
    }
}
