//! User configuration in every format, edited while the app runs.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};
use tokio::{sync::Notify, task::JoinSet};
use zato::{Raw, Result, Running, Typed, UserConfig, model, service, services, testing, testing::Logs, tracing::Level};

use crate::support::{Answer, ConfigFile, assert_answer, cid, until};

/// Says which of its types each of three files watches.
#[service(name = "watched")]
async fn watched(
    #[config("ini")] ini: UserConfig,
    #[config("toml")] toml: UserConfig,
    #[config("yaml")] yaml: UserConfig,
) -> Result<Raw> {
    let said = [ini, toml, yaml].map(|file| match (file.is_present(), file.bool("notify_fraud.RGV")) {
        (false, _) => "absent",
        (true, None) => "nothing",
        (true, Some(true)) => "yes",
        (true, Some(false)) => "no",
    });
    Ok(text(&said.join(" ")))
}

#[model]
#[derive(Debug, PartialEq)]
struct Limits {
    daily: u32,
    #[serde(default)]
    is_strict: bool,
    #[serde(default)]
    targets: Vec<String>,
}

/// Says the limit as a type, and as it stands in the file.
#[service(name = "limit")]
async fn limit(#[config("limits")] limits: Typed<Limits>, #[config("limits")] view: &UserConfig) -> Result<Raw> {
    Ok(text(&format!("{} {}", limits.daily, view.str("daily").unwrap_or("absent"))))
}

/// Waits until it is told to go on, and says what the tutorial says.
#[service(name = "gate")]
async fn gate(#[state] gate: Arc<Gate>, #[config("ini")] ini: &UserConfig) -> Result<Raw> {
    gate.entered.notify_one();
    gate.open.notified().await;
    Ok(text(ini.str("a").unwrap_or("absent")))
}

#[derive(Default)]
struct Gate {
    entered: Notify,
    open: Notify,
}

fn text(text: &str) -> Raw {
    Raw::new(text.to_owned()).with_content_type("text/plain")
}

const CHANNELS: &str = "
channel_rest:
  - {name: watched, url_path: /watched, service: watched}
";

const LIMIT: &str = "channel_rest: [{name: limit, url_path: /limit, service: limit}]\n";

