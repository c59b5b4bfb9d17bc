use std::{sync::Arc, time::Duration};

use tokio::{task::JoinSet, time};

use super::{definitions::User, sections::ChannelEntry};
use crate::{
    config::{Document, Files, ServerConfig, UserFiles},
    connection::{Connections, Definitions},
    layer::limit::Limiters,
    rate::RateLimiters,
    router::Router,
};

/// How long a new configuration waits for its connections to be up, before it is in force without them; and then for what
/// its channels hold of other systems.
pub(super) const FIRST_CHANCE: Duration = Duration::from_secs(2);

/// The same for a connection that takes the place of one that may well be serving: that goes on for as long. What fails at once
/// is not waited for.
const TAKING_OVER: Duration = Duration::from_secs(10);

/// One configuration that was applied, and everything that was built for it.
pub(super) struct Generation {
    /// 1 for the one that the app started with.
    pub(super) number: u64,
    pub(super) document: Document,
    pub(super) user: UserFiles,
    pub(super) files: Arc<Files>,
    pub(super) server: ServerConfig,
    pub(super) definitions: Definitions,
    /// The connections that stand over one of them.
    pub(super) over: Vec<User>,
    pub(super) connections: Connections,
    pub(super) limiters: Arc<Limiters>,
    pub(super) rate_limiters: RateLimiters,
    pub(super) router: Arc<Router>,
    /// The entries of every channel.
    pub(super) channels: Vec<ChannelEntry>,
}

impl Generation {
    /// Starts the connections that are new since the one before, and gives each a chance to be up before anybody calls it.
    /// One that is not goes on trying in the background: a program starts although a broker is down.
    pub(super) async fn begin(&self, before: Option<&Self>) {
        let mut trying = JoinSet::new();
        for (section, name, connection) in self.connections.iter() {
            let known = before.and_then(|before| before.connections.supervised(section, name));
            if known.is_some_and(|known| Arc::ptr_eq(known, connection)) {
                continue;
            }
            let chance = if known.is_some() { TAKING_OVER } else { FIRST_CHANCE };
            connection.begin().await;
            let connection = Arc::clone(connection);
            trying.spawn(async move { time::timeout(chance, connection.tried()).await });
        }
        trying.join_all().await;
    }
}
