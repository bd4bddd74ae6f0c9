//! The `client.properties` people already have, for Java clients or for librdkafka, as one checked configuration.
//!
//! A setting that changes how we connect is either honoured or refused by name; one that only concerns producing and
//! consuming is accepted and ignored; an unknown one is an error with its nearest known spelling. PEM files are named
//! here and read when a connection is made, so that rotated certificates are picked up. Left out: JKS and PKCS12
//! stores, encrypted keys, GSSAPI and OAUTHBEARER; each is refused saying what to do instead.

mod jaas;
mod keys;
mod librdkafka;
mod properties;
mod typed;

use std::path::PathBuf;
use std::sync::Arc;

use crate::Secret;

/// How to reach a cluster and who we are.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// `host:port` of each bootstrap server, in the order given.
    pub bootstrap: Vec<HostPort>,
    /// What we call ourselves.
    pub client_id: Arc<str>,
    /// TLS, if used.
    pub tls: Option<TlsConfig>,
    /// SASL, if used.
    pub sasl: Option<SaslConfig>,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    /// A name or an address, without brackets.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
}

impl std::fmt::Display for HostPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            return write!(f, "[{}]:{}", self.host, self.port);
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// TLS settings.
#[derive(Debug, Clone)]
pub struct TlsConfig {
    /// Whom to trust; none is the platform's own roots.
    pub roots: Option<Pem>,
    /// Our own certificate.
    pub identity: Option<TlsIdentity>,
    /// How much of the broker's certificate is checked.
    pub verify: Verify,
}

/// Our certificate chain and its key.
#[derive(Debug, Clone)]
pub struct TlsIdentity {
    /// The chain.
    pub chain: Pem,
    /// The unencrypted private key, which may stand in the same file.
    pub key: Pem,
}

/// PEM text, in a file or in the properties themselves.
#[derive(Debug, Clone)]
pub enum Pem {
    /// The path of a file.
    File(PathBuf),
    /// The text.
    Inline(Secret),
}

/// How much of a broker's certificate is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// Its chain and its name.
    Full,
    /// Its chain only (`ssl.endpoint.identification.algorithm` empty or `none`).
    ChainOnly,
    /// Nothing (`enable.ssl.certificate.verification=false`).
    Nothing,
}

/// SASL settings.
#[derive(Debug, Clone)]
pub struct SaslConfig {
    /// The mechanism.
    pub mechanism: SaslMechanism,
    /// The user's name.
    pub username: Arc<str>,
    /// The password.
    pub password: Secret,
}

/// The SASL mechanisms that are supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslMechanism {
    /// The password as it is; only sensible inside TLS.
    Plain,
    /// Challenge and response with SHA-256.
    ScramSha256,
    /// Challenge and response with SHA-512.
    ScramSha512,
}

impl SaslMechanism {
    /// The name on the wire and in properties.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// One thing that is wrong with the properties; it never quotes a value that may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PropertyError {
    /// A line that is not a property.
    #[error("line {line}: {problem}")]
    Syntax {
        /// The line it begins on.
        line: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// A key nobody knows.
    #[error("line {line}: {key} is not a known setting{}", nearest.map_or_else(String::new, |near| format!("; did you mean {near}?")))]
    Unknown {
        /// The line it begins on.
        line: usize,
        /// The key.
        key: String,
        /// The nearest known one.
        nearest: Option<&'static str>,
    },
    /// A setting that cannot be honoured.
    #[error("line {line}: {key} cannot be honoured: {instead}")]
    Refused {
        /// The line it begins on.
        line: usize,
        /// The key.
        key: String,
        /// Why, and what to do instead.
        instead: String,
    },
    /// A value that does not fit its key.
    #[error("line {line}: {key}: {problem}")]
    Invalid {
        /// The line it begins on.
        line: usize,
        /// The key.
        key: String,
        /// What is wrong, without the value.
        problem: String,
    },
    /// A setting that must be there.
    #[error("{key} is missing: {why}")]
    Missing {
        /// The key.
        key: &'static str,
        /// Why it is needed.
        why: &'static str,
    },
}

impl ClientConfig {
    /// Parses the text of a `client.properties`.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn from_properties(text: &str) -> Result<Self, Vec<PropertyError>> {
        typed::parse(text)
    }

    /// The same settings for librdkafka. It contains secrets: hand it to the client and nowhere else.
    pub fn to_librdkafka(&self) -> Vec<(String, String)> {
        librdkafka::settings(self)
    }
}

#[cfg(test)]
mod tests;
