//! Finds the parameters of a statement, which stand neither in its quotes nor in its comments.
//!
//! The three databases disagree on what is quoted: MySQL and MariaDB have backslashes in texts and `#` before a comment
//! (MySQL 8 §11.1.1, §11.7), PostgreSQL has `E''`, `$tag$` and nested comments (PostgreSQL 17 §4.1), SQLite has `[names]`
//! (SQLite, Keywords).

use std::{iter::Peekable, str::CharIndices};

use super::reach::Openings;
use crate::engine::Dialect;

/// A piece of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece<'s> {
    /// Goes to the database as it is.
    Text(&'s str),
    /// `:name`.
    Named(&'s str),
    /// `?`.
    Next,
    /// `$1` or `?1`, counted from 1.
    Numbered(&'s str),
    /// A question mark that was written twice.
    QuestionMark,
    /// What SQLite alone takes for a parameter, and nobody gives.
    Foreign(&'s str),
}

/// Cuts a statement into what it says and its parameters.
pub(super) fn pieces(sql: &str, dialect: Dialect) -> (Vec<Piece<'_>>, Openings<'_>) {
    let mut scanner = Scanner {
        sql,
        dialect,
        characters: sql.char_indices().peekable(),
        from: 0,
        pieces: Vec::new(),
        openings: Openings::default(),
    };
    while let Some((at, character)) = scanner.characters.next() {
        scanner.take(at, character);
    }
    scanner.text_until(sql.len());
    (scanner.pieces, scanner.openings)
}

struct Scanner<'s> {
    sql: &'s str,
    dialect: Dialect,
    characters: Peekable<CharIndices<'s>>,
    /// Where the text begins that belongs to no piece yet.
    from: usize,
    pieces: Vec<Piece<'s>>,
    openings: Openings<'s>,
}

impl<'s> Scanner<'s> {
    fn take(&mut self, at: usize, character: char) {
        let is_mysql = self.dialect == Dialect::MySql;
        match character {
            ';' => return self.openings.semicolon(),
            '#' if is_mysql => return self.skip_past('\n'),
            // MySQL wants a space behind it: `5--1` is six there.
            '-' if self.next_is('-') && (!is_mysql || self.is_space_after(at + 2)) => return self.line_comment(),
            '/' if self.next_is('*') => return self.comment(),
            _ if character.is_whitespace() => return,
            _ if is_name_start(character) => return self.word(at),
            _ => self.openings.other(character),
        }
        match character {
            '\'' => self.quoted('\'', is_mysql),
            '"' => self.quoted('"', is_mysql),
            '`' if self.dialect != Dialect::Postgres => self.quoted('`', false),
            '[' if self.dialect == Dialect::Sqlite => self.skip_past(']'),
            ':' => self.colon(at),
            '?' => self.question_mark(at),
            '$' => self.dollar(at),
            '@' if self.dialect == Dialect::Sqlite => self.foreign(at),
            // A number: what follows a digit is no name.
            _ if character.is_ascii_digit() => self.skip_while(|next| next.is_ascii_alphanumeric() || next == '_'),
            _ => {}
        }
    }

    /// Skips to the closing quote; one that is written twice doesn't close.
    fn quoted(&mut self, quote: char, has_backslashes: bool) {
        while let Some((_, character)) = self.characters.next() {
            if character == '\\' && has_backslashes {
                self.characters.next();
            } else if character == quote {
                if !self.next_is(quote) {
                    return;
                }
                self.characters.next();
            }
        }
    }

    /// PostgreSQL ends it at either sign of a line's end (PostgreSQL 17 §4.1.5 and its lexer).
    fn line_comment(&mut self) {
        let is_postgres = self.dialect == Dialect::Postgres;
        self.skip_while(|next| next != '\n' && !(is_postgres && next == '\r'));
        self.characters.next();
    }

    fn comment(&mut self) {
        self.characters.next();
        let mut depth = 1_usize;
        while let Some((_, character)) = self.characters.next() {
            if character == '*' && self.next_is('/') {
                self.characters.next();
                depth -= 1;
                if depth == 0 {
                    return;
                }
            } else if character == '/' && self.next_is('*') && self.dialect == Dialect::Postgres {
                self.characters.next();
                depth += 1;
            }
        }
    }

    /// `:name`, or what looks alike: `::type`, `:=`, and a slice of an array.
    fn colon(&mut self, at: usize) {
        if self.next_is(':') {
            self.characters.next();
            return;
        }
        if self.characters.peek().is_some_and(|(_, next)| is_name_start(*next)) {
            let name = self.name(at + 1);
            self.piece(at, Piece::Named(name));
        }
    }

    /// `@name` and `$name`, which are parameters of SQLite (SQLite, Expressions §3) and of nobody else.
    fn foreign(&mut self, at: usize) {
        self.skip_while(is_name);
        let end = self.position();
        if let Some(name) = self.sql.get(at..end).filter(|name| name.len() > 1) {
            self.piece(at, Piece::Foreign(name));
        }
    }

    fn question_mark(&mut self, at: usize) {
        if self.next_is('?') {
            self.characters.next();
            self.piece(at, Piece::QuestionMark);
            return;
        }
        let digits = self.digits(at + 1);
        let piece = if digits.is_empty() { Piece::Next } else { Piece::Numbered(digits) };
        self.piece(at, piece);
    }

    /// `$1`, or a text between two tags: `$$...$$`, `$body$...$body$`.
    fn dollar(&mut self, at: usize) {
        let digits = self.digits(at + 1);
        if !digits.is_empty() {
            self.piece(at, Piece::Numbered(digits));
            return;
        }
        if self.dialect == Dialect::Sqlite {
            return self.foreign(at);
        }
        if self.dialect != Dialect::Postgres {
            return;
        }
        let rest = self.sql.get(at + 1..).unwrap_or_default();
        let name_len = rest.find(|next: char| !is_name(next) || next == '$').unwrap_or(rest.len());
        let Some(tag) = self.sql.get(at..=at + 1 + name_len).filter(|tag| tag.ends_with('$')) else { return };
        let body = at + tag.len();
        let end =
            self.sql.get(body..).and_then(|text| text.find(tag)).map_or(self.sql.len(), |len| body + len + tag.len());
        while self.characters.next_if(|(next, _)| *next < end).is_some() {}
    }

    /// A word; `E'...'` is the one that says what follows it.
    fn word(&mut self, at: usize) {
        let word = self.name(at);
        self.openings.word(word);
        if self.dialect == Dialect::Postgres && word.eq_ignore_ascii_case("e") && self.next_is('\'') {
            self.characters.next();
            self.quoted('\'', true);
        }
    }

    /// Takes a name that begins at a place whose character may have been taken already.
    fn name(&mut self, start: usize) -> &'s str {
        // A dollar sign belongs to words of PostgreSQL and MySQL, and to no name of a parameter.
        let is_word = self.sql.get(..start).is_none_or(|before| !before.ends_with(':'));
        self.skip_while(|next| is_name(next) && (is_word || next != '$'));
        self.sql.get(start..self.position()).unwrap_or_default()
    }

    fn digits(&mut self, start: usize) -> &'s str {
        self.skip_while(|next| next.is_ascii_digit());
        self.sql.get(start..self.position()).unwrap_or_default()
    }

    fn skip_while(&mut self, is_part: impl Fn(char) -> bool) {
        while self.characters.next_if(|(_, next)| is_part(*next)).is_some() {}
    }

    fn skip_past(&mut self, last: char) {
        self.skip_while(|next| next != last);
        self.characters.next();
    }

    fn next_is(&mut self, character: char) -> bool {
        self.characters.peek().is_some_and(|(_, next)| *next == character)
    }

    fn is_space_after(&self, at: usize) -> bool {
        self.sql
            .get(at..)
            .and_then(|rest| rest.chars().next())
            .is_none_or(|next| next.is_whitespace() || next.is_control())
    }

    /// Where the next character stands.
    fn position(&mut self) -> usize {
        self.characters.peek().map_or(self.sql.len(), |(at, _)| *at)
    }

    fn piece(&mut self, at: usize, piece: Piece<'s>) {
        self.text_until(at);
        self.pieces.push(piece);
        self.from = self.position();
    }

    fn text_until(&mut self, end: usize) {
        if let Some(text) = self.sql.get(self.from..end).filter(|text| !text.is_empty()) {
            self.pieces.push(Piece::Text(text));
        }
    }
}

