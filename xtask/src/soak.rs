//! `cargo xtask soak`: half an hour, or a minute, of good callers among bad ones; see `benches/soak`.

use std::process::{Command, ExitCode};

use crate::{Result, cargo};

/// How long the short one takes, which is enough to see whether it runs at all.
const MINUTE: u64 = 60;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long the servers are under load, in minutes
    #[arg(long, value_name = "N", conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..))]
    minutes: Option<u64>,

    /// The same in seconds
    #[arg(long, value_name = "N", default_value_t = MINUTE, value_parser = clap::value_parser!(u64).range(10..))]
    seconds: u64,

    /// How many requests a second each of the two servers is sent: a number, or auto for half of what they can answer
    #[arg(long, value_name = "auto|N", default_value = "auto", value_parser = rate)]
    rate: String,
}

/// Builds the program and runs it; what it prints is for people.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let program = cargo::build("build --profile soak --package zato --all-features --bench soak", "soak")?;
    let seconds = options.minutes.map_or(options.seconds, |minutes| minutes * MINUTE);
    let status = Command::new(program).args(["run", &seconds.to_string(), &options.rate]).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn rate(text: &str) -> Result<String, String> {
    match text.parse() {
        Ok(1..=1_000_000_u32) => Ok(text.to_owned()),
        _ if text == "auto" => Ok(text.to_owned()),
        _ => Err("neither a number from 1 to 1,000,000 nor auto".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn a_rate_is_a_number_or_found_out() {
        assert_eq!([rate("auto"), rate("5000")], [Ok("auto".to_owned()), Ok("5000".to_owned())]);
        for wrong in ["", "0", "-1", "many", "1000001"] {
            assert_eq!(rate(wrong).unwrap_err(), "neither a number from 1 to 1,000,000 nor auto", "{wrong}");
        }
    }
}
