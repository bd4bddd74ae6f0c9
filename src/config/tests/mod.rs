//! Whole configurations in, settings or the exact words of every error out.

mod documents;
mod errors;
mod layers;
mod mongodb;
mod properties;
mod relaxing;
mod secrets;
mod sections;

use super::{Config, ConfigErrors, load_texts};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The Kafka move with everything required and nothing else.
const BASE: &str = "\
migration: shop-prod
scope: shop.PROD
kafka:
  source: { properties: { bootstrap.servers: 'old:9092' } }
  destination: { properties: { bootstrap.servers: 'new:9092' } }
expect_none: { producers: 'the lab writes by hand' }
";

/// Loads texts as files `1.yaml`, `2.yaml` and so on.
fn load(texts: &[&str], env: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let name = |(i, text): (usize, &&str)| (Arc::from(format!("{}.yaml", i + 1)), (*text).to_owned());
    let texts: Vec<(Arc<str>, String)> = texts.iter().enumerate().map(name).collect();
    let env: BTreeMap<String, String> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    load_texts(&texts, &env)
}

/// [`BASE`] and a second file.
fn with(second: &str) -> Config {
    load(&[BASE, second], &[]).unwrap()
}

/// What is said of [`BASE`] and a second file: its errors, or else its warnings.
fn said(second: &str) -> String {
    said_of(&[BASE, second], &[])
}

fn said_of(texts: &[&str], env: &[(&str, &str)]) -> String {
    match load(texts, env) {
        Err(errors) => format!("{errors}\n"),
        Ok(config) if config.warnings.is_empty() => "fine\n".into(),
        Ok(config) => config.warnings.iter().map(|w| format!("warning: {w}\n")).collect(),
    }
}
