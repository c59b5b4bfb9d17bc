//! Offsets in bytes to lines and columns.

use crate::config::encoding::narrow;

/// How far apart in bytes the places are that are known beforehand: without them, finding the columns of a long line
/// would take the square of its length.
const STEP: usize = 256;

/// Knows the places of a text.
pub(super) struct Places<'a> {
    text: &'a str,
    /// Offset, line and column of a character every so often.
    known: Vec<(usize, usize, usize)>,
}

impl<'a> Places<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let mut known = vec![(0, 1, 1)];
        let (mut line, mut column) = (1, 1);
        for (offset, c) in text.char_indices() {
            if offset >= known.len() * STEP {
                known.push((offset, line, column));
            }
            (line, column) = after(c, line, column);
        }
        Self { text, known }
    }

    /// Gives line and column of an offset, both counted from 1; columns are characters.
    pub(super) fn at(&self, offset: usize) -> (u32, u32) {
        let before = self.known.partition_point(|(known, ..)| *known <= offset).saturating_sub(1);
        let (start, line, column) = self.known.get(before).copied().unwrap_or((0, 1, 1));
        let between = self.text.get(start..offset).unwrap_or_default();
        let (line, column) = between.chars().fold((line, column), |(line, column), c| after(c, line, column));
        (narrow(line), narrow(column))
    }
}

fn after(c: char, line: usize, column: usize) -> (usize, usize) {
    if c == '\n' { (line + 1, 1) } else { (line, column + 1) }
}
