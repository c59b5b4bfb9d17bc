//! How long requests took, within some percent, however many there were.

/// So many parts has each doubling.
const PARTS: u64 = 32;

/// Counts of microseconds.
#[derive(Default)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    number: u64,
    worst: u64,
}

impl Histogram {
    pub(crate) fn add(&mut self, micros: u64) {
        let bucket = bucket(micros);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.number += 1;
        self.worst = self.worst.max(micros);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(mine, its)| *mine += its);
        self.number += other.number;
        self.worst = self.worst.max(other.worst);
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn worst(&self) -> u64 {
        self.worst
    }

    /// What so many of a thousand did not pass, in microseconds.
    pub(crate) fn of_thousand(&self, part: u64) -> u64 {
        let mut left = self.number * part / 1000;
        for (bucket, count) in (0..).zip(&self.counts) {
            if *count > left {
                return start(bucket);
            }
            left -= count;
        }
        self.worst
    }
}

/// Numbers below `PARTS` have a bucket each, then each doubling has as many.
fn bucket(micros: u64) -> usize {
    let shift = (micros / PARTS).checked_ilog2().map_or(0, |log| log + 1);
    let bucket = if shift == 0 { micros } else { u64::from(shift) * PARTS + (micros >> (shift - 1)) - PARTS };
    usize::try_from(bucket).unwrap_or(usize::MAX)
}

/// The smallest number of a bucket.
fn start(bucket: u64) -> u64 {
    match bucket / PARTS {
        0 => bucket,
        shift => (bucket % PARTS + PARTS) << (shift - 1),
    }
}
