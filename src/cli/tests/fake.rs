//! A server of a few lines, which says what it is told to.

use crate::clock;
use cutover_core::time::{Dur, Wall};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(super) const TOKEN: &str = "0123456789abcdef-secret";

/// A server that answers the n-th request (from 0) with whatever the closure returns.
pub(super) struct Fake {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    pub(super) fn new(answer: impl Fn(usize, &str) -> String + Send + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while !whole(&request) {
                    match stream.read(&mut buffer) {
                        Ok(n) if n > 0 => request.extend_from_slice(&buffer[..n]),
                        _ => break,
                    }
                }
                let request = String::from_utf8_lossy(&request).into_owned();
                let n = log.lock().unwrap().len();
                let said = answer(n, &request);
                log.lock().unwrap().push(request);
                let _ = stream.write_all(said.as_bytes());
            }
        });
        Fake { url, seen }
    }

    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|l| l.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    body.len() >= length.and_then(|l| l.parse().ok()).unwrap_or(0)
}

/// A raw response.
pub(super) fn raw(status: u16, headers: &[(&str, &str)], body: &str) -> String {
    let headers: String = headers.iter().map(|(k, v)| format!("{k}: {v}\r\n")).collect();
    format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

/// A response of an agent.
pub(super) fn agent(status: u16, verdict: &str, until: &str, body: &serde_json::Value) -> String {
    let headers = [
        ("Cutover-Agent", "0.1.0"),
        ("Cutover-Verdict", verdict),
        ("Cutover-Migration", "shop-prod"),
        ("Cutover-Valid-Until", until),
    ];
    raw(status, &headers, &body.to_string())
}

fn instant(at: Wall) -> String {
    jiff::Timestamp::from_millisecond(at.0).unwrap().to_string()
}

/// A go of an agent whose clock is `skew` away from ours, valid for `valid` from when it was given.
pub(super) fn go_with(step: &str, question: &str, skew: Dur, valid: Dur, faster: Option<i64>) -> String {
    let given = clock::now().wall + skew;
    let until = instant(given + valid);
    let body = serde_json::json!({
        "schema_version": 1, "step": step, "question": question, "verdict": "go", "summary": "go",
        "answered_at": instant(given), "valid_until": until, "rehearsal": faster.map(|f| serde_json::json!({"faster": f})),
    });
    agent(200, "go", &until, &body)
}

pub(super) fn go(step: &str) -> String {
    go_with(step, "ready", Dur::ZERO, Dur::secs(12), None)
}

/// A no of an agent.
pub(super) fn not(status: u16, summary: &str) -> String {
    let verdict = if summary.starts_with("unknown") { "unknown" } else { "no-go" };
    agent(status, verdict, &instant(clock::now().wall), &serde_json::json!({ "summary": summary }))
}

/// A claim that was accepted.
pub(super) fn begun(step: &str) -> String {
    let body = serde_json::json!({ "accepted": "begin", "summary": format!("{step} is begun, claimed by alice") });
    agent(200, "go", &instant(clock::now().wall), &body)
}
