//! How a connection is secured.

use std::io;

use tokio::net::TcpStream;

use super::Stream;

/// How a connection is secured.
#[derive(Clone)]
pub(crate) enum Security {
    /// Not at all.
    Plain,
    /// By TLS.
    #[cfg(feature = "tls")]
    Tls(tokio_rustls::TlsConnector),
}

impl Security {
    /// Secures a connection to a host.
    #[cfg(feature = "tls")]
    pub(super) async fn secure(&self, tcp: TcpStream, host: &str) -> io::Result<Stream> {
        match self {
            Self::Plain => Ok(Box::new(tcp)),
            Self::Tls(connector) => {
                let name = tokio_rustls::rustls::pki_types::ServerName::try_from(host.to_owned());
                let name = name.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
                Ok(Box::new(connector.connect(name, tcp).await?))
            }
        }
    }

    /// Secures a connection to a host.
    #[cfg(not(feature = "tls"))]
    pub(super) async fn secure(&self, tcp: TcpStream, _: &str) -> io::Result<Stream> {
        let Self::Plain = self;
        std::future::ready(()).await;
        Ok(Box::new(tcp))
    }
}
