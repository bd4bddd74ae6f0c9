//! From a name over its aliases to addresses, as one resolver tells it.

use super::super::connect::Looker;
use super::wire;
use cutover_core::Name;
use cutover_core::estate::{Failure, FailureKind};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name as DnsName, RData, Record, RecordType};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// The most aliases on the way.
const ALIASES: usize = 8;

/// What a resolver knows of a name.
#[derive(Debug)]
pub(super) struct Found {
    /// The names on the way, in lower case without the last dot.
    pub(super) aliases: Vec<Name>,
    /// Where the way ends.
    pub(super) end: End,
    /// The longest that any record on the way may be kept, in seconds.
    pub(super) ttl: u32,
}

/// Where the way from a name ends.
#[derive(Debug)]
pub(super) enum End {
    /// At addresses.
    Addresses(BTreeSet<IpAddr>),
    /// At an alias that others have to be asked about: this server answers for its own names only.
    Elsewhere,
    /// At nothing: no such name, or no address of this kind.
    Nothing,
}

/// Asks one resolver for one kind of addresses.
pub(super) async fn follow(
    looker: &Looker,
    resolver: SocketAddr,
    name: &DnsName,
    kind: RecordType,
) -> Result<Found, Failure> {
    let mut way = Way { current: name.clone(), aliases: Vec::new(), ttl: 0 };
    for _ in 0..=ALIASES {
        let reply = wire::ask(looker, resolver, &way.current, kind).await?;
        if let Some(end) = way.read(&reply, kind)? {
            return Ok(Found { aliases: way.aliases, end, ttl: way.ttl });
        }
    }
    Err(server("the aliases do not end"))
}

struct Way {
    current: DnsName,
    aliases: Vec<Name>,
    ttl: u32,
}

impl Way {
    /// Goes on with a reply; nothing if the next alias has to be asked for.
    fn read(&mut self, reply: &Message, kind: RecordType) -> Result<Option<End>, Failure> {
        let (known, code) = (self.aliases.len(), reply.metadata.response_code);
        let refused = code == ResponseCode::Refused && known > 0;
        match code {
            ResponseCode::NoError | ResponseCode::NXDomain => {}
            _ if refused => return Ok(Some(End::Elsewhere)),
            other => return Err(server(&format!("the resolver answers: {other}"))),
        }
        while let Some(alias) = reply.answers.iter().find(|r| r.name == self.current && alias(r).is_some()) {
            let Some(target) = alias_of(alias) else { break };
            self.ttl = self.ttl.max(alias.ttl);
            self.current = target;
            if self.aliases.len() >= ALIASES {
                return Err(server("the aliases do not end"));
            }
            self.aliases.push(text(&self.current));
        }
        let here = || reply.answers.iter().filter(|r| r.name == self.current && r.record_type() == kind);
        let addresses: BTreeSet<IpAddr> = here().filter_map(|r| r.data.ip_addr()).collect();
        if !addresses.is_empty() {
            self.ttl = here().map(|r| r.ttl).chain([self.ttl]).max().unwrap_or_default();
            return Ok(Some(End::Addresses(addresses)));
        }
        // Who says that there is nothing says for how long, or has asked everybody, or answers for the name.
        let negative = reply.authorities.iter().find_map(negative);
        let (recursive, own) = (reply.metadata.recursion_available, reply.metadata.authoritative);
        let came_on = self.aliases.len() > known;
        if code == ResponseCode::NXDomain || negative.is_some() || recursive || (own && !came_on) {
            self.ttl = self.ttl.max(negative.unwrap_or_default());
            return Ok(Some(End::Nothing));
        }
        match (came_on, known) {
            (true, _) => Ok(None),
            (false, 0) => Err(server("the resolver only names other servers for it")),
            (false, _) => Ok(Some(End::Elsewhere)),
        }
    }
}

fn alias(record: &Record) -> Option<&DnsName> {
    match &record.data {
        RData::CNAME(target) => Some(&target.0),
        _ => None,
    }
}

fn alias_of(record: &Record) -> Option<DnsName> {
    let mut target = alias(record)?.clone();
    target.set_fqdn(true);
    Some(target)
}

/// How long it may be kept that there is nothing.
fn negative(record: &Record) -> Option<u32> {
    match &record.data {
        RData::SOA(soa) => Some(record.ttl.min(soa.minimum)),
        _ => None,
    }
}

fn text(name: &DnsName) -> Name {
    name.to_ascii().to_lowercase().trim_end_matches('.').into()
}

fn server(what: &str) -> Failure {
    Failure::new(FailureKind::Server, what)
}
