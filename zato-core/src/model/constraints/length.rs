use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
};

use super::{Checks, counted};
use crate::config::Secret;

/// What has a length: a text in characters, a list or a map in items.
#[diagnostic::on_unimplemented(
    message = "`length` is about texts, lists and maps, and `{Self}` is none",
    label = "has no length",
    note = "for a number say `range(min = 1, max = 64)`"
)]
pub trait Length {
    /// Returns the length and what it is counted in; none for a value that is absent.
    fn measured(&self) -> Option<(usize, &'static str)>;
}

/// Checks that a length is within bounds.
pub fn length<T: Length + ?Sized>(value: &T, min: Option<usize>, max: Option<usize>, checks: &mut Checks<'_>) {
    let Some((length, unit)) = value.measured() else { return };
    if min.is_none_or(|min| length >= min) && max.is_none_or(|max| length <= max) {
        return;
    }
    let expected = match (min, max) {
        (Some(min), Some(max)) if min == max => counted(min, unit),
        (Some(min), Some(max)) => format!("{min} to {}", counted(max, unit)),
        (Some(min), None) => format!("at least {}", counted(min, unit)),
        (None, max) => format!("at most {}", counted(max.unwrap_or_default(), unit)),
    };
    checks.refuse(format!("expected {expected}, got {length}"));
}

macro_rules! lengths {
    ($($unit:literal: $([$($generics:tt)*] $ty:ty, |$value:ident| $length:expr;)*)*) => {
        $($(impl<$($generics)*> Length for $ty {
            fn measured(&self) -> Option<(usize, &'static str)> {
                let $value = self;
                Some(($length, $unit))
            }
        })*)*
    };
}

lengths! {
    "character":
        [] str, |text| text.chars().count();
        [] String, |text| text.chars().count();
        [] Cow<'_, str>, |text| text.chars().count();
        [] Secret, |secret| secret.expose().chars().count();
    "item":
        [T] [T], |list| list.len();
        [T, const N: usize] [T; N], |_list| N;
        [T] Vec<T>, |list| list.len();
        [T] VecDeque<T>, |list| list.len();
        [T] BTreeSet<T>, |set| set.len();
        [T, S] HashSet<T, S>, |set| set.len();
        [K, V] BTreeMap<K, V>, |map| map.len();
        [K, V, S] HashMap<K, V, S>, |map| map.len();
        [] serde_json::Map<String, serde_json::Value>, |map| map.len();
}

impl<T: Length> Length for Option<T> {
    fn measured(&self) -> Option<(usize, &'static str)> {
        self.as_ref().and_then(Length::measured)
    }
}

impl<T: Length + ?Sized> Length for Box<T> {
    fn measured(&self) -> Option<(usize, &'static str)> {
        (**self).measured()
    }
}
