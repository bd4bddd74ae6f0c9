//! Where the clients of the clusters in force run: by group members and MongoDB clients, told apart by the home rules.

use crate::Name;
use crate::estate::Side;
use crate::playbook::kafka::{body, sighted};
use crate::playbook::mongodb::clients;
use crate::reading::{Basis, Code, Demand, Finding, Gap, IfEmpty, Known, Qty, Reading, Subject, each, none_of};
use crate::settings::{Home, KafkaSettings, MongodbSettings, Role, Track};
use crate::time::Dur;
use crate::view::{Kafka, Mongodb, View, gap};
use std::collections::{BTreeMap, BTreeSet};

/// Somebody who was seen within this long is present.
const WITHIN: Dur = crate::estate::CLIENTS;

/// The clusters in force that are configured; what is not configured is left out.
struct Force<'a> {
    kafka: Option<(&'a KafkaSettings, Kafka<'a>)>,
    mongodb: Option<(&'a MongodbSettings, Mongodb<'a>)>,
    basis: Option<Basis>,
}

impl Force<'_> {
    /// For how long the clients of all of them have been watched.
    fn watched(&self, v: &View<'_>) -> Dur {
        let kafka = self.kafka.as_ref().and_then(|k| k.1.memory.watched());
        let mongodb = self.mongodb.as_ref().and_then(|m| m.1.memory.watched());
        let since = kafka.into_iter().chain(mongodb).max();
        since.map_or(Dur::ZERO, |s| v.now().mono - s)
    }
}

fn in_force<'a>(v: &View<'a>) -> Known<Force<'a>> {
    let side = |track: Track| {
        v.in_force(track).ok_or_else(|| Gap::new(Code::OtherDowntime, Subject::Thing(track.as_str().into())))
    };
    let untold = |what: &str, fields: &str| {
        Gap::new(Code::NotMeasured, Subject::Thing(what.into()))
            .detail("no rule tells its clients at the source from those at the destination")
            .fix(format!("identity.destination: {{ {what}: {{ {fields} }} }}"))
    };
    let kafka = match &v.settings.kafka {
        Some(s) if s.homes.is_empty() => return Err(untold("kafka", "client_id: …, group: … or host: …")),
        Some(s) => Some((s, v.kafka(side(Track::Kafka)?)?)),
        None => None,
    };
    let mongodb = match &v.settings.mongodb {
        Some(s) if s.homes.is_empty() => return Err(untold("mongodb", "app_name: …, user: … or address: …")),
        Some(s) => Some((s, v.mongodb(side(Track::Mongodb)?)?)),
        None => None,
    };
    if kafka.is_none() && mongodb.is_none() {
        return Err(Gap::new(Code::NotMeasured, Subject::Whole).detail("no kafka and no mongodb section"));
    }
    let basis = Basis::join(kafka.as_ref().map(|k| k.1.basis), mongodb.as_ref().map(|m| m.1.basis));
    Ok(Force { kafka, mongodb, basis })
}

/// Anybody who cannot be shown to run at the destination counts as running at the source.
fn is_source(home: Home) -> bool {
    home != Home::Destination
}

/// Identities that were ever seen running at the source, as they are looked for on the clusters in force.
fn sources(v: &View<'_>, f: &Force<'_>) -> BTreeSet<Subject> {
    let mut all = BTreeSet::new();
    if let Some((s, k)) = &f.kafka {
        for (cluster, members) in &v.facts.members {
            let groups = members.iter().filter(|(_, homes)| homes.iter().any(|h| is_source(*h))).map(|((g, _), _)| g);
            for group in groups.filter(|g| !s.ignored.contains_key(*g)) {
                let here = *cluster == k.sample.cluster_id;
                // A group of the old cluster goes by its new name on the new one.
                let name = if here || k.side == Side::Source { group.clone() } else { s.group_there(group) };
                all.insert(Subject::Group(k.side, name));
            }
        }
    }
    if let Some((_, m)) = &f.mongodb {
        for c in v.facts.clients.values().flatten().filter(|c| is_source(c.home)) {
            all.insert(Subject::Client(m.side, c.identity.clone()));
        }
    }
    all
}

