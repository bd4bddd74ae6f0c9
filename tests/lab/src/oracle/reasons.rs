//! Why a step would do harm now: the truth about danger, from the ledger alone.
//!
//! Nothing here knows the agent, its checks or its dwells; the agent may be stricter, never looser. Every sentence
//! names the producer, group or partition it is about.

use super::ledger::Ledger;
use crate::words::{Part, Side, Step};

/// How long destination records must survive a pause: the playbook's `longest_pause`.
const LONGEST_PAUSE_MS: i64 = 7 * 24 * 3600 * 1000;

/// Every reason why `step` is unsafe now; empty means safe.
pub fn unsafe_reasons(ledger: &Ledger, step: Step) -> Vec<String> {
    let mut reasons = Vec::new();
    match step {
        Step::SwitchProducers => {
            destination_topics(ledger, &mut reasons);
            if !ledger.begun.contains(&Step::StartConsumers) {
                live_readers(ledger, Side::Destination, &mut reasons);
            }
            if !ledger.begun.contains(&step) {
                destination_leftovers(ledger, &mut reasons);
            }
        }
        Step::StopConsumers => {
            live_producers(ledger, &mut reasons);
            open_transactions(ledger, &mut reasons);
            uncommitted(ledger, &mut reasons);
        }
        Step::StartConsumers => {
            if !ledger.begun.contains(&Step::StopConsumers) {
                reasons.push("the consumers were never stopped".to_owned());
            }
            live_readers(ledger, Side::Source, &mut reasons);
            live_producers(ledger, &mut reasons);
            open_transactions(ledger, &mut reasons);
            uncommitted(ledger, &mut reasons);
            late_writes(ledger, &mut reasons);
            destination_lost(ledger, &mut reasons);
            if !ledger.begun.contains(&step) {
                live_readers(ledger, Side::Destination, &mut reasons);
                unseeded(ledger, &mut reasons);
            }
        }
        Step::RetireSource => {
            not_started(ledger, &mut reasons);
            live_readers(ledger, Side::Source, &mut reasons);
            live_producers(ledger, &mut reasons);
            open_transactions(ledger, &mut reasons);
            uncommitted(ledger, &mut reasons);
            late_writes(ledger, &mut reasons);
        }
    }
    reasons
}

fn destination_topics(ledger: &Ledger, reasons: &mut Vec<String>) {
    for ((side, topic), facts) in &ledger.topics {
        if *side != Side::Source || !ledger.names.in_scope(*side, topic) {
            continue;
        }
        let there = ledger.names.topic_after(topic);
        match ledger.topics.get(&(Side::Destination, there.clone())) {
            None => reasons.push(format!("topic {there} does not exist at the destination")),
            Some(other) if other.partitions != facts.partitions => reasons.push(format!(
                "topic {there} has {} partitions at the destination and {} at the source",
                other.partitions, facts.partitions
            )),
            Some(other) => {
                if let Some(ms) = other.retention_ms.filter(|ms| (0..LONGEST_PAUSE_MS).contains(ms)) {
                    reasons.push(format!("topic {there} keeps its records for {ms} ms only at the destination"));
                }
            }
        }
    }
}

fn destination_leftovers(ledger: &Ledger, reasons: &mut Vec<String>) {
    for (part, log) in scoped(ledger, Side::Destination) {
        if log.written > log.start {
            reasons.push(format!("{part} holds {} leftover records", log.written - log.start));
        }
    }
    for ((side, name), topics) in &ledger.producers {
        if *side == Side::Destination && topics.iter().any(|topic| ledger.names.in_scope(*side, topic)) {
            reasons.push(format!("producer {name} already writes to the destination"));
        }
    }
    for (id, open) in &ledger.transactions {
        if open.side == Side::Destination {
            reasons.push(format!("transaction {id} is open at the destination"));
        }
    }
    for ((side, group), facts) in &ledger.groups {
        for ((topic, partition), offset) in &facts.committed {
            let part = Part::new(*side, topic, *partition);
            let empty_at = ledger.logs.get(&part).map_or(0, |log| log.written);
            if *side == Side::Destination && ledger.names.in_scope(*side, topic) && *offset != empty_at {
                reasons.push(format!("group {group} has a leftover commit {offset} on {part}"));
            }
        }
    }
}

fn live_producers(ledger: &Ledger, reasons: &mut Vec<String>) {
    for ((side, name), topics) in &ledger.producers {
        let mine: Vec<_> = topics.iter().filter(|topic| ledger.names.in_scope(*side, topic)).collect();
        if let (Side::Source, Some(topic)) = (*side, mine.first()) {
            reasons.push(format!("producer {name} is live at the source (writes {topic})"));
        }
    }
}

fn open_transactions(ledger: &Ledger, reasons: &mut Vec<String>) {
    for (id, open) in &ledger.transactions {
        if open.side == Side::Source {
            reasons.push(format!("transaction {id} is open at the source"));
        }
    }
}

