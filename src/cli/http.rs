//! One exchange with an agent: never through a proxy, never following a redirect, everything bounded.

use super::args::AgentArgs;
use cutover_kafka::Secret;
use std::fmt::Write;
use std::io::Read;
use std::time::Duration;
use ureq::http::HeaderMap;

/// The time one exchange may take, longer than the agent takes to answer a person.
const EXCHANGE: Duration = Duration::from_secs(15);
/// The most of an answer that is read.
const BODY: u64 = 16 * 1024 * 1024;
/// The most of a token file that is read.
const TOKEN: u64 = 4096;

/// An agent's address.
#[derive(Clone, Debug)]
pub(super) struct Base(String);

/// What came back.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// Why nothing came back.
#[derive(Debug)]
pub(super) struct Unreached {
    /// What was tried, on what, and what came back.
    pub(super) said: String,
    /// The request surely never reached anybody.
    pub(super) unsent: bool,
}

/// What talks to agents.
pub(super) struct Http {
    agent: ureq::Agent,
    token: Option<Secret>,
    /// Where the token comes from, in words.
    from: String,
}

impl Base {
    /// An address, checked.
    ///
    /// # Errors
    /// What is wrong with it; it never repeats a password that stands in it.
    pub(super) fn parse(url: &str) -> Result<Base, String> {
        let url = url.trim().trim_end_matches('/');
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        let Some(rest) = rest.filter(|r| !r.is_empty()) else {
            return Err("an agent's address begins with http:// or https://, as in http://127.0.0.1:9820".to_owned());
        };
        if rest.contains(['@', '?', '#', ' ']) {
            return Err(
                "an agent's address holds no user, password or parameters; tokens go into --token-file".to_owned()
            );
        }
        Ok(Base(url.to_owned()))
    }

    /// As people write it.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The agents named, in order.
///
/// # Errors
/// What is wrong with one of them.
pub(super) fn bases(at: &AgentArgs) -> Result<Vec<Base>, String> {
    let bases: Vec<Base> = at.agent.iter().map(|u| Base::parse(u)).collect::<Result<_, _>>()?;
    for (i, b) in bases.iter().enumerate() {
        if bases[..i].iter().any(|o| o.0 == b.0) {
            return Err(format!("the agent {} is named twice", b.as_str()));
        }
    }
    Ok(bases)
}

/// The one agent named.
///
/// # Errors
/// There is more than one, or something is wrong with it.
pub(super) fn base(at: &AgentArgs) -> Result<Base, String> {
    match bases(at)?.as_slice() {
        [one] => Ok(one.clone()),
        _ => Err("this asks one agent: name one with --agent (only `wait` takes several)".to_owned()),
    }
}

impl Http {
    /// With the caller's token, if there is one.
    ///
    /// # Errors
    /// The token file cannot be read.
    pub(super) fn new(at: &AgentArgs) -> Result<Http, String> {
        let token = match &at.token_file {
            Some(path) => {
                let cannot = |e: std::io::Error| format!("the token file {} cannot be read: {e}", path.display());
                let mut text = String::new();
                std::fs::File::open(path).and_then(|f| f.take(TOKEN).read_to_string(&mut text)).map_err(cannot)?;
                Some(text)
            }
            None => std::env::var("CUTOVER_TOKEN").ok(),
        };
        let from = match &at.token_file {
            Some(path) => format!("the file {} (--token-file or CUTOVER_TOKEN_FILE)", path.display()),
            None => "the environment variable CUTOVER_TOKEN".to_owned(),
        };
        if at.token_file.is_some() && token.as_ref().is_some_and(|t| t.trim().is_empty()) {
            return Err(format!("{from} holds no token"));
        }
        let token = token.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
        if token.as_ref().is_some_and(|t| !t.bytes().all(|b| b.is_ascii_graphic())) {
            return Err("the token has characters in it that no header can carry".to_owned());
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            // An answer lost on a connection that was kept could not be told from one never asked for.
            .max_idle_connections(0)
            .max_response_header_size(32 * 1024)
            .timeout_global(Some(EXCHANGE))
            .timeout_connect(Some(Duration::from_secs(5)))
            .user_agent(concat!("cutover-agent/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Http { agent: config.new_agent(), token: token.map(Secret::new), from })
    }

    /// Whether there is a token to send.
    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Where the token comes from, for whoever gave a wrong one.
    pub(super) fn token_from(&self) -> &str {
        &self.from
    }

    /// Asks for `path`, as `accept`.
    pub(super) fn get(&self, base: &Base, path: &str, accept: &str) -> Result<Answered, Unreached> {
        let url = format!("{}{path}", base.0);
        let outcome = self.agent.get(&url).header("Accept", accept).call();
        outcome.map_err(|e| unreached("GET", &url, &e)).and_then(|r| answered("GET", &url, r))
    }

    /// Posts `body` to `path` with the token.
    pub(super) fn post(&self, base: &Base, path: &str, body: &serde_json::Value) -> Result<Answered, Unreached> {
        let url = format!("{}{path}", base.0);
        let mut request = self.agent.post(&url).header("Accept", "application/json");
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {}", token.expose()));
        }
        let outcome = request.content_type("application/json").send(body.to_string());
        outcome.map_err(|e| unreached("POST", &url, &e)).and_then(|r| answered("POST", &url, r))
    }
}

impl Answered {
    /// A header that is there exactly once.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.get_all(name).iter();
        let first = all.next()?.to_str().ok()?;
        all.next().is_none().then_some(first)
    }

    /// Whether an agent answered, rather than a proxy or a login page in between.
    pub(super) fn is_agents(&self) -> bool {
        self.header("cutover-agent").is_some()
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.body).ok()
    }

    /// What it says in one line: its summary, or the start of whatever came.
    pub(super) fn summary(&self) -> String {
        if let Some(said) = self.json().as_ref().and_then(|b| b.get("summary")).and_then(|s| s.as_str()) {
            return plain(said);
        }
        let start = plain(self.body.lines().find(|l| !l.trim().is_empty()).unwrap_or("an empty body"));
        start.chars().take(if self.is_agents() { 2000 } else { 120 }).collect()
    }
}

/// Text from elsewhere, fit for a terminal: no control characters.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// A part of a path, percent-encoded.
pub(super) fn encoded(part: &str) -> String {
    let mut out = String::new();
    for b in part.bytes() {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
    }
    // Either would be taken for "here" or "above" by whatever lies in between.
    match out.as_str() {
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        _ => out,
    }
}

fn answered(verb: &str, url: &str, r: ureq::http::Response<ureq::Body>) -> Result<Answered, Unreached> {
    let (head, mut body) = r.into_parts();
    let body = body.with_config().limit(BODY).lossy_utf8(true).read_to_string();
    let body = body.map_err(|e| unreached(verb, url, &e))?;
    Ok(Answered { status: head.status.as_u16(), headers: head.headers, body })
}

fn unreached(verb: &str, url: &str, e: &ureq::Error) -> Unreached {
    use std::io::ErrorKind;
    let unsent = match e {
        ureq::Error::Io(e) => matches!(
            e.kind(),
            ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable
        ),
        ureq::Error::Timeout(t) => matches!(t, ureq::Timeout::Connect | ureq::Timeout::Resolve),
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::BadUri(_) => true,
        _ => false,
    };
    Unreached { said: format!("{verb} {url}: {}", plain(&e.to_string())), unsent }
}
