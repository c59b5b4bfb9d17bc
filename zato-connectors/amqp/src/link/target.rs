//! Where a link leads to.

use tokio::time;

use super::Use;
use crate::wire::{self, WireError};

/// Where a link leads to.
#[derive(Debug)]
pub(crate) enum Target {
    /// A real broker: its nodes, in the order that they are tried in.
    Broker { endpoints: Vec<wire::Endpoint>, credentials: wire::Credentials },
    /// One in the test's own process.
    #[cfg(feature = "testing")]
    Memory(wire::memory::Broker),
}

impl Target {
    pub(super) async fn connect(&self, purpose: Use) -> wire::Result<wire::Connection> {
        match self {
            Self::Broker { endpoints, credentials } => {
                let mut credentials = credentials.clone();
                // So that who looks at the broker can tell the two connections of a definition apart.
                credentials.connection_name = format!("{} ({})", credentials.connection_name, purpose.word());
                let mut faults = Vec::new();
                for endpoint in endpoints {
                    let within = credentials.connect_timeout + wire::ANSWER;
                    let attempt = time::timeout(within, wire::connect(endpoint, &credentials)).await;
                    let late = |_| Err(WireError::connection("the broker agreed to nothing in time"));
                    match attempt.unwrap_or_else(late) {
                        Ok(connection) => return Ok(connection),
                        Err(error) => faults.push(error),
                    }
                }
                Err(of_nodes(faults))
            }
            #[cfg(feature = "testing")]
            Self::Memory(broker) => wire::answered("agreed to nothing", broker.connect()).await,
        }
    }
}

/// Says why no node could be connected to, each by its number where there are several.
fn of_nodes(mut faults: Vec<WireError>) -> WireError {
    let all: Vec<String> =
        faults.iter().enumerate().map(|(number, fault)| format!("address {}: {fault}", number + 1)).collect();
    match faults.pop() {
        None => WireError::connection("there is no node to connect to"),
        Some(only) if all.len() == 1 => only,
        Some(last) => WireError { message: all.join("; "), ..last },
    }
}
