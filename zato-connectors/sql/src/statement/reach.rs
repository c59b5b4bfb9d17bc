//! What a statement does beyond itself: to the transaction it is in, and to the session of its connection.

use crate::engine::Dialect;

/// What a text of one statement or several does beyond itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Whether there is a statement in it at all.
    pub(crate) is_anything: bool,
    /// Whether it begins or ends a transaction, or a part of one.
    pub(crate) is_transaction: bool,
    /// Whether the session is another one afterwards.
    pub(crate) changes_session: bool,
    /// Whether it does so for the transaction that it is in, if it is in one.
    pub(crate) is_local: bool,
    /// Whether tables are other ones afterwards.
    pub(crate) changes_tables: bool,
    /// Whether MariaDB and MySQL keep the transaction before they do it.
    pub(crate) commits: bool,
    /// Whether it gives whatever columns a table has: `*`.
    pub(crate) takes_any_column: bool,
}

/// What a statement does to rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    /// Whether it inserts, changes or deletes some.
    pub(crate) changes: bool,
    /// Whether it inserts some.
    pub(crate) inserts: bool,
}

/// The first two words of each statement of a text.
#[derive(Debug, Default)]
pub(super) struct Openings<'s> {
    all: Vec<(&'s str, &'s str)>,
    /// What each of them does.
    effects: Vec<Effect>,
    place: Place,
    /// Whether a column may come next, so that a star is no multiplication.
    is_before_column: bool,
    takes_any_column: bool,
    /// Whether what is created may consist of statements.
    is_routine: bool,
    /// Whether such statements have begun: which semicolon is the last of them is not known without understanding them.
    is_compound: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    First,
    Second,
    Later,
}

