//! SOAP channels: `channel_soap` over HTTP (SOAP 1.1 §6, SOAP 1.2 part 2 §7).
//!
//! ```yaml
//! channel_soap:
//!   - name: get-client
//!     url_path: /soap/client
//!     service: client.get
//!     soap_action: urn:client:get
//! ```
//!
//! A SOAP channel is an HTTP channel with more to it. The path finds an `Endpoint`, all the channels of one path; the
//! action of a request, or the element in its body, finds the channel. An `Exchange` is what is known of one request:
//! it opens the envelope once the body is there, and makes a fault of whatever goes wrong from then on or went wrong
//! before.

mod action;
mod config;
mod description;
mod endpoint;
mod exchange;
mod fault;
mod operation;
pub(crate) mod wsdl;

pub use self::config::SoapChannelConfig;
pub(crate) use self::{config::SoapOptions, endpoint::Endpoint, exchange::Exchange, operation::Operation};
pub use crate::config::SOAP as SECTION;
pub use zato_core::format::soap::{
    Addressing, ERROR_NAMESPACE, Envelope, FaultCode, FaultMessage, HeaderBlock, Version, WSSE_NAMESPACE,
};
