//! Removing many objects with one request, and answers that tell how that went.

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use super::{
    answer::{Answer, Outcome, Refusal, line},
    container,
    request::{Call, Place, decoded},
    server::Server,
};

/// The most names of one request, and the most that may fail before no more are tried, as in Swift
/// (`max_deletes_per_request`, `max_failed_deletes`).
const MOST: usize = 10_000;
const MOST_FAILED: usize = 1000;

/// How many objects were removed, and what was not.
#[derive(Debug, Default)]
pub(super) struct Tally {
    deleted: u64,
    not_found: u64,
    /// What was not removed, and why.
    failed: Vec<(String, String)>,
    /// Why all of it was given up.
    refusal: Option<Refusal>,
}

/// Removes what the lines of a body name: first objects, then containers.
pub(super) fn delete(server: &mut Server, call: &Call, account: &str, body: &Bytes) -> Outcome {
    let mut tally = Tally::default();
    let text = String::from_utf8_lossy(body);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if call.header("content-type").is_some_and(|kind| !kind.starts_with("text/plain")) {
        tally.refusal = Some(Refusal::from(StatusCode::NOT_ACCEPTABLE));
    } else if lines.len() > MOST {
        tally.fail(StatusCode::PAYLOAD_TOO_LARGE, format!("Maximum Bulk Deletes: {MOST} per request"));
    } else {
        let (objects, containers): (Vec<&str>, Vec<&str>) = lines.into_iter().partition(|line| is_object(line));
        for name in objects.into_iter().chain(containers) {
            if tally.failed.len() >= MOST_FAILED {
                tally.fail(StatusCode::BAD_REQUEST, "Max delete failures exceeded");
                break;
            }
            tally.remove_named(server, account, name);
        }
    }
    if tally.refusal.is_none() && tally.is_empty() {
        tally.fail(StatusCode::BAD_REQUEST, "Invalid bulk delete.");
    }
    Ok(tally.answer(call))
}

fn is_object(line: &str) -> bool {
    decoded(line).is_ok_and(|path| path.trim_matches('/').contains('/'))
}

impl Tally {
    fn is_empty(&self) -> bool {
        self.deleted == 0 && self.not_found == 0 && self.failed.is_empty()
    }

    /// Gives up.
    pub(super) fn fail(&mut self, status: StatusCode, text: impl Into<std::borrow::Cow<'static, str>>) {
        self.refusal = Some(Refusal::new(status, text));
    }

    fn remove_named(&mut self, server: &mut Server, account: &str, name: &str) {
        let path = match decoded(name) {
            Ok(path) => path,
            Err(refusal) => return self.failed.push((name.to_owned(), refusal.line())),
        };
        match Place::read(account, &path) {
            Some(place) => self.remove(server, &place),
            None => {
                let removed = container::delete(server, account, path.trim_matches('/'));
                self.note(name.to_owned(), removed.map(|_| ()));
            }
        }
    }

    /// Removes an object.
    pub(super) fn remove(&mut self, server: &mut Server, place: &Place) {
        let now = server.clock.now();
        let removed = server.store.remove(place, now);
        self.note(place.to_string(), removed.map(|_| ()));
    }

    fn note(&mut self, name: String, removed: Outcome<()>) {
        match removed {
            Ok(()) => self.deleted += 1,
            Err(refusal) if refusal.status == StatusCode::NOT_FOUND => self.not_found += 1,
            Err(refusal) => self.failed.push((name, refusal.line())),
        }
    }

    /// Tells how it went. The answer's own status is always 200, since Swift begins it before it knows.
    pub(super) fn answer(&self, call: &Call) -> Answer {
        let failed = if self.failed.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        let status = line(self.refusal.as_ref().map_or(failed, |refusal| refusal.status));
        let text = self.refusal.as_ref().map_or("", |refusal| refusal.text.as_ref());
        if call.wants_json() {
            let told = json!({
                "Number Deleted": self.deleted,
                "Number Not Found": self.not_found,
                "Response Status": status,
                "Response Body": text,
                "Errors": self.failed,
            });
            return Answer::json(StatusCode::OK, &told);
        }
        let (deleted, not_found) = (self.deleted, self.not_found);
        let errors = lines(&self.failed);
        Answer::new(StatusCode::OK).with("content-type", "text/plain; charset=utf-8").containing(format!(
            "Number Deleted: {deleted}\nNumber Not Found: {not_found}\nResponse Body: {text}\n\
             Response Status: {status}\n{errors}"
        ))
    }
}

/// Tells what is wrong with several things.
pub(super) fn problems(call: &Call, status: StatusCode, problems: &[(String, String)]) -> Answer {
    if call.wants_json() {
        return Answer::json(status, &json!({ "Errors": problems }));
    }
    Answer::new(status).with("content-type", "text/plain; charset=utf-8").containing(lines(problems))
}

fn lines(problems: &[(String, String)]) -> String {
    let lines: Vec<_> = problems.iter().map(|(name, problem)| format!("{name}, {problem}")).collect();
    format!("Errors:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::memory::{
        SwiftServer,
        kit::{self, Caller},
    };

    async fn delete(caller: &Caller, names: &str) -> Value {
        let headers = [("content-type", "text/plain"), ("accept", "application/json")];
        let seen = caller.send("POST", "?bulk-delete", &headers, names.to_owned()).await;
        assert_eq!(seen.status, 200);
        seen.json()
    }

    #[tokio::test]
    async fn many_are_removed_at_once() {
        let caller = kit::caller(&SwiftServer::new()).await;
        caller.fill("/c", &["a", "b%20c"]).await;
        caller.fill("/full", &["stays"]).await;
        assert_eq!(
            delete(&caller, "c\n/c/a\nc/b%20c\n\nc/none\nfull\n").await,
            json!({
                "Number Deleted": 3, "Number Not Found": 1, "Response Status": "400 Bad Request", "Response Body": "",
                "Errors": [["full", "409 Conflict"]],
            })
        );
        assert_eq!(caller.send("HEAD", "/c", &[], "").await.status, 404);
    }

    #[tokio::test]
    async fn nothing_and_too_much_are_refused() {
        let caller = kit::caller(&SwiftServer::new()).await;
        assert_eq!(delete(&caller, "\n").await["Response Body"], "Invalid bulk delete.");
        let status = delete(&caller, &"c/o\n".repeat(10_001)).await["Response Status"].clone();
        assert_eq!(status, "413 Request Entity Too Large");
        assert_eq!(delete(&caller, &"c/o\n".repeat(10_000)).await["Number Not Found"], 10_000);
    }
}
