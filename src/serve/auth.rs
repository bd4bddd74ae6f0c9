//! Who asks: the name of the token given. Comparing takes the same time whatever is wrong with it.

use super::Tokens;
use super::reply::Reply;
use cutover_core::Name;
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use subtle::ConstantTimeEq;

/// The name of the token a request carries.
///
/// # Errors
/// The reply that says what is missing.
pub(super) fn author(headers: &HeaderMap, tokens: &Tokens, text: bool) -> Result<Name, Reply> {
    let refuse = |said: &str| {
        Reply::refuse(text, StatusCode::UNAUTHORIZED, "no-token", said)
            .with(WWW_AUTHENTICATE, "Bearer realm=\"cutover-agent\"")
    };
    if tokens.is_empty() {
        return Err(refuse(
            "no token is configured, so nobody may act; give the agent one under `agent.tokens.<name>` and restart it",
        ));
    }
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return Err(refuse(
            "this wants one header `Authorization: Bearer <token>`, with a token of the agent's configuration (`agent.tokens.<name>`)",
        ));
    };
    let value = value.as_bytes();
    let scheme = value.get(..7).is_some_and(|s| s.eq_ignore_ascii_case(b"bearer "));
    let token = value.get(7..).unwrap_or_default().trim_ascii();
    if !scheme || token.is_empty() {
        return Err(refuse("the Authorization header is not `Bearer <token>`"));
    }
    // All of them are compared, the first match too late to be told from the last.
    let mut found = None;
    for (name, secret) in tokens {
        let secret = secret.expose().trim().as_bytes();
        if !secret.is_empty() && bool::from(secret.ct_eq(token)) {
            found = Some(name.clone());
        }
    }
    found.ok_or_else(|| {
        refuse(
            "the token in the `Authorization: Bearer` header is none of those in the agent's configuration \
             (`agent.tokens.<name>`, read when the agent starts)",
        )
    })
}
