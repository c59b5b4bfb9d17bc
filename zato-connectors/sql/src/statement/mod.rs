//! Statements as the database gets them: whatever way their parameters are written in, they are bound.

mod reach;
mod scan;

use std::{
    collections::HashMap,
    fmt::Write,
    sync::{Arc, PoisonError, RwLock},
};

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};
use zato_core::{Error, Result};

pub(crate) use self::reach::{Effect, Reach};
use self::scan::Piece;
use crate::{engine::Dialect, params::Parameters, value::SqlValue};

/// A statement in the words of one database.
#[derive(Debug)]
pub(crate) struct Statement {
    text: Arc<str>,
    /// As it was before it was translated.
    #[cfg(feature = "testing")]
    original: Box<str>,
    /// What each place of the translated text is bound to, in order.
    places: Vec<usize>,
    /// How the parameters are written.
    style: Style,
    /// What it does beyond itself.
    reach: Reach,
    /// What it does to rows.
    effects: Box<[Effect]>,
}

#[derive(Debug, PartialEq, Eq)]
enum Style {
    None,
    /// The names in order of appearance; a place is an index into them.
    Named(Vec<String>),
    /// How many there are; a place is the number of one, from 0.
    Positional(usize),
}

impl Statement {
    /// Translates a statement.
    ///
    /// # Errors
    ///
    /// If it is several, or its parameters are written in several ways, or in one that SQLite alone knows.
    pub(crate) fn translate(sql: &str, dialect: Dialect) -> Result<Self> {
        let mut draft = Draft {
            dialect,
            text: String::with_capacity(sql.len()),
            places: Vec::new(),
            names: Vec::new(),
            marks: 0,
            highest: 0,
        };
        let mut ways = [false; 3];
        let (pieces, openings) = scan::pieces(sql, dialect);
        if openings.count() > 1 {
            // The databases on servers refuse it themselves, and SQLite would do all of it.
            return Err(Error::internal("there are several statements; give each by itself, or all to script"));
        }
        for piece in pieces {
            match piece {
                Piece::Text(text) => draft.text.push_str(text),
                Piece::QuestionMark => draft.text.push('?'),
                Piece::Named(name) => {
                    ways[0] = true;
                    draft.named(name);
                }
                Piece::Next => {
                    ways[1] = true;
                    draft.next();
                }
                Piece::Numbered(digits) => {
                    ways[2] = true;
                    draft.numbered(digits)?;
                }
                Piece::Foreign(name) => {
                    let words =
                        format!("{name:.60} is a parameter to SQLite alone, which nobody gives; write it as :name");
                    return Err(Error::internal(words));
                }
            }
        }
        let style = match ways {
            [false, false, false] => Style::None,
            [true, false, false] => Style::Named(draft.names),
            [false, true, false] => Style::Positional(draft.marks),
            [false, false, true] => Style::Positional(draft.highest),
            _ => {
                let words = "a statement writes its parameters in several ways; use one of :name, ? and $1 throughout";
                return Err(Error::internal(words));
            }
        };
        Ok(Self {
            #[cfg(feature = "testing")]
            original: sql.into(),
            text: draft.text.into(),
            places: draft.places,
            style,
            reach: openings.reach(dialect),
            effects: openings.into_effects().into(),
        })
    }

    /// Returns the text for the library, which takes it as it is: values are never a part of it.
    pub(crate) fn sql(&self) -> SqlStr {
        AssertSqlSafe(Arc::clone(&self.text)).into_sql_str()
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    #[cfg(feature = "testing")]
    pub(crate) fn original(&self) -> &str {
        &self.original
    }

    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }

    /// What it does to rows, and if it is several, each of them.
    pub(crate) fn effects(&self) -> &[Effect] {
        &self.effects
    }

    pub(crate) fn has_parameters(&self) -> bool {
        !self.places.is_empty()
    }

    /// How many values it is given.
    pub(crate) fn places(&self) -> usize {
        self.places.len()
    }

