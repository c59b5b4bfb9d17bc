//! `cargo xtask services`: the real servers that tests talk to.
//!
//! A connector whose tests need a server adds one entry to [`SERVERS`]. `cargo xtask test` then starts it and hands its
//! addresses to the tests in environment variables.

use std::any::Any;

use clap::Subcommand;

use crate::{
    Result,
    daemons::{KEYSTONE, MARIADB, POSTGRES, RABBITMQ, REDIS, SWIFT},
    interpreters::{NODE, PYTHON},
    packages::{NODE_PACKAGES, PYTHON_PACKAGES},
    xml_suite::XmlSuite,
};

/// Every server that tests of this version need.
pub(crate) const SERVERS: &[&dyn Server] = &[
    &PYTHON,
    &NODE,
    &PYTHON_PACKAGES,
    &NODE_PACKAGES,
    &XmlSuite,
    &RABBITMQ,
    &POSTGRES,
    &MARIADB,
    &REDIS,
    &SWIFT,
    &KEYSTONE,
];

/// Said instead of an empty table, so that nobody looks for what is not there.
const NONE: &str = "no part of this version needs a server yet";

/// Names and values of environment variables that tell tests where a server listens.
pub(crate) type Environment = Vec<(String, String)>;

/// Servers that run for as long as somebody needs them: dropping it stops those that were started for it.
pub(crate) struct Loan {
    environment: Environment,
    servers: Vec<Box<dyn Any>>,
}

impl Loan {
    /// Stops a server by dropping it.
    pub(crate) fn new(environment: Environment, server: impl Any) -> Self {
        Self { environment, servers: vec![Box::new(server)] }
    }

    pub(crate) fn environment(&self) -> Environment {
        self.environment.clone()
    }

    fn extend(&mut self, other: Self) {
        self.environment.extend(other.environment);
        self.servers.extend(other.servers);
    }
}

impl From<Environment> for Loan {
    /// Stops nothing.
    fn from(environment: Environment) -> Self {
        Self { environment, servers: Vec::new() }
    }
}

/// A server that tests talk to.
pub(crate) trait Server {
    /// What a person types, such as `redis`.
    fn name(&self) -> &'static str;

    /// Which part of zato cannot be tested without it.
    fn needed_by(&self) -> &'static str;

    /// Installs and starts it where necessary, and waits until it answers.
    fn up(&self) -> Result<Environment>;

    /// Starts it for one run of tests, unless it runs anyway. It has to end with this program, however that ends.
    fn lend(&self) -> Result<Loan> {
        self.up().map(Into::into)
    }

    /// Stops it if it runs.
    fn down(&self) -> Result<()>;

    /// Whether it runs, and where, on one line.
    fn status(&self) -> Result<String>;
}

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Says which servers there are, and what needs them
    List,
    /// Starts the named servers, or all, and prints the variables that tests read
    Up { names: Vec<String> },
    /// Stops the named servers, or all
    Down { names: Vec<String> },
    /// Says which of the named servers run, or of all
    Status { names: Vec<String> },
}

/// Does what `options` ask for.
pub(crate) fn run(options: &Options) -> Result<()> {
    for line in perform(&options.action, SERVERS)? {
        println!("{line}");
    }
    Ok(())
}

/// Starts every one of `servers`.
pub(crate) fn up(servers: &[&dyn Server]) -> Result<Environment> {
    let mut environment = Environment::new();
    for server in servers {
        environment.extend(server.up()?);
    }
    Ok(environment)
}

/// Starts every one of `servers` until the loan is dropped.
pub(crate) fn lend(servers: &[&dyn Server]) -> Result<Loan> {
    let mut loan = Loan::from(Environment::new());
    for server in servers {
        loan.extend(server.lend()?);
    }
    Ok(loan)
}

