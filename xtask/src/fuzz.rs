//! `cargo xtask fuzz`: inputs that nobody thought of, for a bounded time; see `fuzz/`.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use crate::{
    Result,
    cargo::{self, Metadata},
    install::install,
};

/// The targets of `fuzz/src/target.rs`.
pub(crate) const TARGETS: [&str; 5] = ["layered", "xml", "soap", "csv", "multipart"];

/// What an input may be at most: deep and long enough for what the formats do, small enough to try many.
const MAX_LEN: u32 = 16 * 1024;

/// How much memory an input may take, all of the program included.
const MEMORY_MB: u32 = 1024;

/// How long one input may take, in seconds.
const TIMEOUT: u32 = 10;

/// What marks the ways that an input can go, on the compiler that everything else is built with: LLVM's own pass, and no
/// sanitizer, which would need another one.
const MARKS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long each target runs
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,

    /// Run this target alone; may be given several times
    #[arg(long, value_name = "NAME", value_parser = TARGETS)]
    target: Vec<String>,

    /// Run one input again, such as one that ended a run before; needs one --target
    #[arg(long, value_name = "FILE", requires = "target", conflicts_with = "seconds")]
    input: Option<PathBuf>,
}

/// Builds the program and runs its targets one after the other. What was found in a run before is gone on from.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let fuzzer = Fuzzer::build()?;
    let wanted = |name: &&str| options.target.is_empty() || options.target.iter().any(|target| target == name);
    let targets: Vec<&str> = TARGETS.into_iter().filter(wanted).collect();
    if let Some(input) = &options.input {
        let [target] = targets.as_slice() else { return Err("one input is for one --target".into()) };
        return Ok(code(fuzzer.again(target, input)?));
    }
    let mut failed = Vec::new();
    for target in targets {
        eprintln!("fuzzing {target} for {} s", options.seconds);
        if !fuzzer.run(target, options.seconds)? {
            failed.push(target);
        }
    }
    if !failed.is_empty() {
        let folder = fuzzer.folder.display();
        eprintln!("error: an input was answered wrongly in {}; it is in {folder}/TARGET/found", failed.join(", "));
    }
    Ok(code(failed.is_empty()))
}

/// A short run of every target: that each builds, starts and stands what is in its corpus.
pub(crate) fn check() -> Result<()> {
    let options = Options { seconds: 5, target: Vec::new(), input: None };
    if run(&options)? == ExitCode::SUCCESS { Ok(()) } else { Err("a target found something".into()) }
}

fn code(is_success: bool) -> ExitCode {
    if is_success { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The program, and where it keeps what it has found.
struct Fuzzer {
    program: PathBuf,
    folder: PathBuf,
}

impl Fuzzer {
    fn build() -> Result<Self> {
        install("c++", "g++")?;
        let folder = Metadata::read()?.target_directory()?.join("fuzz");
        let mut command = cargo::cargo("build --manifest-path fuzz/Cargo.toml --target-dir");
        // A target named keeps the marks out of build scripts and macros, which run in the compiler.
        command.arg(folder.join("build")).args(["--target", &host()?]).env("RUSTFLAGS", MARKS);
        command.env_remove("CARGO_ENCODED_RUSTFLAGS");
        Ok(Self { program: cargo::built(command, "fuzz")?, folder })
    }

    /// Runs a target for so many seconds; returns whether nothing was found.
    fn run(&self, target: &str, seconds: u32) -> Result<bool> {
        let (corpus, found) = (self.folder.join(target).join("corpus"), self.folder.join(target).join("found"));
        fs::create_dir_all(&corpus)?;
        fs::create_dir_all(&found)?;
        let mut command = self.command(target);
        command.arg(&corpus).arg(cargo::root().join("fuzz/corpus").join(target));
        command.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={MAX_LEN}"));
        command.arg(format!("-artifact_prefix={}/", found.display()));
        let dictionary = cargo::root().join("fuzz/dictionaries").join(format!("{target}.dict"));
        if dictionary.exists() {
            command.arg(format!("-dict={}", dictionary.display()));
        }
        Ok(command.status()?.success())
    }

    fn again(&self, target: &str, input: &Path) -> Result<bool> {
        Ok(self.command(target).arg(input).status()?.success())
    }

    fn command(&self, target: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.env("ZATO_FUZZ_TARGET", target).stdin(Stdio::null());
        command.arg(format!("-timeout={TIMEOUT}")).arg(format!("-rss_limit_mb={MEMORY_MB}"));
        command.arg("-print_final_stats=1");
        command
    }
}

/// The platform that the compiler makes programs for by itself.
fn host() -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc -vV names no host")?.to_owned())
}
