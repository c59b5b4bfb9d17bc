use std::future;

use tokio::net::TcpStream;
use zato_core::{
    channel::Plan,
    config::{ConfigFault, ConfigFaults, TlsConfig},
};

use crate::{config::HttpChannelConfig, connection::Shared};

/// How connections speak TLS, which none can.
#[derive(Clone)]
pub(crate) enum Tls {}

/// Refuses a configuration that wants TLS: plain HTTP in its place would give away what was to be kept.
pub(crate) fn prepare(plan: &Plan<'_, HttpChannelConfig>, _: Option<&Tls>) -> Result<Option<Tls>, ConfigFaults> {
    plan.server.tls.as_ref().map_or(Ok(None), |tls| Err(fault(tls).into()))
}

fn fault(tls: &TlsConfig) -> ConfigFault {
    let message = "this program was built without TLS, which server.tls asks for; add the feature \"tls\" of zato";
    tls.certificate.fault_saying(message)
}

/// Never called, there being no [`Tls`] to call it with.
pub(crate) fn serve(_: TcpStream, _: Tls, _: Shared) -> future::Ready<()> {
    future::ready(())
}

#[cfg(test)]
mod tests {
    use zato_core::config::{from_node, yaml};

    use super::*;

    #[test]
    fn the_fault_names_the_place_and_the_remedy() {
        let tls = from_node(&yaml::parse("zato.yaml", "{certificate: a.pem, key: b.pem}").unwrap()).unwrap();
        assert_eq!(
            fault(&tls).to_string(),
            "zato.yaml:1:15: this program was built without TLS, which server.tls asks for; add the feature \"tls\" of zato"
        );
    }
}
