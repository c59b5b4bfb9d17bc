use std::sync::{Arc, OnceLock};

use crate::channel::{Delivery, Settlement};

/// Makes a delivery to call a service function with, and what tells how the function settled it; nothing waits for a broker.
///
/// ```
/// use zato_core::{channel::Settlement, testing};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let (delivery, settled) = testing::delivery();
/// assert_eq!(settled.settlement(), None);
/// delivery.requeue().await?;
/// assert_eq!(settled.settlement(), Some(&Settlement::Requeue { after: None }));
/// # Ok(())
/// # }
/// ```
pub fn delivery() -> (Delivery, SettledProbe) {
    let settled = Arc::default();
    (Delivery::of_test(Arc::clone(&settled)), SettledProbe(settled))
}

/// Tells how a delivery of [`delivery()`] was settled.
#[derive(Clone, Debug)]
pub struct SettledProbe(Arc<OnceLock<Settlement>>);

impl SettledProbe {
    /// Returns how the delivery was settled; `None` if it was not, so that its channel would do it.
    #[must_use]
    pub fn settlement(&self) -> Option<&Settlement> {
        self.0.get()
    }
}
