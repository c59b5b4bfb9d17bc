use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use super::{Distribution, SECONDS};

/// Metrics as Prometheus reads them, in its text format 0.0.4.
///
/// Families are written in the order of their names, and each once, however many parts of a program add to it.
///
/// ```
/// use zato_core::metrics::{Exposition, FamilyKind};
///
/// let mut exposition = Exposition::default();
/// let mut taken = exposition.family(FamilyKind::Counter, "orders_taken_total", "Orders that were taken.");
/// taken.sample(&[("shop", "north")], 3_u64);
/// assert_eq!(
///     exposition.to_string(),
///     "# HELP orders_taken_total Orders that were taken.\n# TYPE orders_taken_total counter\norders_taken_total{shop=\"north\"} 3\n"
/// );
/// ```
#[derive(Clone, Debug, Default)]
pub struct Exposition(BTreeMap<&'static str, Lines>);

/// One family as it is written so far.
#[derive(Clone, Debug)]
struct Lines {
    kind: FamilyKind,
    help: &'static str,
    samples: String,
}

/// What kind of metric a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FamilyKind {
    /// A number that only grows, until the program starts anew.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Durations, sorted into buckets.
    Histogram,
}

/// The value of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Number {
    /// A whole number.
    Whole(u64),
    /// Any number.
    Real(f64),
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<usize> for Number {
    fn from(number: usize) -> Self {
        Self::Whole(u64::try_from(number).unwrap_or(u64::MAX))
    }
}

impl From<f64> for Number {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<bool> for Number {
    fn from(is_so: bool) -> Self {
        Self::Whole(u64::from(is_so))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => number.fmt(f),
            Self::Real(number) if number.is_infinite() => f.write_str(if *number > 0.0 { "+Inf" } else { "-Inf" }),
            // Rust writes neither exponents nor a sign of plus; `NaN` is the same word.
            Self::Real(number) => number.fmt(f),
        }
    }
}

/// Names and values that tell the samples of a family apart.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// A family of metrics that samples are added to.
#[derive(Debug)]
pub struct Family<'a> {
    name: &'static str,
    samples: &'a mut String,
}

impl Exposition {
    /// Returns the family of a name, which is made if it isn't there; its help is one line.
    pub fn family(&mut self, kind: FamilyKind, name: &'static str, help: &'static str) -> Family<'_> {
        let lines = self.0.entry(name).or_insert_with(|| Lines { kind, help, samples: String::new() });
        debug_assert_eq!(lines.kind, kind, "{name} is of one kind");
        Family { name, samples: &mut lines.samples }
    }
}

impl Family<'_> {
    /// Adds the sample of some labels.
    pub fn sample(&mut self, labels: Labels<'_>, value: impl Into<Number>) {
        self.line("", labels, None, value.into());
    }

    /// Adds a distribution: its buckets, its sum in seconds, its count.
    pub fn distribution(&mut self, labels: Labels<'_>, distribution: &Distribution) {
        let count = distribution.count();
        for bound in SECONDS {
            let below = distribution.below(bound);
            self.line("_bucket", labels, Some(Number::Real(bound)), Number::Whole(below));
        }
        self.line("_bucket", labels, Some(Number::Real(f64::INFINITY)), Number::Whole(count));
        self.line("_sum", labels, None, Number::Real(distribution.sum().as_secs_f64()));
        self.line("_count", labels, None, Number::Whole(count));
    }

    fn line(&mut self, suffix: &str, labels: Labels<'_>, bound: Option<Number>, value: Number) {
        self.samples.push_str(self.name);
        self.samples.push_str(suffix);
        let mut separator = '{';
        for (name, text) in labels {
            self.samples.push(separator);
            separator = ',';
            self.samples.push_str(name);
            self.samples.push_str("=\"");
            escape(self.samples, text);
            self.samples.push('"');
        }
        // Writing to a text doesn't fail.
        if let Some(bound) = bound {
            let _ = write!(self.samples, "{separator}le=\"{bound}\"");
            separator = ',';
        }
        if separator == ',' {
            self.samples.push('}');
        }
        let _ = writeln!(self.samples, " {value}");
    }
}

/// Writes the value of a label, in which three characters can't stand as they are.
fn escape(to: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '\\' => to.push_str("\\\\"),
            '"' => to.push_str("\\\""),
            '\n' => to.push_str("\\n"),
            other => to.push(other),
        }
    }
}

impl fmt::Display for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, Lines { kind, help, samples }) in &self.0 {
            let kind = match kind {
                FamilyKind::Counter => "counter",
                FamilyKind::Gauge => "gauge",
                FamilyKind::Histogram => "histogram",
            };
            write!(f, "# HELP {name} {help}\n# TYPE {name} {kind}\n{samples}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::Histogram, *};

    #[test]
    fn labels_are_escaped_and_samples_of_one_family_stand_together() {
        let mut exposition = Exposition::default();
        exposition.family(FamilyKind::Gauge, "b", "Second.").sample(&[], 1.5);
        exposition.family(FamilyKind::Counter, "a_total", "First.").sample(&[("x", "say \"\\\"\nend")], 1_u64);
        exposition.family(FamilyKind::Gauge, "b", "Second.").sample(&[("y", "ü"), ("z", "")], f64::NEG_INFINITY);
        let expected = "# HELP a_total First.\n# TYPE a_total counter\na_total{x=\"say \\\"\\\\\\\"\\nend\"} 1\n\
                        # HELP b Second.\n# TYPE b gauge\nb 1.5\nb{y=\"ü\",z=\"\"} -Inf\n";
        assert_eq!(exposition.to_string(), expected);
    }

    #[test]
    fn buckets_are_cumulative_and_end_with_all() {
        let histogram = Histogram::default();
        for millis in [1, 6, 20_000] {
            histogram.record(Duration::from_millis(millis));
        }
        let mut exposition = Exposition::default();
        exposition.family(FamilyKind::Histogram, "h_seconds", "Help.").distribution(&[("k", "v")], &histogram.read());
        exposition.family(FamilyKind::Histogram, "h_seconds", "Help.").distribution(&[], &histogram.read());
        let text = exposition.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2 + 2 * 17);
        assert_eq!(
            lines[2..4],
            ["h_seconds_bucket{k=\"v\",le=\"0.005\"} 1", "h_seconds_bucket{k=\"v\",le=\"0.01\"} 2"]
        );
        let end = ["h_seconds_bucket{k=\"v\",le=\"10\"} 2", "h_seconds_bucket{k=\"v\",le=\"+Inf\"} 3"];
        assert_eq!(lines[15..17], end);
        assert_eq!(
            lines[17..20],
            ["h_seconds_sum{k=\"v\"} 20.007", "h_seconds_count{k=\"v\"} 3", "h_seconds_bucket{le=\"0.005\"} 1"]
        );
    }
}
