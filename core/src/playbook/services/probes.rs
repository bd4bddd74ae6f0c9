//! What probes say: clusters reachable from every vantage, the destination healthy, traffic and names moved.

use crate::Name;
use crate::estate::Side;
use crate::facts::Fact;
use crate::playbook::kafka::{body, sighted};
use crate::reading::{Basis, Code, Finding, Gap, IfEmpty, Known, Qty, Reading, Subject, Tri, each};
use crate::settings::{ProbeKind, ProbeSettings, Track};
use crate::time::Dur;
use crate::view::{INTERVALS, Probe, View, gap};

/// The probes that a condition picks.
fn picked<'a>(
    v: &View<'a>,
    pick: impl Fn(&ProbeSettings) -> bool + 'a,
) -> impl Iterator<Item = (&'a Name, &'a ProbeSettings)> {
    v.settings.probes.iter().filter(move |(_, p)| pick(p))
}

/// What a probe says now.
pub(in crate::playbook) fn judged(p: &Probe<'_>) -> Finding {
    let at = Subject::Probe(p.name.clone());
    let from = p.settings.vantage.as_ref().map_or(String::new(), |v| format!(" (from {v})"));
    if p.settings.kind == ProbeKind::Dns {
        return answered(p).unwrap_or_else(Finding::from);
    }
    let f = if p.sample.pass { Finding::yes(Code::Ok, at) } else { Finding::no(Code::ProbeFails, at) };
    f.detail(format!("{}{from}", p.sample.said))
}

/// What the resolvers answer now: one with the wrong address is no, one that does not answer leaves it open.
fn answered(p: &Probe<'_>) -> Known<Finding> {
    let at = || Subject::Probe(p.name.clone());
    if p.sample.names.is_empty() {
        return Err(Gap::new(Code::EmptySet, at()).detail("resolvers that were asked"));
    }
    let wrong = p.sample.names.iter().find_map(|(resolver, answer)| {
        let a = answer.as_ref().ok()?;
        (!a.expected || a.addresses.is_empty()).then_some((resolver, a))
    });
    if let Some((resolver, a)) = wrong {
        let given: Vec<&str> = a.addresses.iter().map(|x| &**x).collect();
        return Ok(Finding::no(Code::ProbeFails, at()).detail(format!("{resolver} answers {}", given.join(", "))));
    }
    match p.sample.names.values().find_map(|a| a.as_ref().err()) {
        Some(f) => Err(gap(f, at())),
        None => Ok(Finding::yes(Code::Ok, at()).detail(p.sample.said.clone())),
    }
}

/// The probes that gate a step and that none of its own checks asks, each with what it says. A probe that a team attaches
/// to a step holds it up, whichever step that is.
pub(crate) fn attached<'a>(v: &View<'a>, step: &'a str) -> impl Iterator<Item = (&'a Name, Known<(Basis, Finding)>)> {
    let own = move |p: &ProbeSettings| match step {
        "deploy-services" | "redirect-traffic" => true,
        "switch-dns" => p.kind == ProbeKind::Dns || p.side == Side::Destination,
        _ => false,
    };
    let v = *v;
    let attached = v.settings.probes.iter().filter(move |(_, p)| gates(p, step) && !own(p));
    attached.map(move |(name, settings)| (name, v.probe(name, settings).map(|p| (p.basis, judged(&p)))))
}

/// Every probe picked passes.
fn pass(v: &View<'_>, empty: IfEmpty, pick: impl Fn(&ProbeSettings) -> bool) -> Reading {
    let mut basis: Option<Basis> = None;
    let mut found: Vec<(&Name, Known<Finding>)> = Vec::new();
    for (name, settings) in v.settings.probes.iter().filter(|(_, p)| pick(p)) {
        let said = v.probe(name, settings).map(|p| {
            basis = Basis::join(basis, Some(p.basis));
            judged(&p)
        });
        found.push((name, said));
    }
    each(basis, found, empty, |said| said)
}

fn gates(p: &ProbeSettings, step: &str) -> bool {
    p.gates.contains(step)
}

