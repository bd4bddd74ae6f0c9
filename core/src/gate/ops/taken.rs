//! What a request of a person made true, said back: a word that was given should be read once more by who gave it.

use crate::facts::Fact;
use crate::playbook::{exits, word};
use crate::reading::Qty;
use crate::render::{self, instant, quantity};

/// What one word says of two tracks.
const BOTH: &str = "every consumer (kafka) or every writer (mongodb)";

/// What was taken down, by whom and until when it counts, for requests about more than a step.
pub fn taken(facts: &[Fact]) -> Option<String> {
    facts.iter().find_map(|f| match f {
        Fact::Confirmed { name, subject, at, author, basis, .. } => {
            let what = render::word(name, subject);
            let says = exits().iter().find(|e| e.confirm == &**name).map_or("", |e| e.says);
            let says = match subject.first().map(|s| &**s) {
                Some("kafka") => says.replace(BOTH, "every consumer"),
                Some("mongodb") => says.replace(BOTH, "every writer"),
                _ => says.to_owned(),
            };
            let measured = basis.as_ref().map(|b| format!(" (measured now: {})", measured(name, b)));
            let word = word(name);
            let only = if word.shortens { "; it only shortens how long that must be measured" } else { "" };
            Some(format!(
                "{what}: {says}{}; said by {author} at {}{only}; counts {}",
                measured.unwrap_or_default(),
                instant(*at),
                word.until
            ))
        }
        Fact::Retracted { name, subject, author, at, .. } => {
            let what = render::word(name, subject);
            Some(format!("{what} no longer counts; taken back by {author} at {}", instant(*at)))
        }
        Fact::Accepted { key, group, committed, end, at, author, .. } => {
            let committed_at = committed.map_or_else(|| "without a commit".to_owned(), |c| format!("committed at {c}"));
            let left = match committed {
                Some(c) if c < end => quantity(&Qty::Count(end - c, "records")) + " behind that count as read",
                Some(_) => "beyond the end".to_owned(),
                None => "everything there counts as read".to_owned(),
            };
            Some(format!(
                "group {group} on {} partition {} is off the list, {committed_at}, the log ending at {end}: {left}; \
                 said by {author} at {}; counts until it commits there or another record is written",
                key.topic,
                key.partition,
                instant(*at),
            ))
        }
        _ => None,
    })
}

/// What the word rests on, in words.
fn measured(name: &str, basis: &str) -> String {
    match (name, basis.split_once('/')) {
        ("counts", Some((here, there))) => format!("{here} documents on the source, {there} at the destination"),
        ("ingestion-idle", _) => format!("its topics end at {basis} in sum"),
        ("reconciled", _) => "its topic is in no list and on no broker's disk, as far as they tell".to_owned(),
        ("recreated", _) => format!("its id is {basis}"),
        _ => basis.to_owned(),
    }
}
