//! Callers that do nothing wrong, none of whose requests may fail.

use std::{
    io::{self, Read as _},
    sync::Arc,
    time::{Duration, Instant},
};

use flate2::read::GzDecoder;
use h2::client::SendRequest;
use tokio::{
    task::JoinSet,
    time::{Interval, MissedTickBehavior, interval, timeout},
};
use zato::{bytes::Bytes, http::Request};

use crate::{
    reply::{Http1, Reply},
    server::report,
    tally::Tally,
    wire::{GOOD, Target, Wire},
};

/// How many connections there are to a server that are kept for a while.
const KEPT: u64 = 32;

/// How many requests go over a connection before the caller opens another.
const REQUESTS: std::ops::Range<u64> = 500..1500;

/// How many requests go over a connection of HTTP/2 at once.
const AT_ONCE: usize = 8;

/// How long a reply may take; a machine that is busy with other things is no failure.
const PATIENCE: Duration = Duration::from_secs(15);

const CLIENT: &str = r#"{"name":"Jane Doe","email":"","segment":"RNZ"}"#;

/// Starts everybody who calls one server, so many times a second together, or as often as it can be done.
pub(crate) fn call(callers: &mut JoinSet<()>, target: &Target, tally: &Arc<Tally>, rate: Option<f64>) {
    for number in 0..KEPT {
        let pace = rate.map(|rate| pace(rate / KEPT as f64));
        callers.spawn(keep(target.clone(), Arc::clone(tally), pace, number));
    }
    for _ in 0..2 {
        callers.spawn(come_and_go(target.clone(), Arc::clone(tally), pace(10.0)));
        callers.spawn(stream(target.clone(), Arc::clone(tally), pace(5.0)));
    }
}

fn pace(rate: f64) -> Interval {
    let mut pace = interval(Duration::from_secs_f64(1.0 / rate.max(0.1)));
    // Who was kept waiting doesn't make up for it: that would be another load.
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

/// Asks over a connection that is kept, one request after the other.
async fn keep(target: Target, tally: Arc<Tally>, mut pace: Option<Interval>, number: u64) {
    let (mut connection, mut left) = (None, 0);
    for round in number.. {
        if let Some(pace) = &mut pace {
            pace.tick().await;
        }
        if tally.is_over() {
            break;
        }
        if left == 0 {
            (connection, left) = (None, fastrand::u64(REQUESTS));
        }
        left -= 1;
        let asked = Asked::of_round(round);
        let since = Instant::now();
        let answering = async {
            let mut open = match connection.take() {
                Some(open) => open,
                None => Http1::new(target.http1(GOOD).await?),
            };
            let reply = open.ask(asked.request()).await?;
            asked.check(&reply).map(|()| (!reply.is_last).then_some(open))
        };
        match timeout(PATIENCE, answering).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(open) => {
                tally.answered(since);
                connection = open;
            }
            Err(error) => tally.failed(format_args!("{asked:?} over {}", target.scheme.as_str()), error),
        }
    }
}

/// Opens a connection for each request, and waits until the server has closed it.
async fn come_and_go(target: Target, tally: Arc<Tally>, mut pace: Interval) {
    loop {
        pace.tick().await;
        if tally.is_over() {
            break;
        }
        let since = Instant::now();
        let answering = async {
            let mut connection = Http1::new(target.http1(GOOD).await?);
            let reply = connection.ask(Asked::Last.request()).await?;
            Asked::Last.check(&reply)?;
            connection.end().await
        };
        match timeout(PATIENCE, answering).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(()) => {
                tally.answered(since);
                tally.done("connections for one request");
            }
            Err(error) => tally.failed(format_args!("a connection of its own over {}", target.scheme.as_str()), error),
        }
    }
}

/// Asks by HTTP/2, several things at once.
async fn stream(target: Target, tally: Arc<Tally>, mut pace: Interval) {
    while !tally.is_over() {
        let outcome = async {
            // Here too, so that nobody tries without a pause to reach a server that is gone.
            pace.tick().await;
            let wire = timeout(PATIENCE, target.http2(GOOD)).await??;
            batches(wire, &tally, &mut pace).await
        };
        if let Err(error) = outcome.await {
            tally.failed(format_args!("HTTP/2 over {}", target.scheme.as_str()), error);
        }
    }
}

