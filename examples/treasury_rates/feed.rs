//! The US Treasury, as far as this example needs it: a server that gives one file.

use axum::{Router, http::header, routing};
use tokio::{net::TcpListener, task::JoinSet};

/// A feed of the shape that the Treasury's feeds have; the figures are made up.
pub(crate) const FEED: &str = include_str!("feed.xml");

/// Where the feed is, for as long as this is there.
pub(crate) struct Treasury {
    pub(crate) address: String,
    _server: JoinSet<std::io::Result<()>>,
}

impl Treasury {
    /// Starts it on a free port.
    pub(crate) async fn start() -> std::io::Result<Self> {
        let feed = || async { ([(header::CONTENT_TYPE, "application/atom+xml")], FEED) };
        let router = Router::new().route("/feed/real-long-term-rates", routing::get(feed));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, _server: server })
    }
}