fn uncommitted(ledger: &Ledger, reasons: &mut Vec<String>) {
    for (part, log) in scoped(ledger, Side::Source) {
        if log.in_doubt > 0 {
            reasons.push(format!("{} records sent to {part} are in doubt", log.in_doubt));
        }
        if log.end == 0 {
            continue;
        }
        let mut readers = 0;
        for ((side, group), facts) in &ledger.groups {
            if *side != Side::Source || !facts.topics.contains(&part.topic) {
                continue;
            }
            readers += 1;
            match facts.committed.get(&(part.topic.clone(), part.partition)) {
                None => reasons.push(format!("group {group} never committed on {part}, which ends at {}", log.end)),
                Some(at) if *at < log.end => {
                    reasons.push(format!("group {group} is {} records behind on {part}", log.end - at));
                }
                Some(_) => {}
            }
        }
        if readers == 0 && !ledger.unread.contains(&part.topic) {
            reasons.push(format!("{part} holds records and no group reads it"));
        }
    }
}

fn live_readers(ledger: &Ledger, at: Side, reasons: &mut Vec<String>) {
    for ((side, group), facts) in &ledger.groups {
        if *side != at || !facts.topics.iter().any(|topic| ledger.names.in_scope(at, topic)) {
            continue;
        }
        for (client, how) in &facts.members {
            reasons.push(format!("{client} of group {group} reads at the {at} ({how:?})"));
        }
    }
}

fn late_writes(ledger: &Ledger, reasons: &mut Vec<String>) {
    for (part, count) in &ledger.late_writes {
        reasons.push(format!("{count} records or markers reached {part} after the consumers were stopped"));
    }
}

fn destination_lost(ledger: &Ledger, reasons: &mut Vec<String>) {
    for topic in &ledger.lost_topics {
        reasons.push(format!("topic {topic} was deleted at the destination since the switch, with its records"));
    }
    for ((topic, partition), start) in &ledger.recorded_start {
        let part = Part::new(Side::Destination, topic, *partition);
        if let Some(log) = ledger.logs.get(&part).filter(|log| log.start > *start) {
            reasons.push(format!("{part} lost its records from {start} to {} before anybody read them", log.start));
        }
    }
}

fn unseeded(ledger: &Ledger, reasons: &mut Vec<String>) {
    if !ledger.begun.contains(&Step::SwitchProducers) {
        reasons.push("the producers were never switched: there is no recorded start".to_owned());
        return;
    }
    for (group, topic, partition) in source_pairs(ledger) {
        let (group, topic) = (ledger.names.group_after(group), ledger.names.topic_after(topic));
        let part = Part::new(Side::Destination, topic.clone(), partition);
        let Some(start) = ledger.recorded_start.get(&(topic.clone(), partition)) else {
            reasons.push(format!("{part} has no recorded start"));
            continue;
        };
        let seeded = ledger
            .groups
            .get(&(Side::Destination, group.clone()))
            .and_then(|facts| facts.committed.get(&(topic, partition)));
        match seeded {
            None => reasons.push(format!("group {group} is not seeded on {part}: it would skip what lies there")),
            Some(at) if at != start => {
                reasons.push(format!("group {group} is seeded at {at} on {part} and the recorded start is {start}"));
            }
            Some(_) => {}
        }
    }
}

fn not_started(ledger: &Ledger, reasons: &mut Vec<String>) {
    if !ledger.done.contains(&Step::StartConsumers) {
        reasons.push("the consumers were never started on the destination".to_owned());
    }
    for ((side, group), facts) in &ledger.groups {
        if *side != Side::Source || !facts.topics.iter().any(|topic| ledger.names.in_scope(*side, topic)) {
            continue;
        }
        let there = ledger.names.group_after(group);
        let members = ledger.groups.get(&(Side::Destination, there.clone())).map_or(0, |facts| facts.members.len());
        if members == 0 {
            reasons.push(format!("group {there} has no member at the destination"));
        }
    }
}

fn scoped(ledger: &Ledger, side: Side) -> impl Iterator<Item = (&Part, &super::ledger::LogFacts)> {
    let wanted = move |part: &&Part| part.side == side && ledger.names.in_scope(side, &part.topic);
    ledger.logs.iter().filter(move |(part, _)| wanted(part))
}

fn source_pairs(ledger: &Ledger) -> Vec<(&str, &str, i32)> {
    let mut pairs = Vec::new();
    for ((side, group), facts) in &ledger.groups {
        for topic in &facts.topics {
            if *side != Side::Source || !ledger.names.in_scope(*side, topic) {
                continue;
            }
            let known = ledger.topics.get(&(*side, topic.clone())).map_or(0, |facts| facts.partitions);
            pairs.extend((0..known).map(|partition| (group.as_str(), topic.as_str(), partition)));
        }
    }
    pairs
}
