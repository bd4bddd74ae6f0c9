//! From properties to a configuration that cannot be wrong, collecting every error on the way.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::properties::{Property, split};
use super::{ClientConfig, HostPort, Pem, PropertyError, SaslConfig, SaslMechanism, TlsConfig, TlsIdentity, Verify};
use super::{jaas, keys};
use crate::Secret;

const ENCRYPTED: &str =
    "encrypted keys are not supported; decrypt it (openssl pkey -in key.pem -out plain.pem) and protect the file";
const STORE: &str = "only PEM stores can be read; export it (keytool and openssl pkcs12) and set the type to PEM";

pub(super) fn parse(text: &str) -> Result<ClientConfig, Vec<PropertyError>> {
    let mut errors = Vec::new();
    let mut settings = Settings { values: BTreeMap::new(), errors: Vec::new() };
    for property in split(text, &mut errors) {
        settings.admit(property);
    }
    settings.errors.append(&mut errors);
    let bootstrap = settings.bootstrap();
    let (tls, sasl) = settings.protocol();
    let tls = if tls { Some(settings.tls()) } else { None };
    let sasl = if sasl { settings.sasl() } else { None };
    let client_id = settings.get("client.id").map_or("cutover-agent", |(_, value)| value);
    let config = ClientConfig { bootstrap, client_id: Arc::from(client_id), tls, sasl };
    if settings.errors.is_empty() { Ok(config) } else { Err(settings.errors) }
}

struct Settings {
    values: BTreeMap<String, (usize, String)>,
    errors: Vec<PropertyError>,
}

impl Settings {
    /// Sorts a property into honoured, ignored, refused and unknown.
    fn admit(&mut self, Property { line, key, value }: Property) {
        if keys::HONOURED.contains(&key.as_str()) {
            self.values.insert(key, (line, value));
        } else if let Some(instead) = keys::refusal(&key) {
            self.errors.push(PropertyError::Refused { line, key, instead: instead.into() });
        } else if !keys::IGNORED.contains(&key.as_str()) {
            let nearest = nearest(&key);
            let key =
                if nearest.is_some() || plain(&key) { key } else { "a line that does not look like a setting".into() };
            self.errors.push(PropertyError::Unknown { line, key, nearest });
        }
    }

    fn get(&self, key: &str) -> Option<(usize, &str)> {
        self.values.get(key).map(|(line, value)| (*line, value.as_str())).filter(|(_, value)| !value.is_empty())
    }

    /// The value under either of two names for the same thing.
    fn either(&mut self, java: &'static str, other: &'static str) -> Option<(usize, String)> {
        let owned = |(line, value): (usize, &str)| (line, value.to_owned());
        let (first, second) = (self.get(java).map(owned), self.get(other).map(owned));
        if let (Some((_, a)), Some((line, b))) = (&first, &second)
            && a != b
        {
            self.invalid(*line, other, format!("contradicts {java}"));
        }
        first.or(second)
    }

    fn invalid(&mut self, line: usize, key: &str, problem: impl Into<String>) {
        self.errors.push(PropertyError::Invalid { line, key: key.into(), problem: problem.into() });
    }

    fn refused(&mut self, line: usize, key: &str, instead: &str) {
        self.errors.push(PropertyError::Refused { line, key: key.into(), instead: instead.into() });
    }

