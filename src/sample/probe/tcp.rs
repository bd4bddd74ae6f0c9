//! Does it take connections? Every address of the name is tried, and each is told.
//!
//! A client goes on to the next address where one cannot be connected, so one that answers is enough. It does not go
//! on where TLS fails: every address that takes connections has to show a good certificate.

use super::connect::{Looker, Miss};
use super::{counted, few, plain, tls, too_short};
use crate::clock;
use cutover_core::estate::Failure;
use cutover_core::estate::probe::ProbeSample;
use cutover_core::time::Dur;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// What came of one address.
struct Tried {
    connected: Result<Dur, Miss>,
    secured: Result<(), Miss>,
    days: Option<i64>,
}

/// One look.
pub(super) async fn look(
    looker: &Looker,
    host: &str,
    port: u16,
    with_tls: bool,
    least: Option<u32>,
) -> Result<ProbeSample, Failure> {
    let until = looker.deadline();
    let addresses = match looker.resolve(host, port, until).await {
        Ok(addresses) => addresses,
        Err(miss) if miss.own => return Err(miss.failure()),
        Err(miss) => return Ok(plain(false, miss.words, None)),
    };
    let mut looks = JoinSet::new();
    for address in addresses {
        let (looker, host) = (looker.clone(), with_tls.then(|| host.to_owned()));
        looks.spawn(async move { (address, one(&looker, address, host, until).await) });
    }
    let mut tried = BTreeMap::new();
    while let Some(done) = looks.join_next().await {
        tried.extend(done);
    }
    judge(tried, with_tls, least)
}

async fn one(looker: &Looker, address: SocketAddr, host: Option<String>, until: Instant) -> Tried {
    let sent = clock::now().mono;
    let stream = match looker.connect(address, until).await {
        Ok(stream) => stream,
        Err(miss) => return Tried { connected: Err(miss), secured: Ok(()), days: None },
    };
    let connected = Ok(clock::now().mono - sent);
    let Some(host) = host else { return Tried { connected, secured: Ok(()), days: None } };
    match timeout_at(until, tls::handshake(&looker.roots, &host, stream)).await {
        Ok(shown) => Tried { connected, secured: shown.stream.map(drop), days: shown.days },
        Err(_) => Tried { connected, secured: Err(looker.silent()), days: None },
    }
}

fn judge(tried: BTreeMap<SocketAddr, Tried>, with_tls: bool, least: Option<u32>) -> Result<ProbeSample, Failure> {
    let answered = tried.values().filter(|t| t.connected.is_ok()).count();
    let blind = |t: &Tried| {
        let missed = t.connected.as_ref().err().filter(|_| answered == 0).or(t.secured.as_ref().err());
        missed.filter(|m| m.own).cloned()
    };
    if let Some(miss) = tried.values().find_map(blind) {
        return Err(miss.failure());
    }
    let good = |t: &Tried| {
        let unread = with_tls && least.is_some() && t.days.is_none();
        t.connected.is_err() || (t.secured.is_ok() && too_short(t.days, least).is_none() && !unread)
    };
    let said = |(address, t): (&SocketAddr, &Tried)| match (&t.connected, &t.secured) {
        (Err(miss), _) => format!("{address}: {}", miss.words),
        (_, Err(miss)) => format!("{address}: {}", miss.words),
        (Ok(took), Ok(())) => match too_short(t.days, least) {
            Some(words) => format!("{address}: {words}"),
            None => {
                let days = t.days.map_or(String::new(), |d| format!(", certificate valid for {}", counted(d)));
                format!("{address} answers in {}{days}", spent(*took))
            }
        },
    };
    let pass = answered > 0 && tried.values().all(good);
    let days = tried.values().filter_map(|t| t.days).min();
    Ok(plain(pass, few(tried.iter().map(said)), days))
}

/// A latency in words.
pub(super) fn spent(took: Dur) -> String {
    if took < Dur(1) { "less than 1 ms".into() } else { took.to_string() }
}
