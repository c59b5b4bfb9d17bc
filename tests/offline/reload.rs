//! Configurations that change while the app runs.

use std::sync::Arc;

use tokio::{sync::Notify, task::JoinSet};
use zato::{
    ChangeKind, Context, Raw, Result, Running, Typed, UserConfig, model, service, services, testing, tracing::Level,
};

use crate::support::{Answer, ConfigFile, Wire, address, assert_answer, cid, listening_app, until};

/// Says its channel's name.
#[service(name = "echo.channel")]
async fn echo(ctx: &Context) -> Result<Raw> {
    Ok(text(&ctx.channel().name))
}

/// Says what its configuration says.
#[service(name = "greet")]
async fn greet(#[config("tutorial")] tutorial: &UserConfig) -> Result<Raw> {
    Ok(text(tutorial.str("greeting.text").unwrap_or("(none)")))
}

#[model]
struct Limits {
    daily: u32,
}

/// Says its limit.
#[service(name = "limit")]
async fn limit(#[config("limits")] limits: Typed<Limits>) -> Result<Raw> {
    Ok(text(&limits.daily.to_string()))
}

/// Waits until it is told to go on, and says its channel's name.
#[service(name = "gate")]
async fn gate(ctx: &Context, #[state] gate: Arc<Gate>) -> Result<Raw> {
    gate.entered.notify_one();
    gate.open.notified().await;
    Ok(text(&ctx.channel().name))
}

#[derive(Default)]
struct Gate {
    entered: Notify,
    open: Notify,
}

fn text(text: &str) -> Raw {
    Raw::new(text.to_owned()).with_content_type("text/plain")
}

fn said(number: u64, text: &str) -> Answer {
    Answer::new(200, &cid(number), "text/plain", text)
}

fn channel(name: &str) -> String {
    format!("channel_rest: [{{name: {name}, url_path: /a, service: echo.channel}}]\n")
}

async fn reading(file: &ConfigFile) -> Running {
    testing::app("reload")
        .services(services![echo, greet])
        .config_file(file.path())
        .start()
        .await
        .expect("the app starts")
}