    /// Names the parameter of a place, for messages.
    pub(crate) fn parameter(&self, place: usize) -> String {
        let index = self.places.get(place).copied().unwrap_or(place);
        match &self.style {
            Style::Named(names) => names.get(index).map_or_else(|| format!("{}", index + 1), |name| format!(":{name}")),
            Style::None | Style::Positional(_) => format!("{}", index + 1),
        }
    }

    /// Puts the values that were given into the order that the database wants them in.
    ///
    /// # Errors
    ///
    /// If one is missing or surplus, or they are given in another way than they are written, by name.
    pub(crate) fn order<'v>(&self, given: &'v Parameters) -> Result<Vec<&'v SqlValue>> {
        let values: Vec<&SqlValue> = match &self.style {
            Style::None => {
                given.refuse_any()?;
                Vec::new()
            }
            Style::Named(names) => given.by_name(names)?,
            Style::Positional(number) => given.by_position(*number)?,
        };
        Ok(self.places.iter().filter_map(|place| values.get(*place).copied()).collect())
    }
}

/// Says what a script does beyond itself.
pub(crate) fn reach(script: &str, dialect: Dialect) -> Reach {
    scan::pieces(script, dialect).1.reach(dialect)
}

/// Says what each statement of a script does to rows.
pub(crate) fn effects(script: &str, dialect: Dialect) -> Vec<Effect> {
    scan::pieces(script, dialect).1.into_effects()
}

/// A statement that is being translated.
struct Draft {
    dialect: Dialect,
    text: String,
    places: Vec<usize>,
    names: Vec<String>,
    marks: usize,
    highest: usize,
}

/// More parameters than any of the databases has.
const MOST: usize = 65_535;

impl Draft {
    fn named(&mut self, name: &str) {
        let index = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        self.place(index);
    }

    fn next(&mut self) {
        self.place(self.marks);
        self.marks += 1;
    }

    fn numbered(&mut self, digits: &str) -> Result<()> {
        let number = digits.parse().ok().filter(|number| (1..=MOST).contains(number));
        let number: usize = number.ok_or_else(|| {
            Error::internal(format!("a statement has no parameter number {digits:.10}; they are counted from 1"))
        })?;
        self.highest = self.highest.max(number);
        self.place(number - 1);
        Ok(())
    }

    /// Writes a place for a value. MySQL knows places in their order only, so that a value that stands twice is sent twice.
    fn place(&mut self, index: usize) {
        let sign = match self.dialect {
            Dialect::MySql => {
                self.text.push('?');
                self.places.push(index);
                return;
            }
            Dialect::Postgres => '$',
            Dialect::Sqlite => '?',
        };
        let place = self.places.iter().position(|known| *known == index).unwrap_or_else(|| {
            self.places.push(index);
            self.places.len() - 1
        });
        let _ = write!(self.text, "{sign}{}", place + 1);
    }
}

/// How many statements are remembered in translation. Programs have fewer, unless they put values into their text; those
/// lose all of them at once, which costs them less than finding the oldest each time.
const REMEMBERED: usize = 1_000;

/// Longer ones are translated each time: the memory that statements take is bounded.
const LONGEST: usize = 64 << 10;

/// The statements of a connection, in translation.
#[derive(Debug)]
pub(crate) struct Statements {
    dialect: Dialect,
    known: RwLock<HashMap<Box<str>, Arc<Statement>>>,
}

