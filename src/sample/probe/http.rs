//! Does it answer as it should? One GET over HTTP/1.1, asked directly: no proxy, and a redirect is an answer of its own.
//! The first address that takes a connection is asked, as by any client; a probe of HTTP reads no body.

use super::connect::{Looker, Miss, refused};
use super::tcp::spent;
use super::{clipped, counted, plain, tls, too_short};
use crate::clock;
use bytes::Bytes;
use cutover_core::estate::probe::ProbeSample;
use cutover_core::estate::{Failure, FailureKind};
use cutover_core::time::Dur;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use url::{Position, Url};

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: StatusCode,
    /// The body, where it was asked for.
    pub(super) body: Bytes,
    /// How long it took.
    pub(super) took: Dur,
}

/// An answer or why there is none, with what was seen of the certificate in either case.
pub(super) struct Got {
    /// Whole days until the certificate expires.
    pub(super) days: Option<i64>,
    /// The answer.
    pub(super) answer: Result<Answer, Miss>,
}

/// One look.
pub(super) async fn look(
    looker: &Looker,
    url: &Url,
    status: Option<u16>,
    least: Option<u32>,
) -> Result<ProbeSample, Failure> {
    let Got { days, answer } = get(looker, url, None).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(miss) if miss.own => return Err(miss.failure()),
        Err(miss) => return Ok(plain(false, miss.words, days)),
    };
    let as_asked = status.map_or(answer.status.is_success(), |wanted| answer.status.as_u16() == wanted);
    let mut said = format!("{} in {}", answer.status.as_u16(), spent(answer.took));
    if !as_asked {
        said += &format!(", {} is asked", status.map_or("2xx".to_owned(), |wanted| wanted.to_string()));
    }
    let short = too_short(days, least).or_else(|| {
        let unread = least.is_some() && days.is_none();
        unread.then(|| "its certificate cannot be read".to_owned())
    });
    match (&short, days) {
        (Some(words), _) => said += &format!(", but {words}"),
        (None, Some(days)) => said += &format!(", certificate valid for {}", counted(days)),
        (None, None) => {}
    }
    Ok(plain(as_asked && short.is_none(), said, days))
}

/// One GET; the body is read where its limit is given.
pub(super) async fn get(looker: &Looker, url: &Url, body: Option<usize>) -> Got {
    let until = looker.deadline();
    let sent = clock::now().mono;
    let missed = |miss| Got { days: None, answer: Err(miss) };
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let stream = match first(looker, host, url.port_or_known_default().unwrap_or_default(), until).await {
        Ok(stream) => stream,
        Err(miss) => return missed(miss),
    };
    let (days, exchanged) = if url.scheme() == "https" {
        let Ok(shown) = timeout_at(until, tls::handshake(&looker.roots, host, stream)).await else {
            return missed(looker.silent());
        };
        match shown.stream {
            Ok(stream) => (shown.days, timeout_at(until, exchange(stream, url, body)).await),
            Err(miss) => return Got { days: shown.days, answer: Err(miss) },
        }
    } else {
        (None, timeout_at(until, exchange(stream, url, body)).await)
    };
    let answer = exchanged.unwrap_or_else(|_| Err(looker.silent()));
    let took = clock::now().mono - sent;
    Got { days, answer: answer.map(|(status, body)| Answer { status, body, took }) }
}

/// A connection to the first address that takes one; each gets its share of the time that is left.
async fn first(looker: &Looker, host: &str, port: u16, until: Instant) -> Result<TcpStream, Miss> {
    let addresses = looker.resolve(host, port, until).await?;
    let mut last = looker.silent();
    for (i, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - i).unwrap_or(u32::MAX);
        let now = Instant::now();
        let share = until.saturating_duration_since(now) / left;
        match looker.connect(*address, now + share).await {
            Ok(stream) => return Ok(stream),
            Err(miss) => last = miss,
        }
    }
    Err(last)
}

async fn exchange<S>(stream: S, url: &Url, limit: Option<usize>) -> Result<(StatusCode, Bytes), Miss>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| words(&e))?;
    // Dropped with this function, whatever comes of it.
    let mut driver = JoinSet::new();
    driver.spawn(async move { drop(connection.await) });
    let host = &url[Position::BeforeHost..Position::AfterPort];
    let request = Request::get(&url[Position::BeforePath..Position::AfterQuery])
        .header(header::HOST, host)
        .header(header::USER_AGENT, concat!("cutover-agent/", env!("CARGO_PKG_VERSION")))
        .header(header::ACCEPT, "*/*")
        .body(Empty::<Bytes>::new())
        .map_err(|e| Miss::own(FailureKind::Protocol, format!("the request cannot be made: {e}")))?;
    let response = sender.send_request(request).await.map_err(|e| words(&e))?;
    let status = response.status();
    let Some(limit) = limit else { return Ok((status, Bytes::new())) };
    let body = Limited::new(response.into_body(), limit).collect().await;
    let body =
        body.map_err(|e| Miss::new(FailureKind::Protocol, format!("{status}, but its body cannot be read: {e}")))?;
    Ok((status, body.to_bytes()))
}

fn words(e: &hyper::Error) -> Miss {
    if e.is_incomplete_message() {
        return Miss::new(FailureKind::Protocol, "closed without an answer");
    }
    if e.is_parse() {
        return Miss::new(FailureKind::Protocol, "what answers does not speak HTTP");
    }
    match e.source().and_then(|source| source.downcast_ref::<io::Error>()) {
        Some(e) => refused(e),
        None => Miss::new(FailureKind::Protocol, clipped(&e.to_string())),
    }
}
