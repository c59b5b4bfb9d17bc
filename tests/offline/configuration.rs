//! Configurations that can't be used, and everything that is said about them; names and aliases that can.

use std::collections::BTreeMap;

use zato::{
    Context, Invoke, Kind, Raw, Result, Typed, UserConfig, loopback::Loopback, model, service, services, testing,
};

use crate::support::{Answer, ConfigFile, assert_answer, cid, listening_app};

/// Says its channel's name.
#[service(name = "echo.channel")]
async fn echo(ctx: &Context) -> Result<Raw> {
    Ok(Raw::new(ctx.channel().name.clone()).with_content_type("text/plain"))
}

#[model]
struct Limits {
    daily: u32,
}

/// Needs everything.
#[service(name = "needy")]
async fn needy(
    #[out("CRM")] crm: &Loopback,
    #[config("limits")] limits: &Typed<Limits>,
    #[config("anything")] anything: &UserConfig,
    #[state] state: &u64,
    #[invoke] other: &Invoke<echo>,
) -> Result<()> {
    let _ = (crm, limits.daily, anything, state, other);
    Ok(())
}

fn app() -> zato::App {
    testing::app("configuration").services(services![echo])
}

/// What is said about a configuration, without the line that says that it can't be used.
async fn said(text: &str) -> String {
    let error = app().config_yaml(text).start().await.expect_err(text);
    assert_eq!(error.kind(), Kind::Config);
    lines(&error.to_string())
}

