//! The soak itself.

use std::{fs, path::Path, sync::Arc, time::Duration};

use tempfile::Builder;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    Result,
    bad::misbehave,
    certificates::Certificates,
    change::Changer,
    gauges::Gauges,
    good::call,
    histogram::Histogram,
    judge::{has_grown, is_calm, left, memory},
    process::Server,
    say,
    tally::Tally,
    wire::{Scheme, Target},
};

/// How long the servers are asked as much as they can answer, to know how much half of it is.
const CAPACITY: Duration = Duration::from_secs(5);

/// How often a line is printed, at most.
const PROGRESS: Duration = Duration::from_secs(60);

/// How long what was there for clients may stay when they have gone: longer than every time-out of the configuration.
const CALM: Duration = Duration::from_secs(40);

/// What to do.
pub(crate) struct Plan {
    /// How long the servers are under load.
    pub(crate) length: Duration,
    /// How many requests a second each server gets; half of what both can answer if it isn't said.
    pub(crate) rate: Option<f64>,
}

/// A server, and what was seen of it.
struct Watched {
    server: Arc<Server>,
    target: Target,
    rate: f64,
    before: Gauges,
    samples: Vec<Gauges>,
}

/// Runs it, and fails if anything was not as it has to be; then the logs of the servers are left to be read.
pub(crate) async fn run(plan: &Plan) -> Result<()> {
    let folder = Builder::new().prefix("soak-").disable_cleanup(true).tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let faults = faults(plan, folder.path()).await?;
    if faults.is_empty() {
        fs::remove_dir_all(folder.path())?;
        return say("nothing failed, nothing has grown");
    }
    Err(format!("{}\nwhat the servers say is in {}", faults.join("\n"), folder.path().display()).into())
}

/// Tells everything that was not as it has to be.
async fn faults(plan: &Plan, folder: &Path) -> Result<Vec<String>> {
    let certificates = Arc::new(Certificates::new()?);
    let client = certificates.client()?;
    let mut watched = Vec::new();
    for scheme in [Scheme::Http, Scheme::Https] {
        let server = Arc::new(Server::start(scheme, folder, &certificates).await?);
        let target = Target::new(scheme, server.address, &client);
        let before = Gauges::of(&server).await?;
        watched.push(Watched { server, target, rate: 0.0, before, samples: Vec::new() });
    }
    for Watched { target, rate, .. } in &mut watched {
        *rate = match plan.rate {
            Some(rate) => rate,
            // Each is measured alone, and both share the machine.
            None => capacity(target).await? / 4.0,
        };
        say(&format!("{}: {rate:.0} requests a second", target.scheme.as_str()))?;
    }
    let tally = Arc::new(Tally::new());
    let latencies = soak(plan, &mut watched, &certificates, &tally).await?;
    say(&format!("all: {}", told(&latencies)))?;
    say(&format!("besides: {}", tally.rest()))?;
    judge(watched, &tally).await
}

/// How many requests a second a server answers, while the other has nothing to do.
async fn capacity(target: &Target) -> Result<f64> {
    let tally = Arc::new(Tally::new());
    let mut callers = JoinSet::new();
    call(&mut callers, target, &tally, None);
    sleep(CAPACITY).await;
    tally.finish();
    callers.join_all().await;
    match tally.failures() {
        (0, _) => Ok(tally.latencies().number() as f64 / CAPACITY.as_secs_f64()),
        (failed, failures) => Err(format!("{failed} requests failed\n{}", failures.join("\n")).into()),
    }
}

