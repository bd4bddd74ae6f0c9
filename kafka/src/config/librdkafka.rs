//! The same settings in librdkafka's words.

use super::{ClientConfig, Pem, Verify};

pub(super) fn settings(config: &ClientConfig) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut set = |key: &str, value: String| out.push((key.to_owned(), value));
    let servers: Vec<String> = config.bootstrap.iter().map(ToString::to_string).collect();
    set("bootstrap.servers", servers.join(","));
    set("client.id", config.client_id.to_string());
    let protocol = match (&config.tls, &config.sasl) {
        (None, None) => "PLAINTEXT",
        (Some(_), None) => "SSL",
        (None, Some(_)) => "SASL_PLAINTEXT",
        (Some(_), Some(_)) => "SASL_SSL",
    };
    set("security.protocol", protocol.into());
    if let Some(sasl) = &config.sasl {
        set("sasl.mechanisms", sasl.mechanism.name().into());
        set("sasl.username", sasl.username.to_string());
        set("sasl.password", sasl.password.expose().to_owned());
    }
    let Some(tls) = &config.tls else { return out };
    if let Some(roots) = &tls.roots {
        pem(&mut set, roots, "ssl.ca.location", "ssl.ca.pem");
    }
    if let Some(identity) = &tls.identity {
        pem(&mut set, &identity.chain, "ssl.certificate.location", "ssl.certificate.pem");
        pem(&mut set, &identity.key, "ssl.key.location", "ssl.key.pem");
    }
    match tls.verify {
        Verify::Full => set("ssl.endpoint.identification.algorithm", "https".into()),
        Verify::ChainOnly => set("ssl.endpoint.identification.algorithm", "none".into()),
        Verify::Nothing => set("enable.ssl.certificate.verification", "false".into()),
    }
    out
}

fn pem(set: &mut impl FnMut(&str, String), pem: &Pem, location: &str, inline: &str) {
    match pem {
        Pem::File(path) => set(location, path.display().to_string()),
        Pem::Inline(text) => set(inline, text.expose().to_owned()),
    }
}
