use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::wire::{Delivered, Result, WireError};

/// Requests whose replies have not come, by correlation id.
#[derive(Clone, Default)]
pub(crate) struct Replies(Arc<Mutex<HashMap<String, oneshot::Sender<Delivered>>>>);

/// The place where one reply comes; whoever drops it waits no longer.
pub(crate) struct Waiting {
    replies: Replies,
    correlation_id: String,
    reply: oneshot::Receiver<Delivered>,
}

impl Replies {
    /// Makes a place for a reply.
    ///
    /// # Errors
    ///
    /// If somebody waits for one by that correlation id already: nobody could tell the two apart.
    pub(super) fn wait_for(&self, correlation_id: &str) -> Result<Waiting> {
        let (sender, reply) = oneshot::channel();
        match self.lock().entry(correlation_id.to_owned()) {
            Entry::Occupied(_) => {
                Err(WireError::unsendable("a request of the same correlation id waits for its reply already"))
            }
            Entry::Vacant(place) => {
                place.insert(sender);
                Ok(Waiting { replies: self.clone(), correlation_id: correlation_id.to_owned(), reply })
            }
        }
    }

    /// Hands a reply to who waits for it; one that nobody waits for has come too late.
    pub(super) fn take(&self, delivered: Delivered) -> bool {
        let id = delivered.properties.correlation_id().as_ref().map(ToString::to_string);
        let waiting = id.and_then(|id| self.lock().remove(&id));
        waiting.is_some_and(|waiting| waiting.send(delivered).is_ok())
    }

    /// Says of all that no reply can come any more.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<Delivered>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Waits for the reply; `None` if none can come any more.
    pub(crate) async fn reply(mut self) -> Option<Delivered> {
        (&mut self.reply).await.ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.replies.lock().remove(&self.correlation_id);
    }
}
