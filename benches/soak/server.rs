//! The app that is put under load.

use std::{fs, io, path::Path, thread};

use tokio::{
    io::{AsyncReadExt as _, repeat},
    sync::oneshot,
};
use zato::{Error, Raw, Result, model, rest::RestChannels, service, services, told_to_stop};

/// Where a server writes on which addresses it listens: that of its channels, that for operators.
pub(crate) const ADDRESSES: &str = "addresses";

/// How large the file of `file.get` is.
pub(crate) const FILE: u64 = 16 * 1024 * 1024;

/// Which client to look up.
#[model]
pub(crate) struct GetClientRequest {
    client_id: i64,
}

/// What is known of a client.
#[model]
pub(crate) struct GetClientResponse {
    name: String,
    email: String,
    segment: String,
}

/// Looks a client up, which takes no time.
#[service(name = "client.get")]
async fn get_client(input: GetClientRequest) -> Result<GetClientResponse> {
    if input.client_id != 123 {
        return Err(Error::not_found("no such client"));
    }
    Ok(GetClientResponse { name: "Jane Doe".to_owned(), email: String::new(), segment: "RNZ".to_owned() })
}

/// Gives text that is worth being compressed.
#[service(name = "report.get")]
async fn get_report() -> Result<Raw> {
    Ok(Raw::new(report()).with_content_type("text/csv"))
}

/// Gives back what it gets, while it comes.
#[service(name = "file.echo")]
async fn echo_file(input: Raw) -> Result<Raw> {
    Ok(input)
}

/// Gives more than any buffer on the way holds.
#[service(name = "file.get")]
async fn get_file() -> Result<Raw> {
    Ok(Raw::from_reader(repeat(b'x').take(FILE)).with_length(FILE).with_content_type("application/octet-stream"))
}

/// What `report.get` gives.
pub(crate) fn report() -> String {
    (0..400).map(|number| format!("{number},client {number},RNZ,{}\n", number * 7919)).collect()
}

/// Serves by the configuration in a folder until the process is told to stop.
pub(crate) async fn serve(folder: &Path) -> crate::Result<()> {
    let services = services![get_client, get_report, echo_file, get_file];
    let app = zato::app("soak").services(services).config_file(folder.join("zato.yaml")).logging().start().await?;
    let admin = app.channel::<RestChannels>().and_then(RestChannels::admin_address).ok_or("no admin listener")?;
    let addresses = [app.addresses(), vec![admin]].concat().join("\n");
    // At once or not at all, since somebody waits for it.
    fs::write(folder.join("addresses.new"), addresses)?;
    fs::rename(folder.join("addresses.new"), folder.join(ADDRESSES))?;
    tokio::select! {
        () = told_to_stop() => {}
        () = left_alone() => {}
    }
    let cut = app.stop().await;
    if cut.is_empty() { Ok(()) } else { Err(format!("cut off at the end: {}", cut.join(", ")).into()) }
}

/// Waits until standard input ends: whoever has started the server is gone, and it isn't told to stop any more.
async fn left_alone() {
    let (sender, ended) = oneshot::channel();
    // A thread of its own: tokio's would keep the runtime from ending.
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        sender.send(())
    });
    // It is gone in either case.
    let _ = ended.await;
}
