//! Whatever comes in, the server in memory answers, or ends the connection: it doesn't panic.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use proptest::{collection::vec, prelude::*, sample::select};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use super::super::{Memory, MemoryStream, commands};

/// Arguments at the edge of what commands take.
const ARGUMENTS: &[&str] = &[
    "",
    "0",
    "1",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "1e308",
    "inf",
    "-inf",
    "nan",
    "0.5",
    "*",
    "+",
    "-",
    "(",
    "[",
    "(1",
    "[a",
    "$",
    ">",
    "1-1",
    "2-*",
    "18446744073709551615-18446744073709551615",
    "a",
    "b",
    "group",
    "streams",
    "count",
    "block",
    "justid",
    "force",
    "idle",
    "retrycount",
    "maxlen",
    "minid",
    "~",
    "limit",
    "create",
    "setid",
    "mkstream",
    "entriesread",
    "entriesadded",
    "maxdeletedid",
    "consumers",
    "groups",
    "stream",
    "ex",
    "pxat",
    "exat",
    "get",
    "byscore",
    "bylex",
    "rev",
    "withscores",
    "incr",
    "nx",
    "match",
    "rank",
    "before",
    "left",
    "right",
    "load",
    "id",
    "kill",
    "type",
];

/// Says something, and takes what is answered at once.
fn say(stream: &mut MemoryStream, bytes: &[u8]) {
    let mut cx = Context::from_waker(Waker::noop());
    let _ = pin!(&mut *stream).poll_write(&mut cx, bytes);
    let mut space = vec![0; 4096];
    for _ in 0..1000 {
        let mut space = ReadBuf::new(&mut space);
        let read = pin!(&mut *stream).poll_read(&mut cx, &mut space);
        if !matches!(read, Poll::Ready(Ok(()))) || space.filled().is_empty() {
            return;
        }
    }
}

/// Enters a runtime, since a connection that waits sets a timer.
fn within_a_runtime(work: impl FnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let _entered = runtime.enter();
    work();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(pieces in vec(vec(any::<u8>(), 0..64), 1..8)) {
        within_a_runtime(|| {
            let mut stream = Memory::new().stream();
            for piece in &pieces {
                say(&mut stream, piece);
            }
        });
    }

    #[test]
    fn any_arguments(lines in vec((select(commands::names()), vec(select(ARGUMENTS), 0..8)), 1..60)) {
        within_a_runtime(|| {
            let memory = Memory::new();
            for (name, arguments) in &lines {
                // A connection each: one that waits or has ended takes nothing more.
                let mut stream = memory.stream();
                let mut command = format!("*{}\r\n${}\r\n{name}\r\n", arguments.len() + 1, name.len());
                for argument in arguments {
                    command.push_str(&format!("${}\r\n{argument}\r\n", argument.len()));
                }
                say(&mut stream, command.as_bytes());
            }
        });
    }
}
