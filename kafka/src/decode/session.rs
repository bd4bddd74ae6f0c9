//! The answers that open a connection: what the broker can do, and the SASL exchange.

use std::sync::Arc;

use super::reader::{Reader, Result, known_version};
use crate::api::Api;

/// The versions of one request a broker answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiRange {
    /// The request's key.
    pub key: i16,
    /// Lowest version.
    pub min: i16,
    /// Highest version.
    pub max: i16,
}

/// What a broker can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiVersions {
    /// The error code; 35 means the broker does not know this version of the question and answered in version 0.
    pub error_code: i16,
    /// Every request it knows.
    pub apis: Vec<ApiRange>,
    /// How long not to ask again.
    pub throttle_ms: i32,
}

/// Decodes ApiVersions v0-3.
///
/// # Errors
/// When the bytes are not such an answer.
pub fn decode_api_versions(version: i16, body: &[u8]) -> Result<ApiVersions> {
    known_version(version, Api::ApiVersions.versions())?;
    let mut r = Reader::new(body, version >= 3);
    let error_code = r.i16("error_code")?;
    let apis = r.array("api_keys", 6, |r| {
        let range = ApiRange { key: r.i16("api_key")?, min: r.i16("min_version")?, max: r.i16("max_version")? };
        r.tags()?;
        Ok(range)
    })?;
    let throttle_ms = if version >= 1 { r.i32("throttle_time_ms")? } else { 0 };
    r.tags()?;
    r.end(ApiVersions { error_code, apis, throttle_ms })
}

/// The broker's answer to the choice of a mechanism.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaslHandshake {
    /// The error code.
    pub error_code: i16,
    /// The mechanisms it has.
    pub mechanisms: Vec<Arc<str>>,
}

/// Decodes SaslHandshake v1.
///
/// # Errors
/// When the bytes are not such an answer.
pub fn decode_sasl_handshake(version: i16, body: &[u8]) -> Result<SaslHandshake> {
    known_version(version, Api::SaslHandshake.versions())?;
    let mut r = Reader::new(body, false);
    let error_code = r.i16("error_code")?;
    let mechanisms = r.array("mechanisms", 2, |r| r.name("mechanism"))?;
    r.end(SaslHandshake { error_code, mechanisms })
}

/// The broker's answer to one SASL message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaslAuthenticated {
    /// The error code.
    pub error_code: i16,
    /// What the broker adds to it.
    pub error_message: Option<Arc<str>>,
    /// The server's SASL message.
    pub bytes: Vec<u8>,
    /// How long the session lasts before the broker ends it; 0 is for ever.
    pub session_lifetime_ms: i64,
}

/// Decodes SaslAuthenticate v0-2.
///
/// # Errors
/// When the bytes are not such an answer.
pub fn decode_sasl_authenticate(version: i16, body: &[u8]) -> Result<SaslAuthenticated> {
    known_version(version, Api::SaslAuthenticate.versions())?;
    let mut r = Reader::new(body, version >= 2);
    let error_code = r.i16("error_code")?;
    let error_message = r.nullable_name("error_message")?;
    let bytes = r.bytes("auth_bytes")?.to_vec();
    let session_lifetime_ms = if version >= 1 { r.i64("session_lifetime_ms")? } else { 0 };
    r.tags()?;
    r.end(SaslAuthenticated { error_code, error_message, bytes, session_lifetime_ms })
}

/// The throttle time at the head of a body; 0 where it does not stand there or is not sensible.
pub(crate) fn throttle(api: Api, body: &[u8]) -> u32 {
    if !api.throttle_first() {
        return 0;
    }
    let time = Reader::new(body, false).i32("throttle_time_ms").unwrap_or(0);
    u32::try_from(time).unwrap_or(0)
}