/// The clusters in force answer the agent, and the probes of this step pass from wherever they look.
pub(super) fn in_force_reachable(v: &View<'_>) -> Reading {
    let mut r: Option<Reading> = None;
    let mut add = |one: Reading| r = Some(r.take().map_or_else(|| one.clone(), |r| r.and(one.clone())));
    let cluster = |track: Track, read: &dyn Fn(Side) -> Known<(Basis, Subject)>| match v.in_force(track) {
        None => Reading::of(Finding::no(Code::OtherDowntime, Subject::Thing(track.as_str().into())), None),
        Some(side) => match read(side) {
            Ok((basis, at)) => Reading::of(Finding::yes(Code::Ok, at), Some(basis)),
            Err(g) => Reading::unknown(g),
        },
    };
    if v.settings.kafka.is_some() {
        add(cluster(Track::Kafka, &|side| v.kafka(side).map(|k| (k.basis, Subject::Side(side)))));
    }
    if v.settings.mongodb.is_some() {
        add(cluster(Track::Mongodb, &|side| {
            let m = v.mongodb(side)?;
            m.sample.primary.as_ref().map_err(|f| gap(f, Subject::Mongodb(side)))?;
            Ok((m.basis, Subject::Mongodb(side)))
        }));
    }
    if picked(v, |p| gates(p, "deploy-services")).next().is_some() {
        add(pass(v, IfEmpty::Unknown("probes"), |p| gates(p, "deploy-services")));
    }
    r.unwrap_or_else(|| {
        let what = Gap::new(Code::EmptySet, Subject::Whole).detail("clusters or probes to look at");
        Reading::unknown(what)
    })
}

/// Every HTTP and TCP probe and pod selector of side destination passes.
pub(super) fn destination_healthy(v: &View<'_>) -> Reading {
    let kinds = [ProbeKind::Http, ProbeKind::Tcp, ProbeKind::Pods];
    let empty = IfEmpty::Unknown("HTTP or TCP probes of side destination (probes)");
    pass(v, empty, |p| {
        (p.side == Side::Destination && kinds.contains(&p.kind))
            || (gates(p, "redirect-traffic") && p.kind != ProbeKind::Promql)
    })
}

fn word(v: &View<'_>, name: &str) -> Option<Reading> {
    let w = v.facts.confirmed(name, &[])?;
    let f = Finding::yes(Code::Confirmed, Subject::Whole).detail(format!("{}: {}", w.author, w.reason));
    Some(Reading::of(f, None))
}

fn moves_traffic(p: &ProbeSettings) -> bool {
    gates(p, "redirect-traffic") && p.kind == ProbeKind::Promql
}

/// The expressions attached to the redirection hold.
pub(super) fn traffic_moved(v: &View<'_>) -> Reading {
    let attached = picked(v, moves_traffic).next().is_some();
    if let Some(r) = word(v, "traffic-moved") {
        // A person speaks for what is not measured. What is measured to be otherwise stays so.
        let measured = attached.then(|| pass(v, IfEmpty::Unknown("probes"), moves_traffic));
        return measured.filter(|m| m.is == Tri::No).unwrap_or(r);
    }
    if !attached {
        return Reading::unknown(Gap::new(Code::NotMeasured, Subject::Whole).detail("the traffic").fix(
            "attach a `promql` probe that gates redirect-traffic, or: cutover-agent confirm traffic-moved --reason …, \
             or skip the step with a reason",
        ));
    }
    pass(v, IfEmpty::Unknown("probes"), moves_traffic)
}

/// The traffic reaches the destination: what begins `redirect-traffic`.
pub(super) fn traffic_appears(v: &View<'_>) -> Reading {
    appears(v, moves_traffic, |p| Ok(p.sample.pass))
}

