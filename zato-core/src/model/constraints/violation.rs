use std::borrow::Cow;

use super::Checks;
use crate::error::{Error, Fault};

/// What a function of the user's says about a value that it refuses.
#[diagnostic::on_unimplemented(
    message = "`{Self}` doesn't say what is wrong with a value",
    label = "not a text, and no `zato::Fault`",
    note = "a function of `custom(...)` returns `Result<(), &'static str>`, `Result<(), String>`, `Result<(), zato::Fault>`, \
            a list of faults, or `zato::Result<()>`"
)]
pub trait Violation {
    /// Returns it as faults, whose places are below that of the value.
    fn into_faults(self) -> Vec<Fault>;
}

macro_rules! said {
    ($($ty:ty)*) => {
        $(impl Violation for $ty {
            fn into_faults(self) -> Vec<Fault> {
                vec![Fault::new("", self)]
            }
        })*
    };
}

said! { &'static str String Cow<'static, str> }

impl Violation for Fault {
    fn into_faults(self) -> Vec<Fault> {
        vec![self]
    }
}

impl Violation for Vec<Fault> {
    fn into_faults(self) -> Vec<Fault> {
        self
    }
}

impl Violation for Error {
    fn into_faults(self) -> Vec<Fault> {
        match self.input_faults() {
            [] => vec![Fault::new("", self.public_message().to_owned())],
            faults => faults.to_vec(),
        }
    }
}

/// Takes what a function of the user's says of a value.
pub fn custom<V: Violation>(outcome: Result<(), V>, checks: &mut Checks<'_>) {
    let Err(violation) = outcome else { return };
    // Of a value that was partly made up, it can't be known what the function would say.
    if checks.is_partly_made_up() {
        return;
    }
    for fault in violation.into_faults() {
        // What is said of a field from outside is not known to be no secret of that field's own.
        let is_secret = checks.is_secret || !fault.path.is_empty();
        let path = format!("{}{}", checks.path, fault.path);
        checks.note(Fault { path, ..fault }, is_secret);
    }
}
