use std::borrow::Cow;

use super::{Checks, Pattern};
use crate::config::Secret;

/// What is a text.
#[diagnostic::on_unimplemented(
    message = "`pattern`, `email` and `url` are about texts, and `{Self}` is none",
    label = "no text",
    note = "for the items of a list say `inner(...)` around it: `#[model(inner(email))]`"
)]
pub trait Text {
    /// Returns it; none if it is absent.
    fn text(&self) -> Option<&str>;
}

macro_rules! texts {
    ($($ty:ty, |$value:ident| $text:expr;)*) => {
        $(impl Text for $ty {
            fn text(&self) -> Option<&str> {
                let $value = self;
                Some($text)
            }
        })*
    };
}

texts! {
    str, |text| text;
    String, |text| text;
    Cow<'_, str>, |text| text;
    Secret, |secret| secret.expose();
}

impl<T: Text> Text for Option<T> {
    fn text(&self) -> Option<&str> {
        self.as_ref().and_then(Text::text)
    }
}

impl<T: Text + ?Sized> Text for Box<T> {
    fn text(&self) -> Option<&str> {
        (**self).text()
    }
}

/// What checks texts in this build: everything with the feature `validation`, and nothing without.
#[diagnostic::on_unimplemented(
    message = "`pattern`, `email` and `url` need the feature `validation` of the crate `zato`",
    label = "needs the feature `validation`",
    note = "in Cargo.toml: `zato = {{ version = \"...\", features = [\"validation\"] }}`"
)]
pub trait WithValidation {}

#[cfg(feature = "validation")]
impl<T: ?Sized> WithValidation for T {}

/// Checks that a pattern is found in a text.
pub fn pattern<T: Text + WithValidation + ?Sized>(value: &T, pattern: &Pattern, checks: &mut Checks<'_>) {
    with_validation::pattern(value.text(), pattern, checks);
}

/// Checks that a text is an email address.
pub fn email<T: Text + WithValidation + ?Sized>(value: &T, checks: &mut Checks<'_>) {
    with_validation::email(value.text(), checks);
}

/// Checks that a text is an absolute URL.
pub fn url<T: Text + WithValidation + ?Sized>(value: &T, checks: &mut Checks<'_>) {
    with_validation::url(value.text(), checks);
}

#[cfg(feature = "validation")]
mod with_validation {
    use super::{Checks, Pattern};

    pub(super) fn pattern(text: Option<&str>, pattern: &Pattern, checks: &mut Checks<'_>) {
        let Some(text) = text else { return };
        // What can't be known is refused: a constraint is there to keep something out.
        if !pattern.is_in(text).unwrap_or(false) {
            checks.refuse(format!("expected a text that matches {}", pattern.as_str()));
        }
    }

    pub(super) fn email(text: Option<&str>, checks: &mut Checks<'_>) {
        if text.is_some_and(|text| garde::rules::email::apply(&text, ()).is_err()) {
            checks.refuse("expected an email address such as name@example.com");
        }
    }

    pub(super) fn url(text: Option<&str>, checks: &mut Checks<'_>) {
        if text.is_some_and(|text| garde::rules::url::apply(&text, ()).is_err()) {
            checks.refuse("expected a URL such as https://example.com/path");
        }
    }
}

/// Nothing has the trait that these are asked with.
#[cfg(not(feature = "validation"))]
mod with_validation {
    use super::{Checks, Pattern};

    pub(super) fn pattern(_: Option<&str>, _: &Pattern, _: &mut Checks<'_>) {}

    pub(super) fn email(_: Option<&str>, _: &mut Checks<'_>) {}

    pub(super) fn url(_: Option<&str>, _: &mut Checks<'_>) {}
}
