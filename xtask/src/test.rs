//! `cargo xtask test`: every test there is, and every feature on its own.

use std::process::ExitCode;

use crate::{
    Result,
    cargo::{Metadata, cargo},
    services,
    steps::{self, Step},
};

/// The tests of all packages: units, whole programs, examples (built), documentation.
const TESTS: &str = "tests";

/// The facade with no feature, and with each of them alone.
const FEATURES: &str = "features";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run this part alone; may be given several times
    #[arg(long, value_name = "NAME", value_parser = [TESTS, FEATURES])]
    only: Vec<String>,
}

impl Options {
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}

/// Runs what `options` ask for.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    Ok(steps::run(steps(options)?).finish())
}

/// The steps of the whole `cargo xtask test`, of which CI runs every one.
pub(crate) fn all() -> Result<Vec<Step>> {
    steps(&Options { only: Vec::new() })
}

fn steps(options: &Options) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    if options.wants(TESTS) {
        // A second failing test program is worth knowing of, and the sum at the end has to be complete.
        let tests = cargo("test --workspace --all-features --no-fail-fast");
        steps.push(Step::tests(TESTS, tests, || services::lend(services::SERVERS)));
    }
    if options.wants(FEATURES) {
        steps.extend(feature_checks(&Metadata::read()?.features("zato")?));
    }
    Ok(steps)
}

/// Checks the facade's library alone, without the development dependencies: they turn on features (tokio's, above all)
/// whose absence a user would notice first.
fn feature_checks(features: &[String]) -> Vec<Step> {
    let check = "check --package zato --no-default-features";
    let none = Step::command(FEATURES, "none", cargo(check));
    let each = features.iter().map(|name| Step::command(FEATURES, name, cargo(&format!("{check} --features {name}"))));
    std::iter::once(none).chain(each).collect()
}

#[cfg(test)]
mod tests {
    use super::{FEATURES, Options, TESTS, feature_checks, steps};

    #[test]
    fn each_feature_is_checked_alone_after_none_of_them() {
        let steps = feature_checks(&["json".to_owned(), "rest".to_owned()]);
        let shown: Vec<_> = steps.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["features (none)", "features (json)", "features (rest)"]);
    }

    #[test]
    fn a_part_can_be_asked_for_by_name() {
        let options = Options { only: vec![TESTS.to_owned()] };
        assert!(options.wants(TESTS) && !options.wants(FEATURES));
        let shown: Vec<_> = steps(&options).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(shown, [TESTS]);
        assert!(Options { only: Vec::new() }.wants(FEATURES));
    }
}
