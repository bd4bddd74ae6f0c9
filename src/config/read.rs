//! The one strict pass: a cursor over the merged tree, and what is collected on the way. `typed` reads values with it.
//!
//! A reader that fails says so once and answers `None`; the caller goes on with whatever it likes, since a
//! configuration with a problem is never built. Defaults come from the schema and are read like anything else.

use super::error::{Place, Problem};
use super::explain::Effective;
use super::schema;
use super::tree::{Kind, Node, Segment, path_text};
use cutover_core::Name;
use cutover_core::settings::{Relaxation, Track};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What the pass collects.
#[derive(Debug)]
pub(super) struct Pass<'e> {
    /// The environment, for secrets that are in it.
    pub(super) env: &'e BTreeMap<String, String>,
    /// What is wrong.
    pub(super) errors: RefCell<Vec<Problem>>,
    /// What is allowed but should be looked at.
    pub(super) warnings: RefCell<Vec<Problem>>,
    /// What relaxes a rule.
    pub(super) relaxations: RefCell<Vec<Relaxation>>,
    /// What is in force.
    pub(super) effective: RefCell<Effective>,
}

/// A value of the tree, or the place where one could be.
#[derive(Clone, Debug)]
pub(super) struct At<'a> {
    pass: &'a Pass<'a>,
    node: Option<&'a Node>,
    segments: Vec<Segment>,
    key: String,
    /// The only value of a list that was written without brackets.
    only: bool,
    /// Where to look when there is no value: the map it is missing from.
    near: Place,
}

impl<'a> At<'a> {
    /// The whole configuration.
    pub(super) fn root(pass: &'a Pass<'a>, node: &'a Node) -> At<'a> {
        At { pass, node: Some(node), segments: Vec::new(), key: String::new(), only: false, near: Place::Nowhere }
    }

    /// The value of a fixed key.
    pub(super) fn get(&self, key: &'static str) -> At<'a> {
        let at = self.child(key, key);
        debug_assert!(schema::find(&at.key).is_some(), "{} is not in the schema", at.key);
        at
    }

    /// The elements whose keys people chose, in the order of their names.
    pub(super) fn entries(&self) -> Vec<(Name, At<'a>)> {
        let fixed: Vec<_> = schema::below(&self.key).map(|(key, _)| key).collect();
        let Some(chosen) = fixed.iter().find(|key| key.starts_with('<')) else { return Vec::new() };
        let Some(Node { kind: Kind::Map(entries), .. }) = self.node else { return Vec::new() };
        let own = entries.keys().filter(|key| !fixed.contains(&key.as_str()));
        own.map(|key| (Name::from(key.as_str()), self.child(key, chosen))).collect()
    }

    /// The elements of a list; a value by itself is a list of one.
    pub(super) fn items(&self) -> Vec<At<'a>> {
        let key = format!("{}[]", self.key);
        match self.node {
            Some(Node { kind: Kind::List(items), .. }) => {
                let item = |(i, node)| At {
                    pass: self.pass,
                    node: Some(node),
                    segments: self.segments.iter().cloned().chain([Segment::Item(i)]).collect(),
                    key: key.clone(),
                    only: false,
                    near: self.place(),
                };
                items.iter().enumerate().map(item).collect()
            }
            Some(Node { kind: Kind::Scalar(_), .. }) => vec![At { key, only: true, ..self.clone() }],
            _ => Vec::new(),
        }
    }

    fn child(&self, key: &str, pattern: &str) -> At<'a> {
        let segments = self.segments.iter().cloned().chain([Segment::Key(key.to_owned())]).collect();
        let dot = if self.key.is_empty() { "" } else { "." };
        let node = self.node.and_then(|n| n.get(key));
        // What is missing at the top is missing from no place in particular.
        let near = if self.segments.is_empty() { Place::Nowhere } else { self.place() };
        At { pass: self.pass, node, segments, key: format!("{}{dot}{pattern}", self.key), only: false, near }
    }

    /// The value of a key nobody knows, to complain about.
    pub(super) fn unknown(&self, key: &str) -> At<'a> {
        self.child(key, "?")
    }

    /// Whether anybody gave it.
    pub(super) fn given(&self) -> bool {
        self.node.is_some()
    }

    /// What was given.
    pub(super) fn node(&self) -> Option<&'a Node> {
        self.node
    }

    /// Whether it is a map of known keys, or nobody gave it: only then something is missing from it.
    pub(super) fn lacks(&self) -> bool {
        let known = |key: &String| schema::below(&self.key).any(|(k, _)| k == key || k.starts_with('<'));
        match self.node {
            None => true,
            Some(Node { kind: Kind::Map(entries), .. }) => entries.keys().all(known),
            Some(_) => false,
        }
    }

    /// Whether it is a map.
    pub(super) fn is_map(&self) -> bool {
        matches!(self.node, Some(Node { kind: Kind::Map(_), .. }))
    }

    /// Whether it is a list.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.node, Some(Node { kind: Kind::List(_), .. }))
    }

    /// Its path as people write it.
    pub(super) fn path(&self) -> String {
        path_text(&self.segments)
    }

    /// Its path in the schema.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The pass it belongs to.
    pub(super) fn pass(&self) -> &'a Pass<'a> {
        self.pass
    }

    fn place(&self) -> Place {
        self.node.map_or_else(|| self.near.clone(), |n| n.at.clone())
    }

    /// Something is wrong here.
    pub(super) fn fail(&self, what: impl Into<String>) {
        self.pass.errors.borrow_mut().push(Problem::new(self.place(), self.path(), what));
    }

    /// Something should be looked at here.
    pub(super) fn warn(&self, what: impl Into<String>) {
        self.pass.warnings.borrow_mut().push(Problem::new(self.place(), self.path(), what));
    }

    /// This relaxes a rule.
    pub(super) fn relax(&self, reason: &Name, tracks: &[Track]) {
        let relaxation = Relaxation { path: self.path().into(), reason: reason.clone(), tracks: tracks.to_vec() };
        self.pass.relaxations.borrow_mut().push(relaxation);
    }

    /// This is in force.
    pub(super) fn hold(&self, value: impl Into<Value>) {
        let from = self.node.map_or_else(|| Place::Nowhere.to_string(), |n| n.at.to_string());
        self.hold_from(value, from);
    }

    /// This is in force, and comes from there.
    pub(super) fn hold_from(&self, value: impl Into<Value>, from: impl Into<String>) {
        let item = self.only.then_some(Segment::Item(0));
        let path = self.segments.iter().cloned().chain(item).collect();
        self.pass.effective.borrow_mut().hold(path, value.into(), from.into());
    }
}
