//! Clients that misbehave. Whatever they do, the server has to get rid of them, and nobody else may notice.

mod http1;
mod http2;
mod tcp;

use std::{io, net::Ipv4Addr, pin::Pin, sync::Arc, time::Duration};

use tokio::{
    io::AsyncReadExt as _,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    tally::Tally,
    wire::{Scheme, Target, Wire},
};

/// After how long a client that should have been got rid of is one that was put up with: several times what the
/// configuration says.
const PATIENCE: Duration = Duration::from_secs(40);

/// How one ended: as it should, or not.
type Outcome = Pin<Box<dyn Future<Output = io::Result<bool>> + Send>>;

/// A way to misbehave.
struct Kind {
    name: &'static str,
    /// How many do so at once.
    number: u32,
    /// Whether it only makes sense where TLS is spoken.
    is_tls: bool,
    run: fn(Target, Ipv4Addr) -> Outcome,
}

const fn kind(name: &'static str, number: u32, run: fn(Target, Ipv4Addr) -> Outcome) -> Kind {
    Kind { name, number, is_tls: false, run }
}

/// All of them.
const KINDS: [Kind; 20] = [
    kind("slow headers", 8, |target, from| Box::pin(http1::slow_headers(target, from))),
    kind("half bodies", 8, |target, from| Box::pin(http1::half_body(target, from))),
    kind("half streams", 4, |target, from| Box::pin(http1::half_stream(target, from))),
    kind("slow readers", 4, |target, from| Box::pin(http1::slow_reader(target, from))),
    kind("broken off replies", 2, |target, from| Box::pin(http1::broken_off(target, from))),
    kind("resets", 2, |target, from| Box::pin(http1::reset(target, from))),
    kind("bombs", 1, |target, from| Box::pin(http1::bomb(target, from))),
    kind("wrong requests", 2, |target, from| Box::pin(http1::wrong(target, from))),
    kind("pipelines", 1, |target, from| Box::pin(http1::pipeline(target, from))),
    kind("too many requests", 1, |target, _| Box::pin(http1::too_many(target))),
    kind("garbage", 2, |target, from| Box::pin(http1::garbage(target, from))),
    kind("garbage in HTTP/2", 2, |target, from| Box::pin(http2::garbage(target, from))),
    kind("rapid resets", 1, |target, from| Box::pin(http2::rapid_reset(target, from))),
    kind("continuations", 1, |target, from| Box::pin(http2::continuations(target, from))),
    kind("pings", 1, |target, from| Box::pin(http2::pings(target, from))),
    kind("shut windows", 2, |target, from| Box::pin(http2::shut_window(target, from))),
    kind("floods of connections", 1, |target, from| Box::pin(tcp::flood(target, from))),
    kind("crowds", 1, |target, _| Box::pin(tcp::crowd(target))),
    Kind { name: "garbage in TLS", number: 2, is_tls: true, run: |target, from| Box::pin(tcp::garbage(target, from)) },
    Kind { name: "half hellos", number: 2, is_tls: true, run: |target, from| Box::pin(tcp::half_hello(target, from)) },
];

/// Starts all that misbehave towards a server; they go on until they are aborted.
pub(crate) fn misbehave(clients: &mut JoinSet<()>, target: &Target, tally: &Arc<Tally>) {
    for kind in KINDS.iter().filter(|kind| !kind.is_tls || target.scheme == Scheme::Https) {
        for _ in 0..kind.number {
            clients.spawn(again(kind, target.clone(), Arc::clone(tally)));
        }
    }
}

async fn again(kind: &'static Kind, target: Target, tally: Arc<Tally>) {
    loop {
        // Good callers have the first address, so that no limit of these is theirs.
        let from = Ipv4Addr::new(127, 0, 0, fastrand::u8(2..8));
        sleep(Duration::from_millis(fastrand::u64(50..500))).await;
        match timeout(PATIENCE, (kind.run)(target.clone(), from)).await {
            // Where the connection breaks, the server has got rid of the client.
            Ok(Ok(true) | Err(_)) => tally.done(kind.name),
            Ok(Ok(false)) => tally.failed(kind.name, format_args!("taken for right over {}", target.scheme.as_str())),
            Err(_) => tally.failed(kind.name, format_args!("put up with over {}", target.scheme.as_str())),
        }
    }
}

/// Reads until the server ends the connection, and returns how much that was.
async fn read_to_end(wire: &mut Wire) -> u64 {
    let (mut buffer, mut all) = ([0; 4096], 0);
    while let Ok(read @ 1..) = wire.read(&mut buffer).await {
        all += u64::try_from(read).unwrap_or_default();
    }
    all
}
