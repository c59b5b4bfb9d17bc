//! Large objects whose upload ended before it was done.

use std::{
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use zato_core::{Error, bytes::Bytes, message::ByteStream};

use super::{
    kit::everywhere,
    large::{bytes, segments},
    large_faults::{SEGMENT, kit, watched},
};
use crate::UploadRequest;

#[tokio::test(start_paused = true)]
async fn what_is_resumable_goes_on_where_it_was() {
    let (kit, name) = kit("").await;
    let server = kit.server().unwrap();
    let object = kit.swift.object(&name, "large");
    let broken = watched(20, |index| (index == 12).then(|| Error::conflict("killed")));
    assert!(object.upload(broken).resumable("tonight/1").await.is_err());
    assert_eq!(segments(&kit, &name).await.len(), 12);
    let (before, counted) = (server.calls("PUT"), Arc::new(Mutex::new((0, 0.0_f64))));
    let hears = Arc::clone(&counted);
    let upload = object.upload(watched(20, |_| None)).resumable("tonight/1");
    let upload = upload.progress(move |progress| *hears.lock().unwrap() = (progress.bytes, progress.rate()));
    upload.await.unwrap();
    assert_eq!(server.calls("PUT") - before, 8 + 1, "the rest, and the manifest");
    assert_eq!(counted.lock().unwrap().0, (SEGMENT * 20) as u64, "what is there counts");
    assert_eq!(object.get().bytes().await.unwrap(), bytes(SEGMENT * 20));

    // A shorter one with the same key, which is no content of its own, leaves nothing of the longer one.
    object.upload(watched(5, |_| None)).resumable("tonight/1").await.unwrap();
    assert_eq!(object.get().bytes().await.unwrap(), bytes(SEGMENT * 5));
    assert_eq!(segments(&kit, &name).await.len(), 5);
}

/// Four segments of another content, and a stream of so many of them.
fn other(number: usize) -> (Vec<u8>, ByteStream) {
    let all: Vec<u8> = bytes(SEGMENT * 4).iter().rev().copied().collect();
    let pieces = all.chunks(SEGMENT).map(|piece| Ok(Bytes::copy_from_slice(piece))).take(number);
    let fault = (number < 4).then(|| Err(Error::conflict("killed")));
    let stream = futures_util::stream::iter(pieces.chain(fault).collect::<Vec<_>>());
    let stream = ByteStream::new(stream).with_length(all.len() as u64);
    (all, stream)
}

/// A key ought to name the content, and need not.
#[tokio::test]
async fn another_content_under_the_same_key_takes_nothing_from_what_is_there() {
    for kit in everywhere("segment_size: 16KiB").await {
        let (place, name) = (kit.place, kit.container("a").await);
        let object = kit.swift.object(&name, "large");
        object.upload(bytes(SEGMENT * 4)).resumable("tonight").await.unwrap();
        assert!(object.upload(other(2).1).resumable("tonight").await.is_err(), "{place}");
        assert_eq!(object.get().bytes().await.unwrap(), bytes(SEGMENT * 4), "{place}: what was there");
        assert_eq!(segments(&kit, &name).await.len(), 4 + 2, "{place}");
        let (all, stream) = other(4);
        object.upload(stream).resumable("tonight").await.unwrap();
        assert_eq!(object.get().bytes().await.unwrap(), all, "{place}");
        assert_eq!(segments(&kit, &name).await.len(), 4, "{place}: nothing is left of the other one");
    }
}

/// What the first of them is about to remove as left over is what the second goes on with.
#[tokio::test(start_paused = true)]
async fn two_uploads_under_the_same_key_take_nothing_from_each_other() {
    let (kit, name) = kit("").await;
    let server = kit.server().unwrap();
    let object = kit.swift.object(&name, "large");
    assert!(object.upload(other(2).1).resumable("tonight").await.is_err());
    let slow = server.clone();
    let stream = watched(4, move |index| {
        if index == 4 {
            // What is there before is asked for first.
            slow.pass_next("HEAD", 1);
            slow.delay_next("HEAD", Duration::from_secs(10));
            slow.delay_next("POST", Duration::from_secs(25));
        }
        None
    });
    let first =
        async { object.upload(stream.with_length((SEGMENT * 4) as u64)).resumable("tonight").parallelism(1).await };
    let second = async {
        while server.object(&name, "large").is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        object.upload(other(4).1).resumable("tonight").await
    };
    let (first, second) = tokio::join!(first, second);
    first.unwrap();
    second.unwrap();
    assert_eq!(object.get().bytes().await.unwrap(), other(4).0);
    assert_eq!(segments(&kit, &name).await.len(), 4);
}

/// What copies files may keep when they were modified.
#[tokio::test]
async fn a_file_of_the_same_age_and_size_is_not_taken_for_another_one() {
    for kit in everywhere("segment_size: 16KiB").await {
        let (place, name) = (kit.place, kit.container("a").await);
        let object = kit.swift.object(&name, "large");
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, &bytes(SEGMENT * 3)).unwrap();
        let modified = file.as_file().metadata().unwrap().modified().unwrap();
        object.upload_file(file.path()).await.unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        std::io::Write::write_all(&mut file, b"changed").unwrap();
        file.as_file().set_modified(modified).unwrap();
        let mut list = object.segments().await.unwrap().unwrap();
        object.upload_file(file.path()).await.unwrap();
        assert_eq!(object.get().range(..7).text().await.unwrap(), "changed", "{place}");
        let now = object.segments().await.unwrap().unwrap();
        assert!(list.remove(0) != now[0] && list == now[1..], "{place}: one is another one");
        assert_eq!(segments(&kit, &name).await.len(), 3, "{place}");
    }
}

