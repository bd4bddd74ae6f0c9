//! The services half of an invented estate: the probes are the configuration's, what they look at is made up.

use cutover_core::Name;
use cutover_core::playbook::{Step, steps};
use cutover_core::settings::{ProbeKind, ProbeSettings, Settings, Track};
use cutover_core::time::Dur;
use cutover_sim::model::site::{Looks, Names, Probe};
use cutover_sim::scenario::Order;
use cutover_sim::scenario_services::Services;

/// How long an invented answer for a name may be kept.
const TTL: Dur = Dur::secs(60);
/// Who answers for an invented name.
const RESOLVERS: usize = 2;

/// What the probes look at; none where the services do not move.
pub(super) fn estate(settings: &Settings, assumed: &mut Vec<String>) -> Option<Services> {
    if !settings.tracks.contains(&Track::Services) {
        return None;
    }
    let (simulated, others): (Vec<_>, Vec<_>) = settings.probes.iter().partition(|(_, p)| looks(p).is_some());
    let probe = |(name, p): (&Name, &ProbeSettings)| {
        let gates = p.gates.iter().cloned().collect();
        Some(Probe { name: name.clone(), looks: looks(p)?, side: p.side, gates, silent: false, empty: false, slow: 0 })
    };
    let probes: Vec<Probe> = simulated.into_iter().filter_map(probe).collect();
    let names = |all: &mut dyn Iterator<Item = &Name>| all.map(|n| &**n).collect::<Vec<_>>().join(", ");
    if !probes.is_empty() {
        assumed.push(format!(
            "the probes {} see what the operator does: gateways and entry points let everybody in, the traffic goes where it \
             is sent, {RESOLVERS} resolvers answer for every name and let it be kept for {TTL}",
            names(&mut probes.iter().map(|p| &p.name)),
        ));
    }
    if !others.is_empty() {
        assumed.push(format!(
            "the probes {} look at what is not simulated and are left out",
            names(&mut others.into_iter().map(|(name, _)| name))
        ));
    }
    assumed.push(
        "every service has one instance at the source; the operator deploys the same at the destination, which is told by \
         its name"
            .to_owned(),
    );
    Some(Services { units: Vec::new(), probes })
}

/// What a probe is answered from; none for what is not simulated.
fn looks(p: &ProbeSettings) -> Option<Looks> {
    match p.kind {
        ProbeKind::Tcp => Some(Looks::Door { by: "tcp".into(), open: true }),
        ProbeKind::Http => Some(Looks::Door { by: "http".into(), open: true }),
        ProbeKind::Promql if p.gates.contains("redirect-traffic") => Some(Looks::Traffic),
        ProbeKind::Dns => Some(Looks::Names(Names::new(TTL.0, RESOLVERS, false))),
        ProbeKind::Promql | ProbeKind::Count | ProbeKind::Pods => None,
    }
}

/// The probes' settings, as far as they are simulated: those of the scenario.
pub(super) fn kept(s: &mut Settings, services: Option<&Services>, interval: Dur) {
    let there = |name: &Name| services.is_some_and(|x| x.probes.iter().any(|p| p.name == *name));
    s.probes.retain(|name, _| there(name));
    s.probes.values_mut().for_each(|p| p.interval = interval);
}

/// Puts the services among the tracks, where `after` wants them: at the same time where it says nothing.
pub(super) fn placed(s: &Settings, mut tracks: Vec<Track>, order: Order) -> (Vec<Track>, Order) {
    if !s.tracks.contains(&Track::Services) || tracks.is_empty() {
        return (tracks, order);
    }
    let waits = |a: Track, b: Track| {
        let of = |t: Track| steps(t).iter().map(|x: &&Step| x.id).collect::<Vec<_>>();
        let on = of(b);
        let waiting = |id: &&str| s.after.get(*id).is_some_and(|all| all.iter().any(|o| on.contains(&&**o)));
        of(a).first().is_some_and(waiting)
    };
    let last = tracks.iter().any(|t| waits(Track::Services, *t));
    let at = if last { tracks.len() } else { 0 };
    tracks.insert(at, Track::Services);
    let in_a_row = tracks.windows(2).all(|p| waits(p[1], p[0]));
    match order {
        Order::After if !in_a_row => (tracks, Order::Beside),
        _ => (tracks, order),
    }
}
