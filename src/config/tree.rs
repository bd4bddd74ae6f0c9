//! A configuration as a tree of maps, lists and scalars that know where they were written.
//!
//! Scalars stay the text they were: nothing is turned into a number, a boolean or a lower-case key on the way, so that
//! the one strict pass over the merged tree sees what a person wrote.

use super::error::Place;
use std::collections::BTreeMap;

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The value.
    pub(super) kind: Kind,
    /// Where it was written.
    pub(super) at: Place,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Nothing was written after the key.
    Null,
    /// A text.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A map; its keys are exactly what was written.
    Map(BTreeMap<String, Node>),
}

/// A text and how it was written.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    /// The text.
    pub(super) text: String,
    /// Written without quotes: only then it may be a number or a boolean.
    pub(super) plain: bool,
}

impl Node {
    /// A plain scalar.
    pub(super) fn plain(text: &str, at: Place) -> Node {
        Node { kind: Kind::Scalar(Scalar { text: text.to_owned(), plain: true }), at }
    }

    /// A map.
    pub(super) fn map(entries: BTreeMap<String, Node>, at: Place) -> Node {
        Node { kind: Kind::Map(entries), at }
    }

    /// What it is, without its value.
    pub(super) fn noun(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Scalar(_) => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// The element of a map.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Map(entries) => entries.get(key),
            _ => None,
        }
    }

    /// How many values it holds, itself included.
    pub(super) fn size(&self) -> usize {
        1 + match &self.kind {
            Kind::Null | Kind::Scalar(_) => 0,
            Kind::List(items) => items.iter().map(Node::size).sum(),
            Kind::Map(entries) => entries.values().map(Node::size).sum(),
        }
    }

    /// How deep it is.
    pub(super) fn depth(&self) -> usize {
        1 + match &self.kind {
            Kind::Null | Kind::Scalar(_) => 0,
            Kind::List(items) => items.iter().map(Node::depth).max().unwrap_or(0),
            Kind::Map(entries) => entries.values().map(Node::depth).max().unwrap_or(0),
        }
    }
}

/// One step of a path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Segment {
    /// A key of a map.
    Key(String),
    /// An element of a list, from 0.
    Item(usize),
}

/// A path as people write it: keys with anything but letters, digits, `_` and `-` are quoted.
pub(super) fn path_text(segments: &[Segment]) -> String {
    let mut out = String::new();
    for segment in segments {
        match segment {
            Segment::Item(i) => out.push_str(&format!("[{i}]")),
            Segment::Key(key) => {
                let dot = if out.is_empty() { "" } else { "." };
                if is_simple(key) {
                    out.push_str(&format!("{dot}{key}"));
                } else {
                    out.push_str(&format!("{dot}{key:?}"));
                }
            }
        }
    }
    out
}

/// Whether a key needs no quotes.
pub(super) fn is_simple(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}