impl Statements {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, known: RwLock::default() }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns a statement in the words of the database.
    pub(crate) fn get(&self, sql: &str) -> Result<Arc<Statement>> {
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(sql) {
            return Ok(Arc::clone(known));
        }
        let statement = Arc::new(Statement::translate(sql, self.dialect)?);
        if sql.len() <= LONGEST {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(sql.into(), Arc::clone(&statement));
        }
        Ok(statement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Params;

    fn text(sql: &str, dialect: Dialect) -> String {
        Statement::translate(sql, dialect).unwrap().text.to_string()
    }

    fn ordered(sql: &str, dialect: Dialect, params: impl Params) -> Result<Vec<SqlValue>> {
        let statement = Statement::translate(sql, dialect).unwrap();
        let given = params.into_parameters()?;
        Ok(statement.order(&given)?.into_iter().cloned().collect())
    }

    #[test]
    fn every_way_of_writing_becomes_that_of_the_database() {
        for sql in ["SELECT :a, :b, :a", "SELECT $1, $2, $1"] {
            assert_eq!(text(sql, Dialect::Postgres), "SELECT $1, $2, $1");
            assert_eq!(text(sql, Dialect::Sqlite), "SELECT ?1, ?2, ?1");
            assert_eq!(text(sql, Dialect::MySql), "SELECT ?, ?, ?");
        }
        assert_eq!(text("SELECT ?, ?", Dialect::Postgres), "SELECT $1, $2");
        assert_eq!(text("SELECT a ?? b, a ??| :c", Dialect::Postgres), "SELECT a ? b, a ?| $1");
    }

    #[test]
    fn values_stand_where_they_were_written() {
        let named = crate::params! { b: 2, a: 1 };
        let expected = [SqlValue::I64(1), SqlValue::I64(2), SqlValue::I64(1)];
        assert_eq!(ordered("SELECT :a, :b, :a", Dialect::MySql, named.clone()).unwrap(), expected);
        assert_eq!(ordered("SELECT :a, :b, :a", Dialect::Postgres, named).unwrap(), expected[..2]);
        let reversed = [SqlValue::I64(2), SqlValue::I64(1)];
        assert_eq!(ordered("SELECT $2, $1", Dialect::Postgres, (1, 2)).unwrap(), reversed);
        assert_eq!(ordered("SELECT $2, $1", Dialect::Sqlite, (1, 2)).unwrap(), reversed);
    }

    #[test]
    fn what_is_missing_surplus_or_given_in_another_way_is_named() {
        let message =
            |sql: &str, given: Parameters| ordered(sql, Dialect::Sqlite, given).unwrap_err().message().to_owned();
        assert_eq!(
            message("SELECT :a, :b", crate::params! { a: 1, c: 2 }),
            "the statement has a parameter :b and none was given; given are :a, :c"
        );
        assert_eq!(
            message("SELECT :a", crate::params! { a: 1, c: 2 }),
            "a parameter :c was given and the statement has none; it has :a"
        );
        assert_eq!(
            message("SELECT ?", crate::params! { a: 1 }),
            "parameters were given by name and the statement has them by position; write :name in it"
        );
        assert_eq!(
            message("SELECT :a", (1,).into_parameters().unwrap()),
            "parameters were given by position and the statement has them by name; give them with params! or as a model"
        );
        assert_eq!(
            message("SELECT ?, ?", (1,).into_parameters().unwrap()),
            "the statement has 2 parameters and 1 was given"
        );
        assert_eq!(
            message("SELECT 1", (1,).into_parameters().unwrap()),
            "the statement has no parameters and 1 was given"
        );
        let error = Statement::translate("SELECT @a", Dialect::Sqlite).unwrap_err();
        assert_eq!(error.message(), "@a is a parameter to SQLite alone, which nobody gives; write it as :name");
        assert!(Statement::translate("SELECT @a", Dialect::MySql).is_ok());
        for sql in ["SELECT :a, ?", "SELECT ?, $1", "SELECT $0", "SELECT $99999999999999999999"] {
            assert!(Statement::translate(sql, Dialect::Postgres).is_err(), "{sql}");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let statements = Statements::new(Dialect::Sqlite);
        for number in 0..2 * REMEMBERED {
            statements.get(&format!("SELECT {number}")).unwrap();
        }
        assert!(statements.known.read().unwrap().len() <= REMEMBERED);
        let first = statements.get("SELECT 1").unwrap();
        assert!(Arc::ptr_eq(&first, &statements.get("SELECT 1").unwrap()));
    }
}
