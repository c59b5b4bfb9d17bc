use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use tracing::{
    Dispatch, Event, Level, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::{DefaultGuard, NoSubscriber},
};
use tracing_subscriber::{Layer, layer::Context, prelude::*, registry::LookupSpan};

/// Captures what is logged by this thread until the value is dropped, at every level.
///
/// Tests on tokio's default single-threaded runtime log by one thread, so that each sees its own lines only.
///
/// ```
/// let logs = zato_core::testing::capture_logs();
/// tracing::info!(amount = 7, "payment taken");
/// assert_eq!(logs.events()[0].message, "payment taken");
/// assert_eq!(logs.events()[0].fields["amount"], "7");
/// ```
#[must_use = "logs are captured until this is dropped"]
pub fn capture_logs() -> Logs {
    LazyLock::force(&SECOND);
    let events = Arc::default();
    let capture = Capture { events: Arc::clone(&events) };
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(capture));
    Logs { events, _guard: guard }
}

/// A dispatcher that wants nothing, beside the one that captures.
///
/// While there is one alone, tracing-core (0.1, `callsite.rs`, `Rebuilder::JustOne`) asks only the thread that first comes
/// by a line whether anybody wants it. Where that is another test's thread nobody does, and the line is lost for all.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

/// What was logged since [`capture_logs`].
pub struct Logs {
    events: Arc<Mutex<Vec<CapturedEvent>>>,
    _guard: DefaultGuard,
}

/// One line of a log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CapturedEvent {
    /// How grave it is.
    pub level: Level,
    /// Which module logged it.
    pub target: String,
    /// The constant text.
    pub message: String,
    /// What was added to the text.
    pub fields: BTreeMap<String, String>,
    /// What the spans say that it happened in: `zato.cid` above all.
    pub span: BTreeMap<String, String>,
}

impl Logs {
    /// Returns every line so far.
    #[must_use]
    pub fn events(&self) -> Vec<CapturedEvent> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns everything that was logged as one text, to look for what must not be in it.
    #[must_use]
    pub fn text(&self) -> String {
        self.events().iter().map(|event| format!("{event:?}\n")).collect()
    }
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.events()).finish()
    }
}

struct Capture {
    events: Arc<Mutex<Vec<CapturedEvent>>>,
}

/// The fields of a span, kept with it.
#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Capture {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = ctx.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, ctx: Context<'_, S>) {
        if let Some(span) = ctx.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut around = BTreeMap::new();
        for span in ctx.event_scope(event).into_iter().flatten() {
            if let Some(Fields(outer)) = span.extensions().get::<Fields>() {
                for (name, value) in outer {
                    around.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
        }
        let message = fields.0.remove("message").unwrap_or_default();
        let metadata = event.metadata();
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(CapturedEvent {
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            message,
            fields: fields.0,
            span: around,
        });
    }
}
