//! How far a transfer has got.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use zato_core::{
    bytes::Bytes,
    message::ByteStream,
    testing::{CapturedEvent, capture_logs},
    tracing::Level,
};

use super::{
    kit::{everywhere, fake},
    large::bytes,
};
use crate::Progress;

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Progress>>>);

impl Heard {
    fn listener(&self) -> impl FnMut(&Progress) + Send + 'static {
        let heard = Arc::clone(&self.0);
        move |progress| heard.lock().unwrap().push(progress.clone())
    }

    /// Returns how far it had got each time, and the total; it never went back.
    fn taken(&self) -> (Vec<u64>, Option<u64>) {
        let heard = std::mem::take(&mut *self.0.lock().unwrap());
        let bytes: Vec<_> = heard.iter().map(|progress| progress.bytes).collect();
        assert!(bytes.is_sorted(), "{bytes:?}");
        (bytes, heard.last().and_then(|progress| progress.total))
    }
}

/// Bytes that come slowly.
fn slow(number: usize) -> ByteStream {
    ByteStream::new(futures_util::stream::unfold(number, |left| async move {
        let left = left.checked_sub(1)?;
        tokio::time::sleep(Duration::from_millis(100)).await;
        Some((Ok(Bytes::from(vec![0; 1000])), left))
    }))
}

#[tokio::test]
async fn each_way_of_sending_and_reading_tells_at_its_end() {
    for kit in everywhere("segment_size: 100KiB").await {
        let (place, name, heard) = (kit.place, kit.container("progress").await, Heard::default());
        let object = kit.swift.object(&name, "a");
        let all = bytes(1_000_000);
        let told = |total| (1_000_000_u64, total);
        let end = |heard: &Heard| {
            let (bytes, total) = heard.taken();
            (*bytes.last().unwrap(), total)
        };
        let stream = || ByteStream::new(futures_util::stream::iter([Ok(all.clone())]));
        object.put(all.clone()).progress(heard.listener()).await.unwrap();
        assert_eq!(end(&heard), told(Some(1_000_000)), "{place}: bytes");
        object.put_stream(stream()).progress(heard.listener()).await.unwrap();
        assert_eq!(end(&heard), told(None), "{place}: a stream");
        object.upload(all.clone()).progress(heard.listener()).await.unwrap();
        assert_eq!(end(&heard), told(Some(1_000_000)), "{place}: an upload");
        object.upload(stream()).progress(heard.listener()).await.unwrap();
        assert_eq!(end(&heard), told(None), "{place}: an upload of a stream");
        assert_eq!(object.get().progress(heard.listener()).bytes().await.unwrap(), all, "{place}");
        assert_eq!(end(&heard), told(Some(1_000_000)), "{place}: reading");
        object.get().range(..10).progress(heard.listener()).bytes().await.unwrap();
        assert_eq!(end(&heard), (10, Some(10)), "{place}: a part");
        object.put("").progress(heard.listener()).await.unwrap();
        assert_eq!(heard.taken(), (vec![0], Some(0)), "{place}: nothing");
        object.get().progress(heard.listener()).bytes().await.unwrap();
        assert_eq!(heard.taken(), (vec![0], Some(0)), "{place}: nothing read");
    }
}

#[tokio::test(start_paused = true)]
async fn what_lasts_tells_five_times_a_second() {
    let kit = fake("").await;
    let (name, heard) = (kit.container("a").await, Heard::default());
    let object = kit.swift.object(&name, "a");
    object.put_stream(slow(20).with_length(20_000)).progress(heard.listener()).await.unwrap();
    let (bytes, total) = heard.taken();
    assert_eq!((bytes.len(), bytes[0], bytes.last(), total), (11, 2000, Some(&20_000), Some(20_000)), "{bytes:?}");
}

#[tokio::test(start_paused = true)]
async fn what_lasts_is_logged_every_ten_seconds_and_at_its_end() {
    let kit = fake("").await;
    let name = kit.container("a").await;
    let logs = capture_logs();
    let logged = || {
        let events = logs.events().into_iter().filter(|event| event.target.contains("progress"));
        let field = |event: &CapturedEvent, name: &str| event.fields.get(name).cloned().unwrap_or_default();
        let line = |event: CapturedEvent| {
            let [bytes, rate, left] = ["bytes", "rate", "remaining"].map(|name| field(&event, name));
            (event.level, event.message, bytes, rate, left)
        };
        events.map(line).collect::<Vec<_>>()
    };
    kit.swift.object(&name, "short").put_stream(slow(50)).await.unwrap();
    assert!(logged().is_empty(), "{:?}", logged());
    kit.swift.object(&name, "long").put_stream(slow(250).with_length(250_000)).await.unwrap();
    let line = |words: &str, bytes: &str, left: &str| {
        (Level::INFO, words.to_owned(), bytes.to_owned(), "10000.0".to_owned(), left.to_owned())
    };
    let expected = [
        line("object on its way", "100000", "15"),
        line("object on its way", "200000", "5"),
        line("object has arrived", "250000", "0"),
    ];
    assert_eq!(logged(), expected);
}

#[tokio::test(start_paused = true)]
async fn what_goes_twice_is_counted_once() {
    let kit = fake("segment_size: 50000").await;
    let (name, heard, server) = (kit.container("a").await, Heard::default(), kit.server().unwrap());
    let object = kit.swift.object(&name, "a");
    server.break_next("PUT", 900_000);
    server.break_next("PUT", 300_000);
    object.put(bytes(1_000_000)).progress(heard.listener()).await.unwrap();
    assert_eq!(*heard.taken().0.last().unwrap(), 1_000_000);
    server.break_next("GET", 700_000);
    object.get().progress(heard.listener()).bytes().await.unwrap();
    assert_eq!(*heard.taken().0.last().unwrap(), 1_000_000);
    for _ in 0..5 {
        server.break_next("PUT", 40_000);
    }
    object.upload(bytes(1_000_000)).progress(heard.listener()).await.unwrap();
    assert_eq!(*heard.taken().0.last().unwrap(), 1_000_000);
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_and_read_is_counted_by_the_connection() {
    let kit = fake("").await;
    let name = kit.container("a").await;
    let object = kit.swift.object(&name, "a");
    object.put(bytes(1_000_000)).await.unwrap();
    object.get().bytes().await.unwrap();
    let client = kit.swift.client().unwrap();
    assert_eq!(client.wire.meter().moved(), 2_000_000);
}
