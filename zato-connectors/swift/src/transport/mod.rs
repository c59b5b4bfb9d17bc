//! One exchange of a request for an answer: over the network, or with a Swift in the test's own process.

mod body;
mod counter;
mod network;
mod pulse;

use std::{fmt, time::Duration};

use http::{Request, Response};
use zato_core::{Result, message::ByteStream};

pub(crate) use self::{
    body::{Again, Body},
    counter::Counter,
    network::client,
    pulse::patient,
};
#[cfg(any(test, feature = "testing"))]
use crate::memory::SwiftServer;

/// What requests go through.
#[derive(Clone)]
pub(crate) enum Transport {
    Network(reqwest::Client),
    #[cfg(any(test, feature = "testing"))]
    Memory(SwiftServer),
}

impl Transport {
    /// Sends a request and returns what came back, whatever its status; its body is still to be read.
    ///
    /// The answer has to begin within `patience` after the last piece of the request was taken, and each piece of it comes
    /// within that after the one before. What is sent is told to the counter.
    ///
    /// # Errors
    ///
    /// What the way there or back failed with; what the request's own body failed with.
    pub(crate) async fn exchange(
        &self,
        request: Request<Body>,
        patience: Duration,
        counter: Option<Counter>,
    ) -> Result<Response<ByteStream>> {
        match self {
            Self::Network(client) => network::exchange(client, request, patience, counter).await,
            #[cfg(any(test, feature = "testing"))]
            Self::Memory(server) => memory(server, request, patience, counter).await,
        }
    }
}

/// The same with a server of the test's own, which is as patient.
#[cfg(any(test, feature = "testing"))]
async fn memory(
    server: &SwiftServer,
    request: Request<Body>,
    patience: Duration,
    counter: Option<Counter>,
) -> Result<Response<ByteStream>> {
    use self::pulse::{Pulse, while_alive};

    let pulse = Pulse::new();
    let request = request.map(|body| body.into_stream(&pulse, counter));
    let answer = while_alive(server.answer(request), &pulse, patience).await??;
    Ok(answer.map(|body| patient(body, patience)))
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Network(_) => "Network",
            #[cfg(any(test, feature = "testing"))]
            Self::Memory(_) => "Memory",
        })
    }
}
