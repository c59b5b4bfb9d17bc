//! Parts of an object (RFC 9110 §14).

/// What of an object is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Whole,
    /// From the first byte to the last.
    Part(u64, u64),
    /// What it hasn't.
    Nothing,
}

/// Reads the header `Range` for something so long. What can't be read, or names several ranges, is answered whole.
pub(super) fn wanted(header: Option<&str>, length: u64) -> Wanted {
    let Some(range) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else { return Wanted::Whole };
    let Some((first, last)) = range.split_once('-') else { return Wanted::Whole };
    match (number(first), number(last)) {
        (Ok(None), Ok(Some(suffix))) => part(length.saturating_sub(suffix), length, length),
        (Ok(Some(first)), Ok(None)) => part(first, length, length),
        (Ok(Some(first)), Ok(Some(last))) if first <= last => part(first, last.saturating_add(1), length),
        _ => Wanted::Whole,
    }
}

/// Reads digits; none if there is nothing.
fn number(digits: &str) -> Result<Option<u64>, ()> {
    let digits = digits.trim();
    if digits.is_empty() {
        return Ok(None);
    }
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_plain).map(Some).ok_or(())
}

/// Returns the part up to an end, as far as it is there.
fn part(first: u64, end: u64, length: u64) -> Wanted {
    let end = end.min(length);
    if first < end { Wanted::Part(first, end - 1) } else { Wanted::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_what_is_there_of_it() {
        for (header, expected) in [
            ("bytes=0-0", Wanted::Part(0, 0)),
            ("bytes=2-4", Wanted::Part(2, 4)),
            ("bytes=2-", Wanted::Part(2, 9)),
            ("bytes=8-99", Wanted::Part(8, 9)),
            ("bytes=-3", Wanted::Part(7, 9)),
            ("bytes=-99", Wanted::Part(0, 9)),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=10-12", Wanted::Nothing),
            ("bytes=4-2", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("lines=1-2", Wanted::Whole),
        ] {
            assert_eq!(wanted(Some(header), 10), expected, "{header}");
        }
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Nothing);
        assert_eq!(wanted(None, 10), Wanted::Whole);
    }
}
