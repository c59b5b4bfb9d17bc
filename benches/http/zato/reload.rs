//! A configuration of 500 channels that is changed again and again.

use std::fmt::Write as _;

use super::{SERVER, channel};

/// How many channels there are.
const CHANNELS: u32 = 500;

/// How many of them change from one round to the next.
const CHANGED: u32 = 10;

/// The configuration of a round: the channel that is asked stays, some others move.
pub(super) fn configuration(round: u32) -> String {
    let mut config = SERVER.to_owned();
    for number in 1..CHANNELS {
        let moved = if number <= CHANGED { format!("-{round}") } else { String::new() };
        let path = format!("/api/v{number}/client{moved}/{{client_id}}");
        // Writing to a string can't fail.
        let _ = write!(config, "{}", channel(&format!("other-{number}"), &path, "client.get"));
    }
    config + &channel("get-client", "/api/v1/client", "client.get")
}
