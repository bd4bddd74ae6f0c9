//! What do these resolvers answer for a name? Each is asked directly, for IPv4 and IPv6 addresses, aliases followed.
//!
//! An alias that is expected makes what it leads to expected. The time an answer may be kept is the longest of any
//! record on the way, not the shortest: whoever keeps an alias for an hour goes on following it for an hour, however
//! soon the addresses behind it are asked for again.

mod chain;
mod wire;

use super::connect::Looker;
use super::few;
use chain::{End, Found};
use cutover_core::Name;
use cutover_core::estate::probe::{NameAnswer, ProbeSample};
use cutover_core::estate::{Failure, FailureKind};
use cutover_core::time::Dur;
use hickory_proto::rr::{Name as DnsName, RecordType};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use tokio::task::JoinSet;
use tokio::time::timeout_at;

/// One look: it passes if every resolver answers, and with nothing but what is expected.
pub(super) async fn look(
    looker: &Looker,
    name: &DnsName,
    resolvers: &BTreeSet<SocketAddr>,
    expect: &BTreeSet<Name>,
) -> Result<ProbeSample, Failure> {
    let until = looker.deadline();
    let mut looks = JoinSet::new();
    for resolver in resolvers.iter().copied() {
        let (looker, name, expect) = (looker.clone(), name.clone(), expect.clone());
        looks.spawn(async move {
            let asked = answer(&looker, resolver, &name, &expect);
            let answer = timeout_at(until, asked).await.unwrap_or_else(|_| Err(looker.silent().failure()));
            (shown(resolver), answer)
        });
    }
    let mut names: BTreeMap<Name, Result<NameAnswer, Failure>> = BTreeMap::new();
    while let Some(done) = looks.join_next().await {
        let (resolver, answer) = done.map_err(|e| Failure::new(FailureKind::Protocol, e.to_string()))?;
        names.insert(resolver, answer);
    }
    let said = few(names.iter().map(|(resolver, answer)| match answer {
        Ok(answer) => format!("{resolver} {}", words(answer)),
        Err(failure) => format!("{resolver}: {}", failure.message),
    }));
    match names.values().find_map(|answer| answer.as_ref().err()) {
        Some(first) if names.values().all(Result::is_err) => Err(Failure::new(first.kind, said)),
        _ => {
            let pass = names.values().all(|answer| answer.as_ref().is_ok_and(|a| a.expected));
            Ok(ProbeSample { pass, said: said.into(), certificate_days: None, names })
        }
    }
}

/// A resolver as people write it.
fn shown(resolver: SocketAddr) -> Name {
    if resolver.port() == 53 { resolver.ip().to_string().into() } else { resolver.to_string().into() }
}

fn words(answer: &NameAnswer) -> String {
    if answer.addresses.is_empty() {
        return "knows no address".into();
    }
    let given: Vec<&str> = answer.addresses.iter().map(|a| &**a).collect();
    let not = if answer.expected { "" } else { ", which is not expected" };
    let ttl = if answer.ttl == Dur::ZERO { "0 s".to_owned() } else { answer.ttl.to_string() };
    format!("answers {} (ttl {ttl}){not}", given.join(", "))
}

async fn answer(
    looker: &Looker,
    resolver: SocketAddr,
    name: &DnsName,
    expect: &BTreeSet<Name>,
) -> Result<NameAnswer, Failure> {
    let follow = |kind| chain::follow(looker, resolver, name, kind);
    let (v4, v6) = tokio::try_join!(follow(RecordType::A), follow(RecordType::AAAA))?;
    Ok(merge([v4, v6], expect))
}

fn merge(found: [Found; 2], expect: &BTreeSet<Name>) -> NameAnswer {
    let mut addresses: BTreeSet<Name> = BTreeSet::new();
    let (mut expected, mut ttl, mut empty) = (true, 0, 0);
    for found in found {
        let led = found.aliases.iter().any(|alias| expect.contains(alias));
        let given: Vec<Name> = match found.end {
            End::Addresses(ips) => ips.iter().map(|ip| Name::from(ip.to_string())).collect(),
            End::Elsewhere => found.aliases.last().cloned().into_iter().collect(),
            End::Nothing => {
                empty = empty.max(found.ttl);
                continue;
            }
        };
        expected &= led || given.iter().all(|one| expect.contains(one));
        ttl = ttl.max(found.ttl);
        addresses.extend(given);
    }
    // That there is nothing may be kept too; beside an answer it keeps nobody from that answer.
    let ttl = if addresses.is_empty() { empty } else { ttl };
    NameAnswer { expected: expected && !addresses.is_empty(), addresses, ttl: Dur::secs(i64::from(ttl)) }
}
