//! Layers into one tree: files in their order, then the environment.
//!
//! Crate `config` does the merging (maps by element, anything else is replaced whole), but it never sees a value: it
//! merges a skeleton of maps whose leaves are numbers of ours, below one root key. So nothing is coerced, and a topic
//! with dots and capitals as a key stays what it is. Left out on purpose: its own readers of files and environment.

use super::error::{Place, Problem, nearest};
use super::schema;
use super::tree::{Kind, Node};
use ::config::{ConfigError, Map, Source, Value, ValueKind};
use std::collections::BTreeMap;

/// The one key of a skeleton; top-level keys of a source would be read as paths.
const ROOT: &str = "root";
/// What every variable of ours begins with.
pub(super) const PREFIX: &str = "CUTOVER__";

/// Merges the layers, the last one wins.
pub(super) fn merge(layers: Vec<Node>, problems: &mut Vec<Problem>) -> Node {
    let mut leaves = Vec::new();
    let mut places = Places::new();
    let mut builder = ::config::Config::builder();
    for layer in layers {
        builder = builder.add_source(Layer(skeleton(layer, &mut Vec::new(), &mut leaves, &mut places)));
    }
    match builder.build() {
        Ok(merged) => {
            let root = Node::map(BTreeMap::new(), Place::Nowhere);
            let value = merged.cache.into_table().ok().and_then(|mut table| table.remove(ROOT));
            let tree = value.map(|value| rebuild(value, &mut Vec::new(), &leaves, &places));
            tree.unwrap_or(root)
        }
        Err(e) => {
            problems.push(Problem::new(Place::Nowhere, "", format!("the layers cannot be merged: {e}")));
            Node::map(BTreeMap::new(), Place::Nowhere)
        }
    }
}

/// One layer as a source of crate `config`.
#[derive(Clone, Debug)]
struct Layer(Value);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(Map::from_iter([(ROOT.to_owned(), self.0.clone())]))
    }
}

/// Where each map was written last; merging forgets it.
type Places = BTreeMap<Vec<String>, Place>;

/// The maps of a tree; everything else is a number that says where it lies in `leaves`.
fn skeleton(node: Node, path: &mut Vec<String>, leaves: &mut Vec<Node>, places: &mut Places) -> Value {
    match node.kind {
        Kind::Map(entries) => {
            // The last file that wrote it; a variable of the environment sets one value in it, not the map.
            if matches!(node.at, Place::File { .. }) || !places.contains_key(path) {
                places.insert(path.clone(), node.at);
            }
            let mut table = Map::new();
            for (key, node) in entries {
                path.push(key.clone());
                table.insert(key, skeleton(node, path, leaves, places));
                path.pop();
            }
            Value::new(None, ValueKind::Table(table))
        }
        _ => {
            leaves.push(node);
            Value::new(None, ValueKind::U64(leaves.len() as u64 - 1))
        }
    }
}

/// The tree of a merged skeleton.
fn rebuild(value: Value, path: &mut Vec<String>, leaves: &[Node], places: &Places) -> Node {
    match value.kind {
        ValueKind::Table(table) => {
            let mut entries = BTreeMap::new();
            for (key, value) in table {
                path.push(key.clone());
                entries.insert(key, rebuild(value, path, leaves, places));
                path.pop();
            }
            Node::map(entries, places.get(path).cloned().unwrap_or(Place::Nowhere))
        }
        ValueKind::U64(leaf) => {
            let found = usize::try_from(leaf).ok().and_then(|leaf| leaves.get(leaf)).cloned();
            found.unwrap_or(Node { kind: Kind::Null, at: Place::Nowhere })
        }
        _ => Node { kind: Kind::Null, at: Place::Nowhere },
    }
}

/// The layer of the environment: fixed scalar keys only.
pub(super) fn environment(env: &BTreeMap<String, String>, problems: &mut Vec<Problem>) -> Node {
    let mut root = Node::map(BTreeMap::new(), Place::Nowhere);
    for (name, value) in env.iter().filter(|(name, _)| name.to_ascii_uppercase().starts_with(PREFIX)) {
        let at = Place::Environment(name.as_str().into());
        let Some(key) = schema::overridable().find(|key| schema::variable(key.path) == *name) else {
            problems.push(Problem::new(at, "", unknown(name)));
            continue;
        };
        if value.is_empty() {
            problems.push(Problem::new(at, key.path, "is set but empty: give a value or unset it"));
            continue;
        }
        put(&mut root, key.path.split('.'), Node::plain(value, at));
    }
    root
}

fn put<'a>(into: &mut Node, mut path: impl Iterator<Item = &'a str>, value: Node) {
    let Some(key) = path.next() else {
        *into = value;
        return;
    };
    if let Kind::Map(entries) = &mut into.kind {
        let at = value.at.clone();
        put(entries.entry(key.to_owned()).or_insert_with(|| Node::map(BTreeMap::new(), at)), path, value);
    }
}

/// What to say of a variable that no key answers to.
fn unknown(name: &str) -> String {
    let variables: Vec<String> = schema::overridable().map(|key| schema::variable(key.path)).collect();
    // Without what all of them begin with: otherwise anything is near to anything.
    let bare = |variable: &str| variable.get(PREFIX.len()..).unwrap_or_default().to_owned();
    let bares: Vec<String> = variables.iter().map(|variable| bare(variable)).collect();
    let near = nearest(&bare(name), bares.iter().map(String::as_str));
    let near = near.map_or_else(String::new, |near| format!("; did you mean `{PREFIX}{near}`?"));
    let key = bare(name).to_lowercase().replace("__", ".");
    let in_files = schema::find(&key).filter(|key| !schema::overridable().any(|k| k.path == key.path));
    let own = schema::keys().filter_map(|key| key.path.split_once(".<")).map(|(head, _)| head);
    let own = own.into_iter().find(|head| key.strip_prefix(head).is_some_and(|rest| rest.starts_with('.')));
    match (in_files, own) {
        (Some(key), _) => format!("sets `{}`, which only a file can: it takes {}", key.path, key.takes),
        (None, Some(own)) => {
            format!(
                "lies in `{own}`, whose keys are names of yours or of the playbook: only a file can set those{near}"
            )
        }
        (None, None) => format!("is no variable of this agent{near}"),
    }
}
