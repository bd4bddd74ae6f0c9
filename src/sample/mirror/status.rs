//! MongoMirror's status, read tolerantly where builds differ and strictly where it is decided by.
//!
//! Builds write timestamps as numbers, texts or documents, none of which may pass through a floating-point number: half
//! of a timestamp's bits would be lost. What is missing is missing; what is there and cannot be read is a failure.

use crate::sample::mongodb::shown;
use cutover_core::Name;
use cutover_core::estate::mongodb::{MongomirrorStatus, Ts};
use serde_json::{Map, Value};

/// Reads a body.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn read(body: &[u8]) -> Result<MongomirrorStatus, String> {
    let body: Value = serde_json::from_slice(body).map_err(|e| format!("the body is no JSON: {e}"))?;
    let Value::Object(body) = body else { return Err("the body is no JSON object".into()) };
    if !["stage", "phase", "details", "errorMessage"].iter().any(|key| body.contains_key(*key)) {
        return Err("the body has neither stage nor errorMessage: this is no MongoMirror".into());
    }
    let none = Map::new();
    let details = match body.get("details") {
        None | Some(Value::Null) => &none,
        Some(Value::Object(details)) => details,
        Some(_) => return Err("details is no object".into()),
    };
    let stamp = |key: &str| match details.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => timestamp(value).map_err(|what| format!("details.{key} {what}")),
    };
    Ok(MongomirrorStatus {
        stage: text(&body, "stage")?.unwrap_or_else(|| "".into()),
        phase: text(&body, "phase").ok().flatten().unwrap_or_else(|| "".into()),
        position: stamp("currentTimestamp")?,
        latest: stamp("latestTimestamp")?,
        last_write: stamp("lastWriteOnSourceTimestamp")?,
        error: error(&body),
        copied: copied(details),
    })
}

fn text(body: &Map<String, Value>, key: &str) -> Result<Option<Name>, String> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(shown(text).into())),
        Some(_) => Err(format!("{key} is no text")),
    }
}

/// Any error at all; an empty text is none.
fn error(body: &Map<String, Value>) -> Option<Name> {
    match body.get("errorMessage") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.trim().is_empty() => None,
        Some(Value::String(text)) => Some(shown(text).into()),
        Some(other) => Some(shown(&other.to_string()).into()),
    }
}

/// A timestamp in any of the ways it is written; `None` for the zero one of a build that has none yet.
fn timestamp(value: &Value) -> Result<Option<Ts>, String> {
    let whole = match value {
        Value::Number(n) => n.as_u64(),
        Value::String(text) => from_text(text.trim()),
        Value::Object(o) => from_object(o),
        _ => None,
    };
    match whole {
        Some(0) => Ok(None),
        // Seconds alone would be a timestamp of 1970 and say nothing of what was applied.
        Some(n) if n >> 32 == 0 => Err(format!("is {n}, which has no seconds: it is no BSON timestamp")),
        Some(n) => Ok(Some(Ts(n))),
        None => Err(format!("cannot be read as a timestamp: {}", shown(&value.to_string()))),
    }
}

fn from_object(o: &Map<String, Value>) -> Option<u64> {
    let part = |keys: [&str; 2]| keys.iter().find_map(|k| o.get(*k)).and_then(Value::as_u64);
    match o.get("$timestamp") {
        Some(Value::Object(inner)) => from_object(inner),
        Some(Value::String(text)) => from_text(text.trim()),
        Some(_) => None,
        None => whole(part(["t", "T"])?, part(["i", "I"])?),
    }
}

/// `7054833836399525984`, `1642587384,96` or `Timestamp(1642587384, 96)`.
fn from_text(text: &str) -> Option<u64> {
    let inner = text.strip_prefix("Timestamp(").map_or(Some(text), |rest| rest.strip_suffix(')'))?;
    match inner.split_once(',') {
        Some((t, i)) => whole(digits(t.trim())?, digits(i.trim())?),
        None if inner.len() == text.len() => digits(inner),
        None => None,
    }
}

