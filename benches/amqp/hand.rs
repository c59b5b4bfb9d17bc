//! What has to be so before a job begins: an empty queue that nobody consumes, or a full one.

use std::time::Duration;

use lapin::{
    Connection, ConnectionProperties,
    options::{QueueDeclareOptions, QueuePurgeOptions},
    types::FieldTable,
};
use tokio::time::{sleep, timeout};

use crate::{
    QUEUE, Result,
    lapin::{Publisher, bytes},
    obey,
    talk::Orders,
};

/// How long a consumer may take to leave the queue.
const PATIENCE: Duration = Duration::from_secs(20);

/// Prepares the queue for a job: told to do N, it puts so many messages into it.
pub(crate) async fn serve(url: &str, mut orders: Orders) -> Result<()> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let declare =
        async || channel.queue_declare(QUEUE.into(), QueueDeclareOptions::default(), FieldTable::default()).await;
    declare().await?;
    let publisher = Publisher::open(&connection).await?;
    obey(&mut orders, async |count| {
        let left = async {
            while declare().await?.consumer_count() > 0 {
                sleep(Duration::from_millis(2)).await;
            }
            Ok::<_, lapin::Error>(())
        };
        timeout(PATIENCE, left).await.map_err(|_| "somebody consumes the queue still")??;
        channel.queue_purge(QUEUE.into(), QueuePurgeOptions::default()).await?;
        publisher.publish_many(count, bytes).await
    })
    .await?;
    // Nothing was measured by how it ends.
    let _ = connection.close(200, "goodbye".into()).await;
    Ok(())
}
