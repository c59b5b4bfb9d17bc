//! The mistakes in one item, all of them reported together.

use std::fmt::Display;

use proc_macro2::TokenStream;
use quote::ToTokens;

/// One mistake: which of the user's tokens it is about, and what to say.
///
/// The tokens are kept rather than a span of them, because on a stable compiler spans cannot be joined until the
/// compiler sees them, and so that a test can look at them.
struct Mistake {
    at: TokenStream,
    message: String,
}

/// Collects mistakes, so that a user reads all of them after one compilation.
#[derive(Default)]
pub(crate) struct Errors {
    mistakes: Vec<Mistake>,
}

impl Errors {
    /// Notes a mistake about the given tokens.
    pub(crate) fn push(&mut self, at: impl ToTokens, message: impl Display) {
        self.mistakes.push(Mistake { at: at.into_token_stream(), message: message.to_string() });
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.mistakes.is_empty()
    }

    /// Returns how many mistakes there are so far.
    pub(crate) fn len(&self) -> usize {
        self.mistakes.len()
    }

    /// Returns one `compile_error!` per mistake, in the order in which they were found.
    pub(crate) fn into_compile_errors(self) -> TokenStream {
        self.mistakes
            .into_iter()
            .map(|mistake| syn::Error::new_spanned(mistake.at, mistake.message).into_compile_error())
            .collect()
    }

    /// Returns the mistakes as lines of `tokens: message`.
    #[cfg(test)]
    pub(crate) fn rendered(&self) -> String {
        let lines: Vec<String> = self.mistakes.iter().map(|it| format!("{}: {}", it.at, it.message)).collect();
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::Errors;

    #[test]
    fn reports_every_mistake() {
        let mut errors = Errors::default();
        assert!(errors.is_empty());
        errors.push(quote!(first), "one");
        errors.push(quote!(second), "two");
        assert_eq!(errors.rendered(), "first: one\nsecond: two");
        assert_eq!(
            errors.into_compile_errors().to_string(),
            ":: core :: compile_error ! { \"one\" } :: core :: compile_error ! { \"two\" }"
        );
    }
}
