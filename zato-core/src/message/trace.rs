use std::fmt;

/// Where in a distributed trace a request stands (W3C Trace Context, version 00, §3.2 `traceparent`).
///
/// ```
/// use zato_core::message::TraceParent;
///
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let parent = TraceParent::parse(text.as_bytes()).unwrap();
/// assert_eq!(parent.to_string(), text);
/// assert!(parent.is_sampled());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

impl TraceParent {
    /// Makes one out of its parts; `None` if an id is zero, which the standard forbids.
    #[must_use]
    pub fn new(trace_id: u128, span_id: u64, sampled: bool) -> Option<Self> {
        (trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id, flags: u8::from(sampled) })
    }

    /// Makes one of a trace that begins here, and that nobody is known to record.
    pub(super) fn started(trace_id: u128, random: u128) -> Self {
        Self { trace_id: trace_id.max(1), span_id: 0, flags: 0 }.child(span_id(random))
    }

    /// Reads a `traceparent` header; `None` if it is malformed, in which case the standard says to ignore it.
    ///
    /// A version above 00 is read by what it shares with 00, as §3.2.4 asks.
    #[must_use]
    pub fn parse(header: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(header).ok()?;
        let mut parts = text.split('-');
        let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let sized = version.len() == 2 && trace_id.len() == 32 && span_id.len() == 16 && flags.len() == 2;
        let lower = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !sized || ![version, trace_id, span_id, flags].into_iter().all(lower) || version == "ff" {
            return None;
        }
        if version == "00" && parts.next().is_some() {
            return None;
        }
        let flags = u8::from_str_radix(flags, 16).ok()?;
        let parent = Self {
            trace_id: u128::from_str_radix(trace_id, 16).ok()?,
            span_id: u64::from_str_radix(span_id, 16).ok()?,
            flags: flags & 1,
        };
        (parent.trace_id != 0 && parent.span_id != 0).then_some(parent)
    }

    /// Returns the id of the whole trace.
    #[must_use]
    pub fn trace_id(&self) -> u128 {
        self.trace_id
    }

    /// Returns the id of the span that this one is a child of.
    #[must_use]
    pub fn span_id(&self) -> u64 {
        self.span_id
    }

    /// Returns whether whoever started the trace records it.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// Returns the same trace with another span as the parent, to be sent to a system that we call.
    #[must_use]
    pub fn child(self, span_id: u64) -> Self {
        Self { span_id: span_id.max(1), ..self }
    }
}

/// Takes the id of a span from random bits.
pub(crate) fn span_id(random: u128) -> u64 {
    u64::try_from(random & u128::from(u64::MAX)).unwrap_or_default()
}

impl TraceParent {
    /// Writes it as the header carries it.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 55] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let (_, rest) = text.split_at_mut(3);
        let (trace_id, rest) = rest.split_at_mut(33);
        let (span_id, flags) = rest.split_at_mut(17);
        // Part by part: one loop over all of it took ten times as long.
        write_hex(trace_id, &self.trace_id.to_be_bytes());
        write_hex(span_id, &self.span_id.to_be_bytes());
        write_hex(flags, &[self.flags]);
        text
    }
}

fn write_hex(to: &mut [u8], bytes: &[u8]) {
    let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' + half - 10 };
    for (pair, byte) in to.as_chunks_mut().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 0xf)];
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_bytes().iter().try_for_each(|byte| fmt::Write::write_char(f, char::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_standard_calls_malformed_is_ignored() {
        for bad in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceParent::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_later_version_is_read_by_what_it_shares() {
        let parent = TraceParent::parse(b"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-more").unwrap();
        assert_eq!(parent.to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    }
}
