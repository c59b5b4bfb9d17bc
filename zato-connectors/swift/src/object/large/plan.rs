use zato_core::{Error, Kind, Result};

/// How many segments a manifest may have (Swift's `max_manifest_segments`).
const MOST: u64 = 1000;

/// After how many segments the next ones are twice as large, where nobody knows how many there will be.
const GROWS: u64 = 250;

/// The largest segment: Swift's `max_file_size` unless an operator says otherwise.
const LARGEST: u64 = 5 * 1024 * 1024 * 1024;

/// What sizes are a multiple of that are worked out.
const STEP: u64 = 1024 * 1024;

/// How much of a stream is kept in memory at the most where nobody has said that it may be more, by the size of the segments.
const KEPT: u64 = 256 * 1024 * 1024;

/// How large the segments of an upload are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    first: u64,
    /// How large somebody wants them to be.
    wanted: u64,
    grows: bool,
}

impl Plan {
    /// Works out how large they are, of what is kept in memory until it was sent, or of what need not be.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](Kind::TooLarge) if it would take more segments than there may be, or more memory than anybody said.
    pub(super) fn of(length: Option<u64>, segment_size: u64, is_kept: bool) -> Result<Self> {
        let wanted = segment_size.clamp(1, LARGEST);
        let Some(length) = length else { return Ok(Self { first: wanted, wanted, grows: true }) };
        if length <= wanted.saturating_mul(MOST) {
            return Ok(Self { first: wanted, wanted, grows: false });
        }
        let first = length.div_ceil(MOST).next_multiple_of(STEP);
        if first > LARGEST {
            return Err(too_large(format!(
                "the object has {length} bytes, and a large object may have 1000 segments of 5 GiB"
            )));
        }
        if is_kept && first > KEPT {
            return Err(too_large(format!(
                "the stream has {length} bytes, and a large object may have 1000 segments, each of which is kept in memory \
                 until it was sent; allow for that with a segment_size of {first}, or upload a file"
            )));
        }
        Ok(Self { first, wanted, grows: false })
    }

    /// Returns how large the first segment is, and all of them if the length is known.
    pub(super) fn first(self) -> u64 {
        self.first
    }

    /// Returns how large a segment is, by how many there are before it.
    pub(super) fn size(self, before: u64) -> u64 {
        let doubled = if self.grows { before.min(MOST) / GROWS } else { 0 };
        // Three times at the most, as there are no more than a thousand.
        self.first.saturating_mul(1 << doubled).min(KEPT.max(self.first))
    }

    /// Returns how much may be kept in memory with so many segments on their way, unless one alone is more.
    pub(super) fn kept(self, parallelism: usize) -> u64 {
        let parallelism = parallelism as u64;
        let wanted = self.wanted.saturating_mul(parallelism);
        self.first.saturating_mul(parallelism).min(wanted.max(KEPT))
    }

    /// # Errors
    ///
    /// [`TooLarge`](Kind::TooLarge) if there may be no further one.
    pub(super) fn has_room(self, before: u64) -> Result<()> {
        if before < MOST {
            return Ok(());
        }
        let words = "the stream has more than fits into 1000 segments; say how long it is, or have larger segments";
        Err(too_large(words.to_owned()))
    }
}

#[cold]
fn too_large(words: String) -> Error {
    Error::new(Kind::TooLarge, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn what_has_a_length_has_no_more_than_a_thousand_segments() {
        let size = |length| Plan::of(Some(length), 8 * MIB, false).unwrap().first();
        assert_eq!((size(0), size(8000 * MIB), size(8000 * MIB + 1)), (8 * MIB, 8 * MIB, 9 * MIB));
        for length in [9_000_000_000, 100_000_000_001, 5_000_000_000_000] {
            assert!(length / size(length) < 1000 && size(length).is_multiple_of(MIB), "{length}");
        }
        assert_eq!(Plan::of(Some(6_000_000_000_000), MIB, false).unwrap_err().kind(), Kind::TooLarge);
    }

    #[test]
    fn what_has_none_grows_and_ends() {
        let plan = Plan::of(None, 8 * MIB, true).unwrap();
        let sizes = [0, 249, 250, 500, 750, 999].map(|before| plan.size(before) / MIB);
        assert_eq!(sizes, [8, 8, 16, 32, 64, 64]);
        assert!(plan.has_room(999).is_ok());
        assert_eq!(plan.has_room(1000).unwrap_err().kind(), Kind::TooLarge);
        let known = Plan::of(Some(MIB), 8 * MIB, true).unwrap();
        assert_eq!(known.size(999), 8 * MIB);
    }

    #[test]
    fn what_is_kept_in_memory_is_no_more_than_somebody_said() {
        let gigabytes = |number: u64| Plan::of(Some(number * 1000 * MIB), 8 * MIB, true);
        assert_eq!((gigabytes(8).unwrap().kept(4), gigabytes(64).unwrap().kept(4)), (32 * MIB, 256 * MIB));
        assert_eq!((gigabytes(100).unwrap().kept(4), gigabytes(256).unwrap().first()), (256 * MIB, 256 * MIB));
        let error = gigabytes(257).unwrap_err();
        assert!(error.kind() == Kind::TooLarge && error.message().contains("269484032"), "{error}");
        let said = Plan::of(Some(257_000 * MIB), 257 * MIB, true).unwrap();
        assert_eq!((said.first(), said.kept(4)), (257 * MIB, 1028 * MIB));
        let unknown = Plan::of(None, 100 * MIB, true).unwrap();
        assert_eq!([0, 250, 999].map(|before| unknown.size(before) / MIB), [100, 200, 256]);
        assert_eq!(Plan::of(None, 300 * MIB, true).unwrap().size(999), 300 * MIB);
    }
}
