//! The page at `/`: the board as a person sees it, on a phone at night, on a wall, on paper.
//!
//! It is one document without a script and without anything from elsewhere; the policy it is sent with allows its own
//! two styles by their hashes and nothing else. It says what `/status` says, by the same functions. What a browser
//! shows may be long past: a page carries the instant until which it may be believed, loads itself again before that,
//! and where it cannot, an animation that needs no script covers it with UNKNOWN.
//!
//! It leaves out every way to act: people act with the command line, which has their token.

mod checks;
mod view;

use super::reply::Reply;
use crate::agent::Published;
use askama::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cutover_core::playbook;
use cutover_core::time::{Dur, Now};
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use sha2::{Digest, Sha256};
use view::Shown;

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = include_str!("../../../templates/board.css");

/// The page loads itself again after this long, or sooner where it may be believed for less.
const RELOAD: Dur = Dur::secs(5);
const SOONEST: Dur = Dur::secs(1);

/// What a reader asks of the page, by parameters that survive its reloading.
#[derive(Debug, Default)]
pub(super) struct Wish {
    /// The step that stays unfolded; `all` for every step.
    open: Option<&'static str>,
    /// The page stays as it is, and says when it is too old.
    still: bool,
}

impl Wish {
    /// The parameters `open` and `reload`.
    ///
    /// # Errors
    /// The reply that names what is wrong.
    pub(super) fn of(open: Option<&String>, reload: Option<&String>) -> Result<Wish, Reply> {
        let still = match reload.map(String::as_str) {
            None | Some("on") => false,
            Some("off") => true,
            Some(_) => return Err(Reply::refuse(true, StatusCode::BAD_REQUEST, "bad-request", "reload is on or off")),
        };
        let open = match open.map(String::as_str) {
            None => None,
            Some("all") => Some("all"),
            Some(step) => Some(playbook::step(step).map(|s| s.id).ok_or_else(|| {
                Reply::refuse(true, StatusCode::BAD_REQUEST, "bad-request", "open is a step, or all")
            })?),
        };
        Ok(Wish { open, still })
    }

    fn opens(&self, step: &str) -> bool {
        self.open.is_some_and(|open| open == step || open == "all")
    }
}

#[derive(Template)]
#[template(path = "board.html")]
struct Page<'a> {
    style: &'a str,
    left: &'a str,
    reload: Option<i64>,
    /// Where it loads itself again from: a browser that shows a fragment of it would otherwise only jump there.
    again: String,
    board: Option<Shown<'a>>,
    acting: bool,
    stopping: bool,
    version: &'a str,
}

/// The page at `now`.
pub(super) fn page(published: Option<&Published>, now: Now, wish: &Wish, acting: bool, stopping: bool) -> Reply {
    let board = published.map(|p| Shown::of(p, now, wish));
    let left = board.as_ref().map_or(RELOAD, |b| b.left);
    let soon = if left > Dur::ZERO { left.min(RELOAD).max(SOONEST) } else { RELOAD };
    let reload = (!wish.still).then(|| seconds_up(soon));
    // The one thing in the styles that differs from page to page.
    let left = format!(":root{{--left:{}ms}}", left.max(Dur::ZERO).0);
    let policy = policy(&[STYLE, &left]);
    let again = wish.open.map_or_else(|| "/".to_owned(), |open| format!("/?open={open}"));
    let page =
        Page { style: STYLE, left: &left, reload, again, board, acting, stopping, version: env!("CARGO_PKG_VERSION") };
    match page.render() {
        Ok(html) => Reply::chunks(HTML, vec![Bytes::from(html)])
            .with(CONTENT_SECURITY_POLICY, policy)
            .with(REFERRER_POLICY, "no-referrer"),
        Err(e) => Reply::text(StatusCode::INTERNAL_SERVER_ERROR, format!("the page cannot be written: {e}\n")),
    }
}

fn policy(styles: &[&str]) -> String {
    let hashes: Vec<String> =
        styles.iter().map(|s| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(s)))).collect();
    let styles = hashes.join(" ");
    format!(
        "default-src 'none'; style-src {styles}; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

fn seconds_up(d: Dur) -> i64 {
    d.0.saturating_add(999) / 1000
}