    fn bootstrap(&mut self) -> Vec<HostPort> {
        let Some((line, list)) = self.either("bootstrap.servers", "metadata.broker.list") else {
            self.errors.push(PropertyError::Missing { key: "bootstrap.servers", why: "it says where the cluster is" });
            return Vec::new();
        };
        let mut servers = Vec::new();
        for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            match host_port(entry) {
                Some(server) => servers.push(server),
                None => {
                    self.invalid(line, "bootstrap.servers", "each server is written host:port, separated by commas")
                }
            }
        }
        if servers.is_empty() && self.errors.is_empty() {
            self.invalid(line, "bootstrap.servers", "names no server");
        }
        servers
    }

    /// Whether TLS and SASL are used.
    fn protocol(&mut self) -> (bool, bool) {
        let protocol = self.get("security.protocol").map(|(line, value)| (line, value.to_ascii_uppercase()));
        match protocol.as_ref().map(|(_, value)| value.as_str()) {
            None | Some("PLAINTEXT") => (false, false),
            Some("SSL") => (true, false),
            Some("SASL_PLAINTEXT") => (false, true),
            Some("SASL_SSL") => (true, true),
            Some(_) => {
                let line = protocol.map_or(0, |(line, _)| line);
                self.invalid(line, "security.protocol", "is one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL");
                (false, false)
            }
        }
    }

    fn sasl(&mut self) -> Option<SaslConfig> {
        let mechanism = self.mechanism();
        let given = match self.get("sasl.jaas.config").map(|(line, text)| (line, jaas::parse(text))) {
            Some((line, Err(problem))) => {
                self.invalid(line, "sasl.jaas.config", problem);
                return None;
            }
            Some((line, Ok(given))) => {
                let plain = mechanism.is_none_or(|mechanism| mechanism == SaslMechanism::Plain);
                let scram = mechanism.is_none_or(|mechanism| mechanism != SaslMechanism::Plain);
                let fits = if given.module == jaas::Module::Plain { plain } else { scram };
                if !fits {
                    self.invalid(line, "sasl.jaas.config", "its login module is not the one of sasl.mechanism");
                }
                Some((given.username, given.password))
            }
            None => None,
        };
        let user = self.get("sasl.username").map(|(_, value)| value.to_owned());
        let password = self.get("sasl.password").map(|(_, value)| Secret::new(value));
        let (username, password) = match (given, user, password) {
            (Some((user, password)), None, None) => (user, password),
            (None, Some(user), Some(password)) => (user, password),
            (Some(_), _, _) => {
                let why = "both sasl.jaas.config and sasl.username/sasl.password are given; keep one";
                self.errors.push(PropertyError::Missing { key: "one user", why });
                return None;
            }
            (None, _, _) => {
                let why = "SASL needs a user and a password: sasl.jaas.config, or sasl.username and sasl.password";
                self.errors.push(PropertyError::Missing { key: "sasl.jaas.config", why });
                return None;
            }
        };
        Some(SaslConfig { mechanism: mechanism?, username: Arc::from(username), password })
    }

    fn mechanism(&mut self) -> Option<SaslMechanism> {
        let Some((line, name)) = self.either("sasl.mechanism", "sasl.mechanisms") else {
            let why =
                "without it clients use GSSAPI, which is not supported; set SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN";
            self.errors.push(PropertyError::Missing { key: "sasl.mechanism", why });
            return None;
        };
        let known = [SaslMechanism::Plain, SaslMechanism::ScramSha256, SaslMechanism::ScramSha512];
        let found = known.into_iter().find(|mechanism| mechanism.name() == name);
        if found.is_none() {
            self.refused(line, "sasl.mechanism", "only PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 are supported");
        }
        found
    }

    fn tls(&mut self) -> TlsConfig {
        let roots = self.roots();
        let identity = self.identity();
        if let Some((line, _)) = self.get("ssl.key.password") {
            self.refused(line, "ssl.key.password", ENCRYPTED);
        }
        TlsConfig { roots, identity, verify: self.verify() }
    }

    fn roots(&mut self) -> Option<Pem> {
        self.store_type("ssl.truststore");
        let stores = [
            self.pem_file("ssl.truststore.location"),
            self.pem_text("ssl.truststore.certificates"),
            self.pem_file("ssl.ca.location")
                .filter(|pem| !matches!(pem, Pem::File(path) if path.as_os_str() == "probe")),
            self.pem_text("ssl.ca.pem"),
        ];
        self.only_one(stores, "one truststore", "more than one says whom to trust; keep one")
    }

    fn identity(&mut self) -> Option<TlsIdentity> {
        self.store_type("ssl.keystore");
        let store = self.pem_file("ssl.keystore.location");
        let chains = [
            store.clone(),
            self.pem_text("ssl.keystore.certificate.chain"),
            self.pem_file("ssl.certificate.location"),
            self.pem_text("ssl.certificate.pem"),
        ];
        let keys =
            [store, self.pem_text("ssl.keystore.key"), self.pem_file("ssl.key.location"), self.pem_text("ssl.key.pem")];
        let chain = self.only_one(chains, "one keystore", "more than one certificate is given; keep one");
        let key = self.only_one(keys, "one key", "more than one private key is given; keep one");
        for name in ["ssl.keystore.key", "ssl.key.pem"] {
            if let Some((line, _)) = self.get(name).filter(|(_, text)| text.contains("ENCRYPTED")) {
                self.refused(line, name, ENCRYPTED);
            }
        }
        match (chain, key) {
            (Some(chain), Some(key)) => Some(TlsIdentity { chain, key }),
            (None, None) => None,
            (Some(_), None) => {
                let why =
                    "a client certificate is given without its key (ssl.keystore.key, ssl.key.location or ssl.key.pem)";
                self.errors.push(PropertyError::Missing { key: "ssl.keystore.key", why });
                None
            }
            (None, Some(_)) => {
                let why = "a private key is given without its certificate (ssl.keystore.certificate.chain, ssl.certificate.location or ssl.certificate.pem)";
                self.errors.push(PropertyError::Missing { key: "ssl.keystore.certificate.chain", why });
                None
            }
        }
    }

    /// A store in a file is JKS unless its type says otherwise.
    fn store_type(&mut self, store: &str) {
        let (kind, location) = (format!("{store}.type"), format!("{store}.location"));
        let is_pem = self.get(&kind).map(|(line, value)| (line, value.eq_ignore_ascii_case("PEM")));
        match (is_pem, self.get(&location).map(|(line, _)| line)) {
            (Some((line, false)), _) => self.refused(line, &kind, STORE),
            (None, Some(line)) => self.refused(line, &location, STORE),
            (Some((_, true)), _) | (None, None) => {}
        }
    }

    fn pem_file(&self, key: &str) -> Option<Pem> {
        self.get(key).map(|(_, path)| Pem::File(PathBuf::from(path)))
    }

    fn pem_text(&self, key: &str) -> Option<Pem> {
        self.get(key).map(|(_, text)| Pem::Inline(Secret::new(text)))
    }

    fn only_one(&mut self, given: [Option<Pem>; 4], key: &'static str, why: &'static str) -> Option<Pem> {
        let mut given = given.into_iter().flatten();
        let first = given.next();
        if given.next().is_some() {
            self.errors.push(PropertyError::Missing { key, why });
        }
        first
    }

    fn verify(&mut self) -> Verify {
        let trusting = self.get("enable.ssl.certificate.verification").map(|(line, value)| (line, value.to_owned()));
        match trusting.as_ref().map(|(line, value)| (*line, value.as_str())) {
            Some((_, "false")) => return Verify::Nothing,
            None | Some((_, "true")) => {}
            Some((line, _)) => self.invalid(line, "enable.ssl.certificate.verification", "is true or false"),
        }
        let key = "ssl.endpoint.identification.algorithm";
        match self.values.get(key).map(|(line, value)| (*line, value.to_ascii_lowercase())) {
            None => Verify::Full,
            Some((_, value)) if value == "https" => Verify::Full,
            Some((_, value)) if value.is_empty() || value == "none" => Verify::ChainOnly,
            Some((line, _)) => {
                self.invalid(line, key, "is https, or empty to leave the broker's name unchecked");
                Verify::Full
            }
        }
    }
}

fn host_port(entry: &str) -> Option<HostPort> {
    let entry = ["PLAINTEXT://", "SSL://", "SASL_PLAINTEXT://", "SASL_SSL://"]
        .iter()
        .find_map(|scheme| entry.strip_prefix(scheme))
        .unwrap_or(entry);
    let (host, port) = match entry.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, rest.strip_prefix(':').unwrap_or("9092"))
        }
        None => entry.split_once(':').unwrap_or((entry, "9092")),
    };
    let sound = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '@' | '='));
    let port = port.parse().ok().filter(|port| *port != 0)?;
    sound.then(|| HostPort { host: Arc::from(host), port })
}

fn nearest(key: &str) -> Option<&'static str> {
    let known = keys::HONOURED.iter().chain(keys::IGNORED);
    let (distance, nearest) = known.map(|name| (strsim::damerau_levenshtein(key, name), *name)).min()?;
    (distance <= (nearest.len() / 5).max(1)).then_some(nearest)
}

/// Whether a key has the form of a setting: a broken line may begin with half a password or a key's base64.
fn plain(key: &str) -> bool {
    key.contains('.')
        && key.len() <= 64
        && key.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'.' | b'-' | b'_'))
}
