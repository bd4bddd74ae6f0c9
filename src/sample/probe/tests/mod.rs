//! Every kind of probe against real parts on the loopback: passing, failing, silent.

mod dns;
mod http;
mod promql;
mod tcp;

use super::{Prober, Roots};
use crate::config::{ProbeTarget, Question};
use cutover_core::estate::probe::ProbeSample;
use cutover_core::estate::{Content, Failure, Target};
use cutover_core::settings::ProbeKind;
use cutover_core::time::Dur;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// A probe with a timeout that a busy machine keeps.
fn prober(question: Question, roots: &Arc<Roots>) -> Prober {
    let (samples, _) = mpsc::channel(1);
    let target = ProbeTarget { question, timeout: Dur::secs(5) };
    let (name, kind, interval) = ("p".into(), ProbeKind::Tcp, Dur::secs(10));
    Prober { name, kind, interval, target, roots: roots.clone(), samples }
}

async fn look(question: Question) -> Result<ProbeSample, Failure> {
    prober(question, &nobody()).look().await
}

/// One that does not wait for silence as long as the others.
async fn look_briefly(question: Question) -> Result<ProbeSample, Failure> {
    let mut p = prober(question, &nobody());
    p.target.timeout = Dur(500);
    p.look().await
}

/// Roots that trust nobody.
fn nobody() -> Arc<Roots> {
    Arc::new(Roots::only(RootCertStore::empty()))
}

/// An authority, and who trusts it alone.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    roots: Arc<Roots>,
}

impl Authority {
    fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let mut store = RootCertStore::empty();
        store.add(certificate.der().clone()).unwrap();
        Authority { issuer: Issuer::new(params, key), roots: Arc::new(Roots::only(store)) }
    }

    /// A server's side of TLS, with a certificate for `name` until the end of `year`.
    fn server(&self, name: &str, year: i32) -> tokio_rustls::TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        let certificate: CertificateDer<'static> = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Arc::new(config).into()
    }
}

/// A listener on a free port.
async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address where nobody listens: its port is kept from whoever asks for a free one meanwhile.
fn closed() -> SocketAddr {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    std::mem::forget(socket);
    address
}

fn tcp_to(address: SocketAddr) -> Question {
    Question::Tcp { host: address.ip().to_string().into(), port: address.port(), tls: false, days: None }
}

#[tokio::test]
async fn a_probe_is_sampled_at_its_interval_until_nobody_listens() {
    let (listener, address) = listener().await;
    let (samples, mut taken) = mpsc::channel(1);
    let mut p = prober(tcp_to(address), &nobody());
    (p.interval, p.samples) = (Dur(20), samples);
    let mut tasks = JoinSet::new();
    p.spawn(&mut tasks);
    for _ in 0..2 {
        let sample = taken.recv().await.unwrap();
        assert_eq!(sample.target, Target::Probe("p".into()));
        assert!(sample.span.sent <= sample.span.received);
        assert!(matches!(sample.outcome, Ok(Content::Probe(s)) if s.pass));
    }
    drop(listener);
    loop {
        let sample = taken.recv().await.unwrap();
        if matches!(&sample.outcome, Ok(Content::Probe(s)) if !s.pass) {
            break;
        }
    }
    drop(taken);
    tasks.join_next().await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_not_read_says_so() {
    let mut p = prober(Question::Unread, &nobody());
    p.kind = ProbeKind::Count;
    assert_eq!(&*p.look().await.unwrap_err().message, "count probes are not read by this version");
}
