use std::{
    collections::{BTreeMap, HashMap},
    fmt::Display,
};

use super::{super::Model, Checks, Items};

/// A model, or what holds models.
pub trait Checked {
    /// Checks the constraints of all of them.
    fn check(&self, checks: &mut Checks<'_>);
}

impl<M: Model> Checked for M {
    #[inline]
    fn check(&self, checks: &mut Checks<'_>) {
        self.__check(checks);
    }
}

impl<T: Checked> Checked for Option<T> {
    #[inline]
    fn check(&self, checks: &mut Checks<'_>) {
        if let Some(value) = self {
            value.check(checks);
        }
    }
}

macro_rules! items {
    ($([$($generics:tt)*] $items:ty;)*) => {
        $(impl<T: Checked, $($generics)*> Checked for $items {
            #[inline]
            fn check(&self, checks: &mut Checks<'_>) {
                self.go_through(|item, checks| item.check(checks), checks);
            }
        })*
    };
}

items! { [const N: usize] [T; N]; [K: Display] BTreeMap<K, T>; [K: Display, S] HashMap<K, T, S>; }

/// A field of whatever type, whose check is that of its type if that is a model or holds models.
///
/// `(&Nested(&field)).check_if_any(checks)` finds the method of this type if the field's type is [`Checked`], that of
/// [`CheckedList`] if it is a list of such, and that of [`Unchecked`] if it is neither: the compiler looks for a method of
/// the type before it looks for one of a trait, and takes a reference more only if there is none. A field can be of any
/// type whatever, and no trait could be asked of all of them.
#[derive(Debug)]
pub struct Nested<'a, T>(pub &'a T);

impl<T: Checked> Nested<'_, T> {
    /// Checks the field.
    #[inline]
    pub fn check_if_any(&self, checks: &mut Checks<'_>) {
        self.0.check(checks);
    }
}

/// A list of what is no model and holds models: a list of models is a model itself.
pub trait CheckedList {
    /// Checks the items.
    fn check_if_any(&self, checks: &mut Checks<'_>);
}

impl<T: Checked> CheckedList for Nested<'_, Vec<T>> {
    #[inline]
    fn check_if_any(&self, checks: &mut Checks<'_>) {
        self.0.go_through(|item, checks| item.check(checks), checks);
    }
}

/// A field whose type is no model and holds none.
pub trait Unchecked {
    /// Checks nothing.
    #[inline]
    fn check_if_any(&self, _: &mut Checks<'_>) {}
}

impl<T> Unchecked for &Nested<'_, T> {}
