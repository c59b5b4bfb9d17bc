//! What SOAP channels tell the tools of their callers, at `?wsdl`.

use zato::{
    Result,
    http::Method,
    model,
    rest::RestChannels,
    service, services,
    testing::{self, TestReply},
};

use crate::support::{Wire, listening_app};

#[model]
struct GetClient {
    client_id: u64,
    also: Vec<String>,
}

#[model]
struct Client {
    name: String,
    balance: Option<zato::Decimal>,
}

/// Finds a client & more.
#[service(name = "client.get")]
async fn get_client(input: GetClient) -> Result<Client> {
    Ok(Client { name: input.client_id.to_string(), balance: None })
}

#[service(name = "client.drop")]
async fn drop_client() -> Result<()> {
    Ok(())
}

const CHANNELS: &str = "\
security:
  - {name: Partner, type: basic_auth, username: partner, password: not-a-secret}
  - {name: Token, type: wss, username: partner, password: not-a-secret}
channel_soap:
  - {name: get, url_path: '/clients/{tenant}', service: client.get, namespace: urn:clients, soap_action: urn:get}
  - {name: drop, url_path: '/clients/{tenant}', service: client.drop, namespace: urn:clients, soap_version: '1.2'}
  - {name: private, url_path: /private, service: client.get, security: Partner}
  - {name: token, url_path: /token, service: client.get, security: Token}
channel_rest:
  - {name: rest, url_path: '/clients/{tenant}', service: client.drop, method: GET}
  - {name: plain, url_path: /plain, service: client.drop}
";

async fn app() -> Result<zato::Running> {
    testing::app("clients").services(services![get_client, drop_client]).config_yaml(CHANNELS).start().await
}

fn locations(reply: &TestReply) -> Vec<&str> {
    reply.text().split("location=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn an_endpoint_describes_its_channels_to_whoever_may_call_them() -> Result<()> {
    let app = app().await?;
    let client = testing::client(&app);
    let reply = client.get("/clients/a%20b?WSDL").await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "text/xml; charset=utf-8"));
    for part in [
        "<wsdl:definitions",
        "targetNamespace=\"urn:clients\"",
        "<wsdl:documentation>Finds a client &amp; more.</wsdl:documentation>",
        "<xs:element name=\"ClientGet\" type=\"tns:GetClient\"/>",
        "<xs:element name=\"client_id\" type=\"xs:unsignedLong\"/>",
        "<xs:element name=\"balance\" type=\"xs:decimal\" minOccurs=\"0\"/>",
        "<soap:operation soapAction=\"urn:get\" style=\"document\"/>",
        "<soap12:operation soapAction=\"\" style=\"document\"/>",
    ] {
        assert!(reply.text().contains(part), "{part} is not in {}", reply.text());
    }
    // The one that 1.1 isn't spoken by is not in its binding.
    assert_eq!(reply.text().matches("<soap:operation").count(), 1);
    assert_eq!(reply.text().matches("<soap12:operation").count(), 2);
    assert_eq!(locations(&reply), ["http://localhost/clients/a%20b"; 2]);

    // What is asked otherwise is answered otherwise.
    assert_eq!(client.get("/clients/a?wsdl=1").await.status, 204);
    assert_eq!(client.get("/clients/a").await.status, 204);
    assert_eq!(client.get("/plain?wsdl").await.status, 204);
    assert_eq!(client.get("/nowhere?wsdl").await.status, 404);
    let head = client.send(Method::HEAD, "/clients/a?wsdl", &[], "").await;
    assert_eq!((head.status.as_u16(), head.body.is_empty()), (200, true));
    Ok(())
}

#[tokio::test]
async fn who_may_not_call_is_told_nothing() -> Result<()> {
    let app = app().await?;
    let client = testing::client(&app);
    let refused = client.get("/private?wsdl").await;
    assert_eq!(refused.status, 401);
    assert!(!refused.text().contains("definitions"), "{}", refused.text());
    let credentials = [("authorization", "Basic cGFydG5lcjpub3QtYS1zZWNyZXQ=")];
    assert_eq!(client.send(Method::GET, "/private?wsdl", &credentials, "").await.status, 200);
    // Credentials that stand in an envelope can't be with a request that has none.
    assert_eq!(client.get("/token?wsdl").await.status, 200);
    Ok(())
}

#[tokio::test]
async fn the_address_is_the_one_that_the_client_used() -> Result<()> {
    let yaml = |server: &str| format!("server: {{bind: '127.0.0.1:0'{server}}}\n{CHANNELS}");
    let app = listening_app("clients").services(services![get_client, drop_client]);
    let app = app.config_yaml(yaml("")).start().await?;
    let bind = crate::support::address(&app);
    let ask = async |headers: &str| {
        let mut wire = Wire::to(&app).await;
        wire.send(format!("GET /token?wsdl HTTP/1.1\r\n{headers}\r\n")).await;
        let body = wire.answer().await.body;
        body.split("location=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
    };
    let forwarded = "Host: bank.example\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: api.bank.example\r\n";
    assert_eq!(ask("Host: bank.example:8080\r\n").await, "http://bank.example:8080/token");
    assert_eq!(ask(forwarded).await, "http://bank.example/token", "nobody has said that the proxy is one");
    let trusting = yaml(", trusted_proxies: [127.0.0.1]").replace("127.0.0.1:0", &bind);
    app.apply_yaml(trusting).await?;
    assert_eq!(ask(forwarded).await, "https://api.bank.example/token");
    assert_eq!(ask("Host: bank.example\r\nX-Forwarded-Proto: https\r\n").await, "https://bank.example/token");
    Ok(())
}

#[tokio::test]
async fn a_new_configuration_is_described_anew() -> Result<()> {
    let app = app().await?;
    let client = testing::client(&app);
    assert!(client.get("/token?wsdl").await.text().contains("\"ClientGet\""));
    app.apply_yaml(CHANNELS.replace("url_path: /token", "url_path: /token, operation: Find")).await?;
    let text = client.get("/token?wsdl").await.text().to_owned();
    assert!(text.contains("\"Find\"") && !text.contains("\"ClientGet\""), "{text}");
    app.apply_yaml("{}").await?;
    assert_eq!(client.get("/token?wsdl").await.status, 404);
    Ok(())
}

/// A recursive model, of which every list is one of itself.
#[model]
struct Tree {
    children: Vec<Self>,
}

#[service(name = "tree")]
async fn tree(input: Tree) -> Result<Vec<Tree>> {
    Ok(input.children)
}

#[tokio::test]
async fn a_server_around_us_is_described_by_its_own_address() -> Result<()> {
    let app = zato::App::new("trees").channel(RestChannels::nested()).services(services![tree]);
    let app = app.config_yaml("channel_soap: [{name: tree, url_path: /, service: tree}]").start().await?;
    let reply = testing::client(&app).send(Method::GET, "/?wsdl", &[("host", "[::1]:99")], "").await;
    assert_eq!(locations(&reply), ["http://[::1]:99/"; 2]);
    assert!(reply.text().contains("<wsdl:service name=\"Service\">"), "{}", reply.text());
    Ok(())
}
