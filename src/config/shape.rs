//! The first look at the merged tree: unknown keys, and maps, lists and values where something else belongs.
//!
//! It quotes keys and never values, and below a secret not even keys: a token in the wrong place is a key there.

use super::error::{did_you_mean, listed, unknown};
use super::read::At;
use super::schema::{self, Shape};
use super::tree::Kind;

/// Checks everything below `at`.
pub(super) fn check(at: &At<'_>) {
    let Some(node) = at.node() else { return };
    let (shape, takes) = schema::find(at.key()).map_or((Shape::Map, "a map"), |key| (key.shape, key.takes));
    match (shape, &node.kind) {
        (Shape::Scalar | Shape::List, Kind::Scalar(_)) => {}
        (Shape::List, Kind::List(items)) => {
            for (item, node) in at.items().iter().zip(items) {
                if !matches!(node.kind, Kind::Scalar(_)) {
                    item.fail(format!("came {}; expected {takes}", node.noun()));
                }
            }
        }
        (Shape::Map, Kind::Map(entries)) => {
            for key in entries.keys() {
                known(at, key);
            }
            at.entries().iter().for_each(|(_, child)| check(child));
            schema::below(at.key()).filter(|(key, _)| !key.starts_with('<')).for_each(|(key, _)| check(&at.get(key)));
        }
        (_, Kind::Null) => at.fail(format!("is empty; expected {takes}, or leave the key out")),
        (Shape::Map, _) => {
            let keys = schema::below(at.key()).map(|(key, _)| key);
            at.fail(format!("came {}; expected a map whose keys are {}", node.noun(), listed(keys).replace('`', "")));
        }
        (Shape::Scalar | Shape::List, _) => at.fail(format!("came {}; expected {takes}", node.noun())),
    }
}

/// Complains about a key nobody knows.
fn known(at: &At<'_>, came: &str) {
    let fixed: Vec<&'static str> = schema::below(at.key()).map(|(key, _)| key).collect();
    if fixed.iter().any(|key| *key == came || key.starts_with('<')) {
        return;
    }
    let child = at.unknown(came);
    let near = did_you_mean(came, fixed.iter().copied());
    if holds_secret(at.key()) && near.is_empty() {
        at.fail(format!("has a key that does not belong there; expected {}", listed(fixed)));
        return;
    }
    let elsewhere = schema::keys().find(|key| key.path.rsplit('.').next() == Some(came) && !key.path.contains('<'));
    match elsewhere.filter(|_| near.is_empty()) {
        Some(key) => child.fail(format!("unknown key; there is `{}`", key.path)),
        None => child.fail(format!("unknown key{}", unknown(came, fixed.iter().copied()))),
    }
}

/// Whether a path holds a secret or points to one.
fn holds_secret(key: &str) -> bool {
    key.starts_with("agent.tokens.")
        || key.starts_with("kafka.source")
        || key.starts_with("kafka.destination")
        || key.starts_with("mongodb.source")
        || key.starts_with("mongodb.destination")
}
