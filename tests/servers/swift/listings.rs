//! A container with fifty thousand objects, of which a page is in memory at a time.

use std::{sync::Arc, time::Instant};

use tokio::task::JoinSet;
use zato::swift::{Listed, Swift};

use super::{login, started};
use crate::{
    lent::{Swift as Server, note},
    process::{forget_peak, peak, ran_alone},
};

const OBJECTS: usize = 50_000;

/// How many objects there are of which the memory is compared with that of all.
const FEW: usize = 2_000;

/// How many bytes of memory may be needed for what is listed, and how many more for many than for a few. As a whole the names
/// alone have 25 million.
const MEMORY: usize = 8_000_000;
const MORE: usize = 6_000_000;

/// The name of a number: long, and with what is written otherwise in a URL.
fn name(number: usize) -> String {
    format!("{number:05} ż%/{}", "n".repeat(500))
}

/// Lists so many of the objects, compares each, and returns how much memory that has needed. The server suffers in the middle.
async fn list(swift: &Swift, limit: usize, suffer: impl Future<Output = ()> + Send + 'static) -> usize {
    let (container, mut suffer) = (swift.container("many"), Some(suffer));
    let (before, begun, mut count) = (forget_peak(), Instant::now(), 0);
    let mut entries = container.objects().limit(limit).entries();
    let mut suffering = JoinSet::new();
    while let Some(entry) = entries.next().await.unwrap_or_else(|error| panic!("after {count}: {}", error.report())) {
        let Listed::Object(object) = entry else { panic!("{entry:?}") };
        assert_eq!(object.name, name(count));
        count += 1;
        if let Some(suffer) = suffer.take_if(|_| count == limit / 2) {
            suffering.spawn(suffer);
        }
    }
    assert_eq!(count, limit);
    let suffered = suffering.join_next().await.expect("half of them have come");
    suffered.expect("the server can be started again");
    let (needed, took) = (peak() - before, begun.elapsed());
    note(format_args!("{count} objects listed in {took:.1?} with {:.2} MB of memory", needed as f64 / 1e6));
    needed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_thousand_objects_need_no_more_memory_than_a_few() {
    let test = "swift::listings::fifty_thousand_objects_need_no_more_memory_than_a_few";
    if ran_alone(test).await {
        return;
    }
    let Some(server) = Server::own(test).await.map(Arc::new) else { return };
    let (_app, swift) = started(&login(&server)).await;
    swift.container("many").create().await.expect("it is up");
    // In another order than they are listed in, and not at once: memory that was needed for that would be there for listings.
    for first in (0..OBJECTS).step_by(FEW / 2).rev() {
        server.list_more("many", (first..OBJECTS).take(FEW / 2).map(name)).await;
    }
    let few = list(&swift, FEW, async {}).await;
    let killed = Arc::clone(&server);
    let kill = async move {
        killed.flush_tokens().await;
        killed.server().kill().await;
        killed.server().start().await;
    };
    let many = list(&swift, OBJECTS, kill).await;
    assert!(few < MEMORY && many < few + MORE, "{few} bytes of memory for a few, and {many} for many");
}
