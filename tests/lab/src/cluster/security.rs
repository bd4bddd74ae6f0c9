//! Listeners other than PLAINTEXT, users, access rules, and what a client needs to come in through them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::tls::{ClientAuth, TlsFiles};
use super::{ClusterBuilder, text};

/// A way into a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Listener {
    /// No TLS, no user. Always there.
    Plaintext,
    /// SASL (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, unsigned OAUTHBEARER) without TLS.
    Sasl,
    /// TLS with the lab's own CA.
    Tls,
    /// Both.
    SaslTls,
}

impl Listener {
    /// Kafka's name of the protocol.
    pub fn name(self) -> &'static str {
        match self {
            Listener::Plaintext => "PLAINTEXT",
            Listener::Sasl => "SASL_PLAINTEXT",
            Listener::Tls => "SSL",
            Listener::SaslTls => "SASL_SSL",
        }
    }

    fn sasl(self) -> bool {
        matches!(self, Listener::Sasl | Listener::SaslTls)
    }

    fn tls(self) -> bool {
        matches!(self, Listener::Tls | Listener::SaslTls)
    }
}

/// A user of the SASL listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}

/// What the listeners and the authorizer need in server.properties.
pub(super) fn server_settings(builder: &ClusterBuilder, tls: &TlsFiles) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let mut set = |key: String, value: String| out.insert(key, value);
    for listener in &builder.listeners {
        let prefix = format!("listener.name.{}", listener.name().to_lowercase());
        if listener.sasl() {
            set(
                format!("{prefix}.sasl.enabled.mechanisms"),
                "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER".to_owned(),
            );
            let mut plain = "org.apache.kafka.common.security.plain.PlainLoginModule required".to_owned();
            for user in &builder.users {
                let _ = write!(plain, " user_{}=\"{}\"", user.name, user.password);
            }
            set(format!("{prefix}.plain.sasl.jaas.config"), format!("{plain};"));
            for scram in ["scram-sha-256", "scram-sha-512"] {
                set(
                    format!("{prefix}.{scram}.sasl.jaas.config"),
                    "org.apache.kafka.common.security.scram.ScramLoginModule required;".to_owned(),
                );
            }
        }
        if listener.sasl() {
            // Kafka's unsecured tokens: a name without a signature.
            set(
                format!("{prefix}.oauthbearer.sasl.jaas.config"),
                "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required \
                 unsecuredLoginStringClaim_sub=\"broker\";"
                    .to_owned(),
            );
        }
        if listener.tls() {
            set(format!("{prefix}.ssl.keystore.type"), "PEM".to_owned());
            set(format!("{prefix}.ssl.keystore.location"), text(&tls.server_keystore));
            set(format!("{prefix}.ssl.truststore.type"), "PEM".to_owned());
            set(format!("{prefix}.ssl.truststore.location"), text(&tls.ca));
            let auth = match builder.client_auth {
                ClientAuth::None => "none",
                ClientAuth::Requested => "requested",
                ClientAuth::Required => "required",
            };
            set(format!("{prefix}.ssl.client.auth"), auth.to_owned());
        }
    }
    if builder.authorizer {
        set("authorizer.class.name".to_owned(), "org.apache.kafka.metadata.authorizer.StandardAuthorizer".to_owned());
        set("super.users".to_owned(), "User:ANONYMOUS;User:admin".to_owned());
        set("allow.everyone.if.no.acl.found".to_owned(), "false".to_owned());
    }
    out
}

/// The client's side, as Java properties; SCRAM-SHA-256 for users.
pub(super) fn client_properties(
    bootstrap: &str,
    listener: Listener,
    user: Option<&User>,
    tls: &TlsFiles,
    client_auth: ClientAuth,
) -> String {
    let mut out = format!("bootstrap.servers={bootstrap}\nsecurity.protocol={}\n", listener.name());
    if let (true, Some(user)) = (listener.sasl(), user) {
        let _ = writeln!(out, "sasl.mechanism=SCRAM-SHA-256");
        let _ = writeln!(
            out,
            "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username=\"{}\" password=\"{}\";",
            user.name, user.password
        );
    }
    if listener.tls() {
        let _ = writeln!(out, "ssl.truststore.type=PEM\nssl.truststore.location={}", text(&tls.ca));
        if client_auth == ClientAuth::Required {
            let _ = writeln!(out, "ssl.keystore.type=PEM\nssl.keystore.location={}", text(&tls.client_keystore));
        }
    }
    out
}
