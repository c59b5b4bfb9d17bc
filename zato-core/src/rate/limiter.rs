use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv4Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};

use super::{
    Decision,
    clients::{Clients, Key, Tally},
};
use crate::config::{Allowance, FixedWindow, RateLimitRule, TokenBucket};

/// Counts the requests of clients, and says of each whether it is one too many.
///
/// # Examples
///
/// ```
/// use zato_core::{chrono::DateTime, config::{RateLimitRule, from_node, yaml}, rate::{Decision, RateLimiter}};
///
/// let text = "[{time_range: [{limit: 1, limit_unit: day}]}]";
/// let rules: Vec<RateLimitRule> = from_node(&yaml::parse("zato.yaml", text)?)?;
/// let (limiter, now) = (RateLimiter::new(rules), DateTime::UNIX_EPOCH);
/// let client = Some([192, 0, 2, 7].into());
/// assert!(matches!(limiter.check(client, now), Decision::Allowed(_)));
/// assert!(matches!(limiter.check(client, now), Decision::Limited { .. }));
/// # Ok::<(), zato_core::Error>(())
/// ```
pub struct RateLimiter {
    rules: Vec<RateLimitRule>,
    hasher: RandomState,
    /// Several, so that clients seldom wait for one another; each lock is held for the time of a few additions.
    shards: Vec<Mutex<Clients>>,
}

const SHARDS: usize = 16;

impl RateLimiter {
    /// How many clients are remembered at once.
    pub const MOST_CLIENTS: usize = 65_536;

    /// Makes a limiter of rules, the first of which that is about an address counts.
    #[must_use]
    pub fn new(rules: Vec<RateLimitRule>) -> Self {
        Self::remembering(rules, Self::MOST_CLIENTS)
    }

    fn remembering(rules: Vec<RateLimitRule>, most: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(Clients::new(most.div_ceil(SHARDS)))).collect();
        Self { rules, hasher: RandomState::new(), shards }
    }

    /// Decides about a request, and counts it if it may go on.
    ///
    /// Clients whose address is not known are one client with the address 0.0.0.0.
    pub fn check(&self, address: Option<IpAddr>, now: DateTime<Utc>) -> Decision {
        let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical();
        let Some((range, allowance)) = self.allowance(address, now) else { return Decision::Unlimited };
        let Allowance::Limited { window, bucket } = allowance else { return Decision::Disallowed };
        let key = Key::new(address, range);
        let shard = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or_default();
        let Some(shard) = self.shards.get(shard) else { return Decision::Unlimited };
        let mut clients = shard.lock().unwrap_or_else(PoisonError::into_inner);
        clients.tally(key).decide(window, bucket, now)
    }

    /// Finds what is said about an address at a time, and the number of the time range that says it.
    fn allowance(&self, address: IpAddr, now: DateTime<Utc>) -> Option<(u32, Allowance)> {
        let mut before = 0;
        let rule = self.rules.iter().find(|rule| {
            let is_it = rule.is_about(address);
            before += if is_it { 0 } else { rule.time_range.len() };
            is_it
        })?;
        let in_force = || rule.time_range.iter().enumerate().filter(|(_, range)| range.allowance != Allowance::Ignored);
        let of_hours = in_force().find(|(_, range)| range.hours.is_some_and(|hours| hours.contains(now.time())));
        let (index, range) = of_hours.or_else(|| in_force().find(|(_, range)| range.hours.is_none()))?;
        Some((u32::try_from(before + index).unwrap_or(u32::MAX), range.allowance))
    }
}

impl Tally {
    fn decide(&mut self, window: Option<FixedWindow>, bucket: Option<TokenBucket>, now: DateTime<Utc>) -> Decision {
        let longest = self.look(window, bucket, now).into_iter().flatten().max_by_key(|(_, wait)| *wait);
        if let Some((standing, retry_after)) = longest.filter(|(_, wait)| *wait > Duration::ZERO) {
            let is_first = !std::mem::replace(&mut self.is_refused, true);
            return Decision::Limited { standing, retry_after, is_first };
        }
        self.is_refused = false;
        self.count.take();
        if let Some(bucket) = bucket {
            self.level.take(bucket, now);
        }
        let tightest =
            self.look(window, bucket, now).into_iter().flatten().min_by_key(|(standing, _)| standing.remaining);
        tightest.map_or(Decision::Unlimited, |(standing, _)| Decision::Allowed(standing))
    }

