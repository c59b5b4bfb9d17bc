use std::fmt::{self, Write as _};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormattedFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

use super::fields::{BareFields, read};
use crate::layer::trace;

/// Writes a line for people: time, level, module, text, the line's own fields, then those of the request around it.
///
/// A line is a line: control characters in a value are escaped, so that nobody outside can write one of their own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line;

impl<S: Subscriber + for<'a> LookupSpan<'a>> FormatEvent<S, BareFields> for Line {
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, BareFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        SystemTime.format_time(&mut writer)?;
        let metadata = event.metadata();
        write!(writer, " {:>5} {}: ", metadata.level(), metadata.target())?;
        event.record(&mut Fields { writer: &mut writer, is_first: true });
        let is_marked = trace::each_mark(|name, value| {
            write!(writer, " {name}=")?;
            write_value(&mut writer, value)
        })?;
        for span in ctx.event_scope().into_iter().flatten() {
            if is_marked && trace::is_made_of_marks(span.metadata()) {
                continue;
            }
            if let Some(kept) = span.extensions().get::<FormattedFields<BareFields>>() {
                for (name, value) in read(&kept.fields, span.metadata().fields()) {
                    write!(writer, " {name}=")?;
                    write_value(&mut writer, value)?;
                }
            }
        }
        writeln!(writer)
    }
}

struct Fields<'a, 'writer> {
    writer: &'a mut Writer<'writer>,
    is_first: bool,
}

impl Fields<'_, '_> {
    /// Writes what comes before a value. What can't be written is left out: there is nobody to tell.
    fn start(&mut self, field: &Field) {
        if !std::mem::take(&mut self.is_first) {
            let _ = self.writer.write_char(' ');
        }
        if field.name() != "message" {
            let _ = write!(self.writer, "{}=", field.name());
        }
    }
}

impl Visit for Fields<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.start(field);
        let _ = write_value(self.writer, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.start(field);
        let _ = write!(Unbroken(self.writer), "{value:?}");
    }
}

/// Writes a text, in quotes if it would otherwise not be told from what is around it.
fn write_value(writer: &mut Writer<'_>, value: &str) -> fmt::Result {
    // Those above ASCII count, too: some terminals obey U+009B as they do the escape character.
    let is_plain =
        |character: char| !(character.is_whitespace() || character.is_control() || "\"\\=".contains(character));
    if !value.is_empty() && value.chars().all(is_plain) { writer.write_str(value) } else { write!(writer, "{value:?}") }
}

/// A text that takes no control characters: they arrive as `\n` and the like.
struct Unbroken<'a, 'writer>(&'a mut Writer<'writer>);

impl fmt::Write for Unbroken<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !text.chars().any(char::is_control) {
            return self.0.write_str(text);
        }
        for character in text.chars() {
            if character.is_control() {
                write!(self.0, "{}", character.escape_default())?;
            } else {
                self.0.write_char(character)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing::{field::Empty, info, info_span};
    use tracing_subscriber::{fmt::layer, prelude::*};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_a_line_whatever_is_in_it() {
        let written = Written::default();
        let writer = written.clone();
        let lines = layer().fmt_fields(BareFields).event_format(Line).with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(lines);
        tracing::subscriber::with_default(subscriber, || {
            let span =
                info_span!("request", zato.cid = "c1", path = "/a\u{1f} b\n", empty = "", status = Empty, no = Empty);
            span.record("status", 400);
            let _entered = span.enter();
            info!(number = 7, name = "two words", agent = "\u{9b}2J", error = %"two\nlines", "request refused");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let (_time, rest) = text.split_once("Z ").unwrap();
        assert_eq!(
            rest,
            " INFO zato_core::app::logging::line::tests: request refused number=7 name=\"two words\" \
             agent=\"\\u{9b}2J\" error=two\\nlines zato.cid=c1 path=\"/a\\u{1f} b\\n\" empty=\"\" status=400\n"
        );
    }
}