/// Who was seen with home destination within ten minutes.
fn destinations(f: &Force<'_>) -> BTreeSet<Subject> {
    let mut seen = BTreeSet::new();
    if let Some((s, k)) = &f.kafka {
        let there =
            k.memory.clients().keys().filter(|c| s.home(&c.group, &c.client_id, &c.host).0 == Home::Destination);
        seen.extend(there.map(|c| Subject::Group(k.side, c.group.clone())));
    }
    if let Some((s, m)) = &f.mongodb {
        let there = m.memory.clients().map(|c| s.identity(c)).filter(|(home, _)| *home == Home::Destination);
        seen.extend(there.map(|(_, identity)| Subject::Client(m.side, identity.into())));
    }
    seen
}

/// Every identity ever seen with home source has been seen with home destination lately.
pub(super) fn present(v: &View<'_>) -> Reading {
    body(|| {
        let f = in_force(v)?;
        let there = destinations(&f);
        let all = sources(v, &f);
        let nobody = IfEmpty::Never("services running at the source");
        let watched = f.watched(v);
        Ok(each(f.basis, all.iter().map(|at| (at, at)), nobody, |at| {
            if there.contains(at) {
                return Ok(Finding::yes(Code::Ok, at.clone()));
            }
            if watched < WITHIN {
                return Err(Gap::new(Code::Dwelling, at.clone())
                    .detail(format!("not seen with home destination, watched for {watched} of {WITHIN}")));
            }
            Ok(Finding::no(Code::NotDeployed, at.clone()).limit(Qty::Time(WITHIN)))
        }))
    })
}

/// Somebody with home destination is there who was known to run at the source: what begins `deploy-services`. Who was there
/// ten minutes ago is there while the newest listings do not tell.
pub(super) fn appears(v: &View<'_>) -> Reading {
    body(|| {
        let f = in_force(v)?;
        let (there, missing): (BTreeSet<Subject>, Option<Gap>) = match working(&f) {
            Ok(all) => (all.into_iter().filter(|w| w.home == Home::Destination).map(|w| w.at).collect(), None),
            Err(g) => (destinations(&f), Some(g)),
        };
        let found = sources(v, &f).into_iter().filter(|at| there.contains(at));
        Ok(sighted(f.basis, found.map(|at| Finding::yes(Code::Seen, at).detail("with home destination")), missing))
    })
}

/// Somebody who is connected to a cluster in force at this moment.
struct AtWork<'a> {
    at: Subject,
    home: Home,
    /// The group member's client id, or the member of the replica set that the client is on.
    by: &'a Name,
}

/// Everybody at work now: unknown where a listing may hide somebody.
fn working<'a>(f: &Force<'a>) -> Known<Vec<AtWork<'a>>> {
    let mut all = Vec::new();
    if let Some((s, k)) = &f.kafka {
        if !k.sample.lists_every_group() {
            return Err(Gap::new(Code::Hidden, Subject::Side(k.side)));
        }
        for (group, g) in k.sample.groups.iter().filter(|(g, _)| !s.ignored.contains_key(*g)) {
            let at = || Subject::Group(k.side, group.clone());
            for m in g.members.as_ref().map_err(|e| gap(e, at()))? {
                if !m.topics.as_ref().map_err(|e| gap(e, at()))?.is_empty() {
                    let (home, _) = s.home(group, &m.client_id, &m.host);
                    all.push(AtWork { at: at(), home, by: &m.client_id });
                }
            }
        }
    }
    if let Some((s, m)) = &f.mongodb {
        for (host, c) in
            clients(m)?.into_iter().filter(|(_, c)| !matches!(s.role(c), Role::Bystander | Role::Mirror(_)))
        {
            let (home, identity) = s.identity(c);
            all.push(AtWork { at: Subject::Client(m.side, identity.into()), home, by: host });
        }
    }
    Ok(all)
}