/// The file is the same, and so is the name; who replaces the one must not take the segments of the other.
#[tokio::test]
async fn objects_of_one_name_whose_segments_are_in_one_place_have_no_segment_in_common() {
    for kit in everywhere("segment_size: 16KiB").await {
        let (place, one, two, parts) =
            (kit.place, kit.container("a").await, kit.container("b").await, kit.name("segments"));
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, &bytes(SEGMENT * 3)).unwrap();
        let objects = [kit.swift.object(&one, "large"), kit.swift.object(&two, "large")];
        for object in &objects {
            object.upload_file(file.path()).segments_in(&parts).await.unwrap();
        }
        objects[0].upload(bytes(SEGMENT * 2)).segments_in(&parts).await.unwrap();
        assert_eq!(objects[1].get().bytes().await.unwrap(), bytes(SEGMENT * 3), "{place}");
        let left = kit.swift.container(&parts).objects().collect().await.unwrap().len();
        assert_eq!(left, 2 + 3, "{place}: those of what was replaced are gone");
    }
}

/// As a list of segments that somebody else has copied.
#[tokio::test]
async fn segments_of_another_container_are_left() {
    for kit in everywhere("segment_size: 16KiB").await {
        let (place, one, two) = (kit.place, kit.container("a").await, kit.container("b").await);
        let (from, to) = (kit.swift.object(&one, "large"), kit.swift.object(&two, "large"));
        from.upload(bytes(SEGMENT * 3)).await.unwrap();
        let call = to.call(http::Method::PUT).unwrap().query("multipart-manifest", Some("get"));
        let path = http::HeaderValue::try_from(format!("/{one}/large")).unwrap();
        kit.swift.call(call.header(http::HeaderName::from_static("x-copy-from"), path)).await.unwrap().done().await;
        assert!(to.head().await.unwrap().is_large, "{place}");
        to.upload(bytes(SEGMENT * 2)).await.unwrap();
        assert_eq!(from.get().bytes().await.unwrap(), bytes(SEGMENT * 3), "{place}");
    }
}

/// Drops an upload as soon as something is so.
async fn killed(upload: UploadRequest, is_so: impl Fn() -> bool) {
    let mut upload = Box::pin(upload.into_future());
    std::future::poll_fn(|cx| {
        assert!(upload.as_mut().poll(cx).is_pending());
        if is_so() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_is_dropped_is_gone_on_with() {
    let (kit, name) = kit("").await;
    let server = kit.server().unwrap().clone();
    let object = kit.swift.object(&name, "large");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, &bytes(SEGMENT * 20)).unwrap();
    killed(object.upload_file(file.path()).parallelism(2), || server.objects(&format!("{name}_segments")).len() >= 10)
        .await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let (before, there) = (server.calls("PUT"), segments(&kit, &name).await.len() as u64);
    assert!((10..20).contains(&there), "{there}");
    object.upload_file(file.path()).await.unwrap();
    assert_eq!(server.calls("PUT") - before, 20 - there + 1, "the rest, and the manifest");
    assert_eq!(object.get().bytes().await.unwrap(), bytes(SEGMENT * 20));
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_is_dropped_leaves_nothing_for_long() {
    let (kit, name) = kit("").await;
    let server = kit.server().unwrap().clone();
    let object = kit.swift.object(&name, "large");
    object.put("before").await.unwrap();
    let segments_in = format!("{name}_segments");
    let stuck = futures_util::StreamExt::take(watched(20, |_| None), 10);
    let stuck = ByteStream::new(futures_util::StreamExt::chain(stuck, futures_util::stream::pending()));
    killed(object.upload(stuck), || server.objects(&segments_in).len() == 10).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(server.objects(&segments_in), Vec::<String>::new());
    assert_eq!(object.get().text().await.unwrap(), "before");

    // Where the manifest is on its way, nobody knows; with one at a time it is the PUT after the last segment.
    let (slow, puts) = (server.clone(), server.calls("PUT"));
    let stream = watched(4, move |index| {
        if index == 4 {
            slow.delay_next("PUT", Duration::from_secs(20));
        }
        None
    });
    killed(object.upload(stream).parallelism(1), || server.calls("PUT") == puts + 5).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(server.objects(&segments_in).len(), 4);
}

/// Listings lag behind.
#[tokio::test]
async fn a_segment_that_is_only_listed_is_sent_again() {
    for kit in everywhere("segment_size: 16KiB\nsegment_parallelism: 1").await {
        let (place, name) = (kit.place, kit.container("a").await);
        let object = kit.swift.object(&name, "large");
        let broken = watched(4, |index| (index == 3).then(|| Error::conflict("killed")));
        assert!(object.upload(broken).resumable("tonight").await.is_err());
        let left = segments(&kit, &name).await;
        assert_eq!(left.len(), 3, "{place}");
        let doomed = kit.swift.object(&format!("{name}_segments"), &left[2]);
        // The list was made when the first piece is asked for that is not the beginning.
        let pieces = (0..4).map(|index| (index, bytes(SEGMENT * 4).slice(index * SEGMENT..(index + 1) * SEGMENT)));
        let pieces = futures_util::StreamExt::then(futures_util::stream::iter(pieces), move |(index, piece)| {
            let doomed = doomed.clone();
            async move {
                if index == 2 {
                    assert!(doomed.delete().await?);
                }
                Ok(piece)
            }
        });
        object.upload(ByteStream::new(pieces)).resumable("tonight").await.unwrap();
        assert_eq!(object.get().bytes().await.unwrap(), bytes(SEGMENT * 4), "{place}");
    }
}
