//! May the old topics go, and are they gone?

use super::clusters::{disks_told, hidden_there, hidden_topics, visible};
use super::shared::{body, config};
use super::stop::word_of_gone;
use crate::Name;
use crate::estate::Side;
use crate::reading::{Code, Demand, Finding, Gap, IfEmpty, Qty, Reading, Subject, each, none_of};
use crate::time::{Dur, Mono};
use crate::view::{Kafka, View, gap};

pub(super) fn expired(v: &View<'_>) -> Reading {
    body(|| {
        let settings = v.kafka_settings()?;
        let s = v.kafka(Side::Source)?;
        let (basis, read, configs) = v.configs(&s)?;
        let topics = v.topics(&s).into_iter().map(|t| (t, t));
        // A word given before the consumers moved does not speak of what came since.
        let since = v.facts.step("start-consumers").begun.map(|(at, _)| at);
        let told = disks_told(v, &s, since).unwrap_or_else(Finding::from);
        let hidden = none_of(Some(basis), hidden_topics(v, &s)?.into_iter().chain([told]));
        let expired = each(Some(basis), topics, IfEmpty::Unknown("topics in scope on the source"), |topic| {
            let at = |p: i32| Subject::Partitions(Side::Source, topic.clone(), vec![p]);
            if let Some(why) = settings.archived.get(topic) {
                return Ok(Finding::yes(Code::Relaxed, Subject::Topic(s.side, topic.clone())).detail(why.clone()));
            }
            if let Some(f) = settled(v, &s, topic) {
                return Ok(f);
            }
            let t = s.topic(topic)?;
            for (p, part) in &t.partitions {
                let ends = part.ends.as_ref().map_err(|f| gap(f, at(*p)))?;
                if ends.is_empty() {
                    continue;
                }
                let c = config(configs, topic, s.side)?;
                if c.retention_ms < 0 || !c.cleanup_policy.split(',').any(|w| w == "delete") {
                    return Ok(Finding::no(Code::NeverExpires, at(*p))
                        .fix(format!("kafka: {{ archived: {{ \"{topic}\": \"<where it is kept>\" }} }}")));
                }
                let tp = (topic.clone(), *p);
                let since = s.memory.ends().get(&tp).and_then(|m| m.since);
                let newest = match configs.newest.get(&tp) {
                    // Read while the end stood where it stands now, or it may speak of an older record.
                    Some(Ok(Some(ts))) if since.is_some_and(|m: Mono| m <= read.sent) => *ts,
                    Some(Err(f)) => return Err(gap(f, at(*p))),
                    _ => {
                        return Ok(Finding::unknown(Code::Partial, at(*p))
                            .detail("the timestamp of its last record has not been read since it last grew")
                            .want(Demand::Configs(s.side)));
                    }
                };
                let due = newest.saturating_add(c.retention_ms);
                if v.now().wall.0 < due {
                    return Ok(Finding::no(Code::Unexpired, at(*p))
                        .seen(Qty::Count(ends.high - ends.low, "records"))
                        .limit(Qty::At(crate::time::Wall(due)))
                        .fix(format!(
                            "wait until they have expired; or, where they are kept elsewhere: kafka: {{ archived: {{ \
                             \"{topic}\": \"<where it is kept>\" }} }}"
                        ))
                        .wait(Dur(due - v.now().wall.0)));
                }
            }
            Ok(Finding::yes(Code::Ok, Subject::Topic(s.side, topic.clone())))
        });
        Ok(expired.and(hidden))
    })
}

/// A topic that went in the downtime, and of which a person has said of every partition that nothing is missing.
fn settled(v: &View<'_>, s: &Kafka<'_>, topic: &Name) -> Option<Finding> {
    let here = !s.sample.topics.contains_key(topic) && hidden_there(v, s, topic).is_none();
    let anchors = || v.facts.source_ends.iter().filter(|(k, _)| k.cluster == s.sample.cluster_id && k.topic == *topic);
    let said = here && anchors().next().is_some() && anchors().all(|(k, a)| word_of_gone(v, k, a).is_some());
    said.then(|| Finding::yes(Code::Confirmed, Subject::Topic(s.side, topic.clone())).detail("it is gone"))
}

pub(super) fn topics_gone(v: &View<'_>) -> Reading {
    if let Some(w) = v.facts.confirmed("source-retired", &[]) {
        let f =
            Finding::yes(Code::Confirmed, Subject::Side(Side::Source)).detail(format!("{}: {}", w.author, w.reason));
        return Reading::of(f, None);
    }
    body(|| {
        let s = v.kafka(Side::Source)?;
        if !v.facts.source_ends.keys().any(|k| k.cluster == s.sample.cluster_id) {
            return Err(Gap::new(Code::NeverSeen, Subject::Side(Side::Source))
                .detail("no topic in scope was ever anchored there, so their absence proves nothing"));
        }
        // A list without them does not do: the agent may have lost its right to see them.
        let (basis, _, configs) = v.configs(&s)?;
        if !configs.logs_told {
            return Err(Gap::new(Code::NotMeasured, Subject::Side(Side::Source))
                .detail("not every broker tells what it holds on disk, and the list of topics hides what the agent may not see")
                .fix("when the topics are gone: cutover-agent confirm source-retired --reason …")
                .want(Demand::Configs(Side::Source)));
        }
        let left = s.sample.topics.keys().map(|t| Finding::no(Code::StillThere, Subject::Topic(s.side, t.clone())));
        Ok(visible(v, Side::Source).and(none_of(Some(basis), left)))
    })
}
