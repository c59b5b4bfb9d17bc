use std::ops::{Bound, RangeBounds};

use zato_core::{Error, Result};

/// Which bytes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteRange {
    /// From the first to the last, with it; to the end if there is none.
    Of(u64, Option<u64>),
    /// So many at the end.
    Last(u64),
}

impl ByteRange {
    /// # Errors
    ///
    /// [`InvalidInput`](zato_core::Kind::InvalidInput) if it has no byte.
    pub(crate) fn of(range: &impl RangeBounds<u64>) -> Result<Self> {
        let empty = || Error::invalid_input("a range without a byte can't be read");
        let first = match range.start_bound() {
            Bound::Included(first) => *first,
            Bound::Excluded(before) => before.checked_add(1).ok_or_else(empty)?,
            Bound::Unbounded => 0,
        };
        let last = match range.end_bound() {
            Bound::Included(last) => Some(*last),
            Bound::Excluded(end) => Some(end.checked_sub(1).ok_or_else(empty)?),
            Bound::Unbounded => None,
        };
        if last.is_some_and(|last| last < first) {
            return Err(empty());
        }
        Ok(Self::Of(first, last))
    }

    /// Returns where the part of so many bytes begins and ends; `None` if these bytes end before it. What has no byte is
    /// read whole, whatever is asked for.
    pub(crate) fn within(self, length: u64) -> Option<(u64, u64)> {
        match self {
            _ if length == 0 => Some((0, 0)),
            Self::Of(first, _) if first >= length => None,
            Self::Of(first, last) => Some((first, last.map_or(length, |last| last.saturating_add(1).min(length)))),
            Self::Last(0) => None,
            Self::Last(number) => Some((length.saturating_sub(number), length)),
        }
    }

    /// Returns how it is written (RFC 9110 §14.2).
    pub(super) fn header(self) -> String {
        match self {
            Self::Of(first, Some(last)) => format!("bytes={first}-{last}"),
            Self::Of(first, None) => format!("bytes={first}-"),
            Self::Last(number) => format!("bytes=-{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_rust_are_those_of_http() {
        let header = |range: Result<ByteRange>| range.unwrap().header();
        assert_eq!(header(ByteRange::of(&(0..10))), "bytes=0-9");
        assert_eq!(header(ByteRange::of(&(5..=5))), "bytes=5-5");
        assert_eq!(header(ByteRange::of(&(7..))), "bytes=7-");
        assert_eq!(ByteRange::Last(3).header(), "bytes=-3");
        let within = |range: Result<ByteRange>| range.unwrap().within(10);
        assert_eq!((within(ByteRange::of(&(..3))), within(ByteRange::of(&(8..100)))), (Some((0, 3)), Some((8, 10))));
        assert_eq!((within(ByteRange::of(&(10..))), ByteRange::Last(0).within(10)), (None, None));
        assert_eq!((ByteRange::Last(30).within(10), ByteRange::Last(3).within(0)), (Some((0, 10)), Some((0, 0))));
        #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
        for range in [0..0, 5..5, 5..3] {
            assert!(ByteRange::of(&range).is_err(), "{range:?}");
        }
    }
}
