/// Where something stands in a document, counted from 1, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Position {
    /// The line, each of which ends with `\n`, `\r\n`, or `\r`.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

impl Position {
    /// Finds the place that has so many bytes before it, by going through all of them.
    pub(super) fn of(text: &str, at: usize) -> Self {
        let end = (0..=at.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        let before = text.get(..end).unwrap_or_default();
        let ends_line = |(at, byte): &(usize, u8)| match byte {
            b'\n' => true,
            b'\r' => text.as_bytes().get(at + 1) != Some(&b'\n'),
            _ => false,
        };
        let mut lines = before.bytes().enumerate().filter(ends_line).map(|(at, _)| at + 1);
        let line = before.bytes().enumerate().filter(ends_line).count() + 1;
        let beginning = lines.next_back().unwrap_or_default();
        let column = before.get(beginning..).unwrap_or_default().chars().count() + 1;
        Self { line, column }
    }
}