/// What consists of statements.
const ROUTINES: [&str; 5] = ["TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "PACKAGE"];

/// What is another one afterwards is the session (their manuals' pages on each).
const OF_SESSION: [&str; 20] = [
    "SET",
    "RESET",
    "DISCARD",
    "USE",
    "LOCK",
    "UNLOCK",
    "PRAGMA",
    "ATTACH",
    "DETACH",
    "LISTEN",
    "UNLISTEN",
    "PREPARE",
    "DEALLOCATE",
    "EXECUTE",
    "DECLARE",
    "HANDLER",
    "LOAD",
    "XA",
    "FLUSH",
    "CALL",
];

/// Before these MariaDB and MySQL keep the transaction (MySQL 8 §15.3.3).
const COMMITTING: [&str; 13] = [
    "ALTER",
    "CREATE",
    "DROP",
    "TRUNCATE",
    "RENAME",
    "LOCK",
    "GRANT",
    "REVOKE",
    "ANALYZE",
    "OPTIMIZE",
    "REPAIR",
    "INSTALL",
    "UNINSTALL",
];

fn is_one_of(word: &str, known: &[&str]) -> bool {
    known.iter().any(|known| word.eq_ignore_ascii_case(known))
}

impl<'s> Openings<'s> {
    /// Takes a word of a statement.
    pub(super) fn word(&mut self, word: &'s str) {
        if self.is_compound {
            return;
        }
        self.is_before_column = is_one_of(word, &["SELECT", "DISTINCT", "ALL", "RETURNING"]);
        match (self.place, self.all.last_mut()) {
            (Place::First, _) => {
                self.all.push((word, ""));
                self.effects.push(Effect::default());
                self.place = Place::Second;
            }
            (Place::Second, Some((_, second))) => {
                *second = word;
                self.place = Place::Later;
            }
            _ => {}
        }
        self.effect(word);
        if self.all.last().is_some_and(|(first, _)| first.eq_ignore_ascii_case("CREATE")) {
            self.is_routine |= is_one_of(word, &ROUTINES);
            self.is_compound = self.is_routine && word.eq_ignore_ascii_case("BEGIN");
        }
    }

    /// Behind `WITH` comes whatever it does; only what inserts has the word INTO (SQLite, The WITH Clause).
    fn effect(&mut self, word: &str) {
        let (Some((first, _)), Some(effect)) = (self.all.last(), self.effects.last_mut()) else { return };
        if is_one_of(first, &["INSERT", "REPLACE"]) {
            *effect = Effect { changes: true, inserts: true };
        } else if is_one_of(first, &["UPDATE", "DELETE"]) {
            effect.changes = true;
        } else if first.eq_ignore_ascii_case("WITH") {
            effect.changes |= is_one_of(word, &["INTO", "UPDATE", "DELETE"]);
            effect.inserts |= word.eq_ignore_ascii_case("INTO");
        }
    }

    /// Says what each statement does to rows, up to the first that consists of statements.
    pub(super) fn into_effects(self) -> Vec<Effect> {
        self.effects
    }

    /// Takes a sign, a number, or a text of a statement, by what it begins with.
    pub(super) fn other(&mut self, character: char) {
        self.takes_any_column |= character == '*' && self.is_before_column;
        self.is_before_column = matches!(character, ',' | '.');
        if self.place == Place::First {
            self.all.push(("", ""));
            self.effects.push(Effect::default());
        }
        self.place = Place::Later;
    }

    /// Takes the end of a statement.
    pub(super) fn semicolon(&mut self) {
        if !self.is_compound {
            (self.place, self.is_routine) = (Place::First, false);
        }
    }

    /// Returns how many statements there are.
    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// Says what they do.
    pub(super) fn reach(&self, dialect: Dialect) -> Reach {
        let mut reach = Reach { is_anything: !self.all.is_empty(), is_local: true, ..Reach::default() };
        reach.takes_any_column = self.takes_any_column;
        for (first, second) in &self.all {
            reach.is_transaction |= begins_or_ends(first, second);
            if is_one_of(first, &OF_SESSION) && !is_harmless(first, second, dialect) {
                reach.changes_session = true;
                reach.is_local &= dialect == Dialect::Postgres
                    && first.eq_ignore_ascii_case("SET")
                    && is_one_of(second, &["LOCAL", "CONSTRAINTS", "TRANSACTION"]);
            }
            reach.changes_tables |= is_one_of(first, &["ALTER", "CREATE", "DROP"]);
            reach.commits |= is_one_of(first, &COMMITTING) && !second.eq_ignore_ascii_case("TEMPORARY");
        }
        if self.is_compound {
            // What follows it is not known.
            (reach.changes_session, reach.is_local) = (true, false);
        }
        reach
    }
}

fn begins_or_ends(first: &str, second: &str) -> bool {
    is_one_of(first, &["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "END", "ABORT"])
        || (is_one_of(first, &["START", "PREPARE"]) && second.eq_ignore_ascii_case("TRANSACTION"))
}

fn is_harmless(first: &str, second: &str, dialect: Dialect) -> bool {
    match dialect {
        // Its locks end with the transaction; a statement that has variables of its own changes none.
        Dialect::Postgres => is_one_of(first, &["LOCK", "CALL", "EXECUTE"]),
        Dialect::MySql => {
            is_one_of(first, &["CALL", "LOAD", "FLUSH", "EXECUTE"])
                || (first.eq_ignore_ascii_case("SET") && second.eq_ignore_ascii_case("STATEMENT"))
        }
        Dialect::Sqlite => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::{Statement, reach};

    #[test]
    fn several_statements_are_no_statement() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql] {
            for sql in
                ["SELECT 1; DROP TABLE t", "SELECT 1;\n-- a\nSELECT 2;", "INSERT INTO t VALUES (?); DELETE FROM t"]
            {
                let error = Statement::translate(sql, dialect).unwrap_err();
                assert!(error.message().contains("give each by itself, or all to script"), "{sql}: {error}");
            }
            for sql in [
                "SELECT 1;",
                "SELECT ';'; -- ; SELECT 2",
                ";",
                "",
                "CREATE TRIGGER a BEFORE INSERT ON t BEGIN SELECT 1; END;",
            ] {
                Statement::translate(sql, dialect).unwrap();
            }
        }
    }

    #[test]
    fn transactions_are_found_wherever_they_stand() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql] {
            for sql in
                ["BEGIN", "-- a\n/* b */ commit;", "SELECT 1; ;rollback", "start transaction", "SAVEPOINT a", "END"]
            {
                assert!(reach(sql, dialect).is_transaction, "{sql}");
            }
            for sql in [
                "SELECT 'a; BEGIN'",
                "SELECT 1 AS begin",
                "(SELECT 1)",
                "",
                "-- BEGIN",
                "CREATE TRIGGER a AFTER INSERT ON t BEGIN UPDATE t SET a = 1; COMMIT; END; BEGIN",
            ] {
                assert!(!reach(sql, dialect).is_transaction, "{sql}");
            }
        }
        assert!(!reach("DO $$ BEGIN; COMMIT; END $$", Dialect::Postgres).is_transaction);
    }

    #[test]
    fn sessions_that_change_are_found() {
        for (sql, dialect, changes, is_local) in [
            ("SET search_path = a", Dialect::Postgres, true, false),
            ("SET LOCAL search_path = a", Dialect::Postgres, true, true),
            ("SELECT 1; SET LOCAL a = b; SET c = d", Dialect::Postgres, true, false),
            ("LOCK TABLE a", Dialect::Postgres, false, true),
            ("LOCK TABLES a READ", Dialect::MySql, true, false),
            ("SET STATEMENT a = 1 FOR SELECT 1", Dialect::MySql, false, true),
            ("/* a */ USE b", Dialect::MySql, true, false),
            ("PRAGMA query_only = 1", Dialect::Sqlite, true, false),
            ("UPDATE a SET b = 1", Dialect::Sqlite, false, true),
            ("CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END", Dialect::Sqlite, true, false),
        ] {
            let reach = reach(sql, dialect);
            assert_eq!((reach.changes_session, reach.is_local), (changes, is_local), "{sql}");
        }
        assert!(!reach(" -- nothing\n;", Dialect::Sqlite).is_anything);
    }

    #[test]
    fn stars_that_are_columns_are_found() {
        for sql in ["SELECT * FROM t", "SELECT a, t.* FROM t", "select distinct * from t", "DELETE FROM t RETURNING *"]
        {
            assert!(reach(sql, Dialect::Sqlite).takes_any_column, "{sql}");
        }
        for sql in
            ["SELECT count(*) FROM t", "SELECT a * 2, 3*b FROM t", "SELECT '*', a /* , * */ FROM t", "SELECT \"a\"*2"]
        {
            assert!(!reach(sql, Dialect::Sqlite).takes_any_column, "{sql}");
        }
    }

    #[test]
    fn what_is_done_to_rows_is_known_of_each_statement() {
        let script = "CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('INTO');; with b as (select 1) insert into t select 1; \
                      UPDATE t SET a = replace(a, 'x', 'y'); PRAGMA user_version = 1; (SELECT 1); EXPLAIN DELETE FROM t; \
                      WITH b AS (SELECT 1) UPDATE t SET a = 1; REPLACE INTO t VALUES (1)";
        let found = crate::statement::effects(script, Dialect::Sqlite);
        let found: Vec<_> = found.iter().map(|effect| (effect.changes, effect.inserts)).collect();
        let (none, change, insert) = ((false, false), (true, false), (true, true));
        assert_eq!(found, [none, insert, insert, change, none, none, none, change, insert]);
    }

    #[test]
    fn nothing_and_tables_are_found() {
        assert!(reach("-- a\nDROP TABLE b", Dialect::Sqlite).changes_tables);
        assert!(!reach("CREATE TEMPORARY TABLE b (a INTEGER)", Dialect::MySql).commits);
    }
}
