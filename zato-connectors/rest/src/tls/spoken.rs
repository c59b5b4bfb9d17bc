use std::{convert::Infallible, io, sync::Arc};

use bytes::Bytes;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tracing::{debug, info};
use zato_core::{
    Error,
    channel::Plan,
    config::ConfigFaults,
    message::{ClientCertificate, Format},
};
use zato_tls::{ServerTls, rustls};

use crate::{
    config::HttpChannelConfig,
    connection::{Protocol, Shared, speak},
    refusal::Refusal,
};

/// How connections speak TLS.
pub(crate) type Tls = ServerTls;

/// Whom a client may want to speak with by ALPN, the best first (RFC 9113 §3.2).
const PROTOCOLS: [&str; 2] = ["h2", "http/1.1"];

/// Reads certificate and key of a configuration; what is the same as before stays.
pub(crate) fn prepare(plan: &Plan<'_, HttpChannelConfig>, before: Option<&Tls>) -> Result<Option<Tls>, ConfigFaults> {
    let Some(tls) = &plan.server.tls else { return Ok(None) };
    let built = ServerTls::build(tls, &PROTOCOLS, plan.files, plan.ambient.now())?;
    Ok(Some(built.or_same(before)))
}

/// Shakes hands, and serves the requests of the connection.
pub(crate) async fn serve(stream: TcpStream, tls: Tls, mut shared: Shared) {
    let patience = shared.edge.table.load().limits.patience.header;
    // As long as the headers of a request may take, which is the same question: whether anybody is there.
    let hello = shared.stop.first(timeout(patience, shake_hands(stream, &tls))).await;
    let Some(hello) = hello else { return };
    match hello {
        Ok(Ok(Hello::Tls(stream))) => {
            let (_, session) = stream.get_ref();
            let is_http2 = session.alpn_protocol() == Some(b"h2");
            let certificate = session.peer_certificates().and_then(|chain| chain.first());
            shared.peer.certificate = certificate.and_then(read).map(Arc::new);
            let protocol = if is_http2 { Protocol::Http2 } else { Protocol::Http1 };
            speak(protocol, stream, Bytes::new(), Arc::new(shared)).await;
        }
        Ok(Ok(Hello::Plain(stream))) => refuse(*stream, &shared).await,
        Ok(Err(error)) => tell(&error, &shared),
        Err(_) => debug!(client.address = %shared.peer.address, "a TLS handshake did not end in time"),
    }
}

/// What a client begins with.
enum Hello {
    Tls(Box<TlsStream<TcpStream>>),
    /// HTTP as it is.
    Plain(Box<TcpStream>),
}

async fn shake_hands(stream: TcpStream, tls: &Tls) -> io::Result<Hello> {
    let mut first = [0; 1];
    // The name of a method, where TLS begins with the number of a record, 22 (RFC 8446 §5.1). Who forgot the "s" of "https"
    // is told so, since the alert that would be the answer reads like a broken server.
    if stream.peek(&mut first).await? == 1 && first.iter().all(u8::is_ascii_alphabetic) {
        return Ok(Hello::Plain(Box::new(stream)));
    }
    let accepted = TlsAcceptor::from(tls.config()).accept(stream).await?;
    Ok(Hello::Tls(Box::new(accepted)))
}

fn read(certificate: &rustls::pki_types::CertificateDer<'_>) -> Option<ClientCertificate> {
    let read = zato_tls::client_certificate(certificate);
    // It counts as none, so that no definition is satisfied by it.
    read.map_err(|error| info!(error = %error.report(), "a client certificate can't be read")).ok()
}

/// Answers one request that came without TLS.
async fn refuse(stream: TcpStream, shared: &Shared) {
    let service = service_fn(|_| async {
        let table = shared.edge.table.load();
        let refusal = Refusal::of(Error::invalid_input("this address speaks HTTPS, and not plain HTTP")).with_close();
        Ok::<_, Infallible>(refusal.into_response(table.ambient.cid(), table.error_format, Format::default(), None))
    });
    let connection = http1::Builder::new().half_close(true).serve_connection(TokioIo::new(stream), service);
    if let Some(Err(error)) = shared.stop.first(connection).await {
        debug!(client.address = %shared.peer.address, %error, "a connection without TLS ended with an error");
    }
}

/// Notes why a handshake failed: for an operator where a certificate is the reason, since then somebody expected to get in;
/// what scanners send all day is for whoever looks closely.
fn tell(error: &io::Error, shared: &Shared) {
    let of_tls = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    let address = shared.peer.address;
    match of_tls {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            info!(client.address = %address, %error, "caller refused by its client certificate");
        }
        _ => debug!(client.address = %address, %error, "a TLS handshake failed"),
    }
}
