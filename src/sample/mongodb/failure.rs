//! A driver's error as the estate knows failures: what a person has to mend, and never a secret.
//!
//! The driver's own words are shown only where they say what the kind does not, and without what they may quote of a
//! connection string; a server's refusal echoes the whole command and is replaced by the command that grants the right.

use super::server::Need;
use cutover_core::Name;
use cutover_core::estate::{Failure, FailureKind};
use mongodb::error::{Error, ErrorKind};

/// The most that is shown of what came back.
const SHOWN: usize = 300;

/// The failure of a request.
pub(super) fn of(e: &Error, need: &Need<'_>, server: &str, user: Option<&(Name, Name)>) -> Failure {
    let (kind, said) = match e.kind.as_ref() {
        ErrorKind::Command(c) if c.code == 13 => {
            (FailureKind::Privilege, format!("not allowed; {}", grant(need, user)))
        }
        ErrorKind::Command(c) if c.code == 50 => (FailureKind::Timeout, "the server gave up within maxTimeMS".into()),
        ErrorKind::Command(c) if c.code == 18 => (FailureKind::Auth, denied(user)),
        ErrorKind::Command(c) => (FailureKind::Server, format!("{} ({}): {}", c.code_name, c.code, c.message)),
        ErrorKind::Authentication { .. } => (FailureKind::Auth, denied(user)),
        ErrorKind::InvalidTlsConfig { message, .. } => (FailureKind::Tls, message.clone()),
        ErrorKind::DnsResolve { message, .. } => (FailureKind::Unreachable, message.clone()),
        ErrorKind::IncompatibleServer { .. } => {
            (FailureKind::Protocol, "the server is too old: MongoDB 4.4 is the oldest that can be read".into())
        }
        ErrorKind::ServerSelection { message, .. } => selection(message),
        ErrorKind::Io(e) => io(e),
        ErrorKind::ConnectionPoolCleared { message, .. } => selection(message),
        ErrorKind::InvalidResponse { message, .. } => (FailureKind::Protocol, message.clone()),
        other => (FailureKind::Server, other.to_string()),
    };
    Failure::new(kind, format!("{} on {server}: {}", need.what, shown(&said)))
}

/// The command that grants what is missing.
pub(super) fn grant(need: &Need<'_>, user: Option<&(Name, Name)>) -> String {
    let (name, db) = user.map_or(("<the agent's user>", "admin"), |(name, db)| (name, db));
    format!(
        "grant it: db.getSiblingDB({db:?}).grantRolesToUser({name:?}, [{{ role: {:?}, db: {:?} }}])",
        need.role, need.db
    )
}

fn denied(user: Option<&(Name, Name)>) -> String {
    match user {
        Some((name, db)) => format!("the user {name} (authSource {db}) or its password is not accepted"),
        None => "the server wants a user, and the connection string names none".into(),
    }
}

fn io(e: &std::io::Error) -> (FailureKind, String) {
    use std::io::ErrorKind as Io;
    let said = e.to_string();
    match e.kind() {
        Io::TimedOut | Io::WouldBlock => (FailureKind::Timeout, said),
        Io::InvalidData => (FailureKind::Tls, said),
        _ if about_tls(&said) => (FailureKind::Tls, said),
        _ => (FailureKind::Unreachable, said),
    }
}

/// The driver found no server: its words say what happened at each.
fn selection(message: &str) -> (FailureKind, String) {
    let lower = message.to_lowercase();
    if lower.contains("wire version") && lower.contains("requires at least") {
        return (FailureKind::Protocol, "the server is too old: MongoDB 4.4 is the oldest that can be read".into());
    }
    // Of the whole topology it tells, what was met at the first server that has an error.
    let met = message.split("Error: Kind: ").nth(1).and_then(|rest| rest.split(", labels: ").next());
    let said = met.map_or_else(|| message.to_owned(), |met| format!("no server answers: {met}"));
    if about_tls(&lower) {
        return (FailureKind::Tls, said);
    }
    if lower.contains("authentication") {
        return (FailureKind::Auth, said);
    }
    (FailureKind::Unreachable, said)
}

fn about_tls(said: &str) -> bool {
    let lower = said.to_lowercase();
    ["certificate", "tls", "handshake", "unknownissuer"].iter().any(|w| lower.contains(w))
}

/// What is shown of a text from outside: one line, bounded, credentials in URLs taken out.
pub(in super::super) fn shown(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut out = String::new();
    let mut rest = line.as_str();
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        out.push_str(head);
        let end = tail.find([' ', '"', '\'', '/', '?', ',']).unwrap_or(tail.len());
        // A password may hold any of these unescaped: up to the last @ of the word is the user's.
        let word = tail.find([' ', '"', '\'']).unwrap_or(tail.len());
        rest = match tail[..word].rfind('@') {
            Some(i) => {
                out.push_str("***");
                &tail[i..]
            }
            None => {
                out.push_str(&tail[..end]);
                &tail[end..]
            }
        };
    }
    out.push_str(rest);
    match out.char_indices().nth(SHOWN) {
        Some((i, _)) => format!("{}…", &out[..i]),
        None => out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_driver_met_at_each_server_decides() {
        let said =
            |error: &str| selection(&format!("No available servers. Topology: {{ Max Wire Version: 17, {error} }}")).0;
        assert_eq!(said("Kind: I/O error: Connection refused"), FailureKind::Unreachable);
        assert_eq!(said("invalid peer certificate: UnknownIssuer"), FailureKind::Tls);
        let old =
            "Server at a:1 reports wire version 8, but this version of the MongoDB Rust driver requires at least 9";
        assert_eq!(said(old), FailureKind::Protocol);
    }

    #[test]
    fn credentials_in_urls_are_not_shown() {
        let text = "cannot reach mongodb://root:p@ss/w:rd@db:27017/?x=1, \"mongodb://u:p@h\" or http://plain/x";
        let said = shown(text);
        assert_eq!(said, "cannot reach mongodb://***@db:27017/?x=1, \"mongodb://***@h\" or http://plain/x");
        assert!(shown(&"x".repeat(1000)).chars().count() <= SHOWN + 1);
    }

    #[test]
    fn a_missing_right_comes_with_the_command_that_grants_it() {
        let need = Need { what: "serverStatus", role: "clusterMonitor", db: "admin" };
        let user = ("agent".into(), "admin".into());
        let expected = r#"grant it: db.getSiblingDB("admin").grantRolesToUser("agent", [{ role: "clusterMonitor", db: "admin" }])"#;
        assert_eq!(grant(&need, Some(&user)), expected);
    }
}
