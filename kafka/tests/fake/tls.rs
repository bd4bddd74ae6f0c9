//! TLS: whom we trust, and what a wrong certificate looks like.

use std::sync::Arc;
use std::time::Duration;

use cutover_kafka::{ClientConfig, Cluster, KafkaError, Timeouts};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;

use crate::broker::{Builder, Fake};
use crate::clock;

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).expect("params");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("key")).expect("authority")
}

/// The certificate and the key of `name`, as PEM.
fn issued(by: &Issuer, name: &str) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().expect("key");
    let params = CertificateParams::new(vec![name.to_owned()]).expect("params");
    (params.signed_by(&key, by).expect("signed"), key)
}

fn broker(authority: &Issuer, name: &str, clients: bool) -> Builder {
    let (certificate, key) = issued(authority, name);
    let provider = Arc::new(ring::default_provider());
    let builder =
        rustls::ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.expect("versions");
    let builder = if clients {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority.der().clone()).expect("root");
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().expect("verifier");
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = builder.with_single_cert(vec![certificate.der().clone()], key).expect("server");
    Fake::start(|_, _, _| None).with_tls(TlsAcceptor::from(Arc::new(config)))
}

fn inline(pem: &str) -> String {
    pem.trim().lines().map(|line| format!("{}\\n", line.trim())).collect()
}

async fn connect(fake: &Fake, more: &str) -> Result<Cluster, KafkaError> {
    let text = format!("bootstrap.servers=127.0.0.1:{}\nsecurity.protocol=SSL\n{more}", fake.port);
    let config = ClientConfig::from_properties(&text).expect("config");
    let timeouts = Timeouts { call: Duration::from_secs(5), ..Timeouts::default() };
    Cluster::connect(config, timeouts, clock()).await
}

#[tokio::test]
async fn a_private_authority_is_trusted_and_no_other() {
    let ours = authority();
    let trust = format!("ssl.truststore.type=PEM\nssl.truststore.certificates={}\n", inline(&ours.pem()));
    let good = broker(&ours, "127.0.0.1", false).serve().await;
    connect(&good, &trust).await.expect("trusted");
    let error =
        connect(&good, &format!("ssl.ca.pem={}", inline(&authority().pem()))).await.expect_err("another authority");
    assert_eq!(error.kind(), "tls", "{error}");
    assert_eq!(connect(&good, "ssl.ca.location=/no/such/file").await.expect_err("no file").kind(), "tls");
    let misnamed = broker(&ours, "elsewhere", false).serve().await;
    assert_eq!(connect(&misnamed, &trust).await.expect_err("wrong name").kind(), "tls");
    connect(&misnamed, &format!("{trust}ssl.endpoint.identification.algorithm=\n")).await.expect("name not checked");
    let stranger = broker(&authority(), "127.0.0.1", false).serve().await;
    let lenient = connect(&stranger, &format!("{trust}ssl.endpoint.identification.algorithm=\n")).await;
    assert_eq!(lenient.expect_err("chain is still checked").kind(), "tls");
    connect(&stranger, "enable.ssl.certificate.verification=false").await.expect("nothing checked");
}

#[tokio::test]
async fn a_client_certificate_is_shown() {
    let ours = authority();
    let fake = broker(&ours, "127.0.0.1", true).serve().await;
    let trust = format!("ssl.ca.pem={}\n", inline(&ours.pem()));
    assert!(connect(&fake, &trust).await.is_err());
    let (certificate, key) = issued(&ours, "client");
    let shown = format!(
        "{trust}ssl.certificate.pem={}\nssl.key.pem={}\n",
        inline(&certificate.pem()),
        inline(&key.serialize_pem())
    );
    connect(&fake, &shown).await.expect("known client");
}
