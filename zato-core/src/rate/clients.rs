use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
};

use super::{bucket::Level, window::Count};

/// Who is counted: a client, at one time of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    client: Client,
    /// Which of all the time ranges of the limiter.
    range: u32,
}

/// A client, as far as it can be told from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Client {
    V4(Ipv4Addr),
    /// The first 64 bits, of which a customer has at least one, and a machine all that follow.
    V6(u64),
}

impl Key {
    pub(super) fn new(address: IpAddr, range: u32) -> Self {
        let client = match address {
            IpAddr::V4(address) => Client::V4(address),
            IpAddr::V6(address) => Client::V6(u64::try_from(address.to_bits() >> 64).unwrap_or_default()),
        };
        Self { client, range }
    }
}

/// What is counted of a client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    pub(super) count: Count,
    pub(super) level: Level,
    /// Whether it was refused since it was last allowed.
    pub(super) is_refused: bool,
}

impl Tally {
    const NEW: Self = Self { count: Count::EMPTY, level: Level::FULL, is_refused: false };
}

/// What is counted of a bounded number of clients.
///
/// The places are the hours of a clock. When all are taken, its hand goes round: a client that was heard of again since
/// the hand came by last is passed over, the first other one is forgotten. An LRU list would do what a flood of
/// addresses wants, which is to forget everybody else.
#[derive(Debug)]
pub(super) struct Clients {
    by_key: HashMap<Key, usize>,
    places: Vec<Place>,
    hand: usize,
    most: usize,
}

#[derive(Debug)]
struct Place {
    key: Key,
    tally: Tally,
    came_again: bool,
}

impl Clients {
    pub(super) fn new(most: usize) -> Self {
        Self { by_key: HashMap::new(), places: Vec::new(), hand: 0, most: most.max(1) }
    }

    /// Returns what is counted of a client, which is new to us or known.
    pub(super) fn tally(&mut self, key: Key) -> &mut Tally {
        let (at, came_again) = match self.by_key.get(&key) {
            Some(at) => (*at, true),
            None => (self.settle(key), false),
        };
        let place = self.places.get_mut(at).expect("a client that is known has its place");
        place.came_again |= came_again;
        &mut place.tally
    }

    /// Gives a new client a place.
    fn settle(&mut self, key: Key) -> usize {
        let place = Place { key, tally: Tally::NEW, came_again: false };
        let at = if self.places.len() < self.most { self.places.len() } else { self.longest_unheard() };
        match self.places.get_mut(at) {
            Some(before) => {
                self.by_key.remove(&before.key);
                *before = place;
            }
            None => self.places.push(place),
        }
        self.by_key.insert(key, at);
        at
    }

    /// Moves the hand to a client that may be forgotten, and past it.
    fn longest_unheard(&mut self) -> usize {
        loop {
            let at = self.hand;
            self.hand = (at + 1) % self.places.len().max(1);
            match self.places.get_mut(at) {
                Some(place) if place.came_again => place.came_again = false,
                _ => return at,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> Key {
        Key::new(IpAddr::from(Ipv4Addr::from_bits(number)), 0)
    }

    #[test]
    fn there_are_never_more_than_may_be() {
        let mut clients = Clients::new(8);
        for number in 0..1_000 {
            clients.tally(key(number)).is_refused = true;
            assert!(clients.places.len() <= 8 && clients.by_key.len() == clients.places.len());
        }
        assert!(clients.tally(key(999)).is_refused, "the last is known");
        assert!(!clients.tally(key(0)).is_refused, "the first was forgotten");
    }

    #[test]
    fn a_client_takes_little_memory() {
        assert!(size_of::<Place>() + size_of::<(Key, usize)>() <= 104);
    }

    #[test]
    fn who_comes_again_is_not_forgotten_for_a_flood() {
        let mut clients = Clients::new(8);
        clients.tally(key(0)).is_refused = true;
        for number in 1..1_000 {
            clients.tally(key(number));
            if number % 4 == 0 {
                assert!(clients.tally(key(0)).is_refused, "{number}");
            }
        }
    }

    #[test]
    fn a_customer_of_version_6_is_one_client() {
        let key = |text: &str| Key::new(text.parse().unwrap(), 0);
        assert_eq!(key("2001:db8:0:1::1"), key("2001:db8:0:1:ffff:ffff:ffff:ffff"));
        assert_ne!(key("2001:db8:0:1::1"), key("2001:db8:0:2::1"));
        assert_ne!(key("0.0.0.1"), key("::1"));
        assert_ne!(Key::new(IpAddr::from([1, 2, 3, 4]), 0), Key::new(IpAddr::from([1, 2, 3, 4]), 1));
    }
}
