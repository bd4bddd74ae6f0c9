//! What is configured of the Kafka move.

use super::Home;
use crate::Name;
use crate::estate::Side;
use crate::pattern::Pattern;
use crate::time::Dur;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a topic is for, by its suffix or `kafka.classes`.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Written by external producers.
    Ingestion,
    /// Projection updates.
    PrUpdate,
    /// Single view triggers.
    SvTrigger,
    /// Single view updates.
    SvUpdate,
}

impl Class {
    /// Every class.
    pub const ALL: [Class; 4] = [Class::Ingestion, Class::PrUpdate, Class::SvTrigger, Class::SvUpdate];

    /// The Fast Data suffix, without the dot.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Ingestion => "ingestion",
            Class::PrUpdate => "pr-update",
            Class::SvTrigger => "sv-trigger",
            Class::SvUpdate => "sv-update",
        }
    }
}

/// The Kafka move.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KafkaSettings {
    /// How often a cluster is sampled.
    pub interval: Dur,
    /// How often configurations and sizes are read.
    pub slow_interval: Dur,
    /// Topics in scope on the source.
    pub topics: Vec<Pattern>,
    /// Patterns that class topics the Fast Data suffixes do not, first match wins.
    pub classes: Vec<(Pattern, Class)>,
    /// Prefixes of topics renamed on the destination, longest first.
    pub rename_topics: Vec<(Name, Name)>,
    /// Prefixes of groups renamed on the destination, longest first.
    pub rename_groups: Vec<(Name, Name)>,
    /// Groups and topics left out, and why.
    pub ignored: BTreeMap<Name, Name>,
    /// Declared external producers.
    pub producers: BTreeMap<Name, Producer>,
    /// Why there is no external producer at all, if so.
    pub no_producers: Option<Name>,
    /// Topics whose number of partitions may differ, and why.
    pub partitions_differ: BTreeMap<Name, Name>,
    /// Topics nobody reads, and why.
    pub unread: BTreeMap<Name, Name>,
    /// Groups that need no seeded offsets, and why.
    pub unseeded: BTreeMap<Name, Name>,
    /// Topics whose content is kept elsewhere, and why.
    pub archived: BTreeMap<Name, Name>,
    /// The longest the consumers may be stopped.
    pub longest_pause: Dur,
    /// The longest session timeout of a consumer.
    pub session_timeout: Dur,
    /// Client ids and groups that tell homes apart.
    pub homes: Vec<HomeRule>,
}

/// A rule that gives clients a home.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HomeRule {
    /// The home it gives.
    pub home: Home,
    /// Which field it looks at.
    pub field: ClientField,
    /// The pattern; what it captures is the identity.
    pub pattern: Pattern,
}

/// A field of a Kafka client.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ClientField {
    /// `client.id`.
    ClientId,
    /// `group.id`.
    Group,
    /// The host the broker sees.
    Host,
}

/// An external system that writes ingestion topics.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Producer {
    /// Topics it writes, by patterns over source names.
    pub topics: Vec<Pattern>,
    /// Who answers for it.
    pub owner: Option<Name>,
    /// The longest it is silent between two writes.
    pub cadence: Option<Dur>,
    /// Why it is retired and will not write again, if so.
    pub stopped: Option<Name>,
}

impl KafkaSettings {
    /// Whether a source topic is in scope.
    pub fn in_scope(&self, topic: &str) -> bool {
        !self.ignored.contains_key(topic) && self.topics.iter().any(|p| p.matches(topic))
    }

    /// Whether a topic of a side is in scope: on the destination, whether the source topic it is renamed from is.
    pub fn in_scope_on(&self, side: Side, topic: &str) -> bool {
        match side {
            Side::Source => self.in_scope(topic),
            Side::Destination => {
                let back = self.rename_topics.iter().find_map(|(from, to)| {
                    topic.strip_prefix(to.as_ref()).map(|rest| self.in_scope(&format!("{from}{rest}")))
                });
                // A name that a rule would have renamed does not come from the source.
                back.unwrap_or_else(|| {
                    self.in_scope(topic) && !self.rename_topics.iter().any(|(from, _)| topic.starts_with(from.as_ref()))
                })
            }
        }
    }

    /// The class of a source topic.
    pub fn class(&self, topic: &str) -> Option<Class> {
        self.classes.iter().find(|(p, _)| p.matches(topic)).map(|(_, c)| *c).or_else(|| {
            Class::ALL
                .into_iter()
                .find(|c| topic.strip_suffix(c.as_str()).is_some_and(|head| head.ends_with('.') && head.len() > 1))
        })
    }

    /// A source topic's name on the destination.
    pub fn topic_there(&self, topic: &Name) -> Name {
        renamed(&self.rename_topics, topic)
    }

    /// A source group's name on the destination.
    pub fn group_there(&self, group: &Name) -> Name {
        renamed(&self.rename_groups, group)
    }

    /// The home of a client and the identity a rule captured.
    pub fn home<'a>(&self, group: &'a str, client_id: &'a str, host: &'a str) -> (Home, &'a str) {
        for rule in &self.homes {
            let value = match rule.field {
                ClientField::ClientId => client_id,
                ClientField::Group => group,
                ClientField::Host => host,
            };
            if let Some(identity) = rule.pattern.capture(value) {
                return (rule.home, identity);
            }
        }
        // With a rule for one side only, every other client has the other home.
        let has = |h| self.homes.iter().any(|r| r.home == h);
        let home = match (has(Home::Source), has(Home::Destination)) {
            (true, false) => Home::Destination,
            (false, true) => Home::Source,
            _ => Home::Unattributed,
        };
        (home, group)
    }
}

fn renamed(rules: &[(Name, Name)], name: &Name) -> Name {
    for (from, to) in rules {
        if let Some(rest) = name.strip_prefix(from.as_ref()) {
            return format!("{to}{rest}").into();
        }
    }
    name.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_renamed_by_prefix() {
        let rules = vec![("shop.PROD.".into(), "shop.prod.".into())];
        assert_eq!(&*renamed(&rules, &"shop.PROD.crm.x.ingestion".into()), "shop.prod.crm.x.ingestion");
        assert_eq!(&*renamed(&rules, &"other".into()), "other");
    }
}
