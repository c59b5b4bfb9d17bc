//! Expansions as a person can read them, for snapshots.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Returns the tokens with a line for each item, statement, field and attribute.
///
/// Not prettyplease: it would be one more dependency, and it refuses what does not parse, which is what one wants to
/// see when a test fails.
pub(crate) fn rendered(tokens: TokenStream) -> String {
    let mut page = Page::default();
    page.write(tokens);
    page.lines.join("\n")
}

#[derive(Default)]
struct Page {
    lines: Vec<String>,
    depth: usize,
    line: TokenStream,
}

impl Page {
    fn write(&mut self, tokens: TokenStream) {
        for token in tokens {
            match &token {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !group.stream().is_empty() => {
                    self.end_of_line(" {");
                    self.depth += 1;
                    self.write(group.stream());
                    self.end_of_line("");
                    self.depth -= 1;
                    self.end_of_line("}");
                    continue;
                }
                _ => {}
            }
            let ends = match &token {
                TokenTree::Punct(punct) => matches!(punct.as_char(), ';' | ','),
                TokenTree::Group(group) => {
                    group.delimiter() == Delimiter::Brace
                        || (group.delimiter() == Delimiter::Bracket && self.line.to_string() == "#")
                }
                _ => false,
            };
            self.line.extend([token]);
            if ends {
                self.end_of_line("");
            }
        }
    }

    fn end_of_line(&mut self, suffix: &str) {
        let text = tidy(&std::mem::take(&mut self.line).to_string()) + suffix;
        if text == ";"
            && let Some(last) = self.lines.last_mut()
        {
            *last += &text;
            return;
        }
        if !text.is_empty() {
            self.lines.push("    ".repeat(self.depth) + text.trim_start());
        }
    }
}

/// Takes out the spaces that a token stream has around every token.
fn tidy(text: &str) -> String {
    const SPACES: [(&str, &str); 24] = [
        (" :: ", "::"),
        (":: ", "::"),
        (" :", ":"),
        ("# [", "#["),
        ("= < ", "= <"),
        (" < ", "<"),
        ("::< ", "::<"),
        (" >", ">"),
        ("& ", "&"),
        (" . ", "."),
        (" ,", ","),
        (" ;", ";"),
        (" !", "!"),
        (" ?", "?"),
        (" (", "("),
        ("impl::", "impl ::"),
        (" as::", " as ::"),
        ("->::", "-> ::"),
        (",::", ", ::"),
        ("static::", "static ::"),
        (":::", ": ::"),
        (":(", ": ("),
        ("=(", "= ("),
        ("{ }", "{}"),
    ];
    SPACES.iter().fold(text.to_owned(), |text, (wide, narrow)| text.replace(wide, narrow))
}