/// The files of all formats that say the same.
fn all(is_watched: bool) -> [(&'static str, String); 3] {
    let python = if is_watched { "True" } else { "False" };
    [
        ("user-conf/ini.conf", format!("[notify_fraud]\nRGV={python}")),
        ("user-conf/toml.toml", format!("[notify_fraud]\nRGV = {is_watched}")),
        ("user-conf/yaml.yaml", format!("notify_fraud:\n  RGV: {is_watched}")),
    ]
}

async fn started(file: &ConfigFile) -> Running {
    let app = testing::app("user").services(services![watched]).config_file(file.path());
    app.start().await.expect("the app starts")
}

/// What a service answers.
async fn said(app: &Running, path: &str) -> String {
    let reply = testing::client(app).get(path).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.text().to_owned()
}

/// Waits until a service answers something.
async fn says(app: &Running, path: &str, expected: &str) {
    let waiting = async {
        while said(app, path).await != expected {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(crate::support::PATIENCE, waiting).await;
    assert!(waited.is_ok(), "{path} never says {expected:?}");
}

/// The files that were told to be stale, each with the reason, and those that were told to be good again.
fn told(logs: &Logs) -> Vec<(Level, String, String)> {
    let events = logs.events().into_iter().filter(|event| event.message.starts_with("user configuration "));
    let field = |fields: &BTreeMap<String, String>, name: &str| fields.get(name).cloned().unwrap_or_default();
    events.map(|event| (event.level, field(&event.fields, "name"), field(&event.fields, "fault"))).collect()
}

fn in_folder(file: &ConfigFile, text: &str) -> String {
    text.replace(&format!("{}/", file.beside("user-conf").display()), "")
}

#[tokio::test]
async fn files_of_every_format_come_change_and_go_live() {
    let file = ConfigFile::new(CHANNELS);
    let app = started(&file).await;
    assert_eq!(said(&app, "/watched").await, "absent absent absent");
    for (is_watched, expected) in [(true, "yes yes yes"), (false, "no no no")] {
        for (name, text) in all(is_watched) {
            file.write_beside(name, &text);
        }
        says(&app, "/watched", expected).await;
    }
    for (name, _) in all(true) {
        file.write_beside(name, "");
    }
    says(&app, "/watched", "nothing nothing nothing").await;
    for (name, _) in all(true) {
        std::fs::remove_file(file.beside(name)).expect("the file is there");
    }
    says(&app, "/watched", "absent absent absent").await;
}

#[tokio::test]
async fn a_file_that_stops_parsing_keeps_its_last_good_content_and_says_so() {
    let logs = testing::capture_logs();
    let file = ConfigFile::new(CHANNELS);
    for (name, text) in all(true) {
        file.write_beside(name, &text);
    }
    let app = started(&file).await;
    let broken = [
        ("user-conf/ini.conf", "[notify_fraud]\nRGV", "ini.conf:2:1: this line has no \"=\""),
        ("user-conf/toml.toml", "[notify_fraud", "toml.toml:1:14: this is not valid TOML: unclosed table"),
        ("user-conf/yaml.yaml", "a: [", "yaml.yaml:1:4: this is not valid YAML: unclosed bracket"),
    ];
    for (name, text, _) in broken {
        file.write_beside(name, text);
    }
    until("all are told", || told(&logs).len() == 3).await;
    assert_eq!(said(&app, "/watched").await, "yes yes yes");
    let lines = told(&logs);
    for ((level, name, fault), (path, _, expected)) in lines.iter().zip(broken) {
        assert_eq!((*level, path.contains(name)), (Level::WARN, true));
        assert!(in_folder(&file, fault).starts_with(expected), "{fault}");
    }

    // Everything else of the same reload is applied, and what is told already is not told again.
    file.write(&CHANNELS.replace("/watched,", "/other,"));
    file.write_beside("user-conf/yaml.yaml", "notify_fraud: {RGV: false}");
    app.reload().await.expect("one file is no reason to refuse the others");
    assert_eq!(said(&app, "/other").await, "yes yes no");
    for _ in 0..3 {
        assert_eq!(app.reload().await.expect("it is read").changes, []);
    }
    let lines = told(&logs);
    assert_eq!((lines.len(), &lines[3].0, lines[3].1.as_str()), (4, &Level::INFO, "yaml"));

    // Saved again, it is told again.
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    let opened = std::fs::File::options().write(true).open(file.beside("user-conf/ini.conf")).expect("it is there");
    opened.set_modified(later).expect("its time can be changed");
    app.reload().await.expect("it is read");
    assert_eq!(told(&logs).len(), 5);

    for (name, text) in all(false) {
        file.write_beside(name, &text);
    }
    says(&app, "/other", "no no no").await;
    assert_eq!(told(&logs).len(), 7, "two more are good again");
}

#[tokio::test]
async fn operators_see_which_files_are_stale_and_why() {
    let file = ConfigFile::new(CHANNELS);
    for (name, text) in all(true) {
        file.write_beside(name, &text);
    }
    let app = started(&file).await;
    let admin = testing::admin(&app);
    let ready = async || admin.get("/readyz").await.json();
    assert_eq!(ready().await, json!({"status": "ready", "generation": 1, "connections": []}));
    file.write_beside("user-conf/ini.conf", "x");
    app.reload().await.expect("it is read");
    let place = file.beside("user-conf/ini.conf").display().to_string();
    let error = format!("{place}:1:1: this line has no \"=\"; write key = value, or [name] for a section");
    let stale = json!([{"name": "ini", "since": "2026-01-01T00:00:00Z", "error": error}]);
    let expected = json!({"status": "degraded", "generation": 1, "connections": [], "user_config": stale});
    assert_eq!(ready().await, expected);
    let config: Value = admin.get("/config").await.json();
    assert_eq!((&config["user_config"], &config["user_config_stale"]), (&json!(["ini", "toml", "yaml"]), &stale));
    let metrics = admin.get("/metrics").await.text().to_owned();
    for (name, value) in [("ini", 1), ("toml", 0), ("yaml", 0)] {
        let line = format!("zato_user_config_stale{{name=\"{name}\"}} {value}\n");
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
    file.write_beside("user-conf/ini.conf", "");
    app.reload().await.expect("it is read");
    assert_eq!(ready().await, json!({"status": "ready", "generation": 2, "connections": []}));
}

#[tokio::test]
async fn a_file_that_was_never_good_is_as_if_it_were_not_there() {
    let logs = testing::capture_logs();
    let file = ConfigFile::new(CHANNELS);
    let app = started(&file).await;
    file.write_beside("user-conf/ini.conf", "[");
    app.reload().await.expect("it is read");
    assert_eq!(said(&app, "/watched").await, "absent absent absent");
    assert_eq!(told(&logs).len(), 1);
    std::fs::remove_file(file.beside("user-conf/ini.conf")).expect("the file is there");
    app.reload().await.expect("it is read");
    assert_eq!(told(&logs).len(), 2, "what is gone is not stale");
}

#[tokio::test]
async fn a_broken_file_refuses_the_start() {
    for (name, text, expected) in [
        ("user-conf/a.conf", "[s]\n[[[t]]]", "a.conf:2:4: this section is 3 levels deep"),
        ("user-conf/a.ini", "a = 1\na = 2", "a.ini:2:1: \"a\" is already there in this section"),
        ("user-conf/a.toml", "a = 1\na = 2", "a.toml:2:1: this is not valid TOML: duplicate key"),
        ("user-conf/a.yml", "a: 1\na: 2", "a.yml:2:1: key \"a\" is already set"),
        ("user-conf/a.conf", "a = $NOT_SET", "a.conf:1:5: environment variable \"NOT_SET\" is not set"),
    ] {
        let file = ConfigFile::new(CHANNELS);
        file.write_beside(name, text);
        let app = testing::app("user").services(services![watched]).environment(BTreeMap::new());
        let refused = app.config_file(file.path()).start().await.expect_err(name).to_string();
        assert!(in_folder(&file, &refused).contains(&format!("\n  {expected}")), "{refused}");
    }
}

#[tokio::test]
async fn what_no_longer_fits_its_type_keeps_its_last_good_content_for_everybody() {
    let logs = testing::capture_logs();
    let file = ConfigFile::new(LIMIT);
    file.write_beside("user-conf/limits.conf", "daily = 10");
    let app =
        testing::app("user").services(services![limit]).config_file(file.path()).start().await.expect("it starts");
    assert_eq!(said(&app, "/limit").await, "10 10");
    file.write_beside("user-conf/limits.conf", "\ndaily = ten");
    assert_eq!(app.reload().await.expect("it is read").changes, []);
    assert_eq!(said(&app, "/limit").await, "10 10");
    let expected = "limits.conf:2:9: expected an integer from 0 to 4294967295, found \"ten\"";
    let reasons = |logs: &Logs| told(logs).into_iter().map(|(_, _, fault)| fault).collect::<Vec<_>>();
    assert_eq!(in_folder(&file, &reasons(&logs)[0]), expected);

    std::fs::remove_file(file.beside("user-conf/limits.conf")).expect("the file is there");
    assert_eq!(app.reload().await.expect("it is read").changes, []);
    assert_eq!(said(&app, "/limit").await, "10 10");
    assert_eq!(reasons(&logs)[1], "there is no user configuration named \"limits\"; write \"limits.yaml\"");

    file.write_beside("user-conf/limits.toml", "daily = 20");
    let applied = app.reload().await.expect("it is read");
    assert_eq!(applied.changes[0].to_string(), "changed user_config \"limits\"");
    assert_eq!(said(&app, "/limit").await, "20 20");
}

#[test]
fn types_and_views_are_alike_in_every_format() {
    let files = [
        UserConfig::from_ini("daily = 10\nis_strict = True\ntargets = CRM,\n[a.b]\nc.d = x"),
        UserConfig::from_toml("daily = 10\nis_strict = true\ntargets = ['CRM']\n['a.b']\n'c.d' = 'x'"),
        UserConfig::from_yaml("daily: 10\nis_strict: true\ntargets: [CRM]\na.b: {c.d: x}"),
    ];
    for file in files {
        let file = file.expect("it can be read");
        let limits = Typed::<Limits>::from_config(&file).expect("it fits");
        assert_eq!(*limits, Limits { daily: 10, is_strict: true, targets: vec!["CRM".to_owned()] });
        assert_eq!((file.i64("daily"), file.bool("is_strict"), file.str("a.b.c.d")), (Some(10), Some(true), Some("x")));
        assert_eq!(file.strings("targets").collect::<Vec<_>>(), ["CRM"]);
        assert_eq!(file.keys("").collect::<Vec<_>>(), ["daily", "is_strict", "targets", "a.b"]);
    }
}

#[tokio::test]
async fn nothing_is_lost_however_a_file_is_saved() {
    let file = ConfigFile::new(CHANNELS);
    let app = started(&file).await;
    let [(name, yes), ..] = all(true);
    let [(_, no), ..] = all(false);
    let path = file.beside(name);
    file.write_beside(name, &yes);
    says(&app, "/watched", "yes absent absent").await;
    // As editors do: another file, put in the place of the first.
    file.write_beside("user-conf/.ini.conf.swp", &no);
    std::fs::rename(file.beside("user-conf/.ini.conf.swp"), &path).expect("it can be replaced");
    says(&app, "/watched", "no absent absent").await;
    // Piece by piece, each of them unusable by itself but the last.
    for length in [8, 15, 17, yes.len()] {
        std::fs::write(&path, &yes.as_bytes()[..length]).expect("it can be written");
        app.reload().await.expect("it is read");
    }
    says(&app, "/watched", "yes absent absent").await;
    // By way of a folder that is made anew.
    std::fs::rename(file.beside("user-conf"), file.beside("before")).expect("it can be moved");
    says(&app, "/watched", "absent absent absent").await;
    std::fs::rename(file.beside("before"), file.beside("user-conf")).expect("it can be moved");
    says(&app, "/watched", "yes absent absent").await;
}

#[tokio::test]
async fn a_request_keeps_the_file_that_it_began_with() {
    let door = Arc::new(Gate::default());
    let file = ConfigFile::new("channel_rest: [{name: gate, url_path: /gate, service: gate}]\n");
    file.write_beside("user-conf/ini.conf", "a = old");
    let app = testing::app("user").services(services![gate]).state(Arc::clone(&door)).config_file(file.path());
    let app = app.start().await.expect("it starts");
    let client = testing::client(&app);
    let late = client.clone();
    let mut request = JoinSet::new();
    request.spawn(async move { client.get("/gate").await });
    door.entered.notified().await;
    file.write_beside("user-conf/ini.conf", "a = new");
    app.reload().await.expect("it is read");
    door.open.notify_one();
    let began = request.join_next().await.expect("a request").expect("it ends");
    assert_answer(began, &Answer::new(200, &cid(1), "text/plain", "old"));
    door.open.notify_one();
    assert_answer(late.get("/gate").await, &Answer::new(200, &cid(2), "text/plain", "new"));
}

#[tokio::test]
async fn the_environment_replaces_values() {
    let logs = testing::capture_logs();
    let file = ConfigFile::new(LIMIT);
    let environment = |names: &[(&str, &str)]| {
        names.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
    };
    for (name, text) in [("limits.conf", "daily = $DAILY"), ("other.toml", "a = '${DAILY}'")] {
        file.write_beside(&format!("user-conf/{name}"), text);
    }
    let app = || testing::app("user").services(services![limit]).config_file(file.path());
    let plain = app().environment(environment(&[("DAILY", "10")])).start().await.expect("it starts");
    assert_eq!(said(&plain, "/limit").await, "10 10");
    let set = environment(&[("DAILY", "10"), ("Zato_Config_limits_daily", "20"), ("Zato_Config_limits_weekly", "1")]);
    let overridden = app().environment(set).start().await.expect("it starts");
    assert_eq!(said(&overridden, "/limit").await, "20 20");
    overridden.reload().await.expect("it is read");
    let unused =
        logs.events().into_iter().filter(|event| event.message.starts_with("this variable of the environment"));
    let unused: Vec<_> = unused.map(|event| (event.level, event.fields["variable"].clone())).collect();
    assert_eq!(unused, [(Level::WARN, "Zato_Config_limits_weekly".to_owned())]);
}

#[tokio::test]
async fn folders_and_files_are_where_the_section_says() {
    let section = "user_config: {folder: [one, two], toml: somewhere/else.toml, yaml: not/yet.yaml}\n";
    let file = ConfigFile::new(&format!("{section}{CHANNELS}"));
    let [(_, ini), (_, toml), (_, yaml)] = all(true);
    file.write_beside("one/ini.conf", &ini);
    file.write_beside("two/more.conf", "");
    file.write_beside("somewhere/else.toml", &toml);
    file.write_beside("user-conf/ini.conf", "[");
    let app = started(&file).await;
    assert_eq!(said(&app, "/watched").await, "yes yes absent");
    file.write_beside("not/yet.yaml", &yaml);
    says(&app, "/watched", "yes yes yes").await;
    let config: Value = testing::admin(&app).get("/config").await.json();
    assert_eq!(config["user_config"], json!(["ini", "more", "toml", "yaml"]));
    // Of two of a name, nobody knows which one is meant.
    file.write_beside("two/ini.ini", "");
    app.reload().await.expect("it is read");
    assert_eq!(said(&app, "/watched").await, "yes yes yes");
}

#[tokio::test]
async fn a_section_that_can_not_be_meant_is_told_with_its_place() {
    for (section, expected) in [
        ("conf", "configuration:1:14: user_config is a map; write folder: and the name of a folder"),
        ("{folder: ''}", "configuration:1:23: expected the name of a file"),
        (
            "{foldr: conf, a: b.txt}",
            "configuration:1:22: the file \"conf\" is no user configuration; its name has to end with .yaml, .yml, .toml, \
             .ini or .conf\n  configuration:1:31: the file \"b.txt\" is no user configuration; its name has to end with \
             .yaml, .yml, .toml, .ini or .conf",
        ),
        ("{a: [b.conf]}", "configuration:1:18: expected a string, found a list"),
    ] {
        let app = testing::app("user").config_yaml(format!("user_config: {section}"));
        let refused = app.start().await.expect_err(section).to_string();
        assert_eq!(refused, format!("the configuration can't be used:\n  {expected}"));
    }
}
