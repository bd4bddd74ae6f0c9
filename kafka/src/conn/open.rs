//! Opening a connection: TCP, TLS, what the broker can do, SASL.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::AtomicI32;
use std::time::Duration;

use base64::Engine;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::wire::{self, Stream};
use super::{Call, Ended, Link, Shared};
use crate::Secret;
use crate::api::Api;
use crate::codes;
use crate::config::{ClientConfig, HostPort, SaslConfig, SaslMechanism};
use crate::decode::{SaslAuthenticated, decode_api_versions, decode_sasl_authenticate, decode_sasl_handshake};
use crate::error::{At, KafkaError};
use crate::request::Request;
use crate::scram::{Hash, Scram};
use crate::tls::{self, PlatformRoots};

/// What it takes to open connections to one cluster.
#[derive(Debug)]
pub(crate) struct Opener {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) connect_timeout: Duration,
    pub(crate) max_frame: usize,
    pub(crate) platform: PlatformRoots,
}

impl Opener {
    /// Connects, at most until the call's deadline or the connect timeout, whichever is first.
    pub(crate) async fn open(&self, target: &HostPort, address: &Arc<str>, call: &Call) -> Result<Link, KafkaError> {
        let began = Instant::now();
        let until = call.deadline.min(began + self.connect_timeout);
        let limited = Call { deadline: until, after: until - began, watch: call.watch.apart() };
        match timeout_at(until, self.open_unbounded(target, address, &limited)).await {
            Ok(opened) => opened,
            Err(_) => Err(limited.timeout("connect", address)),
        }
    }

    async fn open_unbounded(&self, target: &HostPort, address: &Arc<str>, call: &Call) -> Result<Link, KafkaError> {
        let socket = tcp(target, address).await?;
        let stream = self.secure(socket, target, address).await?;
        let shared = Arc::new(Shared::default());
        let outgoing = wire::start(stream, &shared, self.max_frame);
        let mut link = Link {
            address: Arc::clone(address),
            client_id: Arc::clone(&self.config.client_id),
            shared,
            outgoing,
            next: AtomicI32::new(1),
            ranges: BTreeMap::new(),
            expires: None,
        };
        link.ranges = api_versions(&link, call).await?;
        if let Some(sasl) = &self.config.sasl {
            let lifetime = authenticate(&link, sasl, call).await?;
            // A tenth early, so that no request is cut off in the middle.
            link.expires = lifetime.map(|lifetime| Instant::now() + lifetime - lifetime / 10);
        }
        Ok(link)
    }

    async fn secure(
        &self,
        socket: TcpStream,
        target: &HostPort,
        address: &Arc<str>,
    ) -> Result<Box<dyn Stream>, KafkaError> {
        let Some(config) = &self.config.tls else { return Ok(Box::new(socket)) };
        let failed = |reason: String| KafkaError::Tls { at: At::new("TLS", address), reason: Arc::from(reason) };
        let client = tls::client(config, &self.platform).await.map_err(failed)?;
        let name = ServerName::try_from(target.host.to_string()).map_err(|error| failed(error.to_string()))?;
        let stream =
            TlsConnector::from(client).connect(name, socket).await.map_err(|error| failed(error.to_string()))?;
        Ok(Box::new(stream))
    }
}

/// Tries every address of the host in turn.
async fn tcp(target: &HostPort, address: &Arc<str>) -> Result<TcpStream, KafkaError> {
    let failed = |error: std::io::Error| {
        let at = At::new("connect", address);
        match error.kind() {
            ErrorKind::ConnectionRefused => KafkaError::Refused { at },
            _ => KafkaError::Unreachable { at, reason: Arc::from(error.to_string()) },
        }
    };
    let socket = TcpStream::connect((&*target.host, target.port)).await.map_err(failed)?;
    socket.set_nodelay(true).map_err(failed)?;
    Ok(socket)
}

