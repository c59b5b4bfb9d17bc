//! Who computes what: keys beside those of the entries.

/// What keys of leases begin with, under the prefix of the connection: no cache has them among its entries.
pub(super) const LEASES: &str = "zato:lease:";

/// Where the lease of a key lies.
pub(super) struct Lease {
    /// Its key, under the prefix of the connection.
    pub(super) name: String,
    /// Whether it is on the same node of a cluster as the key.
    pub(super) is_beside_its_key: bool,
}

impl Lease {
    pub(super) fn of(prefix: &str, key: &str) -> Self {
        let full = format!("{prefix}{key}");
        // What stands in braces says where a key lies, and that is the whole of one that has none ("Redis cluster
        // specification", hash tags).
        let name = if full.contains(['{', '}']) { format!("{LEASES}{key}") } else { format!("{LEASES}{{{full}}}") };
        let is_beside_its_key = tag(&format!("{prefix}{name}")) == tag(&full);
        Self { name, is_beside_its_key }
    }

    /// Tells whether a lease is that of a key that begins with a prefix, beside that of the connection.
    pub(super) fn is_under(lease: &str, before: &str, prefix: &str) -> bool {
        let Some(name) = lease.strip_prefix(LEASES) else { return false };
        let whole = name.strip_prefix('{').and_then(|name| name.strip_prefix(before));
        name.starts_with(prefix) || whole.is_some_and(|key| key.starts_with(prefix))
    }
}

/// Returns the part of a key that says where in a cluster it lies.
fn tag(key: &str) -> &str {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    tag.filter(|tag| !tag.is_empty()).unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lease_of_a_key_lies_on_the_same_node_of_a_cluster() {
        for (prefix, key, is_beside) in [
            ("", "rates:a", true),
            ("app:", "rates:a", true),
            ("app:", "rates:{CRM}:a", true),
            ("{app}:", "rates:a", true),
            ("app:", "a}b", false),
            ("a{", "b}", false),
        ] {
            let lease = Lease::of(prefix, key);
            assert_eq!(lease.is_beside_its_key, is_beside, "{prefix} {key}: {}", lease.name);
            assert!(Lease::is_under(&lease.name, prefix, key), "{prefix} {key}: {}", lease.name);
            assert!(!Lease::is_under(&lease.name, prefix, "other"), "{prefix} {key}");
        }
    }
}