fn appears(v: &View<'_>, pick: impl Fn(&ProbeSettings) -> bool, seen: impl Fn(&Probe<'_>) -> Known<bool>) -> Reading {
    let mut basis: Option<Basis> = None;
    let (mut found, mut missing) = (Vec::new(), None);
    for (name, settings) in v.settings.probes.iter().filter(|(_, p)| pick(p)) {
        let looked = v.probe(name, settings).and_then(|p| {
            basis = Basis::join(basis, Some(p.basis));
            let f = || Finding::yes(Code::Seen, Subject::Probe(name.clone())).detail(p.sample.said.clone());
            Ok(seen(&p)?.then(f))
        });
        match looked {
            Ok(f) => found.extend(f),
            Err(g) => missing = Some(g),
        }
    }
    sighted(basis, found, missing)
}

/// The probes of the destination's entry points pass.
pub(super) fn entry_points(v: &View<'_>) -> Reading {
    pass(v, IfEmpty::Unknown("probes of side destination that gate switch-dns"), |p| {
        gates(p, "switch-dns") && p.kind != ProbeKind::Dns && p.side == Side::Destination
    })
}

/// Every resolver answers only with expected addresses, and no answer it gave before can still be kept.
pub(super) fn names_moved(v: &View<'_>) -> Reading {
    if let Some(r) = word(v, "names-moved") {
        // What may still be kept somewhere is for a person to say; a resolver that gives another address now is measured.
        let now = pass(v, IfEmpty::Unknown("`dns` probes"), |p| p.kind == ProbeKind::Dns);
        return if now.is == Tri::No { now } else { r };
    }
    body(|| {
        let mut basis: Option<Basis> = None;
        let mut found: Vec<(&Name, Known<Finding>)> = Vec::new();
        for (name, settings) in picked(v, |p| p.kind == ProbeKind::Dns) {
            let said = v.probe(name, settings).and_then(|p| {
                basis = Basis::join(basis, Some(p.basis));
                names(v, &p)
            });
            found.push((name, said));
        }
        Ok(each(basis, found, IfEmpty::Unknown("`dns` probes"), |said| said))
    })
}

fn names(v: &View<'_>, p: &Probe<'_>) -> Known<Finding> {
    let at = || Subject::Probe(p.name.clone());
    let now = answered(p)?;
    if now.is != Tri::Yes {
        return Ok(now);
    }
    let longest = v.facts.longest_ttl.get(p.name).copied().unwrap_or_default();
    let believed = Dur(p.settings.interval.0 * INTERVALS);
    Ok(match p.memory.cached_for(v.now().mono, longest, believed) {
        Some(left) if left.0 == 0 => Finding::yes(Code::Ok, at()),
        Some(left) => Finding::no(Code::StillCached, at()).seen(Qty::Time(left)).wait(left),
        None => Finding::unknown(Code::Partial, at()).detail("not every resolver has answered yet"),
    })
}

/// How long answers may be kept must outlast the agent.
pub(in crate::playbook) fn observe(v: &View<'_>, out: &mut Vec<Fact>) {
    for (name, settings) in picked(v, |p| p.kind == ProbeKind::Dns) {
        let Ok(p) = v.probe(name, settings) else { continue };
        let ttl = p.sample.names.values().filter_map(|a| a.as_ref().ok()).map(|a| a.ttl).max().unwrap_or_default();
        if ttl > v.facts.longest_ttl.get(name).copied().unwrap_or_default() {
            out.push(Fact::LongestTtl { probe: name.clone(), ttl });
        }
    }
}

/// Some resolver answers with the destination: what begins `switch-dns`.
pub(super) fn names_appear(v: &View<'_>) -> Reading {
    let moved = |p: &Probe<'_>| {
        let answers = || p.sample.names.values();
        if answers().any(|a| a.as_ref().is_ok_and(|a| a.expected && !a.addresses.is_empty())) {
            return Ok(true);
        }
        // A resolver that is silent may give it.
        match answers().find_map(|a| a.as_ref().err()) {
            Some(f) => Err(gap(f, Subject::Probe(p.name.clone()))),
            None => Ok(false),
        }
    };
    appears(v, |p| p.kind == ProbeKind::Dns, moved)
}