/// The changes of an application, in words.
fn words(applied: &zato::Applied) -> Vec<String> {
    applied.changes.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn each_configuration_has_a_number_and_says_what_it_changes() {
    let app = testing::app("reload").services(services![echo]).config_yaml(channel("one")).start().await.unwrap();
    let client = testing::client(&app);
    assert_answer(client.get("/a").await, &said(1, "one"));
    let both = "channel_rest:\n  - {name: one, url_path: /a, service: echo.channel}\n  \
                - {name: two, url_path: /b, service: echo.channel}\nserver: {max_body_size: 1KB}\n";
    let applied = app.apply_yaml(both).await.unwrap();
    assert_eq!((applied.generation, app.generation()), (2, 2));
    assert_eq!(words(&applied), ["added channel_rest \"two\"", "added server"]);
    assert_answer(client.get("/b").await, &said(2, "two"));

    let same = app.apply_yaml(format!("# other words, same meaning\n{both}")).await.unwrap();
    assert_eq!((same.generation, same.changes.len(), app.generation()), (2, 0, 2));

    let moved = both.replace("/b", "/c").replace("1KB", "2KB").replace("{name: one", "{name: first");
    let applied = app.apply_yaml(moved).await.unwrap();
    assert_eq!(applied.generation, 3);
    let mut changes = words(&applied);
    changes.sort();
    let expected = [
        "added channel_rest \"first\"",
        "changed channel_rest \"two\"",
        "changed server",
        "removed channel_rest \"one\"",
    ];
    assert_eq!(changes, expected);
    assert!(applied.changes.iter().any(|change| change.kind == ChangeKind::Removed && change.name == "one"));
    assert_answer(client.get("/b").await, &Answer::problem(404, &cid(3), "no channel answers this path"));
    assert_answer(client.get("/c").await, &said(4, "two"));
    assert_answer(client.get("/a").await, &said(5, "first"));

    app.apply_yaml("").await.unwrap();
    assert_answer(client.get("/a").await, &Answer::problem(404, &cid(6), "no channel answers this path"));
}

#[tokio::test]
async fn what_can_not_be_used_changes_nothing_and_is_logged_with_its_place() {
    let logs = testing::capture_logs();
    let app = testing::app("reload").services(services![echo]).config_yaml(channel("one")).start().await.unwrap();
    let client = testing::client(&app);
    for (number, bad) in (1..).zip([
        "channel_rest: [",
        "chanel_rest: []",
        "channel_rest: [{name: a, url_path: /a, service: none}]",
        "channel_rest: [{name: a, url_path: a, service: echo.channel}]",
        "server: {max_connections: x}",
        "server: {bind: '${NOT_SET_ANYWHERE}'}",
    ]) {
        let error = app.apply_yaml(bad).await.unwrap_err().to_string();
        assert_eq!(app.generation(), 1);
        assert_answer(client.get("/a").await, &said(number, "one"));
        let event = logs.events().into_iter().rfind(|event| event.level == Level::ERROR).expect("it is logged");
        let fault = &event.fields["fault"];
        assert!(fault.starts_with("configuration:1:"), "{fault}");
        assert_eq!(error, format!("the configuration can't be used:\n  {fault}"));
    }
    assert_eq!(app.reload().await.unwrap().changes, []);
}

#[tokio::test]
async fn a_file_that_has_become_empty_changes_nothing() {
    let file = ConfigFile::new(&channel("one"));
    let app = reading(&file).await;
    file.write("");
    let error = app.reload().await.unwrap_err().to_string();
    let path = file.path().display().to_string();
    assert_eq!(
        error,
        format!(
            "the configuration can't be used:\n  \"{path}\" has become empty; to close every channel, stop the program"
        )
    );
    assert_answer(testing::client(&app).get("/a").await, &said(1, "one"));
}

#[tokio::test]
async fn saving_the_file_is_enough_however_it_is_saved() {
    let file = ConfigFile::new(&channel("one"));
    let app = reading(&file).await;
    let client = testing::client(&app);
    file.write(&channel("two"));
    until("it is applied", || app.generation() == 2).await;
    assert_answer(client.get("/a").await, &said(1, "two"));
    for (generation, name) in [(3, "three"), (4, "four")] {
        file.replace(&channel(name));
        until("it is applied", || app.generation() == generation).await;
        assert_answer(client.get("/a").await, &said(generation - 1, name));
    }
    std::fs::remove_file(file.path()).unwrap();
    file.write(&channel("five"));
    until("it is applied", || app.generation() == 5).await;
    assert_answer(client.get("/a").await, &said(4, "five"));
}

#[tokio::test]
async fn a_broken_file_changes_nothing_until_it_is_mended() {
    let logs = testing::capture_logs();
    let file = ConfigFile::new(&channel("one"));
    let app = reading(&file).await;
    let client = testing::client(&app);
    file.write("channel_rest:\n  - {name: two, urlpath: /a, service: echo.channel}\n");
    let refused = || logs.events().into_iter().find(|event| event.message == "configuration refused");
    until("it is refused", || refused().is_some()).await;
    let event = refused().unwrap();
    let start = format!("{}:2:17: unknown key \"urlpath\"; did you mean \"url_path\"?", file.name());
    assert!(event.level == Level::ERROR && event.fields["fault"].starts_with(&start), "{event:?}");
    assert_answer(client.get("/a").await, &said(1, "one"));
    file.write(&channel("two"));
    until("it is applied", || app.generation() == 2).await;
    assert_answer(client.get("/a").await, &said(2, "two"));
}

#[tokio::test]
async fn an_include_that_is_missing_is_waited_for() {
    let logs = testing::capture_logs();
    let file = ConfigFile::new("");
    let app = reading(&file).await;
    file.write("include: more.yaml\n");
    // By the watcher: a reload that is asked for would leave it undecided what is seen next.
    until("it is refused", || logs.events().iter().any(|event| event.message == "configuration refused")).await;
    file.write_beside("more.yaml", &channel("more"));
    until("the file that was missing is seen", || app.generation() == 2).await;
    assert_answer(testing::client(&app).get("/a").await, &said(1, "more"));
    file.write_beside("more.yaml", &channel("changed"));
    until("it is applied", || app.generation() == 3).await;
    assert_answer(testing::client(&app).get("/a").await, &said(2, "changed"));
}

#[tokio::test]
async fn an_include_that_is_empty_is_watched() {
    let file = ConfigFile::new(&channel("one"));
    let app = reading(&file).await;
    file.write_beside("more.yaml", "");
    file.write(&format!("include: more.yaml\n{}", channel("one")));
    assert_eq!(app.reload().await.unwrap().changes, []);
    file.write_beside("more.yaml", "channel_rest: [{name: more, url_path: /more, service: echo.channel}]\n");
    until("it is applied", || app.generation() == 2).await;
    assert_answer(testing::client(&app).get("/more").await, &said(1, "more"));
}

#[tokio::test]
async fn a_text_stays_in_place_of_the_file() {
    let file = ConfigFile::new(&channel("one"));
    let app = reading(&file).await;
    assert_eq!(app.apply_yaml(channel("one")).await.unwrap().changes, []);
    file.write(&channel("two"));
    assert_eq!(app.reload().await.unwrap().changes, []);
    assert_answer(testing::client(&app).get("/a").await, &said(1, "one"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_while_the_file_is_written_again_and_again() {
    let server = "server: {bind: '127.0.0.1:0'}\n";
    let file = ConfigFile::new(&format!("{server}{}", channel("version-0")));
    let app = zato::app("reload").services(services![echo]).config_file(file.path()).start().await.unwrap();
    let address = address(&app);
    let (stop, _) = tokio::sync::watch::channel(false);
    let mut clients = JoinSet::new();
    for _ in 0..4 {
        let (address, stop) = (address.clone(), stop.subscribe());
        clients.spawn(async move {
            let (mut wire, mut seen) = (Wire::to_address(&address).await, Vec::<String>::new());
            while !*stop.borrow() {
                let reply = wire.get("/a").await;
                assert_eq!(reply.status, 200, "{reply}");
                if seen.last() != Some(&reply.body) {
                    seen.push(reply.body);
                }
            }
            seen
        });
    }
    for version in 1..=20 {
        let text = format!("{server}{}", channel(&format!("version-{version}")));
        match version % 2 {
            0 => file.replace(&text),
            _ => file.write(&text),
        }
        app.reload().await.unwrap();
    }
    let mut wire = Wire::to_address(&address).await;
    assert_eq!(wire.get("/a").await.body, "version-20");
    stop.send_replace(true);
    let versions: Vec<String> = (0..=20).map(|version| format!("version-{version}")).collect();
    for seen in clients.join_all().await {
        let positions: Vec<_> = seen.iter().map(|name| versions.iter().position(|known| known == name)).collect();
        assert!(positions.is_sorted() && positions.iter().all(Option::is_some), "{seen:?}");
    }
}

#[tokio::test]
async fn a_request_ends_with_the_configuration_that_it_began_with() {
    let door = Arc::new(Gate::default());
    let config = |name: &str| format!("channel_rest: [{{name: {name}, url_path: /gate, service: gate}}]");
    let app = testing::app("reload").services(services![gate]).state(Arc::clone(&door)).config_yaml(config("old"));
    let app = app.start().await.unwrap();
    let client = testing::client(&app);
    let late = client.clone();
    let mut request = JoinSet::new();
    request.spawn(async move { client.get("/gate").await });
    door.entered.notified().await;
    app.apply_yaml(config("new")).await.unwrap();
    door.open.notify_one();
    assert_answer(request.join_next().await.unwrap().unwrap(), &said(1, "old"));
    door.open.notify_one();
    assert_answer(late.get("/gate").await, &said(2, "new"));
}

#[tokio::test]
async fn the_listener_moves_with_its_address() {
    let app = listening_app("reload").services(services![echo]);
    let config = |bind: &str| format!("server: {{bind: '{bind}'}}\n{}", channel("one"));
    let app = app.config_yaml(config("127.0.0.1:0")).start().await.unwrap();
    let before = address(&app);
    let mut open = Wire::to(&app).await;
    assert_answer(open.get("/a").await, &said(1, "one").on_the_wire());
    app.apply_yaml(config("localhost:0")).await.unwrap();
    let after = address(&app);
    assert_ne!(before, after);
    assert_answer(Wire::to_address(&after).await.get("/a").await, &said(2, "one").on_the_wire());
    assert_eq!(open.rest().await, "", "an idle connection to the old address is ended");
    let refused = async {
        while tokio::net::TcpStream::connect(&before).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, refused).await.expect("nobody listens at the old address");
    // One that can't be had leaves everything as it is.
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let occupied = tokio::net::TcpListener::bind(&taken).await;
    let error = app.apply_yaml(config("nonsense")).await.unwrap_err().to_string();
    assert!(error.starts_with("the configuration can't be used:\n  can't listen on \"nonsense\""), "{error}");
    drop(occupied);
    assert_answer(Wire::to_address(&after).await.get("/a").await, &said(3, "one").on_the_wire());
}

#[tokio::test]
async fn an_address_that_is_ours_already_is_kept_or_told_to_be_ours() {
    let app = listening_app("reload").services(services![echo]);
    let config = |bind: &str| format!("server: {{bind: '{bind}'}}\n{}", channel("one"));
    let app = app.config_yaml(config("127.0.0.1:0")).start().await.unwrap();
    let ours = address(&app);
    let mut open = Wire::to(&app).await;
    assert_answer(open.get("/a").await, &said(1, "one").on_the_wire());
    app.apply_yaml(config(&ours)).await.unwrap();
    assert_eq!(address(&app), ours);
    assert_answer(open.get("/a").await, &said(2, "one").on_the_wire());
    let everywhere = ours.replace("127.0.0.1", "0.0.0.0");
    let error = app.apply_yaml(config(&everywhere)).await.unwrap_err().to_string();
    let said = format!("this program itself listens on {ours}: choose another port, or restart it");
    assert!(error.ends_with(&said), "{error}");
}

#[tokio::test]
async fn a_listener_that_was_left_ends_with_the_app() {
    let config = |bind: &str| {
        let channel = "channel_rest: [{name: gate, url_path: /gate, service: gate}]";
        format!("server: {{bind: '{bind}', shutdown_timeout: 50ms}}\n{channel}")
    };
    for is_dropped in [true, false] {
        let door = Arc::new(Gate::default());
        let app = listening_app("reload").services(services![gate]).state(Arc::clone(&door));
        let app = app.config_yaml(config("127.0.0.1:0")).start().await.unwrap();
        let mut busy = Wire::to(&app).await;
        busy.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n").await;
        door.entered.notified().await;
        app.apply_yaml(config("localhost:0")).await.unwrap();
        if is_dropped {
            drop(app);
        } else {
            assert_eq!(app.stop().await, ["1 HTTP connections", "1 requests of the service gate"]);
        }
        assert_eq!(busy.rest().await, "");
    }
}

#[tokio::test]
async fn user_configuration_comes_changes_and_goes_live() {
    let file = ConfigFile::new("channel_rest: [{name: greet, url_path: /greet, service: greet}]\n");
    let app = reading(&file).await;
    let client = testing::client(&app);
    assert_answer(client.get("/greet").await, &said(1, "(none)"));
    for (generation, greeting) in [(2, "Hello"), (3, "Moin")] {
        file.write_beside("user-conf/tutorial.yaml", &format!("greeting: {{text: {greeting}}}"));
        until("it is applied", || app.generation() == generation).await;
        assert_answer(client.get("/greet").await, &said(generation, greeting));
    }
    std::fs::remove_file(file.beside("user-conf/tutorial.yaml")).unwrap();
    until("it is applied", || app.generation() == 4).await;
    assert_answer(client.get("/greet").await, &said(4, "(none)"));
}

#[tokio::test]
async fn typed_user_configuration_is_checked_before_it_counts() {
    let file = ConfigFile::new(
        "user_config: {folder: conf}\nchannel_rest: [{name: limit, url_path: /limit, service: limit}]\n",
    );
    file.write_beside("conf/limits.yaml", "daily: 10");
    let app = testing::app("reload").services(services![limit]).config_file(file.path()).start().await.unwrap();
    let client = testing::client(&app);
    assert_answer(client.get("/limit").await, &said(1, "10"));
    file.write_beside("conf/limits.yaml", "daily: -1");
    assert_eq!(app.reload().await.unwrap().changes, []);
    assert_answer(client.get("/limit").await, &said(2, "10"));
    file.write_beside("conf/limits.yaml", "daily: 20");
    let applied = app.reload().await.unwrap();
    assert_eq!(words(&applied), ["changed user_config \"limits\""]);
    assert_answer(client.get("/limit").await, &said(3, "20"));
    std::fs::remove_file(file.beside("conf/limits.yaml")).unwrap();
    assert_eq!(app.reload().await.unwrap().changes, [], "a service can't do without it");
    assert_answer(client.get("/limit").await, &said(4, "20"));
}