    fn look(
        &mut self,
        window: Option<FixedWindow>,
        bucket: Option<TokenBucket>,
        now: DateTime<Utc>,
    ) -> [Option<(super::Standing, Duration)>; 2] {
        [window.map(|window| self.count.look(window, now)), bucket.map(|bucket| self.level.look(bucket, now))]
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter").field("rules", &self.rules).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::config::{from_node, yaml};

    const NOW: &str = "2026-03-31T10:30:00Z";

    fn limiter(text: &str) -> RateLimiter {
        RateLimiter::new(from_node(&yaml::parse("a.yaml", text).unwrap()).unwrap())
    }

    /// What a limiter says in a letter, so that many of them can be read at a glance.
    fn said(limiter: &RateLimiter, address: &str, now: &str) -> char {
        match limiter.check(Some(address.parse().unwrap()), now.parse().unwrap()) {
            Decision::Unlimited => 'u',
            Decision::Allowed(_) => 'a',
            Decision::Limited { .. } => 'l',
            Decision::Disallowed => 'd',
        }
    }

    fn said_at(limiter: &RateLimiter, address: &str, times: &[&str]) -> String {
        times.iter().map(|now| said(limiter, address, now)).collect()
    }

    #[test]
    fn the_first_rule_about_an_address_counts() {
        let limiter = limiter(
            "- {cidr_list: [10.0.0.1, 10.0.1.0/24], time_range: [{disallowed: true}]}
- {cidr_list: [10.0.0.0/8]}
- {cidr_list: ['2001:db8::/32'], time_range: [{limit: 1, limit_unit: hour}]}
- {cidr_list: [0.0.0.0/0], time_range: [{limit: 2, limit_unit: hour}]}",
        );
        for (address, expected) in [
            ("10.0.0.1", "ddd"),
            ("::ffff:10.0.1.7", "ddd"),
            ("10.0.0.2", "uuu"),
            ("192.0.2.1", "aal"),
            ("192.0.2.2", "aal"),
            ("2001:db8::1", "all"),
            ("2001:db8::2", "lll"),
            ("2001:db8:0:1::1", "all"),
            ("2001:db9::1", "uuu"),
        ] {
            assert_eq!(said_at(&limiter, address, &[NOW; 3]), expected, "{address}");
        }
    }

    #[test]
    fn clients_that_nobody_knows_are_one() {
        let limiter = limiter("[{cidr_list: [0.0.0.0/0], time_range: [{limit: 1, limit_unit: day}]}]");
        let now = NOW.parse().unwrap();
        assert!(matches!(limiter.check(None, now), Decision::Allowed(_)));
        assert!(matches!(limiter.check(None, now), Decision::Limited { .. }));
    }

    #[test]
    fn hours_count_more_than_the_whole_day_and_each_counts_by_itself() {
        let limiter = limiter(
            "- time_range:
  - {is_all_day: true, limit: 2, limit_unit: day}
  - {time_from: '22:00', time_to: '06:00', limit: 1, limit_unit: day}
  - {time_from: '12:00', time_to: '13:00', disallowed: true}
  - {time_from: '10:00', time_to: '11:00', limit: 1, limit_unit: day, disabled: true}",
        );
        let times = [
            "2026-03-31T10:30:00Z",
            "2026-03-31T12:30:00Z",
            "2026-03-31T13:00:00Z",
            "2026-03-31T14:00:00Z",
            "2026-03-31T22:00:00Z",
            "2026-03-31T23:00:00Z",
            "2026-04-01T05:59:59Z",
            "2026-04-01T05:59:59Z",
            "2026-04-01T06:00:00Z",
        ];
        assert_eq!(said_at(&limiter, "192.0.2.1", &times), "adalalala");
    }

    #[test]
    fn hours_without_a_whole_day_limit_nobody_else() {
        let limiter = limiter("[{time_range: [{time_from: '08:00', time_to: '09:00', disallowed: true}]}]");
        assert_eq!(said_at(&limiter, "192.0.2.1", &["2026-01-01T08:00:00Z", "2026-01-01T09:00:00Z"]), "du");
    }

    #[test]
    fn window_and_bucket_both_count() {
        let limiter = limiter("[{time_range: [{rate: 1, burst: 2, limit: 3, limit_unit: minute}]}]");
        let start: DateTime<Utc> = NOW.parse().unwrap();
        let address = Some([192, 0, 2, 1].into());
        let mut seen = Vec::new();
        for seconds in [0, 0, 0, 1, 10] {
            seen.push(match limiter.check(address, start + TimeDelta::seconds(seconds)) {
                Decision::Allowed(standing) => format!("{} of {}", standing.remaining, standing.limit),
                Decision::Limited { standing, retry_after, is_first } => {
                    format!("{retry_after:?} for one of {}, first: {is_first}", standing.limit)
                }
                other => format!("{other:?}"),
            });
        }
        assert_eq!(
            seen,
            ["1 of 2", "0 of 2", "1s for one of 2, first: true", "0 of 3", "50s for one of 3, first: true"]
        );
        let again = limiter.check(address, start + TimeDelta::seconds(11));
        assert!(matches!(again, Decision::Limited { is_first: false, .. }), "{again:?}");
    }

    #[test]
    fn what_is_refused_is_not_counted() {
        let limiter = limiter("[{time_range: [{rate: 1}]}]");
        let start: DateTime<Utc> = NOW.parse().unwrap();
        let allowed = (0..100).filter(|tenths| {
            let decision = limiter.check(None, start + TimeDelta::milliseconds(tenths * 100));
            matches!(decision, Decision::Allowed(_))
        });
        assert_eq!(allowed.count(), 10, "one a second, however often somebody asks");
    }

    #[test]
    fn the_number_of_clients_is_bounded() {
        let rules =
            from_node(&yaml::parse("a.yaml", "[{time_range: [{limit: 1, limit_unit: day}]}]").unwrap()).unwrap();
        let limiter = RateLimiter::remembering(rules, 64);
        let now = NOW.parse().unwrap();
        for number in 0..10_000_u32 {
            limiter.check(Some(Ipv4Addr::from_bits(number).into()), now);
        }
        let remembered = (0..10_000_u32).filter(|number| {
            !matches!(limiter.check(Some(Ipv4Addr::from_bits(*number).into()), now), Decision::Allowed(_))
        });
        assert!(remembered.count() <= 64);
    }

    #[test]
    fn many_threads_get_no_more_than_the_limit() {
        let limiter = limiter("[{time_range: [{limit: 500, limit_unit: day}]}]");
        let now = NOW.parse().unwrap();
        let work = || (0..1_000).filter(|_| matches!(limiter.check(None, now), Decision::Allowed(_))).count();
        let allowed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(allowed, 500);
    }
}
