//! The table that `cargo xtask bench` ends with.

use std::fmt;

use super::measure::Measured;

/// At most so many times hyper's own instructions.
const TARGET_RATIO: f64 = 1.3;

/// At most so many allocations.
const TARGET_ALLOCATIONS: f64 = 18.0;

/// Measurements, one line each, then what zato aims at. A missed target is told, not punished: the numbers depend on
/// compiler, C library and processor, and whoever reads them has to judge.
pub(crate) struct Table<'a>(pub(crate) &'a [Measured]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "per request   instructions   of hyper   allocations   (requests/s, for information)")?;
        for row in self.0 {
            let ratio = self.ratio(row).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}x"));
            let instructions = grouped(row.instructions);
            let (allocations, per_second) = (row.allocations, grouped(row.per_second));
            writeln!(f, "{:<11} {instructions:>14} {ratio:>10} {allocations:>13.1}   ({per_second})", row.server)?;
        }
        let Some(zato) = self.find("zato") else { return Ok(()) };
        write!(f, "zato's target: {TARGET_RATIO:.2}x of hyper's instructions")?;
        if let Some(ratio) = self.ratio(zato) {
            write!(f, " ({})", verdict(ratio, TARGET_RATIO))?;
        }
        let allocations = verdict(zato.allocations, TARGET_ALLOCATIONS);
        writeln!(f, " and {TARGET_ALLOCATIONS} allocations ({allocations}) at most")
    }
}

impl Table<'_> {
    fn find(&self, server: &str) -> Option<&Measured> {
        self.0.iter().find(|row| row.server == server)
    }

    fn ratio(&self, row: &Measured) -> Option<f64> {
        self.find("hyper").map(|hyper| row.instructions / hyper.instructions)
    }
}

/// Compares what the table shows: one instruction in a thousand requests is no miss.
fn verdict(value: f64, target: f64) -> &'static str {
    if value < target + 0.005 { "met" } else { "missed" }
}

/// The number without decimals, its thousands set apart.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Measured, Table, grouped};

    fn row(server: &'static str, instructions: f64, allocations: f64) -> Measured {
        Measured { server, instructions, allocations, per_second: 30_214.9 }
    }

    #[test]
    fn ratios_are_to_hyper_and_targets_are_told() {
        let rows = [row("hyper", 14_568.5, 11.0), row("axum", 21_792.6, 23.0), row("zato", 20_000.0, 18.001)];
        assert_eq!(
            Table(&rows).to_string(),
            "per request   instructions   of hyper   allocations   (requests/s, for information)\n\
             hyper               14,568      1.00x          11.0   (30,215)\n\
             axum                21,793      1.50x          23.0   (30,215)\n\
             zato                20,000      1.37x          18.0   (30,215)\n\
             zato's target: 1.30x of hyper's instructions (missed) and 18 allocations (met) at most\n"
        );
    }

    #[test]
    fn without_hyper_there_is_no_ratio() {
        assert_eq!(
            Table(&[row("zato", 1000.0, 20.0)]).to_string(),
            "per request   instructions   of hyper   allocations   (requests/s, for information)\n\
             zato                 1,000          -          20.0   (30,215)\n\
             zato's target: 1.30x of hyper's instructions and 18 allocations (missed) at most\n"
        );
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0.4, 999.0, 1000.0, 1_234_567.0].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
