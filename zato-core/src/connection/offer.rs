use std::{any::Any, fmt};

/// What a connection is asked to be, by type; see [`Connector::offer`](super::Connector::offer).
///
/// ```
/// use zato_core::connection::Offer;
///
/// let mut asked: Option<u16> = None;
/// let mut offer = Offer::asking(&mut asked);
/// offer.with(|| "another type".to_owned());
/// offer.with(|| 6379_u16);
/// assert_eq!(asked, Some(6379));
/// ```
pub struct Offer<'a>(&'a mut dyn Any);

impl<'a> Offer<'a> {
    /// Asks for a value of a type, which is there afterwards if it was offered.
    pub fn asking<T: 'static>(asked: &'a mut Option<T>) -> Self {
        Self(asked)
    }

    /// Offers a value, which is made if one of its type was asked for.
    pub fn with<T: 'static>(&mut self, make: impl FnOnce() -> T) {
        if let Some(asked) = self.0.downcast_mut::<Option<T>>() {
            asked.get_or_insert_with(make);
        }
    }
}

impl fmt::Debug for Offer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Offer")
    }
}
