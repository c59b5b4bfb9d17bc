//! What goes wrong because a test wants it to.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use http::StatusCode;

/// What goes wrong.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// Whether no connection can be made.
    pub(super) is_down: bool,
    /// After how many further requests none can be made any more, and whether the one after those is carried out.
    pub(super) end: Option<(u64, bool)>,
    /// What the next requests meet, by their word: a method, or that of logins.
    planned: HashMap<String, Plan>,
}

/// What the next requests of one kind meet. One request takes the first of everything.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// How many requests meet nothing before.
    pub(super) passed: u32,
    /// Each for so many requests.
    pub(super) statuses: VecDeque<(StatusCode, u32)>,
    pub(super) breaks: VecDeque<u64>,
    pub(super) delays: VecDeque<Duration>,
    pub(super) lost: u32,
    pub(super) corrupt: u32,
}

/// What one request meets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// What it is answered with, without being carried out.
    pub(super) status: Option<StatusCode>,
    /// After how many bytes the connection breaks.
    pub(super) break_after: Option<u64>,
    /// How long it takes before anything happens.
    pub(super) delay: Option<Duration>,
    /// Whether it is carried out, and nobody hears of it.
    pub(super) is_lost: bool,
    /// Whether no connection can be made afterwards.
    pub(super) is_last: bool,
    /// Whether one byte is another one.
    pub(super) is_corrupt: bool,
}

impl Faults {
    /// Returns what the next requests of a kind meet, to be added to.
    pub(super) fn plan(&mut self, word: &str) -> &mut Plan {
        self.planned.entry(word.to_ascii_uppercase()).or_default()
    }

    /// Returns whether requests of a kind are still to meet something.
    pub(super) fn has_planned(&self, word: &str) -> bool {
        self.planned.get(&word.to_ascii_uppercase()).is_some_and(|plan| {
            let has_status = plan.statuses.iter().any(|(_, times)| *times > 0);
            has_status || !plan.breaks.is_empty() || !plan.delays.is_empty() || plan.lost > 0 || plan.corrupt > 0
        })
    }

    /// Counts a request towards the end that a test has set; `None` if it is not the last.
    pub(super) fn last(&mut self) -> Option<Taken> {
        let (left, is_carried_out) = self.end.as_mut()?;
        if *left > 0 {
            *left -= 1;
            return None;
        }
        let is_carried_out = *is_carried_out;
        self.end = None;
        self.is_down = !is_carried_out;
        Some(Taken { is_lost: true, is_last: true, ..Taken::default() })
    }

    /// Takes what the next request meets.
    pub(super) fn take(&mut self, word: &str) -> Taken {
        let Some(plan) = self.planned.get_mut(word) else { return Taken::default() };
        if take_one(&mut plan.passed) {
            return Taken::default();
        }
        Taken {
            status: take_status(&mut plan.statuses),
            break_after: plan.breaks.pop_front(),
            delay: plan.delays.pop_front(),
            is_lost: take_one(&mut plan.lost),
            is_last: false,
            is_corrupt: take_one(&mut plan.corrupt),
        }
    }
}

fn take_status(statuses: &mut VecDeque<(StatusCode, u32)>) -> Option<StatusCode> {
    while let Some((status, times)) = statuses.front_mut() {
        if take_one(times) {
            return Some(*status);
        }
        statuses.pop_front();
    }
    None
}

fn take_one(left: &mut u32) -> bool {
    let is_left = *left > 0;
    *left = left.saturating_sub(1);
    is_left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_wrong_may_come_later() {
        let mut faults = Faults::default();
        (faults.plan("PUT").passed, faults.plan("PUT").lost) = (2, 1);
        assert!(faults.has_planned("put") && !faults.has_planned("GET"));
        let lost = Taken { is_lost: true, ..Taken::default() };
        assert_eq!([(); 3].map(|()| faults.take("PUT")), [Taken::default(), Taken::default(), lost]);
        assert!(!faults.has_planned("PUT"));
    }

    #[test]
    fn a_request_takes_the_first_of_everything() {
        let mut faults = Faults::default();
        faults.plan("put").statuses.extend([(StatusCode::BAD_GATEWAY, 1), (StatusCode::NOT_FOUND, 1)]);
        faults.plan("PUT").lost = 1;
        let first = Taken { status: Some(StatusCode::BAD_GATEWAY), is_lost: true, ..Taken::default() };
        let second = Taken { status: Some(StatusCode::NOT_FOUND), ..Taken::default() };
        assert_eq!([faults.take("GET"), faults.take("PUT"), faults.take("PUT")], [Taken::default(), first, second]);
        assert_eq!(faults.take("PUT"), Taken::default());
    }
}
