//! REST channels for zato: `channel_rest` over HTTP/1.1 and HTTP/2.
//!
//! ```yaml
//! server:
//!   bind: 127.0.0.1:17010
//!
//! channel_rest:
//!   - name: get-client
//!     url_path: /api/v1/client/{client_id}
//!     service: client.get
//!     method: GET
//!     security: Partner key
//! ```
//!
//! A request goes through [`RestChannels`] like this: path decoded, channel found, method checked, rate limits asked, caller
//! verified, body read within its limits; then it is a message, and the service's reply is written back, compressed and
//! with further headers where the channel says so. Every reply carries `X-Zato-CID`.
//!
//! Literal segments of a path beat parameters, whatever the order in the file; two channels that can't be told apart
//! are an error of the configuration. What `{name}` matches never has a slash in it; an encoded one stays `%2F`.

mod access;
mod activity;
mod admin;
mod admission;
mod body;
mod channel;
mod config;
mod connection;
mod content;
mod crowd;
mod download;
mod edge;
mod entry;
mod error;
mod form;
mod forwarded;
mod host;
mod in_work;
mod intake;
mod limits;
mod listen;
mod marks;
mod meter;
mod negotiate;
#[cfg(feature = "outgoing")]
pub mod outgoing;
mod path;
mod peer;
mod places;
mod proxy;
mod rate;
mod refusal;
mod reply;
#[cfg(feature = "cache")]
mod response_cache;
#[cfg(not(feature = "cache"))]
#[path = "response_cache/absent.rs"]
mod response_cache;
mod seen;
mod server;
mod service;
#[cfg(feature = "soap")]
pub mod soap;
#[cfg(not(feature = "soap"))]
#[path = "soap/absent.rs"]
mod soap;
mod stop;
mod table;
#[cfg(feature = "testing")]
pub mod testing;
mod tls;
mod upload;
mod workers;

#[cfg(all(feature = "outgoing", feature = "soap"))]
pub use self::outgoing::soap::{Soap, SoapConfig, SoapConnector, SoapFault, SoapRequest, SoapResponse};
#[cfg(feature = "outgoing")]
pub use self::outgoing::{Ping, Rest, RestConfig, RestConnector, RestRequest, RestResponse, reqwest};
pub use self::{
    body::Body,
    channel::{Prepared, RestChannels},
    config::{
        CacheTtl, CorsConfig, Date, FormConfig, HttpChannelConfig, Names, NotADate, OUTGOING, OUTGOING_SOAP, Origins,
        ResponseCacheConfig, RestChannelConfig, SECTION, SOAP, TtlUnit, WebOrigin,
    },
    peer::Peer,
    service::HttpService,
};
use zato_core::app::Running;

/// Returns the admin pages of an app as a tower service, for a server around it or a test. They are there whether or not
/// `server.admin` has them listen somewhere; the security definition that it names is asked for in any case.
///
/// # Panics
///
/// As [`http_service`].
#[must_use]
#[track_caller]
pub fn admin_service(app: &Running) -> HttpService {
    let channels = app.channel::<RestChannels>();
    channels.expect("the app was built without REST channels: add `RestChannels` to it").admin_service()
}

/// Returns an app's REST channels as a tower service, to nest them in an axum `Router` or drive them with hyper.
///
/// # Panics
///
/// If the app has no REST channels, which an app of `zato::app` always has.
#[must_use]
#[track_caller]
pub fn http_service(app: &Running) -> HttpService {
    let channels = app.channel::<RestChannels>();
    channels.expect("the app was built without REST channels: add `RestChannels` to it").service()
}
