//! A reply before it is sent: status, the headers that every answer carries, a body in one of two languages.

use super::body::Chunks;
use cutover_core::Name;
use cutover_core::gate::board::Verdict;
use cutover_core::time::Wall;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

/// Every body in JSON says which form it has.
pub(super) const SCHEMA_VERSION: u32 = 1;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// Set on whatever this program answers, so that a client can tell it from a proxy in between.
pub(crate) const AGENT: &str = "cutover-agent";
/// `go`, `no-go` or `unknown`.
pub(crate) const VERDICT: &str = "cutover-verdict";
/// The migration's name.
pub(crate) const MIGRATION: &str = "cutover-migration";
/// `simulated` on whatever a rehearsal on a simulated estate answers.
pub(crate) const REHEARSAL: &str = "cutover-rehearsal";
/// Until when the answer may be believed, RFC 3339.
pub(crate) const VALID_UNTIL: &str = "cutover-valid-until";

/// A reply before it is sent.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    headers: Box<HeaderMap>,
    body: Vec<Bytes>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    schema_version: u32,
    status: u16,
    code: &'a str,
    summary: &'a str,
}

impl Reply {
    fn new(status: StatusCode, kind: &'static str, body: Vec<Bytes>) -> Reply {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(HeaderName::from_static(AGENT), HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
        Reply { status, headers: Box::new(headers), body }
    }

    /// Plain text.
    pub(super) fn text(status: StatusCode, body: impl Into<String>) -> Reply {
        Reply::new(status, TEXT, vec![Bytes::from(body.into())])
    }

    /// Chunks of a content type of their own.
    pub(super) fn chunks(kind: &'static str, body: Vec<Bytes>) -> Reply {
        Reply::new(StatusCode::OK, kind, body)
    }

    /// JSON.
    pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Reply {
        match serde_json::to_vec(body) {
            Ok(mut bytes) => {
                bytes.push(b'\n');
                Reply::new(status, JSON, vec![Bytes::from(bytes)])
            }
            Err(e) => Reply::text(StatusCode::INTERNAL_SERVER_ERROR, format!("the answer cannot be written: {e}\n")),
        }
    }

    /// An error, as JSON.
    pub(super) fn error(status: StatusCode, code: &str, summary: impl AsRef<str>) -> Reply {
        let summary = summary.as_ref();
        let body = ErrorBody { schema_version: SCHEMA_VERSION, status: status.as_u16(), code, summary };
        Reply::json(status, &body)
    }

    /// The error in the language the client reads.
    pub(super) fn refuse(text: bool, status: StatusCode, code: &str, summary: impl AsRef<str>) -> Reply {
        if text {
            return Reply::text(status, format!("{}\n", summary.as_ref()));
        }
        Reply::error(status, code, summary)
    }

    /// With a header.
    pub(super) fn with(mut self, name: HeaderName, value: impl AsRef<str>) -> Reply {
        if let Ok(v) = HeaderValue::from_str(value.as_ref()) {
            self.headers.insert(name, v);
        }
        self
    }

    /// With the name of the migration.
    pub(super) fn about(self, migration: &Name) -> Reply {
        self.with(HeaderName::from_static(MIGRATION), migration)
    }

    /// With a verdict and until when it may be believed.
    pub(super) fn says(self, verdict: Verdict, until: Wall) -> Reply {
        self.with(HeaderName::from_static(VERDICT), verdict.as_str())
            .with(HeaderName::from_static(VALID_UNTIL), super::json::rfc3339(until))
    }

    /// With the seconds after which asking again makes sense.
    pub(super) fn again_in(self, seconds: i64) -> Reply {
        self.with(header::RETRY_AFTER, seconds.to_string())
    }

    /// The connection ends with it.
    pub(super) fn closing(self) -> Reply {
        self.with(header::CONNECTION, "close")
    }

    /// As hyper sends it.
    pub(super) fn response(self) -> Response<Chunks> {
        let mut response = Response::new(Chunks::of(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = *self.headers;
        response
    }
}
