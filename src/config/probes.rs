//! Probes: what else is asked, how, how often, and what waits for it. What a probe asks comes out as a [`Question`] that
//! cannot be wrong any more; what it decides, as the core's settings.

use super::agent::Pulse;
use super::error::{listed, quoted, unknown};
use super::promql::Expression;
use super::read::At;
use super::steps::unknown_step;
use super::values::duration_text;
use cutover_core::Name;
use cutover_core::estate::Side;
use cutover_core::playbook::{self, REQUIREMENTS, Step};
use cutover_core::settings::{ProbeKind, ProbeSettings};
use cutover_core::time::Dur;
use hickory_proto::rr::Name as DnsName;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use url::Url;

/// The kinds of probes, with the keys each needs and those it may have.
const KINDS: [(ProbeKind, &[&str], &[&str]); 6] = [
    (ProbeKind::Tcp, &["address"], &["tls", "certificate_days"]),
    (ProbeKind::Http, &["url"], &["status", "certificate_days"]),
    (ProbeKind::Dns, &["name", "resolvers", "expect"], &[]),
    (ProbeKind::Count, &["database", "collection"], &["filter", "at_most"]),
    (ProbeKind::Promql, &["url", "query"], &[]),
    (ProbeKind::Pods, &["namespace", "selector"], &["at_most"]),
];
/// The keys that belong to a kind.
const OWN: [&str; 16] = [
    "url",
    "status",
    "address",
    "tls",
    "certificate_days",
    "name",
    "resolvers",
    "expect",
    "database",
    "collection",
    "filter",
    "at_most",
    "query",
    "namespace",
    "selector",
    "vantage",
];
const DNS_PORT: u16 = 53;

/// All probes.
#[derive(Debug, Default)]
pub(super) struct Probes {
    /// What they decide.
    pub(super) settings: BTreeMap<Name, ProbeSettings>,
    /// How they are asked; none for what needs another way in than the network.
    pub(super) targets: BTreeMap<Name, ProbeTarget>,
    /// The steps they gate.
    pub(super) gated: Vec<&'static Step>,
}

/// How a probe is asked.
#[derive(Clone, Debug)]
pub(crate) struct ProbeTarget {
    /// What it asks.
    pub(crate) question: Question,
    /// How long one answer may take; below its interval.
    pub(crate) timeout: Dur,
}

/// What a probe asks.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    /// Does it take connections?
    Tcp {
        /// A name or an address, without brackets.
        host: Name,
        /// The port.
        port: u16,
        /// With a TLS handshake.
        tls: bool,
        /// How many days the certificate must still be valid.
        days: Option<u32>,
    },
    /// Does it answer as it should?
    Http {
        /// What is fetched.
        url: Url,
        /// The status expected; any 2xx where nothing is said.
        status: Option<u16>,
        /// How many days the certificate must still be valid.
        days: Option<u32>,
    },
    /// Do these resolvers answer what is expected?
    Dns {
        /// The name, whole.
        name: DnsName,
        /// Who is asked.
        resolvers: BTreeSet<SocketAddr>,
        /// Addresses, and names in lower case without the last dot.
        expect: BTreeSet<Name>,
    },
    /// Does this hold?
    Promql {
        /// Where Prometheus answers.
        url: Url,
        /// The expression.
        query: Expression,
    },
    /// Something this version does not read.
    Unread,
}

/// Reads the section.
pub(super) fn read(at: &At<'_>, pulse: Pulse) -> Probes {
    let mut probes = Probes::default();
    for (name, at) in at.entries().into_iter().filter(|(_, at)| at.is_map()) {
        let kind = kind(&at);
        let question = question(&at, kind);
        let (side, vantage) = (side(&at), at.get("vantage").text());
        let (interval, timeout) = times(&at, pulse);
        let (gates, requirement) = (gates(&at), requirement(&at));
        probes.gated.extend(&gates);
        let (Some(kind), Some(side)) = (kind, side) else { continue };
        warn(&at, kind);
        let gates = gates.iter().map(|step| Name::from(step.id)).collect();
        if kind != ProbeKind::Pods
            && let Some(question) = question
        {
            probes.targets.insert(name.clone(), ProbeTarget { question, timeout });
        }
        probes.settings.insert(name, ProbeSettings { kind, side, interval, vantage, gates, requirement });
    }
    probes
}

