use http::{HeaderMap, header};

use super::media::MediaType;
use crate::content::compression::thousandths;

/// What a caller takes (RFC 9110 §12.5.1).
#[derive(Debug, Default)]
pub(super) struct Accept {
    /// Each with its weight in thousandths.
    ranges: Vec<(Range, u16)>,
}

/// What a range of media types covers, from the least to the most.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Range {
    Anything,
    Kind(String),
    One(String),
}

impl Accept {
    /// Reads all of it. An element that can't be read says nothing; without any, everything is accepted.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut all = values.flat_map(elements).filter(|element| !element.trim_ascii().is_empty()).peekable();
        if all.peek().is_none() {
            return Self { ranges: vec![(Range::Anything, 1000)] };
        }
        Self { ranges: all.filter_map(range).collect() }
    }

    /// Returns how much a media type is liked, by the most specific range that covers it; 0 if not at all.
    pub(super) fn weight(&self, media: &str) -> u16 {
        let kind = media.split_once('/').map_or(media, |(kind, _)| kind);
        let specificity = |range: &Range| match range {
            Range::Anything => Some(0),
            Range::Kind(known) => (known == kind).then_some(1),
            Range::One(known) => (known == media).then_some(2),
        };
        let covering = self.ranges.iter().filter_map(|(range, weight)| Some((specificity(range)?, *weight)));
        covering.max().map_or(0, |(_, weight)| weight)
    }
}

/// Splits a list at its commas, but for those in quotes.
fn elements(list: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    list.split(move |character| {
        if character == '"' && !is_escaped {
            is_quoted = !is_quoted;
        }
        is_escaped = is_quoted && character == '\\' && !is_escaped;
        character == ',' && !is_quoted
    })
}

/// Reads one range and its weight; `None` if that can't be, or if it asks for more than we know of a type.
fn range(element: &str) -> Option<(Range, u16)> {
    let media = MediaType::parse(element)?;
    let mut weight = 1000;
    for (name, value) in media.parameters() {
        match name.to_ascii_lowercase().as_str() {
            "q" => {
                weight = thousandths(value.as_bytes())?;
                // What follows it was never of the media type (RFC 7231 §5.3.2).
                break;
            }
            "charset" if value.eq_ignore_ascii_case("utf-8") => {}
            "header" => {}
            _ => return None,
        }
    }
    let range = match (media.kind.as_str(), media.subtype.as_str()) {
        ("*", "*") => Range::Anything,
        ("*", _) => return None,
        (kind, "*") => Range::Kind(kind.to_owned()),
        (kind, subtype) => Range::One(format!("{kind}/{subtype}")),
    };
    Some((range, weight))
}
