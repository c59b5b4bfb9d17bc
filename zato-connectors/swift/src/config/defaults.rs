//! What keys are that stand in several sections and mean the same in each.

use zato_core::config::Duration;

pub(crate) fn five() -> usize {
    5
}

pub(crate) fn five_u32() -> u32 {
    5
}

pub(crate) fn one_second() -> Duration {
    Duration::from_secs(1)
}

pub(crate) fn two_seconds() -> Duration {
    Duration::from_secs(2)
}

pub(crate) fn three_seconds() -> Duration {
    Duration::from_secs(3)
}

pub(crate) fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

pub(crate) fn thirty_seconds() -> Duration {
    Duration::from_secs(30)
}

pub(crate) fn sixty_four_seconds() -> Duration {
    Duration::from_secs(64)
}
