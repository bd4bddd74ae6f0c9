use super::world::{Server, fresh};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn malformed_requests_are_refused_and_harm_nobody() {
    let s = Server::showing(Some(fresh())).await;
    for (request, status) in [
        ("NONSENSE\r\n\r\n".to_owned(), 400),
        ("GET /ready/start-consumers HTTP/9.9\r\n\r\n".to_owned(), 400),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(70_000)), 414),
        (format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(200)), 431),
        ("POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: nine\r\n\r\n".to_owned(), 400),
    ] {
        let r = s.raw(&request).await;
        assert!(r.status == status || r.status == 431, "{} for {:.60}", r.status, request);
        assert_ne!(r.header("cutover-verdict"), "go");
    }
    let garbage = s.raw("\u{1}\u{2}\u{3}\r\n\r\n\r\n").await;
    assert_ne!(garbage.status, 200);
    assert_eq!(s.get("/livez").await.status, 200);
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let s = Server::showing(Some(fresh())).await;
    let two = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let r = s.raw(two).await;
    assert_eq!(r.status, 200);
    assert!(r.body.contains("HTTP/1.1 200"), "{}", r.body);
}

#[tokio::test(start_paused = true)]
async fn slow_heads_and_idle_connections_are_closed() {
    let s = Server::showing(Some(fresh())).await;
    for start in ["GET /livez HTTP/1.1\r\nHo", ""] {
        let mut stream = TcpStream::connect(s.at).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let begun = tokio::time::Instant::now();
        stream.read_to_end(&mut rest).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(60), "{start:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_ends() {
    let s = Server::showing(Some(fresh())).await;
    let r = s
        .raw(&format!(
            "POST /hold HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 20\r\n\r\n{{",
            super::world::TOKEN
        ))
        .await;
    assert_eq!(r.status, 408, "{}", r.body);
    assert!(s.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn shutdown_ends_idle_connections_and_stops_listening() {
    let s = Server::showing(Some(fresh())).await;
    let mut idle = TcpStream::connect(s.at).await.unwrap();
    idle.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut buffer = [0; 512];
    let n = idle.read(&mut buffer).await.unwrap();
    assert!(buffer[..n].starts_with(b"HTTP/1.1 200"));
    s.stop.send(true).unwrap();
    tokio::time::timeout(Duration::from_secs(60), s.task).await.unwrap().unwrap();
    assert_eq!(idle.read(&mut buffer).await.unwrap_or(0), 0);
    assert!(TcpStream::connect(s.at).await.is_err());
}

#[tokio::test]
async fn an_agent_that_does_not_take_requests_says_so() {
    let mut s = Server::showing(Some(fresh())).await;
    let (requests, gone) = tokio::sync::mpsc::channel(1);
    drop(gone);
    s.handle.requests = requests;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let tokens = [("alice".into(), cutover_kafka::Secret::new(super::world::TOKEN))].into_iter().collect();
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(crate::serve::serve(listener, s.handle.clone(), tokens, stopped));
    s.at = at;
    let r = s.post("/begin/start-consumers", "").await;
    assert_eq!(r.status, 503);
    assert!(r.body.contains("shutting down"), "{}", r.body);
}

#[tokio::test]
async fn connections_are_bounded_and_the_next_one_waits() {
    let s = Server::showing(Some(fresh())).await;
    let mut idle = Vec::new();
    for _ in 0..crate::serve::CONNECTIONS {
        idle.push(TcpStream::connect(s.at).await.unwrap());
    }
    let late = s.get("/livez");
    tokio::pin!(late);
    assert!(tokio::time::timeout(Duration::from_millis(300), late.as_mut()).await.is_err());
    drop(idle.pop());
    assert_eq!(tokio::time::timeout(Duration::from_secs(60), late).await.unwrap().status, 200);
}
