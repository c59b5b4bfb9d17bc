//! Models with parameters, enums and the user's own serde attributes.

use zato::Model;
use zato::{Result, model, service, services};

#[model]
struct Page<T> {
    items: Vec<T>,
    next: Option<T>,
}

#[model]
struct Pair<A: Clone, B = Number>
where
    B: PartialEq,
{
    first: A,
    second: B,
}

#[model(coerce)]
#[derive(Clone, PartialEq)]
struct Number(u32);

#[model]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Answer {
    Yes,
    #[serde(rename = "nope")]
    No {
        reason: Option<String>,
    },
}

#[model(deny_unknown)]
#[serde(rename_all = "camelCase")]
struct Settings {
    #[serde(default)]
    user_name: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    tags: Vec<String>,
    #[serde(skip)]
    _cached: Option<u32>,
    #[schemars(range(min = 1))]
    count: u32,
}

#[model]
#[cfg(any())]
struct Absent {
    field: NoSuchType,
}

#[service]
async fn page(input: Pair<Number>) -> Result<Page<Answer>> {
    let _ = (input.first, input.second);
    Ok(Page { items: vec![Answer::Yes], next: Some(Answer::No { reason: None }) })
}

/// Runs what is to be seen at run time.
pub(super) fn main() {
    assert_eq!(<Page<Number>>::NAME, "Page");
    assert_eq!((Number::COERCE, Settings::COERCE), (true, false));
    let _ = services![page];
}
