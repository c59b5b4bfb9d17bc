use http::{HeaderMap, header};
use zato_core::config::ContentCoding;

/// What a caller accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// What to compress a reply with; `None` for leaving it as it is.
    pub(crate) coding: Option<ContentCoding>,
    /// Whether the caller can't take it as it is, in which case not even a small one stays so.
    pub(crate) is_identity_refused: bool,
}

/// Weights in thousandths; `None` for what is not named.
#[derive(Default)]
struct Weights {
    zstd: Option<u16>,
    gzip: Option<u16>,
    identity: Option<u16>,
    /// Of everything that is not named.
    rest: Option<u16>,
}

impl Accepted {
    /// Reads `Accept-Encoding` (RFC 9110 §12.5.3); of what the caller likes equally, the earlier in `preferred` counts.
    ///
    /// A caller who refuses everything that we have, the plain reply included, gets that all the same: it is a
    /// better answer than 406, which the RFC leaves open.
    pub(crate) fn of(headers: &HeaderMap, preferred: &[ContentCoding]) -> Self {
        let weights = Weights::of(headers);
        let mut best: Option<(ContentCoding, u16)> = None;
        for coding in preferred {
            let weight = weights.of_coding(*coding);
            if weight > best.map_or(0, |(_, weight)| weight) {
                best = Some((*coding, weight));
            }
        }
        let plain = weights.identity.or(weights.rest);
        // Named, it may be liked better than what is compressed; else it is what remains.
        let coding = best.filter(|(_, weight)| weights.identity.is_none_or(|plain| plain <= *weight));
        Self { coding: coding.map(|(coding, _)| coding), is_identity_refused: plain == Some(0) && best.is_some() }
    }
}

impl Weights {
    fn of(headers: &HeaderMap) -> Self {
        let mut weights = Self::default();
        let values = headers.get_all(header::ACCEPT_ENCODING).iter();
        for element in values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')) {
            let (name, weight) = parts_of(element);
            let place = match name {
                name if name.eq_ignore_ascii_case(b"zstd") => &mut weights.zstd,
                // Both are the same (RFC 9110 §8.4.1.3).
                name if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") => &mut weights.gzip,
                name if name.eq_ignore_ascii_case(b"identity") => &mut weights.identity,
                b"*" => &mut weights.rest,
                _ => continue,
            };
            *place = weight.or(*place);
        }
        weights
    }

    fn of_coding(&self, coding: ContentCoding) -> u16 {
        let own = match coding {
            ContentCoding::Zstd => self.zstd,
            ContentCoding::Gzip => self.gzip,
            _ => None,
        };
        own.or(self.rest).unwrap_or(0)
    }
}

/// Takes one element apart: its name, and its weight if that can be read.
fn parts_of(element: &[u8]) -> (&[u8], Option<u16>) {
    let mut parts = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let name = parts.next().unwrap_or_default();
    match parts.next() {
        None => (name, Some(1000)),
        Some([b'q' | b'Q', b'=', weight @ ..]) => (name, thousandths(weight)),
        Some(_) => (name, None),
    }
}

/// Reads a weight (RFC 9110 §12.4.2): from 0 to 1, with up to three digits after the point.
pub(crate) fn thousandths(weight: &[u8]) -> Option<u16> {
    let (whole, digits) = match weight {
        [whole] => (*whole, &[][..]),
        [whole, b'.', digits @ ..] if digits.len() <= 3 => (*whole, digits),
        _ => return None,
    };
    let mut thousandths = 0;
    for place in 0..3 {
        let digit = digits.get(place).copied().unwrap_or(b'0');
        thousandths = thousandths * 10 + u16::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    match whole {
        b'0' => Some(thousandths),
        b'1' if thousandths == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn accepted(values: &[&str], preferred: &[ContentCoding]) -> (&'static str, bool) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT_ENCODING, HeaderValue::from_str(value).unwrap());
        }
        let accepted = Accepted::of(&headers, preferred);
        (accepted.coding.map_or("", ContentCoding::as_str), accepted.is_identity_refused)
    }

    #[test]
    fn what_the_caller_likes_best_counts() {
        let both = [ContentCoding::Zstd, ContentCoding::Gzip];
        for (values, expected) in [
            (&[][..], ("", false)),
            (&[""], ("", false)),
            (&["gzip"], ("gzip", false)),
            (&["GZIP"], ("gzip", false)),
            (&["x-gzip"], ("gzip", false)),
            (&["gzip, deflate, br, zstd"], ("zstd", false)),
            (&["gzip", "zstd"], ("zstd", false)),
            (&["gzip;q=1.0, zstd;q=0.9"], ("gzip", false)),
            (&["gzip ; q=0.5 , zstd;Q=0.501"], ("zstd", false)),
            (&["br"], ("", false)),
            (&["*"], ("zstd", false)),
            (&["zstd;q=0, *"], ("gzip", false)),
            (&["gzip;q=0"], ("", false)),
            (&["identity"], ("", false)),
            (&["identity, gzip;q=0.5"], ("", false)),
            (&["identity;q=0.5, gzip;q=0.5"], ("gzip", false)),
            (&["identity;q=0, gzip"], ("gzip", true)),
            (&["gzip, *;q=0"], ("gzip", true)),
            (&["identity;q=0"], ("", false)),
            (&["*;q=0"], ("", false)),
            (&["gzip;q=2"], ("", false)),
            (&["gzip;q=0.1234"], ("", false)),
            (&["gzip;q=x"], ("", false)),
            (&["gzip;level=1"], ("", false)),
            (&[",, ;q=1,gzip"], ("gzip", false)),
        ] {
            assert_eq!(accepted(values, &both), expected, "{values:?}");
        }
    }

    #[test]
    fn what_is_not_configured_is_not_chosen() {
        assert_eq!(accepted(&["zstd, gzip;q=0.1"], &[ContentCoding::Gzip]), ("gzip", false));
        assert_eq!(accepted(&["zstd"], &[ContentCoding::Gzip]), ("", false));
        assert_eq!(accepted(&["zstd, identity;q=0"], &[ContentCoding::Gzip]), ("", false));
    }
}
