//! What a request asks for besides its path: query parameters, decoded and refused where unknown, and the language.

use super::reply::Reply;
use hyper::StatusCode;
use hyper::header::{ACCEPT, HeaderMap};
use std::collections::BTreeMap;

/// The parameters of a request, each at most once and each among those the route knows.
///
/// # Errors
/// The reply that names what is wrong.
pub(super) fn parse(
    query: Option<&str>,
    known: &[&'static str],
    text: bool,
) -> Result<BTreeMap<&'static str, String>, Reply> {
    let bad = |said: String| Reply::refuse(text, StatusCode::BAD_REQUEST, "bad-request", said);
    let mut found = BTreeMap::new();
    for pair in query.unwrap_or_default().split('&').filter(|p| !p.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (Some(key), Some(value)) = (decode(key, true), decode(value, true)) else {
            return Err(bad("the query is not percent-encoded UTF-8".to_owned()));
        };
        let Some(name) = known.iter().find(|k| **k == key) else {
            let takes = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(bad(format!("there is no parameter `{}`; known here: {takes}", shown(&key))));
        };
        if found.insert(*name, value).is_some() {
            return Err(bad(format!("the parameter `{name}` is given twice")));
        }
    }
    Ok(found)
}

/// The segments of a path, decoded; `None` where they are not percent-encoded UTF-8.
pub(super) fn segments(path: &str) -> Option<Vec<String>> {
    path.strip_prefix('/')?.split('/').map(|s| decode(s, false)).collect()
}

/// Text people or clients sent, fit to be shown again: bounded, without control characters.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

fn decode(text: &str, plus: bool) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        out.push(match b {
            b'%' => {
                let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
                let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' if plus => b' ',
            b => b,
        });
    }
    String::from_utf8(out).ok()
}

/// Whether the client reads text rather than JSON: only where it says so.
pub(super) fn wants_text(headers: &HeaderMap) -> bool {
    weight(headers, &["text/plain", "text/*"]) > weight(headers, &["application/json", "application/*", "*/*"])
}

/// Whether the client is a browser: only where it names HTML, and neither text nor JSON as much.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let html = weight(headers, &["text/html", "application/xhtml+xml"]);
    html > 0.0 && html > weight(headers, &["text/plain", "application/json"])
}

/// The most any of these kinds is wanted; 0 where none is named.
fn weight(headers: &HeaderMap, kinds: &[&str]) -> f32 {
    let mut most = 0.0f32;
    for part in headers.get_all(ACCEPT).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')) {
        let mut fields = part.split(';').map(str::trim);
        let kind = fields.next().unwrap_or_default();
        let q = fields.find_map(|f| f.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
        if kinds.contains(&kind) {
            most = most.max(q);
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn parameters_are_decoded_and_unknown_ones_refused() {
        let found = parse(Some("migration=a%20b&config=x+y&"), &["migration", "config"], true).unwrap();
        assert_eq!(found["migration"], "a b");
        assert_eq!(found["config"], "x y");
        for bad in ["forse=1", "migration=a&migration=a", "migration=%zz", "migration=%ff", "migration=%4"] {
            assert!(parse(Some(bad), &["migration"], true).is_err(), "{bad}");
        }
    }

    #[test]
    fn text_is_for_those_who_ask_for_it() {
        let wants =
            |accept: &str| wants_text(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_str(accept).unwrap())]));
        assert!(wants("text/plain"));
        assert!(wants("text/plain, application/json;q=0.5"));
        assert!(wants("text/plain; charset=utf-8"));
        for json in ["*/*", "application/json, text/plain, */*", "text/html,*/*;q=0.8", "text/plain;q=0", "", "x"] {
            assert!(!wants(json), "{json}");
        }
        assert!(!wants_text(&HeaderMap::new()));
    }

    #[test]
    fn the_page_is_for_browsers() {
        let wants =
            |accept: &str| wants_page(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_str(accept).unwrap())]));
        assert!(wants("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"));
        assert!(wants("text/html"));
        for other in ["*/*", "application/json", "application/json, text/plain, */*", "text/plain", "text/*", ""] {
            assert!(!wants(other), "{other}");
        }
        for torn in ["text/html, application/json", "text/html;q=0", "text/html;q=0.5, text/plain"] {
            assert!(!wants(torn), "{torn}");
        }
        assert!(!wants_page(&HeaderMap::new()));
    }
}
