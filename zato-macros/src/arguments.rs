//! What stands in the parentheses of an attribute.

use proc_macro2::{TokenStream, TokenTree};

/// Returns the arguments that commas separate.
///
/// Each is parsed by itself afterwards, so that a mistake in one does not hide a mistake in the next, which parsing
/// the whole list with syn would do.
pub(crate) fn arguments(tokens: TokenStream) -> Vec<TokenStream> {
    let mut all = Vec::new();
    let mut argument = TokenStream::new();
    for token in tokens {
        if matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ',') {
            all.push(std::mem::take(&mut argument));
        } else {
            argument.extend([token]);
        }
    }
    all.push(argument);
    all.retain(|argument| !argument.is_empty());
    all
}

#[cfg(test)]
mod tests {
    use super::arguments;

    #[test]
    fn splits_at_the_outer_commas() {
        let of =
            |text: &str| -> Vec<String> { arguments(text.parse().unwrap()).iter().map(ToString::to_string).collect() };
        assert_eq!(of(""), Vec::<String>::new());
        assert_eq!(of("a"), ["a"]);
        assert_eq!(of("name = \"x\", b(c, d),"), ["name = \"x\"", "b (c , d)"]);
    }
}