async fn batches(wire: Wire, tally: &Tally, pace: &mut Interval) -> crate::Result<()> {
    // All replies of a batch fit into the window: they are read one after the other, and one that is waited for must not
    // wait for those behind it.
    let mut client = h2::client::Builder::new();
    let (sender, connection) = client.initial_connection_window_size(1024 * 1024).handshake(wire).await?;
    let batches = async {
        for _ in 0..50 {
            pace.tick().await;
            if tally.is_over() {
                break;
            }
            let since = Instant::now();
            let mut sender = sender.clone().ready().await?;
            let asked: Vec<_> = (0..AT_ONCE).map(|_| report_by_http2(&mut sender)).collect();
            for reply in asked {
                timeout(PATIENCE, reply).await??;
                tally.answered(since);
                tally.done("requests by HTTP/2");
            }
        }
        drop(sender);
        crate::Result::Ok(())
    };
    tokio::pin!(connection);
    tokio::select! {
        outcome = batches => outcome,
        // It ends before the requests do only if the server ends it.
        ended = &mut connection => Err(format!("the connection ended: {ended:?}").into()),
    }
}

fn report_by_http2(sender: &mut SendRequest<Bytes>) -> impl Future<Output = crate::Result<()>> + use<> {
    let request = Request::get("https://localhost/report").body(());
    let sent = request.map(|request| sender.send_request(request, true));
    async {
        let (reply, _) = sent??;
        let (head, mut body) = reply.await?.into_parts();
        let mut whole = Vec::new();
        while let Some(piece) = body.data().await {
            let piece = piece?;
            body.flow_control().release_capacity(piece.len())?;
            whole.extend_from_slice(&piece);
        }
        match head.status.as_u16() {
            200 if whole == report().as_bytes() => Ok(()),
            status => Err(format!("status {status} with {} bytes", whole.len()).into()),
        }
    }
}

/// What callers ask for by HTTP/1.1.
#[derive(Clone, Copy, Debug)]
enum Asked {
    /// A small object for another.
    Client,
    /// The same, over a connection that ends with it.
    Last,
    /// 10 KB, compressed.
    Report,
    /// A quarter of a megabyte, which is sent back while it comes.
    Echo,
}

impl Asked {
    fn of_round(round: u64) -> Self {
        match round {
            round if round.is_multiple_of(400) => Self::Echo,
            round if round.is_multiple_of(20) => Self::Report,
            _ => Self::Client,
        }
    }

    fn request(self) -> &'static [u8] {
        static ECHO: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
            let head = format!("POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: {LARGE}\r\n\r\n");
            [head.as_bytes(), &vec![b'x'; LARGE]].concat()
        });
        match self {
            Self::Client => {
                b"POST /api/v1/client HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                content-length: 17\r\n\r\n{\"client_id\":123}"
            }
            Self::Last => {
                b"POST /api/v1/client HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                connection: close\r\ncontent-length: 17\r\n\r\n{\"client_id\":123}"
            }
            Self::Report => b"GET /report HTTP/1.1\r\nhost: localhost\r\naccept-encoding: gzip\r\n\r\n",
            Self::Echo => &ECHO,
        }
    }

    fn check(self, reply: &Reply) -> io::Result<()> {
        let is_right = match self {
            Self::Client | Self::Last => reply.body == CLIENT.as_bytes(),
            Self::Report => {
                let mut text = String::new();
                GzDecoder::new(&*reply.body).read_to_string(&mut text)?;
                reply.encoding == "gzip" && text == report()
            }
            Self::Echo => reply.body.len() == LARGE && reply.body.iter().all(|byte| *byte == b'x'),
        };
        if reply.status == 200 && is_right {
            return Ok(());
        }
        let body = String::from_utf8_lossy(reply.body.get(..200).unwrap_or(&reply.body));
        Err(io::Error::other(format!("the reply is {} with {} bytes: {body:?}", reply.status, reply.body.len())))
    }
}

const LARGE: usize = 256 * 1024;
