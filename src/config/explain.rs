//! The configuration in force: what every key is, where it came from, and the hash over it.
//!
//! Secrets are held as `***` before they get here. The hash leaves out where values came from and where secrets lie:
//! the same decisions have the same hash, on any machine.

use super::tree::{Segment, is_simple};
use cutover_core::Name;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Every value in force, by its path.
#[derive(Clone, Default, Debug)]
pub(super) struct Effective {
    values: BTreeMap<Vec<Segment>, (Value, String)>,
}

impl Effective {
    /// Holds a value and where it came from.
    pub(super) fn hold(&mut self, path: Vec<Segment>, value: Value, from: String) {
        self.values.insert(path, (value, from));
    }

    /// Twelve hexadecimal digits over all values.
    pub(super) fn hash(&self) -> Name {
        let mut hasher = Sha256::new();
        for (path, (value, _)) in &self.values {
            // JSON quotes: no two configurations give the same bytes.
            let path = path.iter().map(|segment| match segment {
                Segment::Key(key) => Value::from(key.as_str()),
                Segment::Item(i) => Value::from(*i),
            });
            hasher.update(Value::from_iter(path).to_string());
            hasher.update(value.to_string());
        }
        let digest = hasher.finalize();
        digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect::<String>().into()
    }

    /// As YAML, each value with where it came from as a comment.
    pub(super) fn explain(&self) -> String {
        let mut out = String::new();
        let mut open: Vec<&str> = Vec::new();
        for (path, (value, from)) in &self.values {
            let keys: Vec<&str> = path.iter().filter_map(key).collect();
            let item = keys.len() < path.len();
            // Above an element stands the key of its list, above a value the map it is in.
            let (above, last) = keys.split_at(if item { keys.len() } else { keys.len().saturating_sub(1) });
            let common = open.iter().zip(above).take_while(|(a, b)| a == b).count();
            for (depth, heading) in above.iter().enumerate().skip(common) {
                let _ = writeln!(out, "{}{}:", "  ".repeat(depth), quoted(heading));
            }
            let name = last.first().map_or("- ".to_owned(), |name| format!("{}: ", quoted(name)));
            let _ = writeln!(out, "{}{name}{}  # {from}", "  ".repeat(above.len()), shown(value));
            open = above.to_vec();
        }
        out
    }

    /// The paths that hold a value, as people write them.
    #[cfg(test)]
    pub(super) fn paths(&self) -> Vec<String> {
        self.values.keys().map(|path| super::tree::path_text(path)).collect()
    }
}

fn key(segment: &Segment) -> Option<&str> {
    match segment {
        Segment::Key(key) => Some(key),
        Segment::Item(_) => None,
    }
}

/// A key as YAML.
fn quoted(key: &str) -> String {
    if is_simple(key) { key.to_owned() } else { Value::from(key).to_string() }
}

/// A value as YAML: JSON is YAML; a word needs no quotes.
fn shown(value: &Value) -> String {
    let word = |text: &&str| {
        let inner = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/'));
        inner && !text.is_empty() && !matches!(*text, "true" | "false" | "null")
    };
    value.as_str().filter(word).map_or_else(|| value.to_string(), str::to_owned)
}
