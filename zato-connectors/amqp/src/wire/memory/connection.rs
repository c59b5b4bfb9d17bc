use std::{sync::Arc, time::Duration};

use tokio::time;

use super::{
    Channel, Id, Kind, Shared,
    mailbox::Mailbox,
    state::{Batch, Session, State, no_connection},
};
use crate::wire::{Event, Result, WireError};

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(3);

/// A connection to a broker in the process itself.
pub(crate) struct Connection {
    shared: Arc<Shared>,
    id: Id,
    events: Arc<Mailbox<Event, WireError>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connection({})", self.id)
    }
}

impl Connection {
    pub(super) fn new(shared: Arc<Shared>, id: Id, events: Arc<Mailbox<Event, WireError>>) -> Self {
        Self { shared, id, events }
    }

    pub(in crate::wire) async fn open_channel(&self) -> Result<Channel> {
        let connection = self.id;
        let open = move |state: &mut State| {
            let id = state.next_id();
            let session = Session {
                connection,
                is_confirming: false,
                prefetch: 0,
                last_tag: 0,
                unsettled: std::collections::BTreeMap::new(),
                reply_name: None,
                batch: Batch::default(),
            };
            state.channels.insert(id, session);
            Ok(id)
        };
        let id = self.shared.ask(connection, Kind::Other, open).await?;
        Ok(Channel::new(Arc::clone(&self.shared), connection, id))
    }

    pub(in crate::wire) async fn event(&self) -> Event {
        self.events.next().await.unwrap_or_else(Event::Lost)
    }

    pub(in crate::wire) async fn close(&self) -> Result<()> {
        let connection = self.id;
        let end = move |state: &mut State| {
            state.end_connection(connection, &no_connection());
            Ok(())
        };
        let closed = time::timeout(GOODBYE, self.shared.ask(connection, Kind::Other, end)).await;
        closed.map_err(|_| WireError::connection("the broker did not answer a goodbye"))?
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.change(|state| state.end_connection(self.id, &no_connection()));
    }
}
