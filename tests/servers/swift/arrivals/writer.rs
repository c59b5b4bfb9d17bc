use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use tokio::time::sleep;
use zato::swift::{Listed, Swift};

use crate::lent::until;

/// Stores objects, each with a name of its own, until something is over and there are so many; returns those that the server
/// has said it has stored, each after its container. One that failed may be there all the same.
pub(super) async fn while_written(
    swift: &Swift,
    containers: &[&str],
    least: usize,
    breaking: impl Future<Output = ()>,
) -> BTreeSet<String> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);

    let is_over = AtomicBool::new(false);
    let write = async {
        let mut stored = BTreeSet::new();
        for container in containers.iter().cycle() {
            if is_over.load(Relaxed) && stored.len() >= least {
                break;
            }
            let name = format!("{:05}", NEXT.fetch_add(1, Relaxed));
            if swift.object(container, &name).put_model(&name).await.is_ok() {
                stored.insert(format!("{container}/{name}"));
            }
            sleep(Duration::from_millis(fastrand::u64(30..100))).await;
        }
        stored
    };
    let broken = async {
        breaking.await;
        is_over.store(true, Relaxed);
    };
    tokio::join!(write, broken).0
}

/// Lists the names of a container.
pub(super) async fn names(swift: &Swift, container: &str) -> Vec<String> {
    listed(swift, container, "").await.into_keys().collect()
}

/// Lists what the channel of a container's name remembers of it: names, and what became of them.
pub(super) async fn remembered(swift: &Swift, container: &str) -> BTreeMap<String, String> {
    let marks = listed(swift, &format!("zato_{container}"), &format!("{container}/served/{container}/")).await;
    // Behind a name is its version.
    let of_name = |(mark, kind): (String, String)| (mark.split('\t').next().unwrap_or_default().to_owned(), kind);
    marks.into_iter().map(of_name).collect()
}

/// Waits until everything in a container is remembered as served. After faults it is tried again with long pauses.
pub(super) async fn until_remembered(swift: &Swift, container: &str) {
    let are_remembered = async || {
        let (there, known) = (names(swift, container).await, remembered(swift, container).await);
        let is_served = |name: &String| known.get(name).is_some_and(|kind| kind == "application/x-zato-served");
        there.iter().all(is_served).then_some(())
    };
    until("all are remembered", are_remembered).await;
}

/// Waits until nothing is left in a container, and nothing remembered of it. A server that was killed after it had deleted an
/// object and before it knew that of the container lists it for ever: none of the daemons runs that look after such.
pub(super) async fn until_gone(swift: &Swift, container: &str) {
    let are_gone = async || {
        for name in names(swift, container).await {
            if swift.object(container, &name).exists().await.expect("it is up") {
                return None;
            }
        }
        remembered(swift, container).await.is_empty().then_some(())
    };
    until("all have left, and are forgotten", are_gone).await;
}

/// Lists objects that begin with a prefix, without it, and their content types.
async fn listed(swift: &Swift, container: &str, prefix: &str) -> BTreeMap<String, String> {
    let listed = swift.container(container).objects().prefix(prefix).collect().await.expect("it is up");
    let entry = |entry| match entry {
        Listed::Object(object) => {
            (object.name.strip_prefix(prefix).expect("it begins so").to_owned(), object.content_type)
        }
        other => panic!("{other:?}"),
    };
    listed.into_iter().map(entry).collect()
}
