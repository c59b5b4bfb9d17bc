use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    fmt::Display,
};

use super::Checks;

/// What has items: a list, a set, or a map with its values.
#[diagnostic::on_unimplemented(
    message = "`inner` is about the items of a list, and `{Self}` has none",
    label = "no list, set or map",
    note = "say the constraint itself: `#[model(length(min = 1))]` instead of `#[model(inner(length(min = 1)))]`"
)]
pub trait Items {
    /// What each of them is.
    type Item;

    /// Goes through them, each in its place.
    fn go_through(&self, look: impl FnMut(&Self::Item, &mut Checks<'_>), checks: &mut Checks<'_>);
}

/// Checks every item of a value.
pub fn each<T: Items + ?Sized>(value: &T, look: impl FnMut(&T::Item, &mut Checks<'_>), checks: &mut Checks<'_>) {
    value.go_through(look, checks);
}

macro_rules! lists {
    ($([$($generics:tt)*] $list:ty;)*) => {
        $(impl<$($generics)*> Items for $list {
            type Item = T;

            fn go_through(&self, mut look: impl FnMut(&T, &mut Checks<'_>), checks: &mut Checks<'_>) {
                for (index, item) in self.iter().enumerate() {
                    look(item, &mut checks.at_item(index));
                }
            }
        })*
    };
}

lists! {
    [T] [T]; [T] Vec<T>; [T] VecDeque<T>; [T, const N: usize] [T; N]; [T] BTreeSet<T>; [T, S] HashSet<T, S>;
}

macro_rules! maps {
    ($([$($generics:tt)*] $map:ty;)*) => {
        $(impl<K: Display, T, $($generics)*> Items for $map {
            type Item = T;

            fn go_through(&self, mut look: impl FnMut(&T, &mut Checks<'_>), checks: &mut Checks<'_>) {
                for (key, item) in self {
                    look(item, &mut checks.at(&key.to_string()));
                }
            }
        })*
    };
}

maps! { [] BTreeMap<K, T>; [S] HashMap<K, T, S>; }

impl<L: Items> Items for Option<L> {
    type Item = L::Item;

    fn go_through(&self, look: impl FnMut(&L::Item, &mut Checks<'_>), checks: &mut Checks<'_>) {
        if let Some(items) = self {
            items.go_through(look, checks);
        }
    }
}

impl<L: Items + ?Sized> Items for Box<L> {
    type Item = L::Item;

    fn go_through(&self, look: impl FnMut(&L::Item, &mut Checks<'_>), checks: &mut Checks<'_>) {
        (**self).go_through(look, checks);
    }
}
