//! A gigabyte that goes up and comes down while its server is killed and its tokens end: nothing is missing, little is sent
//! twice, and hardly any of it is in memory. By default it is a quarter of one; with `ZATO_TEST_SWIFT_WHOLE=1` it is a GiB.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use futures_util::stream;
use md5::{Digest as _, Md5};
use tokio::task::JoinSet;
use zato::{
    Running,
    bytes::{Bytes, BytesMut},
    message::ByteStream,
    swift::Swift,
};

use super::{is_whole, login, metric, started};
use crate::{
    lent::{Swift as Server, note},
    process::{peak, ran_alone},
};

/// How many bytes of memory a process may need that sends or reads a gigabyte: with the 16 MB that are left for the program
/// itself, which is larger here than any that is not a test, 64 MB.
const MEMORY: usize = 48_000_000;

/// How many bytes there are of a segment.
const SEGMENT: u64 = 8 * 1024 * 1024;

/// How many segments are on their way at once.
const PARALLELISM: u64 = 4;

/// How many bytes come at once.
const BLOCK: usize = 64 * 1024;

/// How many bytes there are between two places that say where they are.
const STEP: usize = 4096;

/// How many bytes are on their way.
fn length() -> u64 {
    if is_whole() { 1 << 30 } else { 1 << 28 }
}

/// What a server suffers.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// It is killed, and started again.
    Kill,
    /// None of its tokens counts any more.
    Flush,
    /// The one after the other.
    FlushAndKill,
}

/// What a server suffers while something is on its way, and when.
#[derive(Clone)]
struct Troubles(Arc<Mutex<Pending>>);

struct Pending {
    server: Arc<Server>,
    /// Beside how many bytes have to have moved.
    left: Vec<(u64, Trouble)>,
    moved: u64,
    begun: JoinSet<()>,
}

impl Troubles {
    /// They come in this order, and at the same distance from each other.
    fn of(server: &Arc<Server>, troubles: &[Trouble]) -> Self {
        let distance = length() / (troubles.len() as u64 + 1);
        let mut left: Vec<_> = troubles.iter().zip(1..).map(|(trouble, count)| (count * distance, *trouble)).collect();
        left.reverse();
        Self(Arc::new(Mutex::new(Pending { server: Arc::clone(server), left, moved: 0, begun: JoinSet::new() })))
    }

    /// Notes that bytes have moved, and begins what is due. Whoever moves them does not wait for it.
    fn moved(&self, bytes: usize) {
        let mut pending = self.0.lock().expect("nobody panics with it");
        pending.moved += bytes as u64;
        let moved = pending.moved;
        while let Some((at, trouble)) = pending.left.pop_if(|(at, _)| *at <= moved) {
            let (server, this) = (Arc::clone(&pending.server), self.clone());
            pending.begun.spawn(async move {
                suffer(&server, trouble).await;
                let moved = this.0.lock().expect("nobody panics with it").moved;
                note(format_args!("{trouble:?}: at {} MiB, over at {} MiB", at >> 20, moved >> 20));
            });
        }
    }

    /// Waits until all are over.
    async fn over(self) {
        let mut begun = {
            let mut pending = self.0.lock().expect("nobody panics with it");
            assert!(pending.left.is_empty(), "{:?} have not come about", pending.left);
            std::mem::take(&mut pending.begun)
        };
        while let Some(ended) = begun.join_next().await {
            ended.expect("the server can be started again");
        }
    }
}

async fn suffer(server: &Server, trouble: Trouble) {
    if matches!(trouble, Trouble::Flush | Trouble::FlushAndKill) {
        server.flush_tokens().await;
    }
    if matches!(trouble, Trouble::Kill | Trouble::FlushAndKill) {
        server.server().kill().await;
        server.server().start().await;
    }
}

/// Something that is another one at each place, and is made as it is taken.
struct Content {
    /// What all blocks have in common.
    base: Bytes,
    /// How many bytes were taken.
    taken: u64,
    sum: Md5,
}

impl Content {
    fn new() -> Self {
        let base = (0..BLOCK).map(|_| fastrand::u8(..)).collect();
        Self { base, taken: 0, sum: Md5::new() }
    }

    /// Makes the next block; `None` is the end.
    fn next(&mut self) -> Option<Bytes> {
        if self.taken >= length() {
            return None;
        }
        let mut block = BytesMut::from(self.base.as_ref());
        for (place, at) in block.chunks_exact_mut(STEP).zip((self.taken..).step_by(STEP)) {
            place.iter_mut().zip(at.to_le_bytes()).for_each(|(byte, of)| *byte = of);
        }
        self.sum.update(&block);
        self.taken += block.len() as u64;
        Some(block.freeze())
    }
}

/// A stream of new content that troubles accompany, and what has gone through it so far.
fn sent(troubles: &Troubles) -> (ByteStream, Arc<Mutex<Content>>) {
    let content = Arc::new(Mutex::new(Content::new()));
    let (made, troubles) = (Arc::clone(&content), troubles.clone());
    let blocks = stream::iter(std::iter::from_fn(move || {
        let block = made.lock().expect("nobody panics with it").next()?;
        troubles.moved(block.len());
        Some(Ok(block))
    }));
    (ByteStream::new(blocks), content)
}

