//! Objects that are served while their server is killed and its tokens end, and while the processes that serve them are killed
//! and suspended; with a ledger of what was served. With `ZATO_TEST_SWIFT_WHOLE=1` that happens more often.

mod ledger;
mod writer;

use std::{future::pending, time::Duration};

use tokio::time::sleep;
use zato::{Context, Error, Result, Value, services, swift::Received, swift::Swift};

use self::{
    ledger::Ledger,
    writer::{names, remembered, until_gone, until_remembered, while_written},
};
use super::{app, is_whole, login, started};
use crate::lent::{Part, Swift as Server, note, until};

/// How many objects each process has in work at once.
const PLACES: usize = 4;

/// How long each of them is in work.
const WORK: Duration = Duration::from_millis(50);

/// How long nothing may come any more before that is believed: many polls.
const QUIET: Duration = Duration::from_secs(3);

/// Notes an object, and takes its time.
#[zato::service(name = "objects.enter")]
async fn enter(ctx: &Context, input: Value, #[state] ledger: &Ledger) -> Result<()> {
    let received = Received::of(ctx).ok_or_else(|| Error::internal("no object"))?;
    if input != received.name() {
        return Err(Error::internal("not what is in it"));
    }
    ledger.enter(received.container(), received.name(), received.attempt());
    sleep(WORK).await;
    Ok(())
}

/// A program that serves the objects of containers, of which each is told what becomes of its objects.
async fn serve(name: &str, ledger: &Ledger, login: &str, containers: &[(&str, &str)]) -> zato::Running {
    let channels = containers.iter().map(|(container, after)| {
        format!(
            "  - {{name: {container}, connection: main, container: {container}, service: objects.enter, lease: 5s,
      interval: 200ms, retry_delay: 100ms, pool_size: {PLACES}, after_success: {after}}}\n"
        )
    });
    let yaml = format!(
        "server: {{bind: '127.0.0.1:0', shutdown_timeout: 2s}}\n\
         outgoing_swift:\n  - name: main\n{login}channel_swift:\n{}",
        channels.collect::<String>()
    );
    let app = app(name).services(services![enter]).state(ledger.clone()).config_yaml(yaml);
    app.start().await.expect("it starts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_object_is_served_once_whenever_the_server_is_killed_or_forgets_its_tokens() {
    let test = "swift::arrivals::each_object_is_served_once_whenever_the_server_is_killed_or_forgets_its_tokens";
    let Some(server) = Server::own(test).await else { return };
    let (_app, swift) = started(&format!("{}    retries: 0\n", login(&server))).await;
    for container in ["kept", "deleted", "moved", "done"] {
        swift.container(container).create().await.expect("it is up");
    }
    let (_folder, ledger) = Ledger::new();
    let containers = [("kept", "keep"), ("deleted", "delete"), ("moved", "move, move_to: done")];
    let consumer = serve("consumer", &ledger, &login(&server), &containers).await;
    let mut troubles = [true, false].repeat(if is_whole() { 20 } else { 6 });
    fastrand::shuffle(&mut troubles);
    let breaking = async {
        for is_kill in troubles {
            sleep(Duration::from_millis(fastrand::u64(200..1200))).await;
            if is_kill {
                server.server().kill().await;
                server.server().start().await;
            } else {
                server.flush_tokens().await;
            }
        }
    };
    let stored = while_written(&swift, &["kept", "deleted", "moved"], 200, breaking).await;
    ledger.until_all(&stored).await;
    until_remembered(&swift, "kept").await;
    sleep(QUIET).await;
    let seen = ledger.seen();
    let repeated: Vec<_> = seen.iter().filter(|(_, attempts)| attempts.len() > 1).collect();
    let again = seen.values().filter(|attempts| attempts.iter().any(|&attempt| attempt > 1)).count();
    note(format_args!("{test}: {} stored, {} served, {again} at a second attempt", stored.len(), seen.len()));
    assert!(repeated.is_empty(), "served more than once: {repeated:?}");

    let served = |container: &str| {
        let prefix = format!("{container}/");
        seen.keys().filter_map(|name| name.strip_prefix(&prefix)).map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(&swift, "kept").await, served("kept"));
    assert_eq!(remembered(&swift, "kept").await.into_keys().collect::<Vec<_>>(), served("kept"));
    assert_eq!(names(&swift, "done").await, served("moved"), "what is moved is there");
    for container in ["deleted", "moved"] {
        until_gone(&swift, container).await;
    }
    assert_eq!(consumer.stop().await, [""; 0]);
}

/// A program that serves the objects of one container until it is killed.
async fn play(told: &str) {
    let [name, ledger, after, login] = told.splitn(4, '\n').collect::<Vec<_>>()[..] else { panic!("four: {told}") };
    let _app = serve(name, &Ledger::at(ledger), login, &[("in", after)]).await;
    pending::<()>().await;
}

/// Two processes that serve the objects of a container.
struct Pair {
    test: &'static str,
    /// What each was told, and the process.
    parts: [(String, Part); 2],
    swift: Swift,
    ledger: Ledger,
}

impl Pair {
    fn start(test: &'static str, server: &Server, swift: &Swift, ledger: &Ledger, after: &str) -> Self {
        let parts = ["one", "two"].map(|name| {
            let told = format!("{name}\n{}\n{after}\n{}", ledger.path(), login(server));
            let part = Part::start(test, &told);
            (told, part)
        });
        Self { test, parts, swift: swift.clone(), ledger: ledger.clone() }
    }

