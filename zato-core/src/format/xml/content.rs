//! Text between tags: in one piece, or put together.

use super::{
    characters::{is_character, is_white},
    malformed::Malformed,
    nodes::{Nodes, Span},
    parse::place,
};

/// The text since the last tag. References, CDATA sections and what comments and instructions stand between are one text.
#[derive(Debug, Default)]
pub(super) struct Content {
    span: Option<Span>,
    /// There is something in it that is no white space.
    is_dark: bool,
}

impl Content {
    /// Returns where it is, if there is any.
    pub(super) fn span(&self) -> Option<Span> {
        self.span
    }

    pub(super) fn is_white(&self) -> bool {
        !self.is_dark
    }

    /// Adds text that stands as it is.
    pub(super) fn text(&mut self, nodes: &mut Nodes, document: &str, from: usize, to: usize) -> Result<(), Malformed> {
        let piece = document.get(from..to).unwrap_or_default();
        // Three questions in one pass without a branch.
        let (mut is_dark, mut has_return, mut has_end) = (false, false, false);
        for byte in piece.bytes() {
            is_dark |= !is_white(byte);
            has_return |= byte == b'\r';
            has_end |= byte == b'>';
        }
        if has_end && let Some(at) = piece.find("]]>") {
            return Err(Malformed::new("`]]>` in text", from + at));
        }
        self.is_dark |= is_dark;
        self.add(nodes, document, from, to, has_return);
        Ok(())
    }

    /// Adds what stands in a CDATA section.
    pub(super) fn literal(
        &mut self,
        nodes: &mut Nodes,
        document: &str,
        from: usize,
        to: usize,
    ) -> Result<(), Malformed> {
        let piece = document.get(from..to).unwrap_or_default();
        // Whoever writes a section means what is in it, be that white space.
        self.is_dark = true;
        self.add(nodes, document, from, to, piece.contains('\r'));
        Ok(())
    }

    /// Adds what `&...;` stands for.
    pub(super) fn reference(
        &mut self,
        nodes: &mut Nodes,
        document: &str,
        from: usize,
        to: usize,
    ) -> Result<(), Malformed> {
        let character = referenced(document.get(from..to).unwrap_or_default())
            .map_err(|what| Malformed::new(what, from.saturating_sub(1)))?;
        self.is_dark = true;
        self.move_beside(nodes, document);
        nodes.beside.push(character);
        self.end_beside(nodes, document);
        Ok(())
    }

    fn add(&mut self, nodes: &mut Nodes, document: &str, from: usize, to: usize, has_return: bool) {
        if from == to {
            return;
        }
        if self.span.is_none() && !has_return {
            self.span = Some(Span { from: place(from), to: place(to) });
            return;
        }
        self.move_beside(nodes, document);
        push_lines(&mut nodes.beside, document.get(from..to).unwrap_or_default());
        self.end_beside(nodes, document);
    }

    /// Has what there is so far lie at the end of the text beside the document.
    fn move_beside(&mut self, nodes: &mut Nodes, document: &str) {
        let end = document.len() + nodes.beside.len();
        match self.span {
            Some(span) if (span.from as usize) < document.len() => {
                nodes.beside.push_str(document.get(span.from as usize..span.to as usize).unwrap_or_default());
                self.span = Some(Span { from: place(end), to: place(end) });
            }
            Some(_) => {}
            None => self.span = Some(Span { from: place(end), to: place(end) }),
        }
    }

    fn end_beside(&mut self, nodes: &Nodes, document: &str) {
        if let Some(span) = &mut self.span {
            span.to = place(document.len() + nodes.beside.len());
        }
    }
}

/// Adds text with its line ends as XML has them: `\n` alone (§2.11).
fn push_lines(out: &mut String, piece: &str) {
    let mut rest = piece;
    while let Some((line, after)) = rest.split_once('\r') {
        out.push_str(line);
        out.push('\n');
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    out.push_str(rest);
}

/// Returns the character that a reference stands for, given without `&` and `;`.
pub(super) fn referenced(name: &str) -> Result<char, &'static str> {
    const UNKNOWN: &str = "an entity that is not one of amp, lt, gt, apos, quot or a number";
    match name {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "apos" => return Ok('\''),
        "quot" => return Ok('"'),
        _ => {}
    }
    let number = name.strip_prefix('#').ok_or(UNKNOWN)?;
    let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |digits| (digits, 16));
    let mut code = 0_u32;
    for digit in digits.chars() {
        let digit = digit.to_digit(radix).ok_or(UNKNOWN)?;
        code = code.saturating_mul(radix).saturating_add(digit);
    }
    if digits.is_empty() {
        return Err(UNKNOWN);
    }
    char::from_u32(code).filter(|found| is_character(*found)).ok_or("the number of a character that XML does not have")
}
