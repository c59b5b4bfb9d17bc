//! Outgoing SOAP: how a service calls operations of other systems.
//!
//! A service asks for a connection as `#[out("Rates")] rates: Soap` and invokes operations by name, with a model in and a
//! model out; where the partner is, which version of SOAP it speaks and who we are there is configuration:
//!
//! ```yaml
//! outgoing_soap:
//!   - name: Rates
//!     host: https://rates.example.com
//!     url_path: /soap
//!     namespace: urn:rates
//!     soap_version: "1.2"
//! ```
//!
//! It is a connection of `outgoing_rest` underneath, with the same layers, credentials and network. On top of that,
//! `request.rs` collects what is asked, `envelope.rs` writes it, anew for each attempt, `answer.rs` takes apart what comes
//! back, and `fault.rs` says what a partner says that went wrong.

mod answer;
mod client;
mod config;
mod connector;
mod envelope;
mod fault;
mod request;
mod response;

pub use self::{
    client::{Soap, SoapClient},
    config::SoapConfig,
    connector::{PreparedSoap, SoapConnector},
    fault::SoapFault,
    request::SoapRequest,
    response::SoapResponse,
};
