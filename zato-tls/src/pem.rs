//! Certificates and keys out of PEM files (RFC 7468), each fault with the file and its remedy.

use rustls::pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject, SectionKind},
};
use zato_core::config::{ConfigFault, FilePath, Files};

/// Reads the certificates of a file, in their order; at least one.
pub(crate) fn certificates(files: &Files, file: &FilePath) -> Result<Vec<CertificateDer<'static>>, ConfigFault> {
    let content = files.read(file)?;
    let sections = sections(&content, file)?;
    let has_key = sections.iter().any(|(kind, _)| is_key(*kind));
    let certificates: Vec<_> = sections.into_iter().filter_map(|(kind, der)| PemObject::from_pem(kind, der)).collect();
    if !certificates.is_empty() {
        return Ok(certificates);
    }
    if has_key {
        return Err(file.fault("holds a private key and no certificate; are the two files in each other's place?"));
    }
    Err(file.fault(format!("holds no certificate{}", other_form(&content))))
}

/// Reads the private key of a file; there must be exactly one.
pub(crate) fn key(files: &Files, file: &FilePath) -> Result<PrivateKeyDer<'static>, ConfigFault> {
    let content = files.read(file)?;
    if is_encrypted(&content) {
        let remedy = "nobody is there to type its password; decrypt it with `openssl pkey -in KEY -out NEW`";
        return Err(file.fault(format!("holds an encrypted key, and {remedy}")));
    }
    let sections = sections(&content, file)?;
    let has_certificate = sections.iter().any(|(kind, _)| *kind == SectionKind::Certificate);
    let mut keys = sections.into_iter().filter_map(|(kind, der)| PrivateKeyDer::from_pem(kind, der));
    match (keys.next(), keys.count()) {
        (Some(key), 0) => Ok(key),
        (Some(_), more) => Err(file.fault(format!("holds {} private keys; leave the one that is meant", more + 1))),
        (None, _) if has_certificate => {
            Err(file.fault("holds a certificate and no private key; are the two files in each other's place?"))
        }
        (None, _) => Err(file.fault(format!("holds no private key{}", other_form(&content)))),
    }
}

type Sections = Vec<(SectionKind, Vec<u8>)>;

fn sections(content: &[u8], file: &FilePath) -> Result<Sections, ConfigFault> {
    let sections: Result<Sections, pem::Error> = PemObject::pem_slice_iter(content).collect();
    sections.map_err(|error| {
        // The library's own words would have a part of the file in them, which may be a part of a key.
        file.fault(match error {
            pem::Error::MissingSectionEnd { .. } => "is cut off: a section of it has no end",
            pem::Error::IllegalSectionStart { .. } => {
                "is not valid PEM: a section doesn't begin with \"-----BEGIN ...-----\""
            }
            _ => "is not valid PEM: what stands in a section is not base64",
        })
    })
}

fn is_key(kind: SectionKind) -> bool {
    matches!(kind, SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey)
}

/// Whether a key is one of PKCS#8 (RFC 5958 §3) or of the older kind of OpenSSL that somebody has to type a password for.
fn is_encrypted(content: &[u8]) -> bool {
    let has = |text: &str| content.windows(text.len()).any(|window| window == text.as_bytes());
    has("-----BEGIN ENCRYPTED PRIVATE KEY-----") || has("Proc-Type: 4,ENCRYPTED")
}

/// Says what to do with a file that is another kind of encoding (X.690 §8.14: a sequence begins with 0x30).
fn other_form(content: &[u8]) -> &'static str {
    match content.first() {
        Some(0x30) => "; it is DER, write it as PEM with `openssl x509` or `openssl pkey` and `-inform der`",
        None => "; it is empty",
        Some(_) => " in PEM form",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn said(content: impl AsRef<[u8]>) -> (String, String) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.pem"), content).unwrap();
        let (files, file) = (Files::in_folder(folder.path()), FilePath::new("a.pem"));
        let words = |fault: ConfigFault| fault.message.trim_start_matches("the file \"a.pem\" ").to_owned();
        let certificates = certificates(&files, &file).map_or_else(words, |found| format!("{} found", found.len()));
        (certificates, key(&files, &file).map_or_else(words, |_| "found".to_owned()))
    }

    fn both(said: (&str, &str)) -> (String, String) {
        (said.0.to_owned(), said.1.to_owned())
    }

    #[test]
    fn what_is_there_is_found() {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
        let no_key = "holds a certificate and no private key; are the two files in each other's place?";
        assert_eq!(said(format!("words before it\n{certificate}{certificate}")), both(("2 found", no_key)));
        let no_certificate = "holds a private key and no certificate; are the two files in each other's place?";
        assert_eq!(said(&key), both((no_certificate, "found")));
        assert_eq!(said(format!("{certificate}{key}")), both(("1 found", "found")));
        assert_eq!(said(format!("{certificate}{key}{key}")).1, "holds 2 private keys; leave the one that is meant");
    }

    #[test]
    fn what_is_not_there_is_told_with_its_remedy() {
        let der = "; it is DER, write it as PEM with `openssl x509` or `openssl pkey` and `-inform der`";
        let (no_certificate, no_key) = (format!("holds no certificate{der}"), format!("holds no private key{der}"));
        assert_eq!(said([0x30, 0x82, 1]), both((&no_certificate, &no_key)));
        assert_eq!(said(""), both(("holds no certificate; it is empty", "holds no private key; it is empty")));
        assert_eq!(said("a"), both(("holds no certificate in PEM form", "holds no private key in PEM form")));
        let request = "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n";
        assert_eq!(said(request), both(("holds no certificate in PEM form", "holds no private key in PEM form")));
        for (damaged, expected) in [
            ("-----BEGIN CERTIFICATE-----\nMAA=\n", "is cut off: a section of it has no end"),
            ("-----BEGIN CERTIFICATE----\n", "is not valid PEM: a section doesn't begin with \"-----BEGIN ...-----\""),
            (
                "-----BEGIN PRIVATE KEY-----\n?secret?\n-----END PRIVATE KEY-----\n",
                "is not valid PEM: what stands in a section is not base64",
            ),
        ] {
            assert_eq!(said(damaged), both((expected, expected)));
        }
    }

    #[test]
    fn an_encrypted_key_is_told_from_a_damaged_one() {
        let kinds =
            ["-----BEGIN ENCRYPTED PRIVATE KEY-----\n", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"];
        for kind in kinds {
            assert!(
                said(kind).1.starts_with("holds an encrypted key, and nobody is there to type its password"),
                "{kind}"
            );
        }
    }
}
