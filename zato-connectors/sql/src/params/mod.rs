//! What statements are given.

mod fields;
mod finite;
mod serializer;

use std::{borrow::Cow, fmt};

use serde::Serialize;
use zato_core::{Error, Result};

pub(crate) use self::serializer::{document, json};
use crate::value::SqlValue;

/// The values of a statement's parameters, by name or by position. Made by [`params!`](crate::params).
///
/// # Examples
///
/// ```
/// use zato_sql::{Params, params};
///
/// let by_name = params! { id: 7, name: "Ann" };
/// assert_eq!(by_name.len(), 2);
/// assert_eq!((7, "Ann").into_parameters().map(|parameters| parameters.len()).ok(), Some(2));
/// ```
#[derive(Clone, Default)]
pub struct Parameters(Given);

#[derive(Clone, Default)]
enum Given {
    #[default]
    Nothing,
    ByPosition(Vec<SqlValue>),
    ByName {
        values: Vec<(Cow<'static, str>, SqlValue)>,
        /// A model has whatever fields it has; who lists values by hand mistypes names.
        may_have_more: bool,
    },
}

/// What statements can be given: `()` for nothing, a tuple, list or slice of values by position, [`params!`](crate::params)
/// or a reference to a model by name.
///
/// A model may have more fields than the statement has parameters. A field that is a list is an array, one that is a model
/// of its own, or a list of such, is a JSON document.
///
/// # Examples
///
/// ```
/// use zato_sql::Params;
///
/// #[derive(serde::Serialize)]
/// struct Customer {
///     id: i64,
///     name: String,
/// }
///
/// let customer = Customer { id: 7, name: "Ann".to_owned() };
/// assert!(format!("{:?}", (&customer).into_parameters()).contains(":id, :name"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a statement can be given",
    note = "a value by itself is a tuple of one: `(value,)`; several are a tuple, or `params!` with their names",
    note = "a model is given by reference: `&model`"
)]
pub trait Params {
    /// Turns them into values.
    ///
    /// # Errors
    ///
    /// [`Internal`](zato_core::Kind::Internal) if something can't be a value of a database.
    fn into_parameters(self) -> Result<Parameters>;
}

impl Parameters {
    /// Returns how many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Given::Nothing => 0,
            Given::ByPosition(values) => values.len(),
            Given::ByName { values, .. } => values.len(),
        }
    }

    /// Returns whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a value by name: what [`params!`](crate::params) does.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<SqlValue>) -> Self {
        let added = (name.into(), value.into());
        match &mut self.0 {
            Given::ByName { values, .. } => values.push(added),
            _ => self.0 = Given::ByName { values: vec![added], may_have_more: false },
        }
        self
    }

    /// Returns the values with their names; those by position with their numbers.
    #[cfg(feature = "testing")]
    pub(crate) fn into_named(self) -> Vec<(Cow<'static, str>, SqlValue)> {
        match self.0 {
            Given::Nothing => Vec::new(),
            Given::ByPosition(values) => {
                values.into_iter().enumerate().map(|(index, value)| ((index + 1).to_string().into(), value)).collect()
            }
            Given::ByName { values, .. } => values,
        }
    }

    fn by_position_of(values: Vec<SqlValue>) -> Self {
        Self(Given::ByPosition(values))
    }

    fn of_model(values: Vec<(Cow<'static, str>, SqlValue)>) -> Self {
        Self(Given::ByName { values, may_have_more: true })
    }

    /// Refuses values for a statement that has no parameters.
    pub(crate) fn refuse_any(&self) -> Result<()> {
        let may_have_more = matches!(self.0, Given::ByName { may_have_more: true, .. });
        if self.is_empty() || may_have_more {
            return Ok(());
        }
        Err(Error::internal(format!("the statement has no parameters and {} given", were(self.len()))))
    }

    /// Returns the values of names, in their order.
    pub(crate) fn by_name(&self, names: &[String]) -> Result<Vec<&SqlValue>> {
        let (values, may_have_more) = match &self.0 {
            Given::ByName { values, may_have_more } => (values.as_slice(), *may_have_more),
            Given::Nothing => (&[][..], false),
            Given::ByPosition(_) => {
                let words = "parameters were given by position and the statement has them by name; \
                             give them with params! or as a model";
                return Err(Error::internal(words));
            }
        };
        let known = |name: &str| names.iter().any(|known| known == name);
        if let Some((surplus, _)) = values.iter().find(|(name, _)| !may_have_more && !known(name)) {
            let has = listed(names.iter().map(String::as_str));
            // What is missing says more, if something is.
            if names.iter().all(|name| values.iter().any(|(given, _)| given == name)) {
                let words = format!("a parameter :{surplus} was given and the statement has none; it has {has}");
                return Err(Error::internal(words));
            }
        }
        let find = |name: &String| values.iter().find(|(given, _)| given == name).map(|(_, value)| value);
        let missing = |name: &String| {
            let given =
                if values.is_empty() { "nothing".to_owned() } else { listed(values.iter().map(|(name, _)| &**name)) };
            let are = if values.len() > 1 { "are" } else { "is" };
            let words = format!("the statement has a parameter :{name} and none was given; given {are} {given}");
            Error::internal(words)
        };
        names.iter().map(|name| find(name).ok_or_else(|| missing(name))).collect()
    }

    /// Returns so many values, in their order.
    pub(crate) fn by_position(&self, number: usize) -> Result<Vec<&SqlValue>> {
        let values = match &self.0 {
            Given::Nothing => &[][..],
            Given::ByPosition(values) => values.as_slice(),
            Given::ByName { .. } => {
                let words = "parameters were given by name and the statement has them by position; write :name in it";
                return Err(Error::internal(words));
            }
        };
        if values.len() != number {
            let parameters = if number == 1 { "parameter" } else { "parameters" };
            let words = format!("the statement has {number} {parameters} and {} given", were(values.len()));
            return Err(Error::internal(words));
        }
        Ok(values.iter().collect())
    }
}

