//! How deep tables and arrays are nested, told before anything is built of them.
//!
//! The parser limits brackets and the parts of a key, but not both together, and dropping what a few kilobytes of keys
//! within keys make takes more stack than a thread has.

use toml_parser::{Source, lexer::TokenKind};

use crate::config::yaml::MAX_DEPTH;

/// Gives the offset of what is nested too deep.
pub(super) fn too_deep(text: &str) -> Option<usize> {
    // For each bracket that is open, and for the line, how many dots the key has that is being read there. The dot of a
    // number counts as well, which makes no difference.
    let (mut open, mut dots) = (Vec::<usize>::new(), 0_usize);
    let mut outer = 0_usize;
    for token in Source::new(text).lex() {
        match token.kind() {
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => {
                open.push(dots);
                outer += dots;
                dots = 0;
            }
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                dots = open.pop().unwrap_or(0);
                outer = outer.saturating_sub(dots);
            }
            TokenKind::Dot => dots += 1,
            TokenKind::Comma => dots = 0,
            TokenKind::Newline if open.is_empty() => dots = 0,
            _ => {}
        }
        if open.len() + outer + dots > MAX_DEPTH {
            return Some(token.span().start());
        }
    }
    None
}
