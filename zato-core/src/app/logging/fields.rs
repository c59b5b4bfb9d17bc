use std::{cell::RefCell, fmt};

use tracing::field::{Field, FieldSet, Visit};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{FormatFields, format::Writer},
};

/// Keeps the fields of a span until a line is written in it, which for most requests never happens: what is kept is the
/// bare values, and their names and quotes are put on by [`Line`](super::line::Line).
///
/// In front of each value stand two characters, the number of its field and the number of its bytes, so that it may
/// hold any character itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct BareFields;

/// The longest value that is kept whole, in bytes.
const LONGEST: usize = 0x7fff;

thread_local! {
    static BUFFER: RefCell<String> = const { RefCell::new(String::new()) };
}

impl<'writer> FormatFields<'writer> for BareFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        // Put together in a buffer that each thread keeps, so that it costs a span one allocation. Taken and not borrowed: a
        // value's `Debug` may log as well.
        let mut text = BUFFER.take();
        text.clear();
        fields.record(&mut Bare(&mut text));
        let written = writer.write_str(&text);
        BUFFER.set(text);
        written
    }

    fn add_fields(
        &self,
        current: &'writer mut tracing_subscriber::fmt::FormattedFields<Self>,
        fields: &tracing::span::Record<'_>,
    ) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
    }
}

struct Bare<'a>(&'a mut String);

impl Visit for Bare<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let value = value.get(..value.floor_char_boundary(LONGEST)).unwrap_or_default();
        self.0.push(character(field.index()));
        self.0.push(character(value.len()));
        self.0.push_str(value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// Writes a number up to [`LONGEST`] as one character.
fn character(number: usize) -> char {
    u32::try_from(number).ok().and_then(char::from_u32).unwrap_or_default()
}

/// Returns names and values out of what [`BareFields`] kept.
pub(super) fn read<'a>(kept: &'a str, names: &'a FieldSet) -> impl Iterator<Item = (&'static str, &'a str)> {
    let mut rest = kept;
    std::iter::from_fn(move || {
        let mut characters = rest.chars();
        let index = usize::try_from(u32::from(characters.next()?)).ok()?;
        let length = usize::try_from(u32::from(characters.next()?)).ok()?;
        let (value, after) = characters.as_str().split_at_checked(length)?;
        rest = after;
        Some((names.iter().nth(index)?.name(), value))
    })
}