fn lines(error: &str) -> String {
    let faults = error.strip_prefix("the configuration can't be used:").expect("it says so");
    faults.lines().skip(1).map(|line| line.strip_prefix("  ").expect("it is indented")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn an_empty_configuration_is_all_defaults() {
    for text in ["", "\n", "# nothing\n", "---\n", "{}", "server:\nchannel_rest:\nsecurity: []\n"] {
        let app = app().config_yaml(text).start().await.unwrap();
        assert_eq!((app.generation(), app.addresses()), (1, Vec::new()));
        assert!(testing::client(&app).get("/zato/ping").await.status.is_success());
    }
    let file = ConfigFile::new("");
    assert_eq!(app().config_file(file.path()).start().await.unwrap().generation(), 1);
    assert_eq!(app().start().await.unwrap().generation(), 1);
}

#[tokio::test]
async fn what_is_unknown_is_told_with_what_was_probably_meant() {
    for (text, expected) in [
        (
            "chanel_rest: []",
            "configuration:1:1: unknown section \"chanel_rest\"; did you mean \"channel_rest\"? (cache, \
             channel_amqp, channel_redis, channel_rest, channel_soap, channel_swift, definition_amqp, include, \
             outgoing_amqp, outgoing_loopback and 10 more)",
        ),
        (
            "server: {bnd: x}",
            "configuration:1:10: unknown key \"bnd\"; did you mean \"bind\"? (access_log, admin, bind, body_timeout, \
             compression, error_format, forwarded_header, header_timeout, http2, idle_timeout and 20 more)",
        ),
        (
            "channel_rest:\n  - name: a\n    service: echo.chanel\n    url_path: /a",
            "configuration:3:14: no service named \"echo.chanel\"; did you mean \"echo.channel\"? (echo.channel)",
        ),
        (
            "channel_rest:\n  - {name: a, service: echo.channel, url_path: /a, security: Partner}",
            "configuration:2:5: no security definition named \"Partner\"; none is defined",
        ),
        (
            "security: [{name: Key, type: apikey, password: x}]\n\
             channel_rest: [{name: a, service: echo.channel, url_path: /a, sec_def: Kee}]",
            "configuration:2:16: no security definition named \"Kee\"; did you mean \"Key\"? (Key)",
        ),
        (
            "security: [{name: A, type: basic, username: a, password: b}]",
            "configuration:1:28: unknown value \"basic\"; known: apikey, basic_auth, bearer_token, mtls, oauth, wss",
        ),
    ] {
        assert_eq!(said(text).await, expected, "{text}");
    }
}

#[tokio::test]
async fn what_has_the_wrong_type_is_told_with_its_place() {
    for (text, expected) in [
        ("- a", "configuration:1:1: a configuration is a map of sections, such as channel_rest"),
        ("server: []", "configuration:1:9: expected a map, found a list"),
        ("server: {bind: [a]}", "configuration:1:16: expected a string, found a list"),
        (
            "server: {max_connections: many}",
            "configuration:1:27: expected an integer that is not negative, found \"many\"",
        ),
        ("server: {max_connections: 0}", "configuration:1:27: \"max_connections\" must be more than 0"),
        ("server: {header_timeout: 0s}", "configuration:1:26: \"header_timeout\" must be more than 0"),
        (
            "server: {http2: {max_concurrent_streams: 0}}",
            "configuration:1:42: \"max_concurrent_streams\" must be more than 0",
        ),
        (
            "server: {http2: {initial_stream_window_size: 2GiB}}",
            "configuration:1:46: \"initial_stream_window_size\" must be at most 2147483647 bytes",
        ),
        (
            "server: {trusted_proxies: [10.0.0.0/8, gateway]}",
            "configuration:1:40: expected an address or a network such as 10.0.0.0/8, 192.0.2.7 or fd00::/8, found \
             \"gateway\"",
        ),
        ("server: {error_format: xml}", "configuration:1:24: unknown value \"xml\"; known: problem, zato"),
        (
            "server: {log: {level: loud}}",
            "configuration:1:23: expected a level such as info, or levels per module such as info,my_crate=debug",
        ),
        (
            "channel_rest: {a: b}",
            "configuration:1:15: \"channel_rest\" is a list; write \"- name: ...\" for each entry",
        ),
        ("channel_rest: [a]", "configuration:1:16: expected a map, found \"a\""),
        ("channel_rest: [{name: a, url_path: /a}]", "configuration:1:16: missing key \"service\""),
        (
            "channel_rest: [{name: '', url_path: /a, service: echo.channel}]",
            "configuration:1:16: an entry of \"channel_rest\" has no name",
        ),
        (
            "channel_rest: [{name: a, url_path: /a, service: echo.channel, timeout: soon}]",
            "configuration:1:72: expected a duration such as 10s, 500ms or 2m, found \"soon\"",
        ),
        ("security: x", "configuration:1:11: \"security\" is a list; write \"- name: ...\" for each entry"),
    ] {
        assert_eq!(said(text).await, expected, "{text}");
    }
}

#[tokio::test]
async fn yaml_that_is_malformed_is_told_with_its_place() {
    for (text, start) in [
        ("server: [", "configuration:1:9: this is not valid YAML: "),
        ("server:\n\tbind: a", "configuration:2:2: this is not valid YAML: "),
        ("server: {bind: a, bind: b}", "configuration:1:19: "),
        ("server: \"\0\"", "configuration:1:10: this is not valid YAML: "),
    ] {
        let said = said(text).await;
        assert!(said.starts_with(start) && said.lines().count() == 1, "{text:?} is told as {said}");
    }
}

#[tokio::test]
async fn names_that_are_given_twice_are_told_with_both_places() {
    let text = "channel_rest:\n  - {name: a, service: echo.channel, url_path: /a}\n  \
                - {name: a, service: echo.channel, url_path: /b}\nsecurity:\n  \
                - {name: K, type: apikey, password: x}\n  - {name: K, type: apikey, password: x}\n";
    // What is wrong with security definitions is found first, and without those no channel can be made.
    assert_eq!(
        said(text).await,
        "configuration:6:5: \"security\" has two entries named \"K\"; the first is at configuration:5:5"
    );
    let text = text.split("security").next().unwrap();
    assert_eq!(
        said(text).await,
        "configuration:3:5: \"channel_rest\" has two entries named \"a\"; the first is at configuration:2:5"
    );
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once() {
    let text = "server: {bind: '${NO_BIND}', bnd: 1, max_connections: x}\nftp: []\nchannel_rest:\n  \
                - {name: a, service: '${NO_SERVICE}'}\n";
    assert_eq!(
        said(text).await,
        "configuration:1:16: environment variable \"NO_BIND\" is not set; set it, or write ${NO_BIND:-default}\n\
         configuration:4:24: environment variable \"NO_SERVICE\" is not set; set it, or write ${NO_SERVICE:-default}\n\
         configuration:2:1: unknown section \"ftp\"; known: cache, channel_amqp, channel_redis, channel_rest, \
         channel_soap, channel_swift, definition_amqp, include, outgoing_amqp, outgoing_loopback and 10 more"
    );
    let text = "channel_rest:\n  - {name: a, service: none, url_path: a}\n  - {name: b, service: other, url_path: /b}\n  \
                - {name: c, service: echo.channel, url_path: /c, metod: GET}\n  - {name: c}\n";
    let all = said(text).await;
    let places: Vec<&str> = all.lines().filter_map(|line| line.split(": ").next()).collect();
    let expected = ["configuration:2:24", "configuration:3:24", "configuration:4:52", "configuration:5:5"];
    let mut sorted = places.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected, "{all}");
    let text = "channel_rest:\n  - {name: a, service: echo.channel, url_path: a}\n  \
                - {name: b, service: echo.channel, url_path: /zato}\n  \
                - {name: c, service: echo.channel, url_path: /c}\n  - {name: d, service: echo.channel, url_path: /c}\n";
    assert_eq!(
        said(text).await,
        "configuration:2:5: the url_path \"a\" does not start with \"/\"\n\
         configuration:3:5: the url_path \"/zato\" starts with \"/zato\", which is kept for channels of the framework\n\
         configuration:5:5: the channels \"d\" and \"c\" (at configuration:4:5) both answer every method of /c"
    );
}

#[tokio::test]
async fn needs_that_are_not_met_are_told_all_at_once() {
    let error = testing::app("configuration").services(services![needy]).start().await.unwrap_err();
    let line = needy::definition_line();
    let who = format!("the service \"needy\" (tests/offline/configuration.rs:{line}) can't be bound");
    assert_eq!(
        lines(&error.to_string()),
        format!(
            "{who}: no outgoing_loopback connection named \"CRM\"; none is defined\n\
             {who}: there is no user configuration named \"limits\"; write \"limits.yaml\"\n\
             {who}: no state of type u64; hand it in with `.state(value)` before the app starts\n\
             {who}: the service \"echo.channel\" is not part of the app; add it to `services![...]`"
        )
    );
    let file = ConfigFile::new("outgoing_loopback: [{name: CMR}]");
    file.write_beside("user-conf/limits.yaml", "daily: ten");
    let app = app().services(services![needy]).state(7_u64);
    let error = app.config_file(file.path()).start().await.unwrap_err();
    assert_eq!(
        lines(&error.to_string()),
        format!(
            "{who}: no outgoing_loopback connection named \"CRM\"; did you mean \"CMR\"? (CMR)\n\
             {who}: {}:1:8: expected an integer from 0 to 4294967295, found \"ten\"",
            file.beside("user-conf/limits.yaml").display()
        )
    );
}

impl needy {
    fn definition_line() -> u32 {
        use zato::Service;
        Self::definition().written_at().map(|(_, line)| line).expect("the macro says where")
    }
}

#[tokio::test]
async fn two_services_of_one_name_are_refused() {
    let error = app().services(services![echo]).start().await.unwrap_err().to_string();
    let start = "two services are named \"echo.channel\", at tests/offline/configuration.rs:";
    assert!(error.starts_with(start), "{error}");
    assert!(error.ends_with("; rename one with `#[service(name = \"...\")]`"), "{error}");
}

#[tokio::test]
async fn files_that_are_missing_or_include_one_another_are_told() {
    let file = ConfigFile::new("include: [a.yaml]\n");
    let folder = format!("{}/", file.beside("").display().to_string().trim_end_matches('/'));
    let said = async || {
        let error = app().config_file(file.path()).start().await.unwrap_err();
        lines(&error.to_string()).replace(&folder, "")
    };
    assert_eq!(said().await, "zato.yaml:1:11: file \"a.yaml\" does not exist");
    file.write_beside("a.yaml", "include: zato.yaml\n");
    let circle = "a.yaml:1:10: files include one another in a circle: zato.yaml -> a.yaml -> zato.yaml";
    assert_eq!(said().await, circle);
    file.write("include: zato.yaml\n");
    assert_eq!(said().await, "zato.yaml:1:10: files include one another in a circle: zato.yaml -> zato.yaml");
    let nowhere = app().config_file(file.beside("none.yaml")).start().await.unwrap_err();
    assert_eq!(lines(&nowhere.to_string()).replace(&folder, ""), "file \"none.yaml\" does not exist");
    let text = app().config_yaml("include: a.yaml").start().await.unwrap_err();
    assert_eq!(
        lines(&text.to_string()),
        "configuration:1:10: a text has no folder to include files from; read it from a file"
    );
}

#[tokio::test]
async fn files_of_user_configuration_that_can_not_be_used_are_told() {
    let file = ConfigFile::new("user_config: {folder: conf}");
    file.write_beside("conf/a.yaml", "x: [");
    file.write_beside("conf/b.yaml", "x: ${NOT_SET_ANYWHERE}");
    file.write_beside("conf/c.yaml", "");
    file.write_beside("conf/c.more.yml", "");
    file.write_beside("conf/d.txt", "[");
    let error = app().config_file(file.path()).start().await.unwrap_err();
    let folder = format!("{}/", file.beside("conf").display());
    assert_eq!(
        lines(&error.to_string()).replace(&folder, ""),
        "a.yaml:1:4: this is not valid YAML: unclosed bracket '['\n\
         b.yaml:1:4: environment variable \"NOT_SET_ANYWHERE\" is not set; set it, or write ${NOT_SET_ANYWHERE:-default}\n\
         two files are named \"c\": c.more.yml and c.yaml; rename one"
    );
}

#[tokio::test]
async fn a_port_in_use_is_told_with_a_remedy() {
    let first = listening_app("first").config_yaml("server: {bind: '127.0.0.1:0'}").start().await.unwrap();
    let bind = crate::support::address(&first);
    let error = listening_app("second").config_yaml(format!("server: {{bind: '{bind}'}}")).start().await.unwrap_err();
    let expected = format!(
        "can't listen on \"{bind}\": Address already in use (os error 98); stop what listens there, or choose another \
         server.bind"
    );
    assert_eq!(lines(&error.to_string()), expected);
    let error = listening_app("third").config_yaml("server: {bind: nonsense}").start().await.unwrap_err();
    let remedy = "server.bind is an address and a port, such as 127.0.0.1:17010";
    assert_eq!(lines(&error.to_string()), format!("can't listen on \"nonsense\": invalid socket address; {remedy}"));
}

#[tokio::test]
async fn zatos_names_and_aliases_are_read() {
    let logs = testing::capture_logs();
    let text = "
def_sec:
  - {name: Key, type: apikey, password: secret}
channel_plain_http:
  - {name: a, service_name: echo.channel, url_path: /a, sec_def: Key, method: get, data_format: '', transport: plain_http}
channel_rest:
  - {name: b, service: echo.channel, url_path: /b, security_name: Key, params_pri: msg-over-channel-params}
  - {name: c, service: echo.channel, url_path: /c, security: zato-no-security, url_params_pri: qs-over-path}
";
    let app = app().config_yaml(text).start().await.unwrap();
    let client = testing::client(&app);
    for (number, name) in [(1, "a"), (3, "b")] {
        let path = format!("/{name}");
        let refused = Answer::problem(401, &cid(number), "credentials are missing or wrong");
        let refused = refused.header("www-authenticate", "ApiKey header=\"x-api-key\"");
        assert_answer(client.get(&path).await, &refused);
        let reply = client.send(zato::http::Method::GET, &path, &[("X-API-Key", "secret")], "").await;
        assert_answer(reply, &Answer::new(200, &cid(number + 1), "text/plain", name));
    }
    assert_answer(client.get("/c").await, &Answer::new(200, &cid(5), "text/plain", "c"));
    let left_out: Vec<_> = logs.events().into_iter().filter(|event| event.message.contains("no counterpart")).collect();
    let told = left_out.iter().map(|event| (&*event.fields["key"], &*event.fields["place"])).collect::<Vec<_>>();
    assert_eq!(told, [("transport", "configuration:5:101")]);
}

#[tokio::test]
async fn variables_are_taken_from_the_environment() {
    let variables = [("PATH_A", "/from-environment"), ("EMPTY", "")];
    let environment: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let text = "channel_rest:
  - {name: '${EMPTY:-a}', service: '${NONE:-echo.channel}', url_path: '${PATH_A}/x'}
  - {name: $$b, service: echo.channel, url_path: Zato_Enmasse_Env.PATH_A}
";
    let app = app().environment(environment).config_yaml(text).start().await.unwrap();
    let client = testing::client(&app);
    let reply = client.get("/from-environment/x").await;
    assert_answer(reply, &Answer::new(200, &cid(1), "text/plain", "a"));
    assert_answer(client.get("/from-environment").await, &Answer::new(200, &cid(2), "text/plain", "$b"));
}

#[tokio::test]
async fn the_schema_has_every_section() {
    let schema = app().config_schema();
    let sections: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    let expected = [
        "cache",
        "channel_amqp",
        "channel_plain_http",
        "channel_redis",
        "channel_rest",
        "channel_soap",
        "channel_swift",
        "cloud_openstack_swift",
        "def_amqp",
        "def_sec",
        "definition_amqp",
        "include",
        "outconn_amqp",
        "outconn_loopback",
        "outconn_plain_http",
        "outconn_redis",
        "outconn_rest",
        "outconn_soap",
        "outconn_sql",
        "outgoing_amqp",
        "outgoing_loopback",
        "outgoing_object_storage",
        "outgoing_redis",
        "outgoing_rest",
        "outgoing_soap",
        "outgoing_swift",
        "security",
        "server",
        "service",
        "sql",
        "user_config",
        "zato_cache_builtin",
    ];
    assert_eq!(sections, expected);
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["additionalProperties"], false);
}
