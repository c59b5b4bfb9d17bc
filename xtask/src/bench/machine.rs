//! The machine that figures hold for.

use std::{fs, process::Command, thread};

use serde_json::{Value, json};

use super::start::kilobytes;
use crate::cargo::root;

/// Describes it, and says what else it was doing.
pub(crate) fn describe() -> Value {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    let memory = kilobytes(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), "MemTotal:");
    json!({
        "date": output("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
        "commit": output("git", &["rev-parse", "--short", "HEAD"]),
        "processor": model.map(|(_, model)| model),
        "cores": thread::available_parallelism().ok().map(std::num::NonZero::get),
        "memory_mb": memory.ok().map(|kilobytes| (kilobytes * 1024.0 / 1e6).round()),
        "kernel": first_line("/proc/sys/kernel/osrelease"),
        "load_average": first_line("/proc/loadavg"),
        "rustc": output("rustc", &["--version"]),
        "profile": "bench: lto, one codegen unit; build: cargo's own release profile",
    })
}

fn first_line(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()?.lines().next().map(str::to_owned)
}

/// What a program prints; `None` if it is not there or fails.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(root()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(output.stdout.trim_ascii()).into_owned())
}
