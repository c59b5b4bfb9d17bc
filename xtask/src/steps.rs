//! A list of steps that run one after the other: all of them, whatever fails, with a table at the end.

use std::{
    fmt,
    io::{self, Read, Write},
    process::{Command, ExitCode, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use crate::{Result, services::Loan};

/// One thing to do, under a name that the table and `--only` use.
pub(crate) struct Step {
    name: &'static str,
    /// What sets it apart from its namesakes, such as the feature that is checked; often empty.
    detail: String,
    work: Work,
}

enum Work {
    Command(Command),
    /// A command whose `test result:` lines are added up, and what lends it servers when its turn has come.
    Tests(Command, fn() -> Result<Loan>),
    Function(fn() -> Result<()>),
}

impl Step {
    /// A command that succeeds or fails.
    pub(crate) fn command(name: &'static str, detail: impl Into<String>, command: Command) -> Self {
        Self { name, detail: detail.into(), work: Work::Command(command) }
    }

    /// A `cargo test`, whose tests are counted, with the servers that `lend` returns, which run as long as it does.
    pub(crate) fn tests(name: &'static str, command: Command, lend: fn() -> Result<Loan>) -> Self {
        Self { name, detail: String::new(), work: Work::Tests(command, lend) }
    }

    /// Something that this program does itself.
    pub(crate) fn function(name: &'static str, work: fn() -> Result<()>) -> Self {
        Self { name, detail: String::new(), work: Work::Function(work) }
    }

    fn run(self, tally: &mut Tally) -> Outcome {
        let ended = match self.work {
            Work::Command(mut command) => command.status().map_err(Into::into).map(Outcome::from),
            Work::Tests(mut command, lend) => {
                lend().and_then(|loan| run_tests(command.envs(loan.environment()), tally)).map(Outcome::from)
            }
            Work::Function(work) => work().map(|()| Outcome::Passed),
        };
        ended.unwrap_or_else(|error| {
            eprintln!("error: {error}");
            Outcome::Failed(1)
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.detail.is_empty() { f.write_str(self.name) } else { write!(f, "{} ({})", self.name, self.detail) }
    }
}

/// Runs the command, passes its output on as it comes, and counts the tests that it reports.
fn run_tests(command: &mut Command, tally: &mut Tally) -> Result<ExitStatus> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut output = child.stdout.take().expect("the output was just piped");
    let mut text = Vec::new();
    let mut chunk = [0; 8192];
    // In chunks and not in lines: `test slow_one ... ` has to appear before that test is over.
    loop {
        let read = output.read(&mut chunk)?;
        let Some(read) = chunk.get(..read).filter(|read| !read.is_empty()) else { break };
        io::stdout().write_all(read)?;
        io::stdout().flush()?;
        text.extend_from_slice(read);
    }
    tally.add(&String::from_utf8_lossy(&text));
    Ok(child.wait()?)
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed(u8),
    /// By Ctrl-C: nobody wants the steps that are left.
    Interrupted,
}

impl From<ExitStatus> for Outcome {
    fn from(status: ExitStatus) -> Self {
        const SIGINT: i32 = 2;
        let code = status.code().or_else(|| signal(status).map(|signal| 128 + signal));
        match code {
            Some(0) => Self::Passed,
            Some(code) if code == 128 + SIGINT => Self::Interrupted,
            code => Self::Failed(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Failed(code) => write!(f, "failed ({code})"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}

/// The tests that cargo reported.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
}

impl Tally {
    /// Adds up the lines `test result: ok. 3 passed; 0 failed; ...`, of which each test program and crate prints one.
    fn add(&mut self, output: &str) {
        for line in output.lines().filter_map(|line| line.strip_prefix("test result: ")) {
            // "ok. 3 passed": the verdict stands in the first part only.
            for part in line.split([';', '.']) {
                let mut words = part.split_whitespace();
                let count = words.next().and_then(|word| word.parse::<u64>().ok());
                match (count, words.next()) {
                    (Some(count), Some("passed")) => self.passed += count,
                    (Some(count), Some("failed")) => self.failed += count,
                    _ => {}
                }
            }
        }
    }
}

/// What became of the steps.
pub(crate) struct Report {
    rows: Vec<(String, Outcome, Duration)>,
    tally: Tally,
}

impl Report {
    /// Prints the table, and returns the exit code of the first step that failed.
    pub(crate) fn finish(&self) -> ExitCode {
        print!("\n{self}");
        ExitCode::from(self.exit_code())
    }

    fn exit_code(&self) -> u8 {
        let codes = self.rows.iter().map(|(_, outcome, _)| match outcome {
            Outcome::Passed => 0,
            Outcome::Failed(code) => *code,
            Outcome::Interrupted => 130,
        });
        codes.into_iter().find(|code| *code != 0).unwrap_or(0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
        for (name, outcome, took) in &self.rows {
            writeln!(f, "{name:width$}  {:<12} {:>8.1} s", outcome.to_string(), took.as_secs_f64())?;
        }
        writeln!(f, "{} passed, {} failed", self.tally.passed, self.tally.failed)
    }
}

/// Runs every step, also after one failed, so that one look shows everything there is to mend.
pub(crate) fn run(steps: Vec<Step>) -> Report {
    let mut report = Report { rows: Vec::new(), tally: Tally::default() };
    for step in steps {
        let name = step.to_string();
        println!("\n==> {name}{}", step.work);
        let start = Instant::now();
        let outcome = step.run(&mut report.tally);
        let took = start.elapsed();
        println!("<== {name}: {outcome} in {:.1} s", took.as_secs_f64());
        report.rows.push((name, outcome, took));
        if outcome == Outcome::Interrupted {
            break;
        }
    }
    report
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Command(command) | Self::Tests(command, _)) = self else { return Ok(()) };
        f.write_str(": cargo")?;
        command.get_args().try_for_each(|argument| write!(f, " {}", argument.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Outcome, Report, Step, Tally, run};
    use crate::cargo::cargo;

    #[test]
    fn cargos_own_counts_are_added_up() {
        let mut tally = Tally::default();
        tally.add(
            "running 3 tests\ntest a ... ok\n\n\
             test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s\n\
             a test that prints: test result: ok. 9 passed; 9 failed\n\
             test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s\n",
        );
        assert_eq!(tally, Tally { passed: 4, failed: 2 });
    }

    #[test]
    fn the_first_failure_gives_the_exit_code() {
        let row = |name: &str, outcome| (name.to_owned(), outcome, Duration::from_millis(1250));
        let rows =
            vec![row("fmt", Outcome::Passed), row("tests", Outcome::Failed(101)), row("doc", Outcome::Failed(1))];
        let report = Report { rows, tally: Tally { passed: 7, failed: 1 } };
        assert_eq!(report.exit_code(), 101);
        assert_eq!(
            report.to_string(),
            "fmt    passed            1.2 s\n\
             tests  failed (101)      1.2 s\n\
             doc    failed (1)        1.2 s\n\
             7 passed, 1 failed\n"
        );
    }

    #[test]
    fn a_failure_does_not_keep_later_steps_from_running() {
        let report = run(vec![
            Step::function("broken", || Err("out of luck".into())),
            Step::command("version", "of cargo", cargo("--version")),
        ]);
        let rows: Vec<_> = report.rows.iter().map(|(name, outcome, _)| (name.as_str(), *outcome)).collect();
        assert_eq!(rows, [("broken", Outcome::Failed(1)), ("version (of cargo)", Outcome::Passed)]);
        assert_eq!(report.exit_code(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn an_interrupted_step_is_the_last_one() {
        use std::os::unix::process::ExitStatusExt as _;

        assert_eq!(Outcome::from(std::process::ExitStatus::from_raw(2)), Outcome::Interrupted);
        assert_eq!(Outcome::from(std::process::ExitStatus::from_raw(9)), Outcome::Failed(137));
        assert_eq!(Outcome::from(std::process::ExitStatus::from_raw(101 << 8)), Outcome::Failed(101));
    }
}
