/// Derives a service's name from where its function stands: the module path without the crate, dots, kebab-case.
///
/// ```
/// use zato_core::service::default_name;
///
/// assert_eq!(default_name("my_crate::api::user", "get_details"), "api.user.get-details");
/// assert_eq!(default_name("my_crate", "ping"), "ping");
/// ```
#[must_use]
pub fn default_name(module_path: &str, function: &str) -> String {
    let modules = module_path.split_once("::").map_or("", |(_, modules)| modules);
    let parts = modules.split("::").filter(|part| !part.is_empty()).chain([function]);
    let parts: Vec<String> = parts.map(|part| part.trim_start_matches("r#").replace('_', "-")).collect();
    parts.join(".")
}

/// Checks a service's name: 1 to 200 letters, digits, `-` and `_`, in parts between dots, and not one of our own.
///
/// # Errors
///
/// What is wrong with the name, as the end of a sentence.
pub fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("is empty".to_owned());
    }
    if name.len() > 200 {
        return Err(format!("has {} characters and may have 200", name.len()));
    }
    if name.starts_with("zato.") {
        return Err("starts with \"zato.\", which is kept for services of the framework".to_owned());
    }
    if name.split('.').any(str::is_empty) {
        return Err("has an empty part before, after or between dots".to_owned());
    }
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_');
    match name.chars().find(|character| !is_allowed(*character)) {
        Some(character) => Err(format!("has a {character:?}; letters, digits, '-', '_' and '.' are allowed")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["a", "api.user.get-details", "A_1.b"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for (bad, said) in [
            ("", "is empty"),
            ("a..b", "has an empty part before, after or between dots"),
            (".a", "has an empty part before, after or between dots"),
            ("a b", "has a ' '; letters, digits, '-', '_' and '.' are allowed"),
            ("zato.ping", "starts with \"zato.\", which is kept for services of the framework"),
        ] {
            assert_eq!(check_name(bad), Err(said.to_owned()));
        }
    }
}
