//! Which places of an input hold what is never repeated, by their names.

/// Words that a key has in it whose value is a secret.
///
/// They cover the names that Zato takes for secrets (`auth_data`, `auth_token`, `password`, `password1`, `password2`,
/// `secret_key`, `tls_pem_passphrase`, `token`, `api_key`, `apiKey`, `xApiKey`) in any case and with any hyphens.
const WORDS: [&str; 7] = ["password", "passwd", "passphrase", "secret", "token", "apikey", "authdata"];

/// Whether a place, a JSON Pointer, is one of a secret or in one.
pub(super) fn are_in(path: &str) -> bool {
    path.split('/').any(is_secret)
}

/// Whether a name is one of a secret.
pub(crate) fn is_secret(key: &str) -> bool {
    let letters: String = key.chars().filter(char::is_ascii_alphanumeric).map(|it| it.to_ascii_lowercase()).collect();
    WORDS.iter().any(|word| letters.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_name_of_zato_is_one() {
        for name in [
            "auth_data",
            "auth_token",
            "password",
            "password1",
            "password2",
            "secret_key",
            "tls_pem_passphrase",
            "token",
            "api_key",
            "apiKey",
            "xApiKey",
            "X-API-Key",
            "newPassword",
            "CLIENT_SECRET",
        ] {
            assert!(are_in(&format!("/{name}")) && are_in(&format!("/a/{name}/0/b")), "{name}");
        }
        for name in ["name", "key", "api", "pass", "auth", "account/key"] {
            assert!(!are_in(&format!("/{name}")), "{name}");
        }
    }
}
