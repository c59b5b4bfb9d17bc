use std::sync::Arc;

use super::{Channel, Id, delivering::Subscribed, state::Outbox};
use crate::wire::{Delivered, Result};

/// What a queue of a broker in the process itself delivers. Nobody consumes any more when it is dropped.
pub(crate) struct Deliveries {
    channel: Channel,
    id: Id,
    tag: String,
    outbox: Arc<Outbox>,
    is_over: bool,
}

impl std::fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Deliveries({})", self.tag)
    }
}

impl Deliveries {
    pub(super) fn new(channel: Channel, subscribed: Subscribed) -> Self {
        let Subscribed { id, tag, outbox } = subscribed;
        Self { channel, id, tag, outbox, is_over: false }
    }

    pub(in crate::wire) fn tag(&self) -> String {
        self.tag.clone()
    }

    pub(in crate::wire) async fn next(&mut self) -> Option<Result<Delivered>> {
        if self.is_over {
            return None;
        }
        match self.outbox.next().await {
            Ok(delivered) => Some(Ok(delivered)),
            Err(why) => {
                self.is_over = true;
                why.map(Err)
            }
        }
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        self.channel.shared().change(|state| state.cancel(self.id));
    }
}
