use std::{
    collections::VecDeque,
    future::poll_fn,
    io::Write,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use bytes::Bytes;
use flate2::write::GzEncoder;
use http_body::{Body as HttpBody, Frame};
use proptest::prelude::*;
use zato_core::{
    BoxError, Error, Kind,
    config::{CompressionLevel, ContentCoding},
};

use super::{Decoded, Decoding, encode::encode};
use crate::body::Body;

const BOTH: [ContentCoding; 2] = [ContentCoding::Gzip, ContentCoding::Zstd];

/// A body that comes in pieces, and after each lets wait for the next.
struct Pieced {
    pieces: VecDeque<Bytes>,
    waits: bool,
}

impl Pieced {
    fn new(bytes: &[u8], size: usize) -> Self {
        Self { pieces: bytes.chunks(size).map(Bytes::copy_from_slice).collect(), waits: false }
    }

    /// The same piece again and again.
    fn endless(piece: &[u8], times: usize) -> Self {
        let piece = Bytes::copy_from_slice(piece);
        Self { pieces: (0..times).map(|_| piece.clone()).collect(), waits: false }
    }
}

impl HttpBody for Pieced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.waits = !self.waits;
        if self.waits {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}

/// Reads a body to its end, and tells how often it let others have their turn.
async fn read<B: HttpBody<Data = Bytes, Error = BoxError>>(body: B) -> (Vec<u8>, usize, Result<(), Error>) {
    let (mut body, mut whole, mut turns) = (pin!(body), Vec::new(), 0);
    loop {
        let polled = poll_fn(|cx| {
            let polled = body.as_mut().poll_frame(cx);
            turns += usize::from(polled.is_pending());
            polled
        });
        match polled.await {
            None => return (whole, turns, Ok(())),
            Some(Ok(frame)) => whole.extend_from_slice(&frame.into_data().unwrap()),
            Some(Err(error)) => return (whole, turns, Err(Error::try_from_boxed(error).unwrap())),
        }
    }
}

async fn encoded(coding: ContentCoding, mut body: Body) -> Vec<u8> {
    encode(coding, CompressionLevel::Default, &mut body).unwrap();
    read(body).await.0
}

fn decoded(coding: ContentCoding, body: Pieced, limit: usize) -> Decoded<Pieced> {
    Decoded::new(body, coding, Decoding { max_ratio: 100 }, limit).unwrap()
}

/// A text that shrinks to about a third.
fn text(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..length).map(|_| b"0123 abc"[random.usize(..8)]).collect()
}

#[tokio::test]
async fn what_goes_in_comes_out_whatever_the_pieces() {
    for coding in BOTH {
        for length in [1, 1000, 64 * 1024, 64 * 1024 + 1, 200_000] {
            let text = text(length);
            let whole = encoded(coding, Body::from(Bytes::from(text.clone()))).await;
            let streamed = encoded(coding, Body::stream(Pieced::new(&text, 10_000))).await;
            for (compressed, size) in [(whole, 7_000), (streamed, usize::MAX)] {
                assert!(compressed.len() < length / 2 + 32, "{coding} makes {} of {length}", compressed.len());
                let (plain, _, end) = read(decoded(coding, Pieced::new(&compressed, size), length)).await;
                assert!(plain == text && end.is_ok(), "{coding} of {length}: {end:?}");
            }
        }
        let short = encoded(coding, Body::from(Bytes::from_static(b"[1, 2, 3]"))).await;
        let (plain, _, end) = read(decoded(coding, Pieced::new(&short, 1), 100)).await;
        assert_eq!((plain.as_slice(), end.is_ok()), (&b"[1, 2, 3]"[..], true));
    }
}

#[tokio::test]
async fn a_short_body_stays_whole_and_a_long_one_lets_others_have_their_turn() {
    for coding in BOTH {
        let mut short = Body::from(Bytes::from(text(64 * 1024)));
        encode(coding, CompressionLevel::Fastest, &mut short).unwrap();
        assert!(short.bytes().is_some());
        let mut long = Body::from(Bytes::from(text(1024 * 1024)));
        encode(coding, CompressionLevel::Fastest, &mut long).unwrap();
        assert!(long.bytes().is_none());
        let (compressed, turns, _) = read(long).await;
        assert_eq!(turns, 16);
        let (_, turns, end) = read(decoded(coding, Pieced::endless(&compressed, 1), 1024 * 1024)).await;
        assert!(turns >= 4 && end.is_ok(), "{turns} turns: {end:?}");
    }
}

