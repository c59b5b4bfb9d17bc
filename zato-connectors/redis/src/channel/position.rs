use std::fmt;

/// The id of an entry, as a place in its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    milliseconds: u64,
    sequence: u64,
}

impl Position {
    pub(super) fn parse(id: &str) -> Option<Self> {
        let (milliseconds, sequence) = id.split_once('-')?;
        Some(Self { milliseconds: milliseconds.parse().ok()?, sequence: sequence.parse().ok()? })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.milliseconds, self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_places_by_number() {
        let position = |id| Position::parse(id).unwrap();
        assert!(position("9-5") < position("10-1") && position("10-1") < position("10-12"));
        assert_eq!(position("18446744073709551615-7").to_string(), "18446744073709551615-7");
        assert!(["", "1", "1-", "-1", "a-b", "1-2-3"].iter().all(|id| Position::parse(id).is_none()));
    }
}
