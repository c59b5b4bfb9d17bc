//! A folder of migrations, read.

use std::{collections::BTreeMap, fs, io, path::Path};

use sqlx::{
    AssertSqlSafe, SqlSafeStr,
    migrate::{Migration, MigrationType},
};

use crate::pool::Target;

/// How large a file may be: what is larger is data, which is loaded otherwise.
const MAX_BYTES: u64 = 16 << 20;

/// The migrations of a folder, by their numbers.
#[derive(Clone, Debug)]
pub(crate) struct Migrations(BTreeMap<i64, File>);

/// A migration, and how it is undone, if it can be.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) up: Migration,
    pub(super) down: Option<(String, Migration)>,
}

impl Target {
    /// Names the folders of a database's own; the first that there is counts.
    pub(crate) fn folder_names(&self) -> &'static [&'static str] {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => &["sqlite"],
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => &["postgresql", "postgres"],
            #[cfg(feature = "mysql")]
            Self::MySql(_) => &["mysql", "mariadb"],
            #[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
            _ => &[],
        }
    }
}

impl Migrations {
    /// Reads a folder, and over it the one of a database's own.
    ///
    /// # Errors
    ///
    /// What is wrong with it, for whoever wrote the files.
    pub(crate) fn read(folder: &Path, own: &[&str]) -> Result<Self, String> {
        let mut files = read(folder)?;
        if let Some(own) = own.iter().map(|name| folder.join(name)).find(|own| own.is_dir()) {
            files.append(&mut read(&own)?);
        }
        if files.is_empty() {
            let words = "has no migration; they are files such as 0001_create_customer.sql";
            return Err(format!("the folder {} {words}", folder.display()));
        }
        Ok(Self(files))
    }

    pub(super) fn get(&self, version: i64) -> Option<&File> {
        self.0.get(&version)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &File> {
        self.0.values()
    }

    pub(super) fn newest(&self) -> i64 {
        self.0.keys().next_back().copied().unwrap_or_default()
    }
}

/// Reads the files of one folder.
fn read(folder: &Path) -> Result<BTreeMap<i64, File>, String> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => format!("the folder {} does not exist", folder.display()),
        io::ErrorKind::NotADirectory => format!("{} is no folder; name the folder of the files", folder.display()),
        _ => format!("the folder {} can't be read: {error}", folder.display()),
    };
    let (mut files, mut downs) = (BTreeMap::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".sql") || name.starts_with('.') || !entry.path().is_file() {
            continue;
        }
        let migration = migration(&name, &entry.path())?;
        if migration.migration_type.is_down_migration() {
            downs.push((name, migration));
            continue;
        }
        let version = migration.version;
        if let Some(other) = files.insert(version, File { name: name.clone(), up: migration, down: None }) {
            let other = other.name;
            return Err(format!("{name} and {other} have the same number; their numbers are the order of migrations"));
        }
    }
    for (name, down) in downs {
        let Some(file) = files.get_mut(&down.version) else {
            return Err(format!("{name} undoes nothing: there is no migration of that number"));
        };
        file.down = Some((name, down));
    }
    Ok(files)
}

fn migration(name: &str, path: &Path) -> Result<Migration, String> {
    let kind = MigrationType::from_filename(name);
    let stem = name.strip_suffix(kind.suffix()).unwrap_or(name);
    let parts = stem.split_once('_').and_then(|(number, words)| Some((number.parse::<i64>().ok()?, words)));
    let Some((version, words)) = parts.filter(|(version, _)| *version > 0) else {
        let expected = "begins with no number; expected a name such as 0001_create_customer.sql";
        return Err(format!("the migration {name} {expected}"));
    };
    let unreadable = |error: io::Error| format!("the migration {name} can't be read: {error}");
    if fs::metadata(path).map_err(unreadable)?.len() > MAX_BYTES {
        return Err(format!("the migration {name} is larger than 16 MiB; load data otherwise"));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let is_alone = text.starts_with("-- no-transaction");
    let sql = AssertSqlSafe(text).into_sql_str();
    Ok(Migration::new(version, words.replace('_', " ").into(), kind, sql, is_alone))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn names(files: &[(&str, &str)], own: &[&str]) -> Result<Vec<String>, String> {
        let folder = folder(files);
        let read = Migrations::read(folder.path(), own);
        let place = format!("{}", folder.path().display());
        let read = read.map_err(|words| words.replace(&place, "migrations"))?;
        Ok(read.iter().map(|file| format!("{} {}", file.name, file.up.sql.as_str())).collect())
    }

    #[test]
    fn a_database_has_files_of_its_own() {
        let files = [
            ("0002_b.sql", "2"),
            ("0001_a.up.sql", "1"),
            ("0001_a.down.sql", "-1"),
            ("postgresql/0002_b.sql", "2p"),
            ("postgresql/0003_c.sql", "3p"),
            ("mysql/0002_b.sql", "2m"),
            ("README.md", "of no matter"),
        ];
        assert_eq!(names(&files, &["sqlite"]).unwrap(), ["0001_a.up.sql 1", "0002_b.sql 2"]);
        let of_postgres = names(&files, &["postgresql", "postgres"]).unwrap();
        assert_eq!(of_postgres, ["0001_a.up.sql 1", "0002_b.sql 2p", "0003_c.sql 3p"]);
    }

    #[test]
    fn what_can_not_be_meant_is_told() {
        for (files, words) in [
            (&[][..], "the folder migrations has no migration"),
            (&[("create.sql", "")], "the migration create.sql begins with no number"),
            (&[("0_a.sql", "")], "the migration 0_a.sql begins with no number"),
            (&[("-1_a.sql", "")], "begins with no number"),
            (&[("99999999999999999999_a.sql", "")], "begins with no number"),
            (&[("1_a.sql", ""), ("0001_b.sql", "")], "have the same number"),
            (&[("1_a.sql", ""), ("2_b.down.sql", "")], "2_b.down.sql undoes nothing"),
        ] {
            let told = names(files, &[]).unwrap_err();
            assert!(told.contains(words), "{told}");
        }
        let missing = Migrations::read(Path::new("/no/such/folder"), &[]).unwrap_err();
        assert_eq!(missing, "the folder /no/such/folder does not exist");
    }
}
