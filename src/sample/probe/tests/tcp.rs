//! TCP and TLS against real listeners and certificates.

use super::{Authority, closed, listener, look, look_briefly, nobody, prober, tcp_to};
use crate::config::Question;
use cutover_core::estate::FailureKind;
use cutover_core::estate::probe::ProbeSample;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Accepts and shows its certificate until the test ends.
fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move { drop(acceptor.accept(stream).await) });
        }
    });
}

fn tls(host: &str, port: u16, days: u32) -> Question {
    Question::Tcp { host: host.into(), port, tls: true, days: Some(days) }
}

async fn secured(authority: &Authority, host: &str, address: SocketAddr, days: u32) -> ProbeSample {
    prober(tls(host, address.port(), days), &authority.roots).look().await.unwrap()
}

#[tokio::test]
async fn a_connection_is_enough() {
    let (_listener, address) = listener().await;
    let s = look(tcp_to(address)).await.unwrap();
    assert!(s.pass, "{}", s.said);
    assert!(s.said.starts_with(&format!("{address} answers in ")), "{}", s.said);
    assert_eq!(s.certificate_days, None);
}

#[tokio::test]
async fn a_refusal_and_a_name_of_nobody_are_answers() {
    let address = closed();
    let s = look(tcp_to(address)).await.unwrap();
    assert!(!s.pass);
    assert_eq!(&*s.said, &format!("{address}: connection refused"));
    let nowhere = Question::Tcp { host: "nobody.invalid".into(), port: 1, tls: false, days: None };
    let s = look(nowhere).await.unwrap();
    assert!(!s.pass);
    assert!(s.said.starts_with("nobody.invalid does not resolve"), "{}", s.said);
}

#[tokio::test]
async fn every_address_of_a_name_is_tried() {
    // `localhost` is ::1 too on most machines: what refuses there does not hide what answers here.
    let (_listener, address) = listener().await;
    let q = Question::Tcp { host: "localhost".into(), port: address.port(), tls: false, days: None };
    let s = look(q).await.unwrap();
    assert!(s.pass && s.said.contains(&format!("{address} answers in ")), "{}", s.said);
    for other in tokio::net::lookup_host(("localhost", address.port())).await.unwrap() {
        assert!(s.said.contains(&other.to_string()), "{}", s.said);
    }
}

#[tokio::test]
async fn a_certificate_has_its_days() {
    let (listener, address) = listener().await;
    let authority = Authority::new();
    serve(listener, authority.server("localhost", 2049));
    let s = secured(&authority, "localhost", address, 14).await;
    let days = s.certificate_days.unwrap();
    assert!(s.pass && s.said.contains(&format!("certificate valid for {days} days")), "{}", s.said);
    assert!((1000..20_000).contains(&days), "{days}");
    let s = secured(&authority, "localhost", address, u32::try_from(days).unwrap() + 1).await;
    assert!(!s.pass && s.said.contains(&format!("its certificate is valid for {days} days, {} are asked", days + 1)));
}

#[tokio::test]
async fn a_wrong_certificate_does_not_pass_and_still_has_its_days() {
    let authority = Authority::new();
    for (name, year, roots, words) in [
        ("localhost", 2001, &authority.roots, "its certificate has expired"),
        ("other.example", 2049, &authority.roots, "its certificate is for another name"),
        ("localhost", 2049, &Authority::new().roots, "its certificate is of an issuer that is not trusted"),
    ] {
        let (listener, address) = listener().await;
        serve(listener, authority.server(name, year));
        let s = prober(tls("localhost", address.port(), 1), roots).look().await.unwrap();
        assert!(!s.pass && s.said.contains(words), "{}", s.said);
        assert_eq!(s.certificate_days.unwrap() < 0, year == 2001);
    }
}

#[tokio::test]
async fn a_plain_server_and_a_silent_one_show_nothing() {
    // Not accepted, so that nobody ever answers.
    let (_silent, address) = listener().await;
    let authority = Authority::new();
    let mut p = prober(tls("127.0.0.1", address.port(), 1), &authority.roots);
    p.target.timeout = cutover_core::time::Dur(500);
    let s = p.look().await.unwrap();
    assert!(!s.pass && s.certificate_days.is_none());
    assert_eq!(&*s.said, &format!("{address}: no answer within 450 ms"));
    let (closing, address) = listener().await;
    tokio::spawn(async move { while closing.accept().await.is_ok() {} });
    let s = prober(tls("127.0.0.1", address.port(), 1), &authority.roots).look().await.unwrap();
    assert!(!s.pass && s.said.contains("127.0.0.1"), "{}", s.said);
}

#[tokio::test]
async fn an_agent_without_roots_has_learned_nothing() {
    let (listener, address) = listener().await;
    let authority = Authority::new();
    serve(listener, authority.server("localhost", 2049));
    let f = prober(tls("127.0.0.1", address.port(), 1), &nobody()).look().await.unwrap_err();
    assert_eq!(f.kind, FailureKind::Tls);
}

#[tokio::test]
async fn an_address_that_swallows_is_silent() {
    // A listener whose queue is full takes no connection and refuses none.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let connect = tokio::net::TcpStream::connect(address);
        waiting.push(tokio::time::timeout(std::time::Duration::from_millis(50), connect).await);
    }
    let s = look_briefly(tcp_to(address)).await.unwrap();
    assert!(!s.pass);
    assert_eq!(&*s.said, &format!("{address}: no answer within 450 ms"));
    drop(Arc::new(waiting));
}
