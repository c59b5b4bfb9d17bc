//! How many connections each client has.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tracing::warn;

/// How often it is told that somebody has too many.
const SELDOM: Duration = Duration::from_secs(10);

/// The clients that are there, over all listeners of an app.
#[derive(Default)]
pub(crate) struct Crowd(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    /// Connections by client; who has none isn't there, so that it is never larger than the number of connections.
    by_client: HashMap<IpAddr, usize>,
    told: Option<Instant>,
    /// Connections that were refused since then.
    refused: u64,
}

/// A client's connection, counted until it is dropped.
pub(crate) struct Place {
    crowd: Arc<Crowd>,
    client: IpAddr,
}

impl Crowd {
    /// Counts a connection in; `None` if the client has as many as it may.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr, most: usize) -> Option<Place> {
        let client = client_of(address);
        let mut counts = self.lock();
        let count = counts.by_client.entry(client).or_default();
        if *count < most {
            *count += 1;
            return Some(Place { crowd: Arc::clone(self), client });
        }
        // Never an entry without a connection, if the limit is none at all.
        if *count == 0 {
            counts.by_client.remove(&client);
        }
        counts.refuse(client);
        None
    }

    fn leave(&self, client: IpAddr) {
        let mut counts = self.lock();
        if let Some(count) = counts.by_client.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                counts.by_client.remove(&client);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Tells of a connection that was refused, unless that was told just now: whoever opens too many opens very many.
    fn refuse(&mut self, client: IpAddr) {
        self.refused += 1;
        let now = Instant::now();
        if self.told.is_none_or(|told| now.duration_since(told) >= SELDOM) {
            self.told = Some(now);
            let refused = std::mem::take(&mut self.refused);
            warn!(
                client.address = %client,
                refused,
                "a client has too many connections, more are closed; if it is a proxy, put it into server.trusted_proxies"
            );
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.leave(self.client);
    }
}

/// What counts as one client: an IPv4 address, or the /64 of an IPv6 one, any address of which its owner may take.
fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn each_client_has_its_own_number_and_gets_places_back() {
        let crowd = Arc::<Crowd>::default();
        let first = crowd.enter(address("192.0.2.1"), 2);
        let second = crowd.enter(address("::ffff:192.0.2.1"), 2);
        assert!(first.is_some() && second.is_some());
        assert!(crowd.enter(address("192.0.2.1"), 2).is_none());
        let other = crowd.enter(address("192.0.2.2"), 2);
        assert!(other.is_some());
        drop(first);
        let again = crowd.enter(address("192.0.2.1"), 2);
        assert!(again.is_some());
        drop((second, other, again));
        assert!(crowd.lock().by_client.is_empty());
    }

    #[tokio::test]
    async fn a_network_of_ipv6_is_one_client() {
        let crowd = Arc::<Crowd>::default();
        let _first = crowd.enter(address("2001:db8:0:1::1"), 1).unwrap();
        assert!(crowd.enter(address("2001:db8:0:1:ffff::2"), 1).is_none());
        assert!(crowd.enter(address("2001:db8:0:2::1"), 1).is_some());
        assert!(crowd.enter(address("2001:db8:0:3::1"), 0).is_none());
        assert_eq!(crowd.lock().by_client.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_told_seldom() {
        let crowd = Arc::<Crowd>::default();
        for _ in 0..100 {
            assert!(crowd.enter(address("192.0.2.1"), 0).is_none());
        }
        assert_eq!(crowd.lock().refused, 99, "told of the first alone");
        tokio::time::advance(SELDOM).await;
        assert!(crowd.enter(address("192.0.2.1"), 0).is_none());
        assert_eq!(crowd.lock().refused, 0, "told of all that came since");
    }
}