#[tokio::test]
async fn a_stream_that_pauses_is_not_held_back() {
    for coding in BOTH {
        let mut body = Body::stream(Pieced { pieces: [Bytes::from_static(b"tick")].into(), waits: true });
        encode(coding, CompressionLevel::Default, &mut body).unwrap();
        let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.unwrap().unwrap();
        // Some of it may be the header; what follows until the pause has the rest.
        let mut out = frame.into_data().unwrap().to_vec();
        while let Poll::Ready(Some(Ok(frame))) = poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx))).await {
            out.extend_from_slice(&frame.into_data().unwrap());
        }
        // What has come is no whole yet, and all the same can be read.
        let (plain, ..) = read(decoded(coding, Pieced::new(&out, 1000), 100)).await;
        assert_eq!(plain, b"tick", "{coding}");
    }
}

#[tokio::test]
async fn a_bomb_ends_early() {
    let zeros = vec![0; 1024 * 1024];
    for coding in BOTH {
        // Each of them a million zeros: a gigabyte together.
        let bomb = encoded(coding, Body::from(Bytes::from(zeros.clone()))).await;
        let (plain, _, end) = read(decoded(coding, Pieced::endless(&bomb, 1000), 1 << 40)).await;
        assert_eq!(end.unwrap_err().kind(), Kind::TooLarge);
        assert!(plain.len() <= 100 * 64 * 1024, "{coding} gave {} bytes", plain.len());
        // What is not suspicious is limited by whoever reads it.
        let (plain, _, end) = read(decoded(
            coding,
            Pieced::new(&encoded(coding, Body::from(Bytes::from(vec![b' '; 60_000]))).await, 10),
            100,
        ))
        .await;
        assert!(plain.len() == 60_000 && end.is_ok());
    }
}

#[tokio::test]
async fn what_goes_in_and_never_comes_out_ends_early() {
    let empty = GzEncoder::new(Vec::new(), flate2::Compression::fast()).finish().unwrap();
    // A frame that decoders leave out (RFC 8878 §3.1.2), with a kilobyte in it.
    let left_out = [&[0x50, 0x2a, 0x4d, 0x18, 0, 4, 0, 0][..], &[0; 1024]].concat();
    for (coding, piece) in [(ContentCoding::Gzip, empty), (ContentCoding::Zstd, left_out)] {
        let body = decoded(coding, Pieced::endless(&piece.repeat(100), 10_000), 1000);
        let (plain, turns, end) = read(body).await;
        assert_eq!((plain.len(), end.unwrap_err().kind()), (0, Kind::TooLarge));
        assert!(turns < 100, "{coding} was read on {turns} times");
    }
}

#[tokio::test]
async fn what_is_not_what_it_says_is_the_callers_mistake() {
    for coding in BOTH {
        let whole = encoded(coding, Body::from(Bytes::from(text(100)))).await;
        let cut = (1..whole.len()).map(|length| whole[..length].to_vec());
        let more = [&whole[..], b"more"].concat();
        for broken in cut.chain([b"[1, 2, 3]".to_vec(), more]) {
            let length = broken.len();
            let (_, _, end) = read(decoded(coding, Pieced::new(&broken, 50), 1000)).await;
            let error = end.expect_err(&format!("{length} bytes of {coding}"));
            assert_eq!(error.kind(), Kind::InvalidInput);
            assert_eq!(error.public_message(), "the body is not what its Content-Encoding says");
        }
    }
}

#[tokio::test]
async fn a_body_that_refers_back_too_far_is_refused() {
    let of_window = |window| {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(window).unwrap();
        encoder.write_all(b"a").unwrap();
        encoder.flush().unwrap();
        encoder.finish().unwrap()
    };
    for (window, is_read) in [(23, true), (24, false), (27, false)] {
        let body = decoded(ContentCoding::Zstd, Pieced::new(&of_window(window), 1000), 1000);
        assert_eq!(read(body).await.2.is_ok(), is_read, "a window of {window} bits");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_make_it_panic_or_give_much(start in 0..3_usize, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let starts: [&[u8]; 3] = [b"", b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd"];
        let bytes = [starts[start], &bytes].concat();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for coding in BOTH {
            let (plain, ..) = runtime.block_on(read(decoded(coding, Pieced::new(&bytes, 64), 1000)));
            prop_assert!(plain.len() <= 80 * 1024);
        }
    }
}
