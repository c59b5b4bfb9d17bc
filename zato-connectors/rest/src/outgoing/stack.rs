//! The layers of a call, as one expression.

use tower::ServiceExt;
use zato_core::Result;

use super::{
    call::Call,
    transport::{Answer, Transport},
};

/// Everything between a call and the network.
#[derive(Clone)]
pub(super) struct Stack {
    transport: Transport,
}

impl Stack {
    pub(super) fn new(transport: Transport) -> Self {
        Self { transport }
    }

    pub(super) async fn send(&self, call: Call) -> Result<Answer> {
        self.transport.clone().oneshot(call).await
    }
}
