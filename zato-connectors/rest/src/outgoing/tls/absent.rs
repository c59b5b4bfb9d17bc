use reqwest::ClientBuilder;
use zato_core::{
    config::{ConfigFault, ConfigFaults},
    connection::Setup,
    security::TokenRequest,
};

use super::super::config::{HttpVersion, RestConfig};

/// How calls speak TLS, which none can.
#[derive(Clone)]
pub(crate) struct Tls;

/// Refuses a configuration that wants TLS: plain HTTP in its place would give away what was to be kept.
pub(crate) fn of_partner(setup: &Setup<'_, RestConfig>) -> Result<Tls, ConfigFaults> {
    let wanted = [("host", setup.config.host.is_tls()), ("tls", setup.config.tls.is_some())];
    let faults = wanted.into_iter().filter(|(_, is_wanted)| *is_wanted).map(|(key, _)| fault(setup, key));
    let mut found = ConfigFaults::new();
    found.extend(faults);
    found.into_result(Tls)
}

/// Refuses one whose tokens are fetched over TLS.
pub(crate) fn of_token_endpoint(setup: &Setup<'_, RestConfig>, request: &TokenRequest) -> Result<Tls, ConfigFaults> {
    if request.is_tls() { Err(fault(setup, "security").into()) } else { Ok(Tls) }
}

fn fault(setup: &Setup<'_, RestConfig>, key: &str) -> ConfigFault {
    setup.fault(key, "this program was built without TLS, which this asks for; add the feature \"tls\" of zato")
}

/// Leaves a client as it is.
pub(crate) fn configure(builder: ClientBuilder, _: &Tls, _: HttpVersion) -> ClientBuilder {
    builder
}

#[cfg(test)]
mod tests {
    use zato_core::{
        ambient::Ambient,
        config::{Files, from_node, yaml},
        connection::Definitions,
    };

    use super::*;

    #[test]
    fn the_fault_names_the_place_and_the_remedy() {
        let node = yaml::parse("zato.yaml", "{name: CRM, host: 'https://crm', tls: {}}").unwrap();
        let (files, ambient) = (Files::in_folder(""), Ambient::default());
        let config = from_node(&node).unwrap();
        let definitions = Definitions::default();
        let setup =
            Setup { config, node: &node, security: None, definitions: &definitions, files: &files, ambient: &ambient };
        let words = "this program was built without TLS, which this asks for; add the feature \"tls\" of zato";
        let faults = of_partner(&setup).map(drop).unwrap_err();
        assert_eq!(faults.to_string(), format!("zato.yaml:1:19: {words}\nzato.yaml:1:39: {words}"));
    }
}
