//! The two ports: the status port as documented, and the lab's own control port.
//!
//! Just enough of HTTP/1.1 for one request a connection.

use std::io::Result;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::board::Board;

/// The longest request that is read.
const LONGEST: usize = 64 << 10;

/// A request: what the handler needs of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
}

/// The status port: `GET /`, refused while that fault is on.
pub(super) async fn status(port: u16, board: Arc<Board>) -> Result<()> {
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        while !board.faults().refuse {
            let Ok(accepted) = timeout(Duration::from_millis(50), listener.accept()).await else { continue };
            let board = Arc::clone(&board);
            let Ok((stream, _)) = accepted else { continue };
            tokio::spawn(async move { answer(stream, |_| (200, board.lock().body().to_string())).await });
        }
        drop(listener);
        while board.faults().refuse {
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Reads one request, answers it and closes. Whoever went away does not get an answer.
pub(super) async fn answer(mut stream: TcpStream, handle: impl FnOnce(Request) -> (u16, String)) {
    let Ok(Some(request)) = timeout(Duration::from_secs(5), read(&mut stream)).await else { return };
    let (code, body) = handle(request);
    let _ = respond(&mut stream, code, &body).await;
}

/// Reads one request; nothing where it is not one.
pub(super) async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        if let Some(request) = parse(&bytes) {
            return Some(request);
        }
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        if bytes.len() > LONGEST {
            return None;
        }
    }
}

/// Sends an answer of JSON.
pub(super) async fn respond(stream: &mut TcpStream, code: u16, body: &str) -> Result<()> {
    let reason = if code == 200 { "OK" } else { "Bad Request" };
    let head = format!(
        "HTTP/1.1 {code} {reason}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

/// A complete request, if these bytes are one.
fn parse(bytes: &[u8]) -> Option<Request> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(Some(0), |(_, value)| value.trim().parse().ok())?;
    let body = bytes.get(end + 4..end + 4 + length)?.to_vec();
    Some(Request { method, path, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_complete_with_its_body() {
        let text = b"PUT /faults HTTP/1.1\r\nHost: x\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(parse(&text[..text.len() - 1]), None);
        let request = parse(text).unwrap();
        assert_eq!(
            (request.method.as_str(), request.path.as_str(), request.body.as_slice()),
            ("PUT", "/faults", &b"{}"[..])
        );
        assert_eq!(parse(b"GET / HTTP/1.1\r\n"), None);
        assert_eq!(parse(b"GET / HTTP/1.1\r\n\r\n").unwrap().path, "/");
    }
}
