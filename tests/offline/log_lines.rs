//! The lines that a running program writes: the correlation id is on each that belongs to a request, wherever the
//! program takes its work.

#![expect(clippy::disallowed_methods, reason = "a program may spawn tasks, and this one waits for its own")]

use std::{
    env,
    pin::Pin,
    process::Command,
    task::{Context as TaskContext, Poll},
};

use zato::{
    Context, Error, Raw, Result,
    futures_core::Stream,
    service, services, testing,
    tracing::{Instrument, Span, info, info_span, warn},
};

/// Logs from everywhere that work of a request may be done.
#[service(name = "log.everywhere")]
async fn everywhere(ctx: &Context) -> Result<()> {
    warn!("in the service");
    let span = info_span!("work", step = 1);
    async { info!("in a span of the service") }.instrument(span.clone()).await;
    tokio::spawn(async { info!("in a task with the current span") }.instrument(Span::current())).await?;
    tokio::spawn(async { info!("in a task with a span of the service") }.instrument(span)).await?;
    ctx.invoke::<inner>(()).await?;
    tokio::task::yield_now().await;
    info!("in the service again");
    Err(Error::upstream("the CRM failed"))
}

#[service(name = "log.inner")]
async fn inner() -> Result<()> {
    info!("in a service that was invoked");
    Ok(())
}

/// Logs when its reply is made, which is after it has returned.
#[service(name = "log.streamed")]
async fn streamed() -> Result<Raw> {
    Ok(Raw::from_stream(Logging(true)))
}

struct Logging(bool);

impl Stream for Logging {
    type Item = Result<&'static str>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let is_first = std::mem::take(&mut self.0);
        Poll::Ready(is_first.then(|| {
            info!("in a stream");
            Ok("piece")
        }))
    }
}

const CONFIG: &str = "
channel_rest:
  - {name: everywhere, url_path: /, service: log.everywhere}
  - {name: streamed, url_path: /streamed, service: log.streamed}
";

/// In a process of its own, since a program's subscriber is there for good: what [`lines`] runs.
#[tokio::test]
async fn a_program_that_logs() {
    let Ok(level) = env::var("ZATO_TEST_LOG_LEVEL") else { return };
    let app = testing::app("logs").services(services![everywhere, inner, streamed]);
    let app =
        app.config_yaml(format!("server: {{log: {{level: {level}}}}}\n{CONFIG}")).logging().start().await.unwrap();
    let client = testing::client(&app);
    client.send("GET".parse().unwrap(), "/", &[("x-zato-cid", "c1")], "").await;
    client.send("GET".parse().unwrap(), "/streamed", &[("x-zato-cid", "c2")], "").await;
    info!("outside");
    app.stop().await;
}

/// Returns the lines that the program writes at a level, without their times.
fn lines(level: &str) -> Vec<String> {
    let program = env::current_exe().expect("the tests are a program");
    let output = Command::new(program)
        .args(["--exact", "log_lines::a_program_that_logs", "--nocapture"])
        .env("ZATO_TEST_LOG_LEVEL", level)
        .env_remove("RUST_LOG")
        .output()
        .expect("the program runs");
    let text = String::from_utf8(output.stdout).expect("lines are UTF-8");
    let lines = text.lines().filter_map(|line| line.split_once("Z ")).map(|(_, line)| line.trim_start().to_owned());
    lines.filter(|line| line.contains("log_lines") || line.contains("request failed")).collect()
}

#[test]
fn every_line_of_a_request_carries_its_marks() {
    let marks = "zato.cid=c1 zato.service=log.everywhere zato.channel=everywhere";
    let of_inner = "zato.cid=c1 zato.service=log.inner zato.channel=invoke";
    let (mut lines, text) = (lines("info"), "INFO offline::log_lines:");
    let failed = lines.remove(6);
    let expected = [
        format!("WARN offline::log_lines: in the service {marks}"),
        format!("{text} in a span of the service {marks} step=1"),
        format!("{text} in a task with the current span {marks}"),
        format!("{text} in a task with a span of the service step=1 {marks}"),
        format!("{text} in a service that was invoked {of_inner}"),
        format!("{text} in the service again {marks}"),
        format!("{text} in a stream zato.cid=c2 zato.service=log.streamed zato.channel=streamed"),
    ];
    assert_eq!(lines.get(..7).unwrap(), expected);
    assert!(lines[7].starts_with("INFO offline::log_lines: outside") && !lines[7].contains("zato.cid"), "{lines:?}");
    assert!(failed.contains("error.type=upstream") && failed.ends_with(marks), "{failed}");
}

#[test]
fn a_level_that_is_never_reached_takes_no_mark_away() {
    let lines = lines("warn");
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("zato.cid=c1")), "{lines:?}");
}
