//! Is the destination untouched?

use super::shared::{NO_TOPIC, attached_there, body, both, ignored_there};
use crate::estate::Side;
use crate::reading::{Code, Finding, Qty, Reading, Subject, each, none_of};
use crate::view::{View, gap};

pub(super) fn destination_clean(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, s, d) = both(v)?;
        let basis = Some(s.basis.merge(d.basis));
        let topics = v.topics(&s).into_iter().map(|t| (t, t));
        let empty = each(basis, topics, NO_TOPIC, |topic| {
            let there = settings.topic_there(topic);
            let t = d.topic(&there)?;
            let mut full = Vec::new();
            let mut records = 0i64;
            for (p, part) in &t.partitions {
                let at = || Subject::Partitions(Side::Destination, there.clone(), vec![*p]);
                let ends = part.ends.as_ref().map_err(|f| gap(f, at()))?;
                if !ends.is_empty() {
                    full.push(*p);
                    records += ends.high - ends.low;
                }
            }
            if full.is_empty() {
                return Ok(Finding::yes(Code::Ok, Subject::Topic(Side::Destination, there)));
            }
            let deletes: Vec<String> =
                full.iter().map(|p| format!(r#"{{"topic":"{there}","partition":{p},"offset":-1}}"#)).collect();
            Ok(Finding::no(Code::NotEmpty, Subject::Partitions(Side::Destination, there, full))
                .seen(Qty::Count(records, "records"))
                .fix(format!(
                    "if the producers write there already: cutover-agent adopt switch-producers --reason …; only if it is \
                     a leftover, since this deletes it for good: echo '{{\"version\":1,\"partitions\":[{}]}}' > leftovers.json && kafka-delete-records \
                     --bootstrap-server <destination> --offset-json-file leftovers.json",
                    deletes.join(",")
                )))
        });
        let mut found = attached_there(settings, &d);
        for (group, g) in &d.sample.groups {
            let at = || Subject::Group(Side::Destination, group.clone());
            let commits = match &g.commits {
                Ok(c) => c,
                Err(_) if ignored_there(settings, group) => continue,
                Err(f) => {
                    found.push(gap(f, at()).into());
                    continue;
                }
            };
            for ((topic, p), offset) in commits {
                let at = Subject::Pair(Side::Destination, group.clone(), topic.clone(), vec![*p]);
                let end = d.topic(topic).map(|t| t.partitions.get(p).map(|p| p.ends.clone()));
                match (offset, end) {
                    (Ok(o), Ok(Some(Ok(e)))) if *o == e.high && e.is_empty() => {}
                    (Ok(o), Ok(Some(Ok(_)))) => {
                        found.push(Finding::no(Code::LeftoverCommit, at).seen(Qty::Count(*o, "")).fix(format!(
                            "kafka-consumer-groups --bootstrap-server <destination> --group {group} --topic {topic} \
                             --delete-offsets"
                        )))
                    }
                    (Err(f), _) => found.push(gap(f, at).into()),
                    (_, Ok(Some(Err(f)))) => found.push(gap(&f, at).into()),
                    (_, Err(g)) => found.push(g.into()),
                    (_, Ok(None)) => found.push(Finding::unknown(Code::Vanished, at)),
                }
            }
        }
        Ok(empty.and(none_of(basis, found)))
    })
}