/// Puts the servers under load, and returns how long the good requests took.
async fn soak(
    plan: &Plan,
    watched: &mut [Watched],
    certificates: &Arc<Certificates>,
    tally: &Arc<Tally>,
) -> Result<Histogram> {
    let (mut good, mut bad) = (JoinSet::new(), JoinSet::new());
    for Watched { server, target, rate, .. } in &*watched {
        call(&mut good, target, tally, Some(*rate));
        misbehave(&mut bad, target, tally);
        let (server, target) = (Arc::clone(server), target.clone());
        let (certificates, tally) = (Arc::clone(certificates), Arc::clone(tally));
        good.spawn(Changer { server, target, certificates, tally }.run());
    }
    let (start, mut all) = (Instant::now(), Histogram::default());
    let step = (plan.length / 30).clamp(Duration::from_secs(1), Duration::from_secs(10));
    let progress = (plan.length / 12).min(PROGRESS);
    let (mut recent, mut next) = (Histogram::default(), start + progress);
    while start.elapsed() < plan.length {
        sleep(step).await;
        if let Err(error) = look(watched).await {
            // It makes no sense to go on.
            tally.failed("a look at the servers", error);
            break;
        }
        recent.merge(&tally.latencies());
        if Instant::now() >= next {
            say(&line(start.elapsed(), &recent, tally, watched))?;
            all.merge(&std::mem::take(&mut recent));
            next += progress;
        }
    }
    tally.finish();
    bad.shutdown().await;
    // Whoever began something finishes it.
    good.join_all().await;
    recent.merge(&tally.latencies());
    all.merge(&recent);
    Ok(all)
}

/// Takes a sample of each server.
async fn look(watched: &mut [Watched]) -> Result<()> {
    for Watched { server, samples, .. } in watched {
        samples.push(Gauges::of(server).await?);
    }
    Ok(())
}

fn line(elapsed: Duration, recent: &Histogram, tally: &Tally, watched: &[Watched]) -> String {
    let mut line = format!("{:>5} s  {}, {} failed", elapsed.as_secs(), told(recent), tally.failures().0);
    for Watched { target, samples, .. } in watched {
        let Some(now) = samples.last() else { continue };
        let Gauges { memory, files, tasks, connections, generation, .. } = now;
        line += &format!(
            "; {}: {memory:.1} MB, {files} files, {tasks} tasks, {connections} connections, generation {generation}",
            target.scheme.as_str()
        );
    }
    line
}

fn told(latencies: &Histogram) -> String {
    let millis = |micros: u64| micros as f64 / 1000.0;
    let [p50, p99, p999] = [500, 990, 999].map(|part| millis(latencies.of_thousand(part)));
    let (number, worst) = (latencies.number(), millis(latencies.worst()));
    format!("{number} requests, p50 {p50:.2} ms, p99 {p99:.2} ms, p99.9 {p999:.2} ms, worst {worst:.1} ms")
}

/// Tells everything that is wrong in the end.
async fn judge(watched: Vec<Watched>, tally: &Tally) -> Result<Vec<String>> {
    let (failed, mut faults) = tally.failures();
    if failed > 0 {
        faults.insert(0, format!("{failed} failures"));
    }
    for watched in watched {
        let scheme = watched.target.scheme.as_str();
        let mut found = watched.server.errors()?;
        match end(watched).await {
            Ok(faults) => found.extend(faults),
            Err(error) => found.push(error.to_string()),
        }
        faults.extend(found.into_iter().map(|fault| format!("{scheme}: {fault}")));
    }
    Ok(faults)
}

/// Waits until everybody has gone, and stops a server.
async fn end(Watched { server, target, before, samples, .. }: Watched) -> Result<Vec<String>> {
    let deadline = Instant::now() + CALM;
    let mut after = Gauges::of(&server).await?;
    while !is_calm(&before, &after) && Instant::now() < deadline {
        sleep(Duration::from_millis(500)).await;
        after = Gauges::of(&server).await?;
    }
    let mut faults = left(&before, &after);
    let (early, late) = memory(&samples);
    if has_grown((early, late)) {
        faults.push(format!("{early:.1} MB early, {late:.1} MB late"));
    }
    let server = Arc::into_inner(server).ok_or("somebody still uses the server")?;
    let took = server.stop().await?;
    say(&format!(
        "{}: memory {:.1} MB before, {early:.1} MB early, {late:.1} MB late, {:.1} MB after; files {} before, {} after; \
         tasks {}, {}; threads {}, {}; {} generations, {} refused; stopped in {:.2} s",
        target.scheme.as_str(),
        before.memory,
        after.memory,
        before.files,
        after.files,
        before.tasks,
        after.tasks,
        before.threads,
        after.threads,
        after.generation,
        after.refused,
        took.as_secs_f64(),
    ))?;
    Ok(faults)
}
