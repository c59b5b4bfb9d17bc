//! What a server takes up, as its admin listener tells.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{Result, process::Server};

/// How long the admin listener may take: it answers while everything else is busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// What there was at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gauges {
    /// Memory in use, in MB of a million bytes.
    pub(crate) memory: f64,
    pub(crate) files: f64,
    pub(crate) tasks: f64,
    pub(crate) threads: f64,
    /// Connections of clients.
    pub(crate) connections: f64,
    pub(crate) generation: f64,
    /// Configurations that could not be used.
    pub(crate) refused: f64,
}

impl Gauges {
    /// Asks a server.
    pub(crate) async fn of(server: &Server) -> Result<Self> {
        let asking = async {
            let mut stream = TcpStream::connect(server.admin).await?;
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n").await?;
            let mut text = String::new();
            stream.read_to_string(&mut text).await.map(|_| text)
        };
        let text = timeout(PATIENCE, asking).await.map_err(|_| "the admin listener did not answer")??;
        let number = |name| value(&text, name).ok_or_else(|| format!("there is no metric {name}"));
        Ok(Self {
            memory: number("process_resident_memory_bytes")? / 1e6,
            files: number("process_open_fds")?,
            tasks: number("tokio_runtime_alive_tasks")?,
            threads: server.threads()?,
            connections: number("zato_http_connections_open")?,
            generation: number("zato_config_generation")?,
            refused: value(&text, "zato_config_reloads_total{result=\"refused\"}").unwrap_or_default(),
        })
    }
}

fn value(metrics: &str, name: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}
