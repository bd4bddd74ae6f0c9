//! TLS by rustls with the ring provider, from PEM files or the platform's roots.
//!
//! Files are read anew for each connection, so that rotated certificates are picked up; the platform's roots once.

use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::config::{Pem, TlsConfig, Verify};

/// The platform's roots, read once.
#[derive(Debug, Default)]
pub(crate) struct PlatformRoots(OnceLock<Arc<RootCertStore>>);

impl PlatformRoots {
    fn get(&self) -> Result<Arc<RootCertStore>, String> {
        if let Some(roots) = self.0.get() {
            return Ok(Arc::clone(roots));
        }
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if store.is_empty() {
            return Err("the platform has no root certificates; give a CA (ssl.ca.location or a PEM truststore)".into());
        }
        Ok(Arc::clone(self.0.get_or_init(|| Arc::new(store))))
    }
}

/// Builds the client's side.
pub(crate) async fn client(config: &TlsConfig, platform: &PlatformRoots) -> Result<Arc<rustls::ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let roots = match &config.roots {
        None if config.verify == Verify::Nothing => Arc::new(RootCertStore::empty()),
        None => platform.get()?,
        Some(pem) => Arc::new(private_roots(&read(pem).await?)?),
    };
    let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match config.verify {
        Verify::Full => builder.with_root_certificates(roots),
        Verify::ChainOnly => {
            let chain = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
                .build()
                .map_err(|error| error.to_string())?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Lenient { chain: Some(chain), provider }))
        }
        Verify::Nothing => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Lenient { chain: None, provider }))
        }
    };
    let built = match &config.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = certificates(&read(&identity.chain).await?, "client certificate")?;
            let key = private_key(&read(&identity.key).await?)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| format!("client certificate and key: {error}"))?
        }
    };
    Ok(Arc::new(built))
}

async fn read(pem: &Pem) -> Result<zeroize::Zeroizing<Vec<u8>>, String> {
    match pem {
        Pem::Inline(text) => Ok(zeroize::Zeroizing::new(text.expose().as_bytes().to_vec())),
        Pem::File(path) => tokio::fs::read(path)
            .await
            .map(zeroize::Zeroizing::new)
            .map_err(|error| format!("cannot read {}: {error}", path.display())),
    }
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let list: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match list {
        Ok(list) if !list.is_empty() => Ok(list),
        Ok(_) => Err(format!("{what}: no certificate in the PEM text")),
        Err(_) => Err(format!("{what}: malformed PEM text")),
    }
}

fn private_roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(pem, "CA certificates")? {
        store.add(certificate).map_err(|error| format!("CA certificate: {error}"))?;
    }
    Ok(store)
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
        let encrypted = pem.windows(9).any(|window| window == b"ENCRYPTED");
        let why =
            if encrypted { "encrypted keys are not supported; decrypt it" } else { "no private key in the PEM text" };
        format!("client key: {why}")
    })
}

/// Checks less than usual, as the properties say: the chain without the name, or nothing. Signatures always.
#[derive(Debug)]
struct Lenient {
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is checked last: whoever fails only there has a good chain.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