/// Version 3, or 0 for a broker that does not have it.
async fn api_versions(link: &Link, call: &Call) -> Result<BTreeMap<i16, (i16, i16)>, KafkaError> {
    let request = Request::ApiVersions;
    let mut version = 3;
    let mut body = link.exchange(&request, version, call).await?;
    if body.get(..2) == Some(&codes::UNSUPPORTED_VERSION.to_be_bytes()[..]) {
        version = 0;
        body = link.exchange(&request, version, call).await?;
    }
    let at = || At::new("ApiVersions", &link.address);
    let answer = decode_api_versions(version, &body).map_err(|error| KafkaError::Protocol { at: at(), error })?;
    KafkaError::from_code(at(), answer.error_code, None)?;
    link.shared.throttle(Duration::from_millis(u64::try_from(answer.throttle_ms).unwrap_or(0)));
    Ok(answer.apis.iter().map(|range| (range.key, (range.min, range.max))).collect())
}

/// How long the session lasts, if it ends.
async fn authenticate(link: &Link, sasl: &SaslConfig, call: &Call) -> Result<Option<Duration>, KafkaError> {
    let refused = |reason: String| KafkaError::Auth { at: At::new("SASL", &link.address), reason: Arc::from(reason) };
    let wanted = sasl.mechanism.name();
    let answer = link.ask(&Request::SaslHandshake(wanted), decode_sasl_handshake, call).await?;
    if answer.error_code == codes::UNSUPPORTED_SASL_MECHANISM {
        let offered: Vec<&str> = answer.mechanisms.iter().map(|name| &**name).collect();
        return Err(refused(format!("this listener does not take {wanted}, it takes {}", offered.join(", "))));
    }
    KafkaError::from_code(At::new("SaslHandshake", &link.address), answer.error_code, None)?;
    let hash = match sasl.mechanism {
        SaslMechanism::Plain => {
            let message = Secret::new(format!("\0{}\0{}", sasl.username, sasl.password.expose()));
            return step(link, sasl, message, call).await.map(lifetime);
        }
        SaslMechanism::ScramSha256 => Hash::Sha256,
        SaslMechanism::ScramSha512 => Hash::Sha512,
    };
    let (scram, first) = Scram::new(hash, &sasl.username, &sasl.password, nonce().map_err(refused)?);
    let challenge = step(link, sasl, first, call).await?;
    // The key derivation takes up to seconds of computing.
    let answered = tokio::task::spawn_blocking(move || scram.answer(&challenge.bytes)).await;
    let (proof, last) = answered.map_err(|error| refused(error.to_string()))?.map_err(refused)?;
    let end = step(link, sasl, last, call).await?;
    let verified = proof.verify(&end.bytes);
    if verified.is_err() {
        link.shared.end(Ended::Closed(Arc::from("the broker is not who it should be")));
    }
    verified.map_err(refused)?;
    Ok(lifetime(end))
}

fn lifetime(answer: SaslAuthenticated) -> Option<Duration> {
    u64::try_from(answer.session_lifetime_ms).ok().filter(|ms| *ms > 0).map(Duration::from_millis)
}

async fn step(link: &Link, sasl: &SaslConfig, message: Secret, call: &Call) -> Result<SaslAuthenticated, KafkaError> {
    let answer = link.ask(&Request::SaslAuthenticate(message), decode_sasl_authenticate, call).await?;
    let at = At::new(super::name(Api::SaslAuthenticate), &link.address);
    // A broker may say what it was told: errors are logged, recorded and shown.
    let said = answer.error_message.as_ref().map(|text| Arc::from(sasl.password.hidden_in(text)));
    KafkaError::from_code(at, answer.error_code, said.as_ref())?;
    Ok(answer)
}

fn nonce() -> Result<String, String> {
    let mut random = [0; 24];
    let provider = rustls::crypto::ring::default_provider();
    provider.secure_random.fill(&mut random).map_err(|_| "no random numbers to be had")?;
    Ok(base64::engine::general_purpose::STANDARD_NO_PAD.encode(random))
}
