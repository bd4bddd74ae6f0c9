//! What an estate's topics and groups are called on each side.

use crate::words::Side;

/// The naming of one estate: a prefix on each side, and whether the groups are renamed with the topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Prefix at the source, with its final dot: `shop.PROD.`
    pub source: String,
    /// Prefix at the destination: the same, or `shop.prod.` after a rename.
    pub destination: String,
    /// Groups take the destination's prefix there; by default they keep their name.
    pub rename_groups: bool,
}

impl Names {
    /// The same names on both sides.
    pub fn same(prefix: impl Into<String>) -> Self {
        let source = prefix.into();
        Self { destination: source.clone(), source, rename_groups: false }
    }

    /// Another prefix at the destination.
    pub fn renamed(source: impl Into<String>, destination: impl Into<String>) -> Self {
        Self { source: source.into(), destination: destination.into(), rename_groups: false }
    }

    /// The prefix on `side`.
    pub fn prefix(&self, side: Side) -> &str {
        match side {
            Side::Source => &self.source,
            Side::Destination => &self.destination,
        }
    }

    /// The topic `suffix` (`crm.customers.ingestion`) on `side`.
    pub fn topic(&self, side: Side, suffix: &str) -> String {
        format!("{}{suffix}", self.prefix(side))
    }

    /// The group `suffix` (`rtu`) on `side`.
    pub fn group(&self, side: Side, suffix: &str) -> String {
        match side {
            Side::Destination if self.rename_groups => format!("{}{suffix}", self.destination),
            _ => format!("{}{suffix}", self.source),
        }
    }

    /// What the source's topic is called at the destination.
    pub fn topic_after(&self, source_topic: &str) -> String {
        swap(source_topic, &self.source, &self.destination)
    }

    /// What the source's group is called at the destination.
    pub fn group_after(&self, source_group: &str) -> String {
        if self.rename_groups { swap(source_group, &self.source, &self.destination) } else { source_group.to_owned() }
    }

    /// Whether a topic of that side belongs to this estate.
    pub fn in_scope(&self, side: Side, topic: &str) -> bool {
        topic.starts_with(self.prefix(side))
    }
}

fn swap(name: &str, from: &str, to: &str) -> String {
    name.strip_prefix(from).map_or_else(|| name.to_owned(), |rest| format!("{to}{rest}"))
}
