//! Reading documents tolerantly: servers and shells write the same number as three types.

use cutover_core::estate::mongodb::Ts;
use cutover_core::time::Wall;
use mongodb::bson::{Bson, Document};

/// A whole number of any numeric type; `None` where there is none, or it has a fraction.
pub(super) fn number(value: &Bson) -> Option<i64> {
    match value {
        Bson::Int32(n) => Some(i64::from(*n)),
        Bson::Int64(n) => Some(*n),
        // Beyond 2^53 a double does not say which number it is.
        Bson::Double(d) if d.fract() == 0.0 && d.abs() <= 9_007_199_254_740_992.0 => format!("{d:.0}").parse().ok(),
        _ => None,
    }
}

/// A whole number at a key.
pub(super) fn int(d: &Document, key: &str) -> Option<i64> {
    number(d.get(key)?)
}

/// A value at a path of keys.
pub(super) fn at<'d>(d: &'d Document, path: &str) -> Option<&'d Bson> {
    match path.split_once('.') {
        None => d.get(path),
        Some((first, rest)) => at(d.get_document(first).ok()?, rest),
    }
}

/// A whole number at a path.
pub(super) fn int_at(d: &Document, path: &str) -> Option<i64> {
    number(at(d, path)?)
}

/// A timestamp at a key.
pub(super) fn ts(d: &Document, key: &str) -> Option<Ts> {
    match d.get(key)? {
        Bson::Timestamp(t) => Some(Ts::new(t.time, t.increment)),
        _ => None,
    }
}

/// An instant at a key.
pub(super) fn wall(d: &Document, key: &str) -> Option<Wall> {
    match d.get(key)? {
        Bson::DateTime(t) => Some(Wall(t.timestamp_millis())),
        _ => None,
    }
}

/// Something that is a yes in any of the ways servers say it.
pub(super) fn truthy(d: &Document, key: &str) -> bool {
    match d.get(key) {
        Some(Bson::Boolean(b)) => *b,
        Some(other) => number(other).is_some_and(|n| n != 0),
        None => false,
    }
}
