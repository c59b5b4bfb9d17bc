//! Clients that speak TLS, and an app for them.

use std::{io, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::ring,
    pki_types::ServerName,
    version::{TLS12, TLS13},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use zato::{Context, Raw, Result, Running, service, services};

use super::certificates::{Authority, Pair};
use crate::support::{ConfigFile, PATIENCE, Wire, address, listening_app};

/// Says who is calling: by definition, by certificate, and from where.
#[service(name = "caller")]
pub(super) async fn caller(ctx: &Context) -> Result<Raw> {
    let caller = ctx.caller().map_or("nobody", |caller| &caller.username);
    let subject = ctx.certificate().map_or("no certificate", |certificate| &certificate.subject);
    let address = ctx.client_address().map(|address| address.to_string()).unwrap_or_default();
    Ok(Raw::new(format!("{caller}; {subject}; {address}")).with_content_type("text/plain"))
}

/// A channel that everybody may call.
pub(super) const OPEN: &str = "\nchannel_rest: [{name: caller, url_path: /caller, service: caller}]\n";

/// The files of an app whose certificate an authority has signed; `tls` and `rest` go into its configuration.
pub(super) fn files(authority: &Authority, tls: &str, rest: &str) -> ConfigFile {
    let file = ConfigFile::new(&config(tls, rest));
    authority.server("localhost").put_beside(&file);
    file.write_beside("clients.pem", &authority.pem());
    file
}

pub(super) fn config(tls: &str, rest: &str) -> String {
    format!("server:\n  bind: 127.0.0.1:0\n  tls: {{certificate: server.pem, key: server.key{tls}}}{rest}")
}

pub(super) async fn started(file: &ConfigFile) -> Running {
    let app = listening_app("tls").services(services![caller]).config_file(file.path());
    app.start().await.expect("the app starts")
}

/// A client that trusts one authority.
pub(super) struct Client(ClientConfig);

impl Client {
    pub(super) fn new(authority: &Authority) -> Self {
        Self::of_versions(authority, None, &[&TLS13, &TLS12])
    }

    pub(super) fn with(authority: &Authority, pair: &Pair) -> Self {
        Self::of_versions(authority, Some(pair), &[&TLS13, &TLS12])
    }

    pub(super) fn of_versions(
        authority: &Authority,
        pair: Option<&Pair>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate()).expect("an authority");
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions);
        let builder = builder.expect("the provider has both versions").with_root_certificates(roots);
        Self(match pair {
            None => builder.with_no_client_auth(),
            Some(pair) => builder.with_client_auth_cert(vec![pair.certificate.clone()], pair.key()).expect("a pair"),
        })
    }

    pub(super) fn speaking(mut self, protocols: &[&str]) -> Self {
        self.0.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        self
    }

    /// Connects by TLS.
    pub(super) async fn connect(&self, app: &Running) -> io::Result<TlsStream<TcpStream>> {
        self.connect_over(TcpStream::connect(address(app)).await?).await
    }

    pub(super) async fn connect_over(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost").expect("a name");
        let connecting = TlsConnector::from(Arc::new(self.0.clone())).connect(name, stream);
        timeout(PATIENCE, connecting).await.expect("a handshake in time")
    }

    pub(super) async fn wire(&self, app: &Running) -> Wire<TlsStream<TcpStream>> {
        Wire::over(self.connect(app).await.expect("a connection by TLS"))
    }
}