/// Digits only: no sign, no point, no exponent.
fn digits(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn whole(t: u64, i: u64) -> Option<u64> {
    let (t, i) = (u32::try_from(t).ok()?, u32::try_from(i).ok()?);
    Some(Ts::new(t, i).0)
}

/// Bytes copied and to copy: of all namespaces as newer builds say it, or summed up.
fn copied(details: &Map<String, Value>) -> Option<(i64, i64)> {
    let bytes = |d: &Map<String, Value>, key: &str| d.get(key).and_then(Value::as_i64);
    if let Some(pair) = bytes(details, "copiedBytesAllColl").zip(bytes(details, "totalBytesAllColl")) {
        return Some(pair);
    }
    let of = |value: &Value| {
        let d = value.as_object()?;
        bytes(d, "copiedBytes").zip(bytes(d, "totalBytes"))
    };
    let add = |a: (i64, i64), b: (i64, i64)| (a.0.saturating_add(b.0), a.1.saturating_add(b.1));
    details.values().filter_map(of).reduce(add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn position(value: &str) -> Result<Option<Ts>, String> {
        read(format!(r#"{{"stage":"oplog sync","details":{{"currentTimestamp":{value}}}}}"#).as_bytes())
            .map(|s| s.position)
    }

    #[test]
    fn the_documented_shape_is_read() {
        let body = r#"{"stage":"oplog sync","phase":"applying oplog entries","details":{
            "currentTimestamp":"7054833836399525984","latestTimestamp":"7054833836399525984",
            "lastWriteOnSourceTimestamp":"7054833084780249090","shop.a":{"complete":true,"copiedBytes":5,"totalBytes":7},
            "shop.b":{"copiedBytes":1,"totalBytes":2,"new":[]}},"unknown":{"x":1}}"#;
        let s = read(body.as_bytes()).unwrap();
        assert_eq!((&*s.stage, &*s.phase), ("oplog sync", "applying oplog entries"));
        assert_eq!(s.position, Some(Ts(7_054_833_836_399_525_984)));
        assert_eq!(s.last_write, Some(Ts(7_054_833_084_780_249_090)));
        assert_eq!((s.error, s.copied), (None, Some((6, 9))));
        let flat = r#"{"stage":"initial sync","details":{"copiedBytesAllColl":1,"totalBytesAllColl":2}}"#;
        assert_eq!(read(flat.as_bytes()).unwrap().copied, Some((1, 2)));
    }

    #[test]
    fn timestamps_are_read_in_every_way_they_are_written() {
        let expected = Ok(Some(Ts::new(1_642_587_384, 96)));
        for written in [
            "7054859095102193760",
            "\"7054859095102193760\"",
            r#"{"$timestamp":{"t":1642587384,"i":96}}"#,
            r#"{"$timestamp":"7054859095102193760"}"#,
            r#"{"T":1642587384,"I":96}"#,
            "\"1642587384,96\"",
            "\"Timestamp(1642587384, 96)\"",
        ] {
            assert_eq!(position(written), expected, "{written}");
        }
        assert_eq!(position("null"), Ok(None));
        assert_eq!(position("0"), Ok(None));
        assert_eq!(position(r#"{"t":0,"i":0}"#), Ok(None));
    }

    #[test]
    fn what_cannot_be_read_is_a_failure_and_never_missing() {
        for written in [
            "7.054859097989054e18",
            "-1",
            "1642587384",
            "\"1642587384\"",
            "\"\"",
            "\"soon\"",
            "\"Timestamp(1, 2\"",
            "\"Timestamp(7054859095102193760)\"",
            "\"99999999999999999999999\"",
            "99999999999999999999999",
            "\"+7054859095102193760\"",
            r#"{"t":4294967296,"i":1}"#,
            r#"{"t":1642587384}"#,
            "true",
            "[]",
        ] {
            assert!(position(written).is_err(), "{written}: {:?}", position(written));
        }
        for body in ["", "[]", "{}", "{\"ok\":1}", "{\"stage\":1}", "{\"stage\":\"x\",\"details\":[]}", "\u{0}"] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn any_error_is_an_error() {
        let error = |value: &str| read(format!(r#"{{"errorMessage":{value}}}"#).as_bytes()).unwrap().error;
        assert_eq!(error("\"\"").as_deref(), None);
        assert_eq!(error("null").as_deref(), None);
        assert_eq!(error("\"lost mongodb://u:p@h/\"").as_deref(), Some("lost mongodb://***@h/"));
        assert_eq!(error("{\"code\":1}").as_deref(), Some("{\"code\":1}"));
    }

    proptest! {
        #[test]
        fn bodies_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&body);
        }

        #[test]
        fn texts_in_place_of_timestamps_never_panic(text in any::<String>()) {
            let _ = position(&Value::from(text).to_string());
        }

        #[test]
        fn every_timestamp_is_exact(t in 1u32.., i in any::<u32>()) {
            let ts = Ts::new(t, i);
            prop_assert_eq!(position(&ts.0.to_string()), Ok(Some(ts)));
            prop_assert_eq!(position(&format!("\"{}\"", ts.0)), Ok(Some(ts)));
            prop_assert_eq!(position(&format!("\"{t},{i}\"")), Ok(Some(ts)));
        }
    }
}
