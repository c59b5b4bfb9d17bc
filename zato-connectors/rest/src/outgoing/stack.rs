//! The layers of a call, as one expression.

use tower::ServiceExt;
use zato_core::Result;

use super::{
    call::Call,
    credentials::Credentials,
    transport::{Answer, Transport},
};

/// Everything between a call and the network.
#[derive(Clone)]
pub(super) struct Stack {
    innermost: Credentials<Transport>,
}

impl Stack {
    pub(super) fn new(innermost: Credentials<Transport>) -> Self {
        Self { innermost }
    }

    pub(super) async fn send(&self, call: Call) -> Result<Answer> {
        self.innermost.clone().oneshot(call).await
    }
}
