//! HTTP against a real server, plain and over TLS.

use super::{Authority, closed, listener, look, look_briefly, prober};
use crate::config::Question;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Answers `/<status>` with that status, and a redirect to itself with 200 in its words.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let status = request.uri().path().trim_start_matches('/').parse().unwrap_or(404);
    let host = request.headers().get("host").map_or("", |h| h.to_str().unwrap_or(""));
    let located = Response::builder().status(status).header("location", format!("http://{host}/200"));
    Ok(located.body(Full::new(Bytes::from(vec![b'x'; 200_000]))).unwrap())
}

async fn one<S: AsyncRead + AsyncWrite + Unpin>(stream: S) {
    let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
    drop(served.await);
}

fn serve(listener: TcpListener, acceptor: Option<TlsAcceptor>) {
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                match acceptor {
                    None => one(stream).await,
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            one(stream).await;
                        }
                    }
                }
            });
        }
    });
}

fn get(address: SocketAddr, path: &str, status: Option<u16>) -> Question {
    Question::Http { url: format!("http://{address}{path}").parse().unwrap(), status, days: None }
}

#[tokio::test]
async fn the_status_decides() {
    let (listener, address) = listener().await;
    serve(listener, None);
    for (path, status, pass, words) in [
        ("/200", None, true, ""),
        ("/204?x=1#y", None, true, ""),
        ("/401", Some(401), true, ""),
        ("/503", None, false, ", 2xx is asked"),
        ("/200", Some(204), false, ", 204 is asked"),
        ("/302", None, false, ", 2xx is asked"),
        ("/302", Some(302), true, ""),
    ] {
        let s = look(get(address, path, status)).await.unwrap();
        assert_eq!(s.pass, pass, "{path}: {}", s.said);
        assert!(s.said.starts_with(&format!("{} in ", &path[1..4])) && s.said.ends_with(words), "{}", s.said);
    }
}

#[tokio::test]
async fn refusal_silence_and_nonsense_are_answers() {
    let s = look(get(closed(), "/", None)).await.unwrap();
    assert_eq!((s.pass, &*s.said), (false, "connection refused"));
    let (_silent, address) = listener().await;
    let s = look_briefly(get(address, "/", None)).await.unwrap();
    assert_eq!((s.pass, &*s.said), (false, "no answer within 450 ms"));
    for (text, words) in [("SSH-2.0-OpenSSH\r\n", "what answers does not speak HTTP"), ("", "closed without an answer")]
    {
        let (odd, address) = listener().await;
        tokio::spawn(async move {
            let (mut stream, _) = odd.accept().await.unwrap();
            let mut request = [0; 16];
            drop(tokio::io::AsyncReadExt::read_exact(&mut stream, &mut request).await);
            stream.write_all(text.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        });
        let s = look(get(address, "/", None)).await.unwrap();
        assert_eq!((s.pass, &*s.said), (false, words));
    }
}

#[tokio::test]
async fn https_has_certificate_days() {
    let (listener, address) = listener().await;
    let authority = Authority::new();
    serve(listener, Some(authority.server("localhost", 2049)));
    let url: url::Url = format!("https://localhost:{}/200", address.port()).parse().unwrap();
    let ask = |days| prober(Question::Http { url: url.clone(), status: None, days: Some(days) }, &authority.roots);
    let s = ask(14).look().await.unwrap();
    let days = s.certificate_days.unwrap();
    assert!(s.pass && s.said.contains(&format!("certificate valid for {days} days")), "{}", s.said);
    let s = ask(20_000).look().await.unwrap();
    assert!(!s.pass && s.said.contains("200 in ") && s.said.ends_with("20000 are asked"), "{}", s.said);
    let stranger = Question::Http { url, status: None, days: None };
    let s = prober(stranger, &Authority::new().roots).look().await.unwrap();
    assert!(!s.pass && s.said.contains("not trusted") && s.certificate_days == Some(days), "{}", s.said);
}
