//! A client of a bank, found by number; and by several fields, of which some come as parameters.

use zato::{Error, Result, model, service};

/// Which client to look up.
#[model]
pub(crate) struct GetClientRequest {
    client_id: i64,
}

/// What is known of a client.
#[model]
pub(crate) struct GetClientResponse {
    name: String,
    email: String,
    segment: String,
}

/// The work itself: none, since only what surrounds it is measured.
#[service(name = "client.get")]
pub(crate) async fn get_client(input: GetClientRequest) -> Result<GetClientResponse> {
    get(&input)
}

/// Which client to look up, and how to answer.
#[model]
pub(crate) struct FindClientRequest {
    client_id: i64,
    segment: String,
    locale: String,
}

/// As [`get_client`], with three fields: two come in the query string and beat the body, one comes in the body alone.
#[service(name = "client.find")]
pub(crate) async fn find_client(input: FindClientRequest) -> Result<GetClientResponse> {
    answer(input.client_id == 123 && input.segment == "RNZ" && input.locale == "en")
}

/// What [`get_client`] answers.
pub(crate) fn get(input: &GetClientRequest) -> Result<GetClientResponse> {
    answer(input.client_id == 123)
}

fn answer(is_known: bool) -> Result<GetClientResponse> {
    if !is_known {
        return Err(Error::not_found("no such client"));
    }
    Ok(GetClientResponse { name: "Jane Doe".to_owned(), email: String::new(), segment: "RNZ".to_owned() })
}
