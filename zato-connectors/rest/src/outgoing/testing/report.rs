//! What is said when a partner was not called as expected.

use std::fmt::Write as _;

use super::{
    PartnerCall,
    compare::{Line, Side, distance},
    script::{Expected, State},
};

/// How many expectations an unexpected call is put beside.
const MAX_NEIGHBOURS: usize = 3;

/// Tells of each call that was not expected how it differs from what was, nearest first; then what never came.
pub(super) fn of(name: &str, state: &State) -> String {
    let mut text = format!("the partner \"{name}\" was not called as expected\n");
    for (number, noted) in state.calls.iter().enumerate().filter(|(_, noted)| !noted.is_expected) {
        let _ = write!(text, "\ncall {} was not expected: {}\n", number + 1, noted.call.line());
        beside(&noted.call, state, &mut text);
    }
    let unmet = |expected: &&Expected| expected.came < expected.times.min;
    for (number, expected) in state.expectations.iter().enumerate().filter(|(_, expected)| unmet(expected)) {
        let (line, count) = (expected.wanted.line(), count(expected));
        let _ = write!(text, "\nexpectation {} {count}: {line}\n", number + 1);
    }
    if state.calls.is_empty() {
        text.push_str("\nno call came at all\n");
    }
    text
}

/// Puts a call beside the expectations that are nearest to it.
fn beside(call: &PartnerCall, state: &State, text: &mut String) {
    let mut neighbours: Vec<_> = state
        .expectations
        .iter()
        .enumerate()
        .map(|(number, expected)| (number + 1, expected, expected.wanted.compare(call)))
        .collect();
    if neighbours.is_empty() {
        text.push_str("  nothing at all is expected\n");
    }
    neighbours.sort_by_key(|(number, _, lines)| (distance(lines), *number));
    for (place, (number, expected, lines)) in neighbours.iter().take(MAX_NEIGHBOURS).enumerate() {
        let near = if place == 0 { "nearest is" } else { "then" };
        let _ = writeln!(text, "  {near} expectation {number}, which {}:", count(expected));
        if distance(lines) == 0 {
            let why = if expected.came < expected.times.max { "it is not its turn yet" } else { "once too often" };
            let _ = writeln!(text, "      the call is as it should be, but {why}");
        } else {
            lines.iter().for_each(|line| shown(line, text));
        }
    }
}

fn shown(line: &Line, text: &mut String) {
    let sign = match line.side {
        Side::Both => ' ',
        Side::Expected => '-',
        Side::Came => '+',
    };
    let _ = writeln!(text, "    {sign} {:<6} {}", line.part, line.text);
}

/// How often something should have come, and how often it did.
fn count(expected: &Expected) -> String {
    let often = |times: usize| match times {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    let times = expected.times;
    let wanted = match (times.min, times.max) {
        (0, usize::MAX) => "any number of times".to_owned(),
        (min, usize::MAX) => format!("at least {}", often(min)),
        (min, _) => often(min),
    };
    let came = if expected.came == 0 { "never came".to_owned() } else { format!("came {}", often(expected.came)) };
    format!("was to come {wanted} and {came}")
}