/// Returns the lines to print.
fn perform(action: &Action, servers: &[&dyn Server]) -> Result<Vec<String>> {
    let chosen = match action {
        Action::List => servers.to_vec(),
        Action::Up { names } | Action::Down { names } | Action::Status { names } => choose(names, servers)?,
    };
    if chosen.is_empty() {
        return Ok(vec![NONE.to_owned()]);
    }
    let each = chosen.into_iter();
    match action {
        Action::List => Ok(each.map(|server| format!("{:12} {}", server.name(), server.needed_by())).collect()),
        Action::Up { .. } => {
            let environment = up(&each.collect::<Vec<_>>())?;
            Ok(environment.into_iter().map(|(name, value)| format!("export {name}={value}")).collect())
        }
        Action::Down { .. } => {
            each.map(|server| server.down().map(|()| format!("{:12} stopped", server.name()))).collect()
        }
        Action::Status { .. } => {
            each.map(|server| server.status().map(|status| format!("{:12} {status}", server.name()))).collect()
        }
    }
}

/// The servers of these names; all of them if there are no names.
fn choose<'a>(names: &[String], servers: &[&'a dyn Server]) -> Result<Vec<&'a dyn Server>> {
    if names.is_empty() {
        return Ok(servers.to_vec());
    }
    let known: Vec<&str> = servers.iter().map(|server| server.name()).collect();
    let known = if known.is_empty() { NONE.to_owned() } else { format!("there are {}", known.join(", ")) };
    let find = |name: &String| servers.iter().copied().find(|server| server.name() == name);
    names.iter().map(|name| find(name).ok_or_else(|| format!("no server named {name:?}; {known}").into())).collect()
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::{Action, Environment, Loan, NONE, Server, lend, perform};
    use crate::Result;

    struct Fake(&'static str);

    impl Server for Fake {
        fn name(&self) -> &'static str {
            self.0
        }

        fn needed_by(&self) -> &'static str {
            "this test"
        }

        fn up(&self) -> Result<Environment> {
            Ok(vec![(format!("{}_URL", self.0), "there".to_owned())])
        }

        fn down(&self) -> Result<()> {
            Ok(())
        }

        fn status(&self) -> Result<String> {
            Err("nobody knows".into())
        }
    }

    #[test]
    fn nothing_is_said_to_run_where_there_is_nothing() {
        for action in [Action::List, Action::Up { names: vec![] }, Action::Status { names: vec![] }] {
            assert_eq!(perform(&action, &[]).unwrap(), [NONE]);
        }
        let error = perform(&Action::Up { names: vec!["redis".to_owned()] }, &[]).unwrap_err();
        assert_eq!(error.to_string(), format!("no server named \"redis\"; {NONE}"));
    }

    #[test]
    fn what_is_lent_is_stopped_when_it_is_given_back() {
        struct Lent(Rc<()>);

        impl Server for Lent {
            fn name(&self) -> &'static str {
                "lent"
            }

            fn needed_by(&self) -> &'static str {
                "this test"
            }

            fn up(&self) -> Result<Environment> {
                Err("it is lent".into())
            }

            fn lend(&self) -> Result<Loan> {
                Ok(Loan::new(vec![("lent_URL".to_owned(), "here".to_owned())], Rc::clone(&self.0)))
            }

            fn down(&self) -> Result<()> {
                Ok(())
            }

            fn status(&self) -> Result<String> {
                Ok(Rc::strong_count(&self.0).to_string())
            }
        }

        let server = Lent(Rc::new(()));
        let loan = lend(&[&Fake("one"), &server]).unwrap();
        let names: Vec<_> = loan.environment().into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            (names, server.status().unwrap().as_str()),
            (vec!["one_URL".to_owned(), "lent_URL".to_owned()], "2")
        );
        drop(loan);
        assert_eq!(server.status().unwrap(), "1");
    }

    #[test]
    fn servers_are_chosen_by_name() {
        let servers: &[&dyn Server] = &[&Fake("one"), &Fake("two")];
        let two = || vec!["two".to_owned()];
        assert_eq!(perform(&Action::List, servers).unwrap(), ["one          this test", "two          this test"]);
        assert_eq!(perform(&Action::Up { names: two() }, servers).unwrap(), ["export two_URL=there"]);
        assert_eq!(perform(&Action::Down { names: two() }, servers).unwrap(), ["two          stopped"]);
        assert!(perform(&Action::Status { names: two() }, servers).is_err());
        let error = perform(&Action::Down { names: vec!["three".to_owned()] }, servers).unwrap_err();
        assert_eq!(error.to_string(), "no server named \"three\"; there are one, two");
    }
}
