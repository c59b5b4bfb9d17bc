//! What is told of an element that can't be used as it is.

use super::notes::Notes;
use crate::model::{Found, MAX_FAULTS, Mended, Model, Reading, violations};

/// Adds to the faults that a search found what was sent there, and the constraints that the value violates if one could be
/// read; `read` does so once more, and takes notes.
pub(super) fn complete<T: Model>(value: Option<&T>, reading: &Reading, found: &mut Vec<Found>, read: impl Fn(&Notes)) {
    let mut made_up = Mended::new();
    if !found.is_empty() {
        let of_faults = found.iter().map(|found| &found.fault.path);
        let notes = Notes::of_paths(reading.mended.keys().chain(of_faults).cloned().collect());
        read(&notes);
        let met = notes.into_met();
        for found in found.iter_mut() {
            tell_value(found, met.get(&found.fault.path).and_then(|note| note.text.clone()));
        }
        made_up.extend(reading.mended.keys().filter_map(|path| Some((met.get(path)?.pointer.clone(), 0))));
    }
    let Some(value) = value else { return };
    let mut violated = violations(value, &made_up, T::__check);
    violated.truncate(MAX_FAULTS.saturating_sub(found.len()));
    if violated.is_empty() {
        return;
    }
    let notes = Notes::of_pointers(violated.iter().map(|found| found.fault.path.clone()).collect());
    read(&notes);
    let met = notes.into_met();
    for found in &mut violated {
        if let Some(note) = met.get(&found.fault.path) {
            tell_value(found, note.text_of(&found.fault.path).map(str::to_owned));
            found.fault.path = note.path_of(&found.fault.path);
        }
    }
    found.append(&mut violated);
}

/// Adds what was sent to a fault, unless it is a secret: then there are no notes of it, or the fault says so.
fn tell_value(found: &mut Found, text: Option<String>) {
    if let Some(text) = text.filter(|_| !found.is_secret) {
        found.fault = found.fault.clone().with_value(&text);
    }
}
