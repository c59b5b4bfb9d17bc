//! Which known word a mistyped one was meant to be.

/// Returns the known word that is nearest to `word`, if one is so near that it was probably meant.
///
/// Two edits, or one in a short word, are a slip of the finger; more are another word, and a suggestion would mislead.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let (distance, best) = known.iter().map(|candidate| (distance(word, candidate), *candidate)).min()?;
    let bearable = if best.chars().count() < 4 { 1 } else { 2 };
    (distance <= bearable).then_some(best)
}

/// Returns how many characters must be inserted, removed, replaced or swapped with their neighbour (the optimal
/// string alignment distance).
///
/// Here rather than from a crate, because every dependency of a macro crate delays every build of every application.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut previous_letter = None;
    for (row, letter) in from.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, wanted) in to.iter().enumerate() {
            let cell = |line: &[usize], at: usize| line.get(at).copied().unwrap_or(usize::MAX - 1);
            let replaced = cell(&last, column) + usize::from(letter != *wanted);
            let mut best = replaced.min(cell(&last, column + 1) + 1).min(cell(&current, column) + 1);
            if let Some(before) = column.checked_sub(1)
                && to.get(before) == Some(&letter)
                && previous_letter == Some(*wanted)
            {
                best = best.min(cell(&before_last, before) + 1);
            }
            current.push(best);
        }
        previous_letter = Some(letter);
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn counts_edits() {
        for (from, to, expected) in [
            ("", "", 0),
            ("", "ab", 2),
            ("ab", "", 2),
            ("out", "out", 0),
            ("outt", "out", 1),
            ("nmae", "name", 1),
            ("stat", "state", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(from, to), expected, "{from} to {to}");
        }
    }

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["out", "config", "state", "invoke"];
        for (word, expected) in [
            ("outt", Some("out")),
            ("cofnig", Some("config")),
            ("statte", Some("state")),
            ("in", None),
            ("connection", None),
            ("at", None),
        ] {
            assert_eq!(nearest(word, &known), expected, "{word}");
        }
    }
}
