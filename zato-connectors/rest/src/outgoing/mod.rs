//! Outgoing connections: how a service calls other systems over HTTP.
//!
//! A service asks for a connection as `#[out("CRM")] crm: Rest` and calls it by path, parameters and model; where the
//! partner is, with which credentials, and how patient we are with it, is configuration:
//!
//! ```yaml
//! outgoing_rest:
//!   - name: CRM
//!     host: https://crm.example.com
//!     url_path: /clients/{client_id}
//!     timeout: 5s
//! ```
//!
//! A call goes through `request.rs` (what is sent), `call.rs` (the same, ready to be sent several times), the layers
//! that `stack.rs` puts together, and `transport.rs` (reqwest), and comes back as `response.rs`.

mod address;
mod body;
mod call;
mod client;
mod config;
mod connector;
mod credentials;
mod draft;
mod error;
mod meter;
mod pairs;
mod request;
mod response;
#[cfg(feature = "soap")]
pub mod soap;
mod stack;
#[cfg(feature = "testing")]
pub(crate) mod testing;
mod tls;
mod transport;

pub use self::{
    address::{Host, PathTemplate},
    client::{Ping, Rest, RestClient},
    config::{DataFormat, HttpVersion, RestConfig},
    connector::{PreparedRest, RestConnector},
    request::RestRequest,
    response::RestResponse,
};
pub use reqwest;
