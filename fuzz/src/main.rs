//! One program for all targets, `cargo xtask fuzz` says which: what comes in is sent through a channel of an app, as a
//! request would be, and whatever it is, the answer is a reply or a refusal. A panic ends the run, and so does an answer
//! that says that the fault is ours; the input that did it is left in a file.

#![no_main]

mod model;
mod target;

use std::sync::LazyLock;

use libfuzzer_sys::{Corpus, fuzz_target};

use self::target::Target;

static TARGET: LazyLock<Target> = LazyLock::new(Target::begin);

fuzz_target!(|input: &[u8]| -> Corpus {
    // What is no request at all teaches nothing.
    let Some(reply) = TARGET.send(input) else { return Corpus::Reject };
    assert!(!target::is_our_fault(&reply), "answered with {}: {}", reply.status, String::from_utf8_lossy(&reply.body));
    Corpus::Keep
});
