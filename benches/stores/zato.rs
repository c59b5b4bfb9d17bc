//! The same jobs done by zato services, with everything that is on by default.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;
use zato::{Error, Running, Service, model, service, services, swift::Swift};

use crate::{
    Result,
    account::Account,
    obey,
    objects::{Job, check, check_length, large, large_name, lengths, read_name, small, written_name},
    talk::Orders,
    tasks::share,
};

/// What one task does.
#[model]
pub(crate) struct Share {
    container: String,
    first: u32,
    count: u32,
}

/// Does a job as often as it is told.
pub(crate) async fn serve(job: Job, account: &Account<'_>, mut orders: Orders) -> Result<()> {
    let services = services![connected, put_small, get_small, put_large, get_large];
    let app = zato::app("bench").services(services).config_yaml(config(job, account)).logging();
    let app = Arc::new(app.start().await?);
    app.invoke::<connected>(()).await?;
    let work = (job, account.container, &mut orders);
    let obeyed = match job {
        Job::PutSmall => parts::<put_small>(&app, work).await,
        Job::GetSmall => parts::<get_small>(&app, work).await,
        Job::PutLarge => parts::<put_large>(&app, work).await,
        Job::GetLarge => parts::<get_large>(&app, work).await,
    };
    // Nobody else has it any more.
    if let Some(app) = Arc::into_inner(app) {
        app.stop().await;
    }
    obeyed
}

/// Where the account is. One call of a service does a task's share of a whole round, and a program under valgrind takes its
/// time to connect.
fn config(job: Job, account: &Account<'_>) -> String {
    let Account { auth_url, user, key, .. } = account;
    format!(
        "server: {{bind: \"127.0.0.1:0\", request_timeout: 10m}}\n\
         outgoing_swift:\n  - {{name: Store, auth_url: \"{auth_url}\", user: \"{user}\", key: \"{key}\", pool_size: {}, \
         connect_timeout: 1m}}\n",
        job.tasks()
    )
}

/// Has a service do each task's share.
async fn parts<S>(app: &Arc<Running>, (job, container, orders): (Job, &str, &mut Orders)) -> Result<()>
where
    S: Service<Input = Share, Output = ()>,
{
    let share_of = |first, count| Share { container: container.to_owned(), first, count };
    let work = async |count| {
        share(job.tasks(), count, |first, count| part::<S>(Arc::clone(app), share_of(first, count))).await
    };
    obey(orders, work).await
}

async fn part<S: Service<Input = Share, Output = ()>>(app: Arc<Running>, share: Share) -> Result<()> {
    Ok(app.invoke::<S>(share).await?)
}

/// Waits until somebody has logged in: under valgrind that takes longer than a program waits with its start.
#[service(name = "bench.connected")]
async fn connected(#[out("Store")] store: &Swift) -> zato::Result<()> {
    while store.ping().await.is_err() {
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Stores one small object after the other.
#[service(name = "bench.put_small")]
async fn put_small(input: Share, #[out("Store")] store: &Swift) -> zato::Result<()> {
    for piece in 0..input.count {
        store.object(&input.container, &written_name(input.first, piece)).put(small()).await?;
    }
    Ok(())
}

/// Reads one small object after the other.
#[service(name = "bench.get_small")]
async fn get_small(input: Share, #[out("Store")] store: &Swift) -> zato::Result<()> {
    for piece in input.first..input.first + input.count {
        let content = store.object(&input.container, &read_name(piece)).get().bytes().await?;
        check(&content).map_err(|error| Error::internal(error.to_string()))?;
    }
    Ok(())
}

/// Stores one large object after the other.
#[service(name = "bench.put_large")]
async fn put_large(input: Share, #[out("Store")] store: &Swift) -> zato::Result<()> {
    for megabytes in lengths(input.count) {
        store.object(&input.container, &large_name(megabytes)).put(large(megabytes)).await?;
    }
    Ok(())
}

/// Reads one large object after the other, piece by piece.
#[service(name = "bench.get_large")]
async fn get_large(input: Share, #[out("Store")] store: &Swift) -> zato::Result<()> {
    for megabytes in lengths(input.count) {
        let mut stream = store.object(&input.container, &large_name(megabytes)).get().stream().await?.stream;
        let mut length = 0;
        while let Some(piece) = stream.chunk().await? {
            length += piece.len();
        }
        check_length(length, megabytes).map_err(|error| Error::internal(error.to_string()))?;
    }
    Ok(())
}