fn kind(at: &At<'_>) -> Option<ProbeKind> {
    let kind = at.get("kind");
    let words = KINDS.map(|(kind, ..)| (kind.as_str(), kind));
    if !kind.given() {
        kind.fail(format!("is missing; expected one of {}", listed(words.iter().map(|(word, _)| *word))));
    }
    let chosen = kind.choice(&words)?;
    let (_, needs, may) = KINDS.iter().find(|(kind, ..)| *kind == chosen)?;
    for key in OWN {
        let (value, word) = (at.get(key), chosen.as_str());
        if needs.contains(&key) && !value.given() {
            value.fail(format!("is missing: a `{word}` probe needs {}", listed(needs.iter().copied())));
        }
        if value.given() && key != "vantage" && !needs.contains(&key) && !may.contains(&key) {
            let known: Vec<&str> = needs.iter().chain(*may).copied().collect();
            value.fail(format!("does not belong to a `{word}` probe, which has {}", listed(known)));
        }
    }
    Some(chosen)
}

fn warn(at: &At<'_>, kind: ProbeKind) {
    match kind {
        ProbeKind::Pods => at.warn("pods are not read by this version: what this probe gates stays unknown"),
        ProbeKind::Count => at.warn("counts are not read by this version: what this probe gates stays unknown"),
        ProbeKind::Tcp | ProbeKind::Http | ProbeKind::Dns if at.get("vantage").given() => at.get("vantage").warn(
            "only names where the agent runs: it looks from nowhere else; another place looks through a blackbox \
             exporter and a `promql` probe",
        ),
        _ => {}
    }
}

/// Reads every key of every kind, so that whatever is wrong is said at once.
fn question(at: &At<'_>, kind: Option<ProbeKind>) -> Option<Question> {
    let url = at.get("url").url().and_then(|text| {
        let parsed = Url::parse(&text);
        parsed.map_err(|e| at.get("url").fail(format!("is no usable URL: {e}"))).ok()
    });
    let status = at.get("status").number(100..=599).and_then(|n| u16::try_from(n).ok());
    let tls = at.get("tls").boolean().unwrap_or(false);
    let days = at.get("certificate_days").number(1..=3650);
    at.get("at_most").number(0..=u32::MAX);
    let text = at.get("address").checked(|text| host_port(text).map(drop));
    let address = text.and_then(|text| host_port(&text).ok());
    at.get("filter").checked(|text| {
        let json = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text);
        json.map(|_| ()).map_err(|e| format!("is not a JSON document: {e}"))
    });
    for key in ["database", "collection", "namespace", "selector"] {
        at.get(key).text();
    }
    let query = at.get("query").checked(|text| Expression::parse(text).map(drop));
    let query = query.and_then(|text| Expression::parse(&text).ok());
    let name = at.get("name").checked(|text| dns_name(text).map(drop)).and_then(|text| dns_name(&text).ok());
    let resolvers = each(&at.get("resolvers"), resolver);
    let expect = each(&at.get("expect"), answer);
    let plain = |tls: bool, how: &str| {
        if days.is_some() && !tls {
            at.get("certificate_days").fail(format!("needs {how}: without TLS nobody shows a certificate"));
        }
    };
    match kind? {
        ProbeKind::Tcp => {
            plain(tls, "`tls: true`");
            address.map(|(host, port)| Question::Tcp { host, port, tls, days })
        }
        ProbeKind::Http => url.map(|url| {
            plain(url.scheme() == "https", "an https:// URL");
            Question::Http { url, status, days }
        }),
        ProbeKind::Dns => name.map(|name| Question::Dns { name, resolvers, expect }),
        ProbeKind::Promql => url.zip(query).map(|(url, query)| Question::Promql { url, query }),
        ProbeKind::Count | ProbeKind::Pods => Some(Question::Unread),
    }
}

