//! What a service gets from the world around it: time, randomness, ids. Injected once, so that a test controls all
//! three and a recorded request can be replayed.

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};

use crate::message::Cid;

/// Tells the time.
///
/// ```
/// use zato_core::{ambient::Clock, chrono::{DateTime, Utc}};
///
/// struct Epoch;
///
/// impl Clock for Epoch {
///     fn now(&self) -> DateTime<Utc> {
///         DateTime::UNIX_EPOCH
///     }
/// }
/// ```
pub trait Clock: Send + Sync + 'static {
    /// Returns the current time.
    fn now(&self) -> DateTime<Utc>;
}

/// Gives random numbers; good enough for ids, jitter and sampling, never for keys.
///
/// ```
/// use zato_core::ambient::Random;
///
/// struct Dice;
///
/// impl Random for Dice {
///     fn bits(&self) -> u128 {
///         4
///     }
/// }
/// ```
pub trait Random: Send + Sync + 'static {
    /// Returns 128 random bits.
    fn bits(&self) -> u128;
}

/// The clock and the source of randomness that an app runs with. A clone shares both.
///
/// ```
/// use zato_core::{ambient::Ambient, testing::{SequentialIds, TestClock}};
///
/// let ambient = Ambient::new(TestClock::default(), SequentialIds::default());
/// assert_eq!(ambient.now().to_rfc3339(), "2026-01-01T00:00:00+00:00");
/// assert_eq!(ambient.cid().as_str(), "000000000000000000000001");
/// ```
#[derive(Clone)]
pub struct Ambient(Arc<Sources>);

struct Sources {
    clock: Box<dyn Clock>,
    random: Box<dyn Random>,
}

impl Ambient {
    /// Takes a clock and a source of randomness.
    pub fn new(clock: impl Clock, random: impl Random) -> Self {
        Self(Arc::new(Sources { clock: Box::new(clock), random: Box::new(random) }))
    }

    /// Returns the current time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }

    /// Returns 128 random bits.
    #[must_use]
    pub fn random(&self) -> u128 {
        self.0.random.bits()
    }

    /// Returns a new correlation id.
    #[must_use]
    pub fn cid(&self) -> Cid {
        Cid::from_bits(self.0.random.bits())
    }
}

/// The machine's clock and the thread's generator.
impl Default for Ambient {
    fn default() -> Self {
        Self::new(SystemClock, ThreadRandom)
    }
}

impl fmt::Debug for Ambient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ambient").field("now", &self.now()).finish_non_exhaustive()
    }
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        std::time::SystemTime::now().into()
    }
}

struct ThreadRandom;

impl Random for ThreadRandom {
    fn bits(&self) -> u128 {
        fastrand::u128(..)
    }
}
