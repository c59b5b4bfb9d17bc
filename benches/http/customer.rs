//! What the servers written by hand share, so that they differ in their HTTP library alone.

use serde::{Deserialize, Serialize};

/// Where the service is reached.
pub(crate) const PATH: &str = "/api/v1/client";

/// The header that carries the correlation id of a request.
pub(crate) const CID: &str = "x-zato-cid";

/// Which client to look up.
#[derive(Serialize, Deserialize)]
pub(crate) struct GetClientRequest {
    pub(crate) client_id: i64,
}

/// What is known of a client.
#[derive(Serialize, Deserialize)]
pub(crate) struct GetClientResponse {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) segment: String,
}

/// The work itself: none, since only what surrounds it is measured. `None` if there is no such client.
pub(crate) fn get_client(input: &GetClientRequest) -> Option<GetClientResponse> {
    (input.client_id == 123).then(|| GetClientResponse {
        name: "Jane Doe".to_owned(),
        email: String::new(),
        segment: "RNZ".to_owned(),
    })
}

/// A new correlation id: 96 random bits as 24 hexadecimal digits, the way zato makes its own.
pub(crate) fn fresh_cid() -> [u8; 24] {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let mut bits = fastrand::u128(..);
    let mut digits = [b'0'; 24];
    for digit in &mut digits {
        *digit = DIGITS.get((bits & 0xf) as usize).copied().unwrap_or(b'0');
        bits >>= 4;
    }
    digits
}
