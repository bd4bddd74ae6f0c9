//! TLS handshakes against the platform's roots (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others), and for how long the
//! certificate that was shown is still valid. It is read before it is judged: an expired one has its days too.

use super::connect::{Miss, refused};
use crate::clock;
use cutover_core::estate::FailureKind;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::io;
use std::sync::{Arc, OnceLock};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const DAY: i64 = 86_400;

/// Whose certificates are trusted; read once.
#[derive(Debug, Default)]
pub(crate) struct Roots(OnceLock<Arc<RootCertStore>>);

impl Roots {
    /// These, and not the platform's.
    #[cfg(test)]
    pub(crate) fn only(store: RootCertStore) -> Roots {
        Roots(OnceLock::from(Arc::new(store)))
    }

    fn get(&self) -> Result<Arc<RootCertStore>, Miss> {
        if let Some(roots) = self.0.get() {
            return Ok(roots.clone());
        }
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if store.is_empty() {
            let what = "the agent's platform has no root certificates; name a file of them in SSL_CERT_FILE";
            return Err(Miss::own(FailureKind::Tls, what));
        }
        Ok(self.0.get_or_init(|| Arc::new(store)).clone())
    }
}

/// What came of a handshake.
pub(super) struct Shown {
    /// Whole days until the certificate expires, if one was shown that can be read.
    pub(super) days: Option<i64>,
    /// The connection, if the handshake succeeded.
    pub(super) stream: Result<Box<TlsStream<TcpStream>>, Miss>,
}

/// One handshake, never resumed: only a full one shows the certificate.
pub(super) async fn handshake(roots: &Roots, host: &str, stream: TcpStream) -> Shown {
    let failed = |miss| Shown { days: None, stream: Err(miss) };
    let own = |e: String| Miss::own(FailureKind::Tls, e);
    let built = roots.get().and_then(|roots| {
        let provider = Arc::new(ring::default_provider());
        let inner = WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build();
        let inner = inner.map_err(|e| own(e.to_string()))?;
        let verifier = Arc::new(Keeping { inner, leaf: OnceLock::new() });
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|e| own(e.to_string()))?.dangerous();
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Miss::new(FailureKind::Tls, format!("{host} is no name that a certificate could be for")))?;
        Ok((config.with_custom_certificate_verifier(verifier.clone()).with_no_client_auth(), verifier, name))
    });
    let (config, verifier, name) = match built {
        Ok(built) => built,
        Err(miss) => return failed(miss),
    };
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let days = verifier.leaf.get().and_then(days_left);
    Shown { days, stream: stream.map(Box::new).map_err(|e| words(&e)) }
}

fn days_left(leaf: &CertificateDer<'static>) -> Option<i64> {
    let (_, certificate) = x509_parser::parse_x509_certificate(leaf).ok()?;
    let end = certificate.validity().not_after.timestamp();
    Some((end - clock::now().wall.0.div_euclid(1000)).div_euclid(DAY))
}

fn words(e: &io::Error) -> Miss {
    let said = |words: &str| Miss::new(FailureKind::Tls, words);
    let Some(error) = e.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return match e.kind() {
            io::ErrorKind::UnexpectedEof => said("closed during the TLS handshake"),
            _ => refused(e),
        };
    };
    match error {
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            said("its certificate has expired")
        }
        Error::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            said("its certificate is not valid yet")
        }
        // A bad signature is an issuer of a name that is trusted, with another key.
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            said("its certificate is of an issuer that is not trusted (SSL_CERT_FILE names private ones)")
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => said("its certificate is for another name"),
        Error::InvalidMessage(_) => said("what answers does not speak TLS"),
        other => Miss::new(FailureKind::Tls, format!("TLS fails: {other}")),
    }
}

/// Verifies as always, and keeps the certificate that was shown.
#[derive(Debug)]
struct Keeping {
    inner: Arc<WebPkiServerVerifier>,
    leaf: OnceLock<CertificateDer<'static>>,
}

impl ServerCertVerifier for Keeping {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.leaf.get_or_init(|| end_entity.clone().into_owned());
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