    /// Waits until one of them polls and has served some more; returns which.
    async fn at_work(&self) -> usize {
        let before = self.ledger.lines();
        let some_more = async || (self.ledger.lines() >= before + 3 * PLACES).then_some(());
        until("some are served", some_more).await;
        until("one has the lease", async || self.holder().await).await
    }

    /// Returns which of them polls, if one does.
    async fn holder(&self) -> Option<usize> {
        let owner = self.swift.object("zato_in", "in/lease/in").get().text().await.ok()?;
        ["one-", "two-"].iter().position(|name| owner.starts_with(name))
    }

    /// Kills one, and starts it anew.
    fn kill(&mut self, which: usize) {
        let (told, part) = self.parts.get_mut(which).expect("there are two");
        *part = Part::start(self.test, told);
    }

    fn part(&self, which: usize) -> &Part {
        &self.parts.get(which).expect("there are two").1
    }

    fn are_alive(&mut self) -> bool {
        self.parts.iter_mut().all(|(_, part)| part.is_alive())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_what_comes_again_says_so_when_processes_are_killed() {
    let test = "swift::arrivals::nothing_is_lost_and_what_comes_again_says_so_when_processes_are_killed";
    if let Some(told) = Part::told() {
        return play(&told).await;
    }
    let kills = if is_whole() { 8 } else { 2 };
    let Some(server) = Server::own(test).await else { return };
    let (_app, swift) = started(&login(&server)).await;
    swift.container("in").create().await.expect("it is up");
    let (_folder, ledger) = Ledger::new();
    let mut pair = Pair::start(test, &server, &swift, &ledger, "keep");
    let breaking = Box::pin(async {
        for _ in 0..kills {
            let holder = pair.at_work().await;
            pair.kill(holder);
        }
    });
    let mut stored = while_written(&swift, &["in"], 200, breaking).await;
    ledger.until_all(&stored).await;
    // Whoever is new knows all of it.
    for which in [0, 1] {
        pair.kill(which);
    }
    stored.extend(while_written(&swift, &["in"], 5, async {}).await);
    ledger.until_all(&stored).await;
    until_remembered(&swift, "in").await;
    sleep(QUIET).await;
    assert!(pair.are_alive(), "a process has failed");
    let seen = ledger.seen();
    let repeated: Vec<_> = seen.iter().filter(|(_, attempts)| attempts.len() > 1).collect();
    note(format_args!("{test}: {} stored, {} of them served more than once", stored.len(), repeated.len()));
    assert!(!repeated.is_empty(), "nothing was in work when a process was killed");
    assert!(repeated.len() <= (kills + 2) * PLACES, "more than was in work: {repeated:?}");
    let unmarked: Vec<_> = repeated.iter().filter(|(_, attempts)| !attempts.is_sorted_by(|a, b| a < b)).collect();
    assert!(unmarked.is_empty(), "they don't say that they come again: {unmarked:?}");
    assert_eq!(remembered(&swift, "in").await.len(), seen.len(), "all of it is remembered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_left_when_processes_are_suspended_for_longer_than_their_lease() {
    let test = "swift::arrivals::nothing_is_lost_or_left_when_processes_are_suspended_for_longer_than_their_lease";
    if let Some(told) = Part::told() {
        return play(&told).await;
    }
    let suspensions = if is_whole() { 6 } else { 2 };
    let Some(server) = Server::own(test).await else { return };
    let (_app, swift) = started(&login(&server)).await;
    for container in ["in", "done"] {
        swift.container(container).create().await.expect("it is up");
    }
    let (_folder, ledger) = Ledger::new();
    let mut pair = Pair::start(test, &server, &swift, &ledger, "move, move_to: done");
    let breaking = Box::pin(async {
        for _ in 0..suspensions {
            let holder = pair.at_work().await;
            pair.part(holder).suspend();
            let is_other = async || pair.holder().await.filter(|other| *other != holder);
            until("the other has the lease", is_other).await;
            assert_ne!(pair.at_work().await, holder);
            pair.part(holder).go_on();
        }
    });
    let stored = while_written(&swift, &["in"], 200, breaking).await;
    ledger.until_all(&stored).await;
    until_gone(&swift, "in").await;
    sleep(QUIET).await;
    assert!(pair.are_alive(), "a process has failed");
    let seen = ledger.seen();
    let repeated: Vec<_> = seen.iter().filter(|(_, attempts)| attempts.len() > 1).collect();
    let unmarked = repeated.iter().filter(|(_, attempts)| !attempts.is_sorted_by(|a, b| a < b)).count();
    let (all, again) = (stored.len(), repeated.len());
    note(format_args!("{test}: {all} stored, {again} of them served more than once, {unmarked} unmarked"));
    // What was in work with whoever was suspended is given to the other one, too.
    assert!(repeated.len() <= suspensions * PLACES, "more than was in work: {repeated:?}");
    let moved: Vec<_> = names(&swift, "done").await.into_iter().map(|name| format!("in/{name}")).collect();
    assert!(moved.iter().eq(seen.keys()), "what was served is moved, each once");
}
