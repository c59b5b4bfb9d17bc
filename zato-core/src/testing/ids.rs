use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::ambient::Random;

/// Counts where an app takes random bits, so that the first correlation id is `000000000000000000000001`, the next one
/// `...02`, and a test can say which it expects. A clone counts on.
///
/// ```
/// use zato_core::{ambient::Random, testing::SequentialIds};
///
/// let ids = SequentialIds::default();
/// assert_eq!((ids.bits(), ids.bits()), (1, 2));
/// ```
#[derive(Clone, Debug, Default)]
pub struct SequentialIds(Arc<AtomicU64>);

impl Random for SequentialIds {
    fn bits(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}
