//! The examples load, and the documentation has a row for every key.

use super::super::schema::{self, Shape};
use super::load;

const MINIMAL: &str = include_str!("../../../config/minimal.yaml");
const EXAMPLE: &str = include_str!("../../../config/example.yaml");
const DOCUMENT: &str = include_str!("../../../docs/configuration.md");

/// An example with its secrets in a directory of this test.
fn example(text: &str) -> super::Config {
    let dir = tempfile::tempdir().unwrap();
    for name in ["kafka-src", "kafka-dst", "mongo-src", "mongo-dst", "alice"] {
        let text = match name.starts_with("mongo") {
            true => format!("mongodb://agent:hunter2@{name}:27017/?replicaSet=r0"),
            false => format!("bootstrap.servers={name}:9092"),
        };
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let text = text.replace("/run/secrets", &dir.path().display().to_string());
    load(&[&text], &[("PIPELINE_TOKEN", "0123456789abcdef")]).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn the_examples_load() {
    let minimal = example(MINIMAL);
    assert_eq!(minimal.settings.tracks.len(), 1);
    assert_eq!(minimal.agent.listen.to_string(), "127.0.0.1:9820");
    let full = example(EXAMPLE);
    assert_eq!(full.settings.tracks.len(), 3);
    assert!(full.settings.joint);
}

/// A key that nobody types is a key that is accepted and forgotten.
#[test]
fn the_full_example_has_every_key_and_each_is_typed() {
    let typed = example(EXAMPLE).effective.paths();
    // One of several ways to give a secret, or not possible beside the others.
    let absent = ["_file", "_env", ".env", ".file", "properties.<key>"];
    let exclusive = ["rehearsal.faster", "expect_none.producers", "mongodb.mirrors.<name>.marker"];
    for key in schema::keys().filter(|key| key.shape != Shape::Map) {
        if absent.iter().any(|end| key.path.ends_with(end))
            || key.path.starts_with("dropped.")
            || exclusive.contains(&key.path)
        {
            continue;
        }
        if ["readers", "writers", "bystanders", "source", "destination"]
            .iter()
            .any(|s| key.path.starts_with(&format!("identity.{s}")))
        {
            continue;
        }
        let found = typed.iter().any(|path| fits(path, key.path));
        assert!(found, "{} is not in example.yaml, or nobody types it", key.path);
    }
}

/// Whether a path is one of a key.
fn fits(path: &str, key: &str) -> bool {
    let path = path.split('[').next().unwrap_or(path);
    let mut rest = path;
    for segment in key.split('.') {
        let end = match rest.strip_prefix('"') {
            Some(quoted) => quoted.find('"').map_or(rest.len(), |i| i + 2),
            None => rest.find('.').unwrap_or(rest.len()),
        };
        let (first, tail) = rest.split_at(end);
        if first.is_empty() || (!segment.starts_with('<') && first != segment) {
            return false;
        }
        rest = tail.strip_prefix('.').unwrap_or(tail);
    }
    rest.is_empty()
}

#[test]
fn the_documentation_has_a_row_for_every_key() {
    let mut missing = String::new();
    for key in schema::keys() {
        let default = key.default.map_or_else(|| "–".to_owned(), |d| format!("`{d}`"));
        let variable = if schema::overridable().any(|k| k.path == key.path) {
            format!("`{}`", schema::variable(key.path))
        } else {
            "–".to_owned()
        };
        let row = format!("| `{}` | {} | {default} | {variable} |", key.path, key.takes);
        if !DOCUMENT.contains(&row) {
            missing.push_str(&row);
            missing.push('\n');
        }
    }
    assert!(missing.is_empty(), "docs/configuration.md lacks\n{missing}");
    let known = |path: &str| schema::find(path).is_some();
    let rows = DOCUMENT.lines().filter_map(|l| l.strip_prefix("| `")?.split_once("` | ").map(|(path, _)| path));
    let unknown: Vec<&str> = rows.filter(|path| !known(path)).collect();
    assert!(unknown.is_empty(), "docs/configuration.md has keys that are none: {unknown:?}");
}

#[test]
fn the_defaults_are_allowed_values() {
    let text = schema::keys().filter(|k| k.path.starts_with("kafka.") || k.path.starts_with("agent."));
    let env: Vec<(String, &str)> = text.filter_map(|k| Some((schema::variable(k.path), k.default?))).collect();
    let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    let given = load(&[super::BASE], &env).unwrap();
    assert_eq!(given.settings.config_hash, load(&[super::BASE], &[]).unwrap().settings.config_hash);
}