/// Whoever is at work with home source at this moment is at work with home destination as well: one that was seen there
/// some minutes ago and is gone again takes over nothing. Those that come and go are left to [`present`].
pub(super) fn at_work(v: &View<'_>) -> Reading {
    body(|| {
        let f = match (in_force(v), v.settings.skipped("deploy-services")) {
            // Whoever skips the deployment and tells nobody's home has taken that upon themselves.
            (Err(g), Some(why)) if g.code == Code::NotMeasured => {
                let f = Finding::yes(Code::Relaxed, Subject::Step("deploy-services")).detail(why.clone());
                return Ok(Reading::of(f, None));
            }
            (f, _) => f?,
        };
        let mut homes: BTreeMap<Subject, (bool, bool)> = BTreeMap::new();
        for w in working(&f)? {
            let (here, there) = homes.entry(w.at).or_default();
            if is_source(w.home) { *here = true } else { *there = true }
        }
        let alone = homes.into_iter().filter(|(_, (here, there))| *here && !there);
        let alone = alone.map(|(at, _)| {
            Finding::no(Code::NotConnected, at)
                .detail("with home destination, and at work with home source: nobody there would take over")
        });
        Ok(none_of(f.basis, alone))
    })
}

/// No client of home source is connected to the clusters in force.
pub(super) fn no_source_home(v: &View<'_>) -> Reading {
    body(|| {
        let f = in_force(v)?;
        let found = working(&f)?.into_iter().filter(|w| is_source(w.home)).map(|w| {
            let by = match &w.at {
                Subject::Client(..) => format!("connected to {}", w.by).into(),
                _ => w.by.clone(),
            };
            Finding::no(Code::SourceHome, w.at).detail(by)
        });
        let witness = if sources(v, &f).is_empty() {
            Finding::unknown(Code::NeverSeen, Subject::Whole)
                .detail("no service was ever seen running at the source, so the absence of all of them proves nothing")
        } else {
            Finding::yes(Code::Ok, Subject::Whole)
        };
        Ok(none_of(f.basis, found).and(Reading::of(witness, f.basis)))
    })
}

/// A group may be this far behind.
const BEHIND: Dur = Dur::secs(60);
/// A group that is further behind must have been catching up for this long.
const SLOPE: Dur = Dur::mins(5);

/// The largest lag in time over the pairs in force is below a minute, or does not grow.
pub(super) fn keeping_up(v: &View<'_>) -> Reading {
    body(|| {
        let Some(s) = &v.settings.kafka else {
            let f = Finding::yes(Code::Relaxed, Subject::Whole).detail("no kafka section in the configuration");
            return Ok(Reading::of(f, None));
        };
        let side = v.in_force(Track::Kafka);
        let side = side.ok_or_else(|| Gap::new(Code::OtherDowntime, Subject::Thing("kafka".into())))?;
        let k = v.kafka(side)?;
        let mut pairs: BTreeSet<(Name, Name)> = BTreeSet::new();
        for known in v.facts.pairs.values().flatten() {
            if !s.ignored.contains_key(&known.0) && s.in_scope(&known.1) {
                pairs.insert(match side {
                    Side::Source => known.clone(),
                    Side::Destination => (s.group_there(&known.0), s.topic_there(&known.1)),
                });
            }
        }
        let nobody = IfEmpty::Unknown("groups that read topics in scope");
        Ok(each(Some(k.basis), pairs.iter().map(|p| (p, p)), nobody, |(group, topic)| {
            // Nothing measures what a group has read that does not commit.
            let name = if side == Side::Source { s.group_there(group) } else { group.clone() };
            match v.facts.confirmed("keeping-up", std::slice::from_ref(&name)) {
                Some(w) => {
                    let at = Subject::Pair(side, group.clone(), topic.clone(), vec![]);
                    Ok(Finding::yes(Code::Confirmed, at).detail(format!("{}: {}", w.author, w.reason)))
                }
                None => keeps_up(v, &k, group, topic, &name),
            }
        }))
    })
}

