use std::sync::Arc;

use super::sections::ChannelEntry;
use crate::{
    config::{Document, Files, ServerConfig, UserFiles},
    connection::Connections,
    layer::limit::Limiters,
    rate::RateLimiters,
    router::Router,
};

/// One configuration that was applied, and everything that was built for it.
pub(super) struct Generation {
    /// 1 for the one that the app started with.
    pub(super) number: u64,
    pub(super) document: Document,
    pub(super) user: UserFiles,
    pub(super) files: Arc<Files>,
    pub(super) server: ServerConfig,
    pub(super) connections: Connections,
    pub(super) limiters: Arc<Limiters>,
    pub(super) rate_limiters: RateLimiters,
    pub(super) router: Arc<Router>,
    /// The entries of every channel.
    pub(super) channels: Vec<ChannelEntry>,
}