/// Reads an object to its end while troubles come, and returns its checksum.
async fn read(swift: &Swift, name: &str, troubles: &Troubles) -> String {
    let mut part = swift.object("a", name).get().stream().await.expect("it is there");
    let (mut sum, mut read) = (Md5::new(), 0);
    while let Some(piece) = part.stream.chunk().await.unwrap_or_else(|error| panic!("at {read}: {}", error.report())) {
        sum.update(&piece);
        read += piece.len() as u64;
        troubles.moved(piece.len());
    }
    assert_eq!(read, length());
    hexadecimal(sum)
}

fn hexadecimal(sum: Md5) -> String {
    sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sum(content: &Mutex<Content>) -> String {
    let content = content.lock().expect("nobody panics with it");
    assert_eq!(content.taken, length());
    hexadecimal(content.sum.clone())
}

/// Says what it took, and that it took little memory.
fn check_memory(what: &str, begun: Instant) {
    let (peak, took) = (peak(), begun.elapsed());
    note(format_args!("{what}: {} MiB in {took:.1?}, {:.1} MB of memory", length() >> 20, peak as f64 / 1e6));
    assert!(peak < MEMORY, "{what} took {peak} bytes of memory");
}

/// What a connection has counted so far: requests that were made once more, bytes that were sent, and that were read.
async fn counted(app: &Running) -> [u64; 3] {
    let names = ["zato_swift_retries_total", "zato_swift_sent_bytes_total", "zato_swift_read_bytes_total"];
    let metrics = zato::testing::admin(app).get("/metrics").await.text().to_owned();
    names.map(|name| metric(&metrics, name))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_of_a_gigabyte_outlives_its_server_and_its_tokens() {
    let test = "swift::transfers::an_upload_of_a_gigabyte_outlives_its_server_and_its_tokens";
    if ran_alone(test).await {
        return;
    }
    let Some(server) = Server::own(test).await.map(Arc::new) else { return };
    let (app, swift) = started(&login(&server)).await;
    swift.container("a").create().await.expect("it is up");
    let breaking = [Trouble::Kill, Trouble::Flush, Trouble::FlushAndKill];
    let (troubles, begun) = (Troubles::of(&server, &breaking), Instant::now());
    let (stream, content) = sent(&troubles);
    let stored = swift.object("a", "large").upload(stream).await.unwrap_or_else(|error| panic!("{}", error.report()));
    troubles.over().await;
    check_memory("an upload", begun);
    let [retries, sent, _] = counted(&app).await;
    let again = sent.saturating_sub(length());
    note(format_args!("{retries} requests were made once more, and {} MiB sent twice", again >> 20));
    assert!(retries > 0 && again > 0, "nothing was on its way when the server was killed");
    // Of what was on its way, each time, with a token that is refused thereafter.
    assert!(again <= 2 * 3 * PARALLELISM * SEGMENT, "{again} bytes were sent twice");
    assert_eq!(stored.bytes, length());

    let (troubles, begun) = (Troubles::of(&server, &[Trouble::FlushAndKill]), Instant::now());
    assert_eq!(read(&swift, "large", &troubles).await, sum(&content), "what is read is what was sent");
    troubles.over().await;
    check_memory("a download of segments", begun);
    let segments = swift.container("a_segments").objects().collect().await.expect("it is up");
    assert_eq!(segments.len() as u64, length() / SEGMENT, "none is left of those that broke off");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_of_a_gigabyte_outlives_its_server_and_its_tokens() {
    let test = "swift::transfers::a_download_of_a_gigabyte_outlives_its_server_and_its_tokens";
    if ran_alone(test).await {
        return;
    }
    let Some(server) = Server::own(test).await.map(Arc::new) else { return };
    let (app, swift) = started(&login(&server)).await;
    swift.container("a").create().await.expect("it is up");
    let begun = Instant::now();
    let (stream, content) = sent(&Troubles::of(&server, &[]));
    let object = swift.object("a", "whole");
    let stored = object.put_stream(stream.with_length(length())).await.expect("it is up");
    check_memory("one request that stores", begun);
    let sum = sum(&content);
    assert_eq!((stored.bytes, &stored.etag), (length(), &sum), "the server has worked out the same");

    let breaking = [Trouble::Kill, Trouble::Flush, Trouble::FlushAndKill];
    let (troubles, begun, [before, ..]) = (Troubles::of(&server, &breaking), Instant::now(), counted(&app).await);
    assert_eq!(read(&swift, "whole", &troubles).await, sum, "what is read is what was sent");
    troubles.over().await;
    check_memory("a download", begun);
    let [retries, _, read] = counted(&app).await;
    assert!(retries > before, "nothing was on its way when the server was killed");
    assert_eq!(read, length(), "what has come does not come again");
}
