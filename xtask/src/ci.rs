//! `cargo xtask ci`: what has to hold before a change is merged.

use std::process::ExitCode;

use crate::{
    Result, bench,
    cargo::cargo,
    fuzz,
    steps::{self, Step},
    test,
};

/// Runs every check, the quick ones first.
pub(crate) fn run() -> Result<ExitCode> {
    Ok(steps::run(steps()?).finish())
}

/// Lints, tests and the benchmark's smoke run see the same packages with the same features, so that each dependency is
/// checked once and built once.
fn steps() -> Result<Vec<Step>> {
    let mut doc = cargo("doc --workspace --all-features --no-deps");
    doc.env("RUSTDOCFLAGS", "-D warnings");
    let mut steps = vec![
        Step::command("fmt", "", cargo("fmt --all -- --check")),
        Step::command("clippy", "", cargo("clippy --workspace --all-targets --all-features -- -D warnings")),
        Step::command("doc", "", doc),
    ];
    steps.extend(test::all()?);
    steps.push(Step::function("bench", bench::check));
    steps.push(Step::function("fuzz", fuzz::check));
    Ok(steps)
}
