//! Advisory locks of PostgreSQL whose holders are suspended.

use std::{env, fs, time::Duration};

use zato::{Result, sql::Sql};

use super::{keys, started};
use crate::{
    fencing::{Guarded, play, suspend_holders},
    lent::{Database, Dialect, Part, fresh_name},
};

/// How many locks there are: each that is held has a session.
const NAMES: usize = 8;

struct Accounts(Sql);

impl Guarded for Accounts {
    const TTL: Duration = Duration::from_millis(300);

    async fn write(&self, name: &str, token: u64, grant: &str) -> Result<bool> {
        let token = i64::try_from(token).expect("it is a number of a transaction");
        let write = "UPDATE account SET token = ? WHERE name = ? AND token <= ?";
        let is_written = self.0.execute(write, (token, name, token)).await?.rows_affected() == 1;
        let note = "INSERT INTO granted VALUES (?, ?, ?, ?)
                    ON CONFLICT (who) DO UPDATE SET refused = granted.refused OR excluded.refused";
        self.0.execute(note, (grant, name, token, !is_written)).await?;
        Ok(is_written)
    }

    async fn fault(&self, words: &str) {
        self.0.execute("INSERT INTO fault VALUES (?)", (words,)).await.expect("it is up");
    }

    async fn grants(&self) -> (usize, usize) {
        let count = "SELECT count(*) FROM granted WHERE refused OR ?";
        let count = async |all: bool| self.0.scalar::<i64>(count, (all,)).await.expect("it is up");
        let (all, refused) = (count(true).await, count(false).await);
        (usize::try_from(all).expect("a number"), usize::try_from(refused).expect("a number"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_suspended_with_a_lock_is_found_out_by_its_token() {
    let test = "sql::locks::whoever_was_suspended_with_a_lock_is_found_out_by_its_token";
    if let Some(told) = Part::told() {
        let (who, keys) = told.split_once(' ').expect("two words");
        let (_app, sql) = started(keys).await;
        let locks = sql.locks().expect("it is PostgreSQL");
        return play(who, &locks, &Accounts(sql), NAMES).await;
    }
    // Every attempt at a lock may connect anew, for which a program without optimisations takes most of a second if passwords are
    // compared and all is encrypted.
    let trusting = env::temp_dir().join(fresh_name('-'));
    fs::write(&trusting, "host all all 127.0.0.1/32 trust\n").expect("there is place for it");
    let hba_file = format!("hba_file={}", trusting.display());
    let database = Database::own(Dialect::Postgres, &["-c", &hba_file, "-c", "ssl=off"], test).await;
    fs::remove_file(&trusting).expect("it was just written");
    let Some(database) = database else { return };
    let (_app, sql) = started(&keys(&database)).await;
    let create = "CREATE TABLE account (name TEXT PRIMARY KEY, token BIGINT NOT NULL);
                  CREATE TABLE granted (who TEXT PRIMARY KEY, name TEXT, token BIGINT NOT NULL, refused BOOLEAN NOT NULL);
                  CREATE TABLE fault (words TEXT NOT NULL)";
    sql.script(create).await.expect("tables");
    let names = (0..NAMES).map(|name| (format!("lock-{name}"),));
    sql.execute_batch("INSERT INTO account VALUES (?, 0)", names).await.expect("accounts");
    let accounts = Accounts(sql.clone());
    suspend_holders(test, |number| format!("part-{number} {}", keys(&database)), &accounts).await;
    let faults: Vec<String> = sql.all("SELECT words FROM fault", ()).await.expect("it is up");
    assert_eq!(faults, [""; 0]);
    let twice = "SELECT count(*) FROM (SELECT token FROM granted GROUP BY token HAVING count(*) > 1) AS twice";
    assert_eq!(sql.scalar::<i64>(twice, ()).await.expect("it is up"), 0, "two grants with one token");
}
