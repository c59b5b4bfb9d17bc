//! An authority for one broker, and what it signs: the broker's certificate and a client's.

use std::{fs, io, path::Path, process::Command};

use super::text;

pub(super) const AUTHORITY: &str = "authority.pem";
pub(super) const SERVER: Pair = Pair { certificate: "server.pem", key: "server.key" };
pub(super) const CLIENT: Pair = Pair { certificate: "client.pem", key: "client.key" };

/// Names of the files of a certificate and its key.
pub(super) struct Pair {
    pub(super) certificate: &'static str,
    pub(super) key: &'static str,
}

/// Curves, since RSA keys take longer to make than the rest.
const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/// Makes them with OpenSSL, which is wherever RabbitMQ is, and spares `cargo xtask` a library for it.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    let mut authority = request(folder, "/CN=authority of a test", "authority.key", AUTHORITY);
    authority.args(["-x509", "-days", "2"]);
    text(authority)?;
    sign(folder, &SERVER, "localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")?;
    sign(folder, &CLIENT, "zato", "subjectAltName=DNS:zato\nextendedKeyUsage=clientAuth\n")
}

fn sign(folder: &Path, pair: &Pair, name: &str, extensions: &str) -> io::Result<()> {
    text(request(folder, &format!("/CN={name}"), pair.key, "request.csr"))?;
    fs::write(folder.join("extensions"), extensions)?;
    let mut sign = Command::new("openssl");
    sign.current_dir(folder).args(["x509", "-req", "-days", "2", "-in", "request.csr", "-extfile", "extensions"]);
    sign.args(["-CA", AUTHORITY, "-CAkey", "authority.key", "-CAcreateserial", "-out", pair.certificate]);
    text(sign).map(drop)
}

fn request(folder: &Path, subject: &str, key: &str, to: &str) -> Command {
    let mut command = Command::new("openssl");
    command.current_dir(folder).arg("req").args(KEY).args(["-subj", subject, "-keyout", key, "-out", to]);
    command
}