fn were(number: usize) -> String {
    if number == 1 { "1 was".to_owned() } else { format!("{number} were") }
}

/// Lists names as they stand in a statement.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!(":{name}")).collect::<Vec<_>>().join(", ")
}

/// As the names: what is in the values is nobody's business in a log.
impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Given::Nothing => f.write_str("Parameters()"),
            Given::ByPosition(values) => write!(f, "Parameters({})", values.len()),
            Given::ByName { values, .. } => write!(f, "Parameters({})", listed(values.iter().map(|(name, _)| &**name))),
        }
    }
}

impl Params for Parameters {
    fn into_parameters(self) -> Result<Parameters> {
        Ok(self)
    }
}

impl Params for () {
    fn into_parameters(self) -> Result<Parameters> {
        Ok(Parameters::default())
    }
}

impl<V: Into<SqlValue>> Params for Vec<V> {
    fn into_parameters(self) -> Result<Parameters> {
        Ok(Parameters::by_position_of(self.into_iter().map(Into::into).collect()))
    }
}

impl<V: Into<SqlValue>, const N: usize> Params for [V; N] {
    fn into_parameters(self) -> Result<Parameters> {
        Ok(Parameters::by_position_of(self.into_iter().map(Into::into).collect()))
    }
}

impl<V: Clone + Into<SqlValue>> Params for &[V] {
    fn into_parameters(self) -> Result<Parameters> {
        Ok(Parameters::by_position_of(self.iter().cloned().map(Into::into).collect()))
    }
}

/// A model, whose fields are the parameters of their names.
impl<T: Serialize> Params for &T {
    fn into_parameters(self) -> Result<Parameters> {
        fields::parameters_of(self)
    }
}

macro_rules! tuples {
    ($(($($name:ident)+))+) => {
        $(
            impl<$($name: Into<SqlValue>),+> Params for ($($name,)+) {
                fn into_parameters(self) -> Result<Parameters> {
                    #[expect(non_snake_case, reason = "one name for a type and its value")]
                    let ($($name,)+) = self;
                    Ok(Parameters::by_position_of(vec![$($name.into()),+]))
                }
            }
        )+
    };
}

tuples! {
    (A)
    (A B)
    (A B C)
    (A B C D)
    (A B C D E)
    (A B C D E F)
    (A B C D E F G)
    (A B C D E F G H)
    (A B C D E F G H I)
    (A B C D E F G H I J)
    (A B C D E F G H I J K)
    (A B C D E F G H I J K L)
}

/// Gives parameters by name: `params! { id: customer.id, name }`, where a name alone is a variable of that name.
///
/// # Examples
///
/// ```
/// use zato_sql::params;
///
/// let pattern = "A%";
/// let given = params! { pattern, limit: 10 };
/// assert_eq!(format!("{given:?}"), "Parameters(:pattern, :limit)");
/// ```
#[macro_export]
macro_rules! params {
    (@with $made:expr;) => { $made };
    (@with $made:expr; $name:ident: $value:expr $(, $($rest:tt)*)?) => {
        $crate::params!(@with $made.with(stringify!($name), $value); $($($rest)*)?)
    };
    (@with $made:expr; $name:ident $(, $($rest:tt)*)?) => {
        $crate::params!(@with $made.with(stringify!($name), $name); $($($rest)*)?)
    };
    ($($given:tt)*) => { $crate::params!(@with $crate::Parameters::default(); $($given)*) };
}
