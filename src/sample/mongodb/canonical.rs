//! Options and index specifications as texts that are equal when the things are.
//!
//! The keys of the whole are sorted, those below it keep their order, which means something in index keys and pipelines.
//! A number is the same whether a server or a shell wrote it as an integer or a double.

use super::values::number;
use mongodb::bson::{Bson, Document};
use std::fmt::Write;

/// The options of a collection, or a view's definition, without what every collection has and what names this one.
pub(super) fn options(d: &Document) -> String {
    let default = |key: &str, value: &Bson| match key {
        "uuid" | "flags" | "autoIndexId" => true,
        "capped" | "temp" => value.as_bool() == Some(false),
        "validationLevel" => value.as_str() == Some("strict"),
        "validationAction" => value.as_str() == Some("error"),
        "validator" => value.as_document().is_some_and(Document::is_empty),
        _ => false,
    };
    sorted(d, |key, value| !default(key, value))
}

/// An index: its keys in order, the rest sorted.
pub(super) fn index(d: &Document) -> String {
    sorted(d, |key, _| !matches!(key, "v" | "ns" | "background"))
}

fn sorted(d: &Document, kept: impl Fn(&str, &Bson) -> bool) -> String {
    let mut entries: Vec<(&String, &Bson)> = d.iter().filter(|(k, v)| kept(k, v)).collect();
    entries.sort_by_key(|(key, _)| key.as_str());
    let mut out = String::new();
    map(entries.into_iter(), &mut out);
    out
}

fn map<'d>(entries: impl Iterator<Item = (&'d String, &'d Bson)>, out: &mut String) {
    out.push('{');
    for (i, (key, v)) in entries.enumerate() {
        if i > 0 {
            out.push(',');
        }
        text(key, out);
        out.push(':');
        value(v, out);
    }
    out.push('}');
}

fn value(v: &Bson, out: &mut String) {
    match v {
        Bson::Document(d) => map(d.iter(), out),
        Bson::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                value(item, out);
            }
            out.push(']');
        }
        Bson::String(s) => text(s, out),
        Bson::Boolean(b) => drop(write!(out, "{b}")),
        Bson::Null => out.push_str("null"),
        v => match number(v) {
            Some(n) => drop(write!(out, "{n}")),
            // A type that JSON does not have, said with its type.
            None => {
                out.push_str("{\"$bson\":");
                text(&v.to_string(), out);
                out.push('}');
            }
        },
    }
}

fn text(s: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(s).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{doc, oid::ObjectId};

    #[test]
    fn what_is_the_same_has_one_text() {
        let a = doc! { "v": 2, "key": { "b": 1, "a": -1.0 }, "name": "b_1_a_-1", "unique": true, "ns": "x.y" };
        let b =
            doc! { "unique": true, "v": 1, "name": "b_1_a_-1", "key": { "b": 1.0, "a": -1_i64 }, "background": true };
        assert_eq!(index(&a), index(&b));
        assert_eq!(index(&a), r#"{"key":{"b":1,"a":-1},"name":"b_1_a_-1","unique":true}"#);
        let other = doc! { "key": { "a": -1, "b": 1 }, "name": "b_1_a_-1", "unique": true };
        assert_ne!(index(&a), index(&other), "the order of keys means something");
    }

    #[test]
    fn options_without_defaults() {
        let plain = doc! { "uuid": "x", "capped": false, "validationLevel": "strict", "validator": {} };
        assert_eq!(options(&plain), "{}");
        let view = doc! { "viewOn": "a", "pipeline": [{ "$match": { "z": 1, "a": null } }, { "$sort": { "z": 0.5 } }] };
        let expected = r#"{"pipeline":[{"$match":{"z":1,"a":null}},{"$sort":{"z":{"$bson":"0.5"}}}],"viewOn":"a"}"#;
        assert_eq!(options(&view), expected);
        let (one, two) = (doc! { "x": ObjectId::from_bytes([1; 12]) }, doc! { "x": ObjectId::from_bytes([2; 12]) });
        assert_ne!(options(&one), options(&two));
    }
}