fn is_name_start(character: char) -> bool {
    character.is_alphabetic() || character == '_'
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parameters(sql: &str, dialect: Dialect) -> Vec<String> {
        let word = |piece| match piece {
            Piece::Text(_) => None,
            Piece::Named(name) => Some(format!(":{name}")),
            Piece::Next => Some("?".to_owned()),
            Piece::Numbered(digits) => Some(format!("${digits}")),
            Piece::QuestionMark => Some("??".to_owned()),
            Piece::Foreign(name) => Some(name.to_owned()),
        };
        pieces(sql, dialect).0.into_iter().filter_map(word).collect()
    }

    #[test]
    fn parameters_are_found_outside_of_quotes_and_comments() {
        for dialect in [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite] {
            for (sql, expected) in [
                ("SELECT :a, ?, $1, ?2", vec![":a", "?", "$1", "$2"]),
                ("SELECT ':a', \"b?\", 'it''s :c', :d", vec![":d"]),
                ("SELECT 1 -- :a ? it's\n, :b", vec![":b"]),
                ("SELECT /* :a ' */ :b", vec![":b"]),
                ("SELECT :a::int, b::text, c := 1, :größe", vec![":a", ":größe"]),
                ("SELECT a$1, x1$2, 1e5, :a_1.b", vec![":a_1"]),
                ("SELECT a[1:2], b ?? c, '?'", vec!["??"]),
                ("SELECT '", vec![]),
                ("SELECT /* :a", vec![]),
                (":a", vec![":a"]),
            ] {
                assert_eq!(parameters(sql, dialect), expected, "{sql} {dialect:?}");
            }
        }
    }

    #[test]
    fn each_database_quotes_in_its_own_way() {
        let postgres = |sql: &str| parameters(sql, Dialect::Postgres);
        assert_eq!(postgres("SELECT $$ :a ' $$, :b, $f$ :c $$ $f$, $1"), [":b", "$1"]);
        assert_eq!(postgres(r"SELECT '\', :a, E'\' :b', :c"), [":a", ":c"]);
        assert_eq!(postgres("/* /* :a */ :b */ :c"), [":c"]);
        assert_eq!(postgres("SELECT a[:i], 5--:x"), [":i"]);
        assert_eq!(postgres("SELECT 1 --:x\r, :y"), [":y"]);
        let mysql = |sql: &str| parameters(sql, Dialect::MySql);
        assert_eq!(mysql(r"SELECT '\' :a', :b"), [":b"]);
        assert_eq!(mysql(r#"SELECT "\" :a", `x:y`, :b # :c"#), [":b"]);
        assert_eq!(mysql("SELECT 5--:x"), [":x"]);
        assert_eq!(mysql("SELECT 5-- :x"), [""; 0]);
        let sqlite = |sql: &str| parameters(sql, Dialect::Sqlite);
        assert_eq!(sqlite(r"SELECT '\', :a, [b:c], `d:e`"), [":a"]);
        assert_eq!(sqlite("SELECT @a, $b, c$d, '@e', $1"), ["@a", "$b", "$1"]);
        assert_eq!(mysql("SELECT @a"), [""; 0]);
        assert_eq!(sqlite("/* /* :a */ :b"), [":b"]);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_nothing_of_it_is_lost(sql in "[a-z:?$@'\"`\\[\\]/*#\\-\\\\\n0-9 äE]{0,60}") {
            for dialect in [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite] {
                let whole: String = pieces(&sql, dialect).0.into_iter().map(|piece| match piece {
                    Piece::Text(text) | Piece::Foreign(text) => text.to_owned(),
                    Piece::Named(name) => format!(":{name}"),
                    Piece::Next => "?".to_owned(),
                    // Which of the two signs it had is known to nobody any more.
                    Piece::Numbered(digits) => format!("${digits}"),
                    Piece::QuestionMark => "??".to_owned(),
                }).collect();
                prop_assert_eq!(whole.replace('$', "?"), sql.replace('$', "?"));
            }
        }
    }
}