/// The items of a list, each once; an empty list asks nothing and expects nothing.
fn each<T: Ord>(at: &At<'_>, parse: fn(&str) -> Result<T, String>) -> BTreeSet<T> {
    if at.is_list() && at.items().is_empty() {
        at.fail("the list is empty: name at least one");
    }
    let item = |at: &At<'_>| at.checked(|text| parse(text).map(drop)).and_then(|text| parse(&text).ok());
    at.items().iter().filter_map(item).collect()
}

fn host_port(text: &str) -> Result<(Name, u16), String> {
    let wrong = || format!("came {}; expected host:port", quoted(text));
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
    let bare = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().map(|_| v6).map_err(|_| wrong())?,
        None => host,
    };
    let blank = host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == '/' || c == '@');
    if blank || (bare == host && host.contains(':')) { Err(wrong()) } else { Ok((Name::from(bare), port)) }
}

fn dns_name(text: &str) -> Result<DnsName, String> {
    let mut name = DnsName::from_utf8(text).map_err(|_| format!("came {}, which is no DNS name", quoted(text)))?;
    if text.parse::<IpAddr>().is_ok() || name.is_root() {
        return Err(format!("came {}; expected a name, as in api.shop.example", quoted(text)));
    }
    // Whole names only: the search list of the machine the agent runs on is nobody else's.
    name.set_fqdn(true);
    Ok(name)
}

fn resolver(text: &str) -> Result<SocketAddr, String> {
    let with_port = || text.parse::<SocketAddr>().ok().filter(|a| a.port() > 0);
    let found = text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, DNS_PORT)).or_else(with_port);
    found.ok_or_else(|| {
        format!("came {}; expected an IP address, with its port where that is not {DNS_PORT}", quoted(text))
    })
}

/// An address or the target of an alias, canonically written.
fn answer(text: &str) -> Result<Name, String> {
    match text.parse::<IpAddr>() {
        Ok(ip) => Ok(ip.to_string().into()),
        Err(_) => dns_name(text).map(|name| name.to_ascii().to_lowercase().trim_end_matches('.').into()),
    }
}

fn side(at: &At<'_>) -> Option<Side> {
    let side = at.get("side");
    if !side.given() {
        side.fail("is missing; expected source or destination");
    }
    side.choice(&Side::BOTH.map(|side| (side.as_str(), side)))
}

/// Interval and timeout: the probe's own, or the agent's.
fn times(at: &At<'_>, pulse: Pulse) -> (Dur, Dur) {
    let own = |key: &'static str, range, other: Dur| {
        let at = at.get(key);
        if !at.given() && other > Dur::ZERO {
            at.hold_from(duration_text(other), format!("agent.{key}"));
        }
        if at.given() { at.duration(range) } else { Some(other) }
    };
    let interval = own("interval", Dur(500)..=Dur::hours(1), pulse.interval);
    let timeout = own("timeout", Dur(100)..=Dur::mins(5), pulse.timeout);
    // What is wrong already contradicts nothing else.
    let (Some(interval), Some(timeout)) = (interval, timeout) else { return (Dur::ZERO, Dur::ZERO) };
    let known = interval > Dur::ZERO && timeout > Dur::ZERO;
    if known && timeout >= interval {
        match at.get("timeout").given() {
            true => at.get("timeout").fail("must be shorter than the probe's interval"),
            false => at.get("interval").fail(format!(
                "must be longer than the probe's timeout, which is `agent.timeout` ({}): give the probe one of its own",
                duration_text(timeout)
            )),
        }
    }
    (interval, timeout)
}

fn requirement(at: &At<'_>) -> Option<Name> {
    at.get("requirement").checked(|word| {
        let known: Vec<&str> = REQUIREMENTS.iter().map(|(word, _)| *word).collect();
        let none = || format!("there is no requirement {}{}", quoted(word), unknown(word, known.clone()));
        if known.contains(&word) { Ok(()) } else { Err(none()) }
    })
}

fn gates(at: &At<'_>) -> Vec<&'static Step> {
    let mut steps = Vec::new();
    for item in at.get("gates").items() {
        let Some(name) = item.text() else { continue };
        match playbook::step(&name) {
            Some(step) => steps.push(step),
            None => item.fail(unknown_step(&name)),
        }
    }
    steps
}
