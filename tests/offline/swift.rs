//! Outgoing connections to Swift in an app: faked, configured.

use zato::{
    App, Context, Kind, Result, model, service, services,
    swift::Swift,
    testing::{self, FakeSwift},
};

/// Who gets the invoice.
#[model]
struct Targets {
    target: Vec<String>,
}

/// Stores the request, as it came, for each target.
#[service(name = "invoice.dispatcher")]
async fn dispatch(ctx: &Context, input: Targets, #[out("Invoices")] storage: Swift) -> Result<()> {
    for target in &input.target {
        storage.object(target, "Invoice").put(ctx.payload().clone()).content_type("application/json").await?;
    }
    Ok(())
}

fn app() -> App {
    testing::app("swift").services(services![dispatch])
}

#[tokio::test]
async fn a_request_is_stored_as_it_came_for_each_target() -> Result<()> {
    let fake = FakeSwift::with_config("retries: 0").await;
    for container in ["CRM", "Billing"] {
        fake.swift().container(container).create().await?;
    }
    let yaml = "outgoing_swift: [{name: Invoices, auth_url: 'http://nobody.invalid/auth', user: a, key: b}]\n\
                channel_rest: [{name: a, url_path: /invoice.dispatcher, service: invoice.dispatcher}]";
    let app = app().config_yaml(yaml).fake("Invoices", &fake.swift()).start().await?;
    let client = testing::client(&app);
    let invoice = "{\"id\":  \"123\"}";
    let reply = client.post("/invoice.dispatcher?target=CRM&target=Billing", invoice).await;
    assert_eq!(reply.status, 204);
    for container in ["CRM", "Billing"] {
        assert_eq!(fake.server().object(container, "Invoice").expect("it was stored"), invoice);
    }
    fake.server().fail_next("PUT", 503);
    assert_eq!(client.post("/invoice.dispatcher?target=CRM", invoice).await.status, 503);
    assert_eq!(client.post("/invoice.dispatcher?target=nowhere", invoice).await.status, 404);
    assert_eq!(client.post("/invoice.dispatcher?target=a%0Ab", invoice).await.status, 400);
    Ok(())
}

#[tokio::test]
async fn what_can_not_be_used_is_told_with_its_place_and_remedy() {
    let v1 = "auth_url: 'http://a/auth', user: 'a:b', key: c";
    let v3 = "auth_url: 'http://a/v3', auth_version: 3, user: a, key: b, tenant_name: c";
    for (keys, said) in [
        ("user: a, key: b".to_owned(), "missing"),
        ("auth_url: swift, user: a, key: b".to_owned(), "configuration:1:38: expected an address, such as"),
        ("auth_url: 'http://u:hunter2@a/', user: a, key: b".to_owned(), "credentials don't belong here"),
        ("auth_url: 'http://a/auth'".to_owned(), "nobody logs in; add a user, such as bank:dispatcher"),
        ("auth_url: 'http://a/auth', user: a".to_owned(), "the user has no key; add it"),
        (format!("{v1}, auth_version: 2.0"), "Keystone has had no version 2 since 2018; write 3"),
        (format!("{v1}, auth_version: 4"), "expected 1, or 3 for Keystone"),
        (format!("{v1}, region: a"), "it goes with Keystone; write auth_version: 3"),
        (format!("{v1}, security: other"), "no security definition named \"other\""),
        (format!("{v1}, pool_size: 0"), "without a place no request can be made"),
        (format!("{v1}, timeout: 0"), "nothing is answered in no time"),
        (format!("{v1}, max_backoff: 10ms"), "it is shorter than starting_backoff"),
        (format!("{v1}, custom_options: a"), "expected lines of key=value"),
        (format!("{v1}, custom_options: {{a: b}}"), "unknown option \"a\"; known are region_name"),
        (format!("{v1}, tls: {{ca: none.pem}}"), "the file \"none.pem\" does not exist"),
        (format!("{v1}, cacert: none.pem"), "the file \"none.pem\" does not exist"),
        (format!("{v1}, tiemout: 1s"), "did you mean \"timeout\"?"),
        (v3.replace(", tenant_name: c", ""), "nobody says whose account it is"),
        (format!("{v3}, project_id: d"), "the project stands in tenant_name, too"),
        (format!("{v3}, application_credential_id: d"), "a user stands here, too"),
    ] {
        let yaml = format!("outgoing_swift: [{{name: A, {keys}}}]");
        let error = testing::app("swift").real_connections().config_yaml(yaml).start().await.unwrap_err();
        assert!(error.to_string().contains(said), "{keys}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{keys}: {error}");
    }
}

#[tokio::test]
async fn entries_of_zato_are_taken_as_they_are() -> Result<()> {
    let yaml = "cloud_openstack_swift: [{name: Invoices, is_active: false, auth_version: '1', auth_url: 'http://a/auth', \
                user: 'a:b', key: c, tenant_name: '', pool_size: 5, retries: 5, starting_backoff: 1, \
                max_backoff: 64, should_validate_cert: true, is_snet: false, should_retr_ratelimit: true, \
                needs_tls_compr: false, custom_options: ''}]";
    let app = app().config_yaml(yaml).real_connections().start().await?;
    let swift: Swift = app.out("Invoices")?;
    let error = swift.account().await.unwrap_err();
    assert_eq!((error.kind(), error.message().contains("inactive")), (Kind::Unavailable, true), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_connection_that_is_not_there_is_told_with_those_that_are() {
    let yaml = "outgoing_swift: [{name: Invoice, auth_url: 'http://a/auth', user: a, key: b}]";
    let error = app().config_yaml(yaml).start().await.unwrap_err().to_string();
    assert!(error.contains("no outgoing_swift connection named \"Invoices\"; did you mean \"Invoice\"?"), "{error}");
}
