//! What partners in tests run on. Each test starts its own, so that nothing of them has to be up.

use crate::{
    Result,
    install::{install, is_installed},
    services::{Environment, Server},
};

/// A program that runs scripts.
pub(crate) struct Interpreter {
    program: &'static str,
    package: &'static str,
    /// Tells tests where it is, and that they must not do without.
    variable: &'static str,
}

pub(crate) const PYTHON: Interpreter =
    Interpreter { program: "python3", package: "python3", variable: "ZATO_TEST_PYTHON" };

pub(crate) const NODE: Interpreter = Interpreter { program: "node", package: "nodejs", variable: "ZATO_TEST_NODE" };

impl Server for Interpreter {
    fn name(&self) -> &'static str {
        self.program
    }

    fn needed_by(&self) -> &'static str {
        "outgoing REST connections, as a partner that nobody here wrote"
    }

    fn up(&self) -> Result<Environment> {
        install(self.program, self.package)?;
        Ok(vec![(self.variable.to_owned(), self.program.to_owned())])
    }

    fn down(&self) -> Result<()> {
        Ok(())
    }

    fn status(&self) -> Result<String> {
        let is = if is_installed(self.program) { "is installed" } else { "is not installed" };
        Ok(format!("{is}; tests start it themselves"))
    }
}