fn keeps_up(v: &View<'_>, k: &Kafka<'_>, group: &Name, topic: &Name, word: &Name) -> Known<Finding> {
    let say = format!("cutover-agent confirm keeping-up {word} --reason …");
    let at = || Subject::Pair(k.side, group.clone(), topic.clone(), vec![]);
    let t = k.topic(topic)?;
    let g = k.group(group).ok_or_else(|| Gap::new(Code::Vanished, at()))?;
    let commits = g.commits.as_ref().map_err(|f| gap(f, at()))?;
    let over = v.settings.scaled(SLOPE);
    let mut worst = Dur::ZERO;
    let mut known = true;
    // Partitions it is behind on; those on which it has committed nothing for as long as a slope takes, and by how much it
    // is behind there; and what would show that nothing is left to be read.
    let (mut late, mut stands, mut records, mut want) = (false, Vec::new(), 0i64, None);
    for (p, part) in &t.partitions {
        let ends = part.ends.as_ref().map_err(|f| gap(f, at()))?;
        let tp = (topic.clone(), *p);
        let committed = match commits.get(&tp) {
            Some(c) => *c.as_ref().map_err(|f| gap(f, at()))?,
            None if ends.is_empty() => continue,
            None => return Err(Gap::new(Code::NeverCommitted, at()).fix(say)),
        };
        if committed > ends.high {
            let at = Subject::Pair(k.side, group.clone(), topic.clone(), vec![*p]);
            return Err(
                Gap::new(Code::Recreated, at).detail(format!("committed {committed}, it ends at {}", ends.high))
            );
        }
        let key = k.key(topic, t, *p);
        if committed == ends.high || v.facts.phantoms.contains(&(key.clone(), committed, ends.high)) {
            continue;
        }
        match k.memory.ends().get(&tp).and_then(|m| m.age_of(committed)) {
            Some(age) if age < BEHIND => continue,
            Some(age) => worst = worst.max(age),
            None => known = false,
        }
        late = true;
        let unmoved = k.memory.commit(group, &tp).map_or(Dur::ZERO, |m| m.unmoved_for());
        // One that moves is behind by what it reads. The first that stands is asked about first.
        if !part.has_open_transaction() && unmoved >= BEHIND.min(over) && (stands.is_empty() || want.is_none()) {
            let (side, topic, from, to) = (k.side, topic.clone(), committed, ends.high);
            want = Some(Demand::Tail { side, topic, topic_id: key.id, partition: *p, from, to });
        }
        if unmoved >= over {
            stands.push(*p);
            records = records.saturating_add(ends.high - committed);
        }
    }
    if !late {
        return Ok(Finding::yes(Code::Ok, at()));
    }
    let falling = |f: Finding| {
        let f = if known { f.seen(Qty::Time(worst)) } else { f.seen(Qty::Words("an unknown time".into())) };
        // Those who commit only what they were given never commit past aborted transactions.
        f.limit(Qty::Time(BEHIND))
            .fix(format!("see that it works; if nothing but aborted transactions lies behind its commits: {say}"))
    };
    if !stands.is_empty() {
        // Whoever reads nothing falls no further behind while nobody writes.
        let at = Subject::Pair(k.side, group.clone(), topic.clone(), stands);
        let f = match g.members.as_ref().is_ok_and(Vec::is_empty) {
            true => Finding::no(Code::Abandoned, at).seen(Qty::Count(records, "records behind")).fix(format!(
                "start it again; or, if nobody needs it: kafka: {{ ignored: {{ \"{group}\": \"<why>\" }} }}"
            )),
            false => falling(Finding::no(Code::FallingBehind, at)),
        };
        return Ok(Finding { want, ..f.detail(format!("nothing was committed for {over}")) });
    }
    let series = k.memory.lags(group, topic).ok_or_else(|| Gap::new(Code::Partial, at()).detail("its lag"))?;
    let newest = series.back().filter(|p| k.sample.ended.is_some_and(|e| e.sent <= p.at));
    let newest = newest.ok_or_else(|| Gap::new(Code::Partial, at()).detail("its lag"))?;
    // The newest point at least as old as the window.
    let f = match series.iter().rev().find(|p| newest.at - p.at >= over) {
        Some(before) if newest.lag <= before.lag => Finding::yes(Code::Ok, at()).detail("catching up"),
        Some(_) => falling(Finding::no(Code::FallingBehind, at())),
        None => Finding::unknown(Code::Dwelling, at()).detail("how its lag moves is not known yet"),
    };
    Ok(Finding { want, ..f })
}
