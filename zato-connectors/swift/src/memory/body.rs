//! The body of a request, taken in piece by piece.

use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode};
use zato_core::{Result, message::ByteStream};

use super::{
    SwiftServer,
    answer::{Outcome, Refusal, broken, corrupted, length},
    faults::Taken,
    request::Call,
};

/// Reads a body to its end, unless the connection breaks before: then nothing comes of the request.
pub(super) async fn read(
    server: &SwiftServer,
    call: &Call,
    mut body: ByteStream,
    limit: u64,
    faults: &Taken,
) -> Result<Outcome<Bytes>> {
    if call.method == Method::GET || call.method == Method::HEAD {
        return Ok(Ok(Bytes::new()));
    }
    let mut whole = BytesMut::new();
    loop {
        if faults.break_after.is_some_and(|after| length(&whole) >= after) {
            return Err(broken());
        }
        let Some(piece) = body.chunk().await? else { break };
        if server.is_down() {
            return Err(broken());
        }
        if length(&piece) > limit.saturating_sub(length(&whole)) {
            return Ok(Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "Your request is too large.")));
        }
        whole.extend_from_slice(&piece);
    }
    let is_short = announced(call).is_some_and(|announced| announced > length(&whole));
    if faults.break_after.is_some() || is_short {
        return Err(broken());
    }
    let whole = whole.freeze();
    Ok(Ok(if faults.is_corrupt { corrupted(&whole) } else { whole }))
}

/// Returns how many bytes a request says that it has.
pub(super) fn announced(call: &Call) -> Option<u64> {
    call.header("content-length")?.trim().parse().ok()
}
