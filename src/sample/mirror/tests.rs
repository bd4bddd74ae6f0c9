//! The status port of a mirror, asked over the loopback: instances that answer, refuse, talk rubbish or take too long,
//! and what is remembered of those that go on and of those that begin anew.

use super::Sampler;
use crate::config::MirrorTarget;
use cutover_core::Name;
use cutover_core::estate::mongodb::{MirrorStatus, Ts};
use cutover_core::estate::{Content, Estate, Failure, FailureKind, MirrorMemory, Sample, Target};
use cutover_core::settings::MirrorKind;
use cutover_core::time::{Dur, Now, Wall};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// What an instance does when it is asked.
#[derive(Clone)]
enum Manner {
    /// Answers with a status line's code and a body.
    Says(u16, String),
    /// Takes the request and says nothing.
    Silent,
    /// Begins to answer and never comes to the end.
    Trickles,
}

/// An instance's port; its manner may change, and it counts who asks.
#[derive(Clone)]
struct Instance {
    url: Name,
    state: Arc<Mutex<(Manner, u32)>>,
}

impl Instance {
    async fn new(manner: Manner) -> Instance {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/status", listener.local_addr().unwrap()).into();
        let state = Arc::new(Mutex::new((manner, 0)));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, shared.clone()));
            }
        });
        Instance { url, state }
    }

    fn becomes(&self, manner: Manner) {
        self.state.lock().unwrap().0 = manner;
    }

    fn asked(&self) -> u32 {
        self.state.lock().unwrap().1
    }
}

async fn answer(mut stream: TcpStream, state: Arc<Mutex<(Manner, u32)>>) {
    let (mut request, mut chunk) = (Vec::new(), [0; 1024]);
    while !request.windows(4).any(|w| w == b"\r\n\r\n") {
        match stream.read(&mut chunk).await {
            Ok(n) if n > 0 => request.extend_from_slice(&chunk[..n]),
            _ => return,
        }
    }
    let manner = {
        let mut state = state.lock().unwrap();
        state.1 += 1;
        state.0.clone()
    };
    let told = match manner {
        Manner::Says(code, body) => {
            let located = "Location: /elsewhere\r\nConnection: close";
            format!("HTTP/1.1 {code} X\r\n{located}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        }
        Manner::Silent => String::new(),
        Manner::Trickles => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"stage\":".to_owned(),
    };
    let whole = !told.is_empty() && !told.ends_with(':');
    let _ = stream.write_all(told.as_bytes()).await;
    if !whole {
        // Until whoever asked goes away.
        let _ = stream.read(&mut chunk).await;
    }
}

/// A URL where nobody listens: its port is kept from whoever asks for a free one meanwhile.
fn refusing() -> Name {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/status", socket.local_addr().unwrap()).into();
    std::mem::forget(socket);
    url
}

fn status(stage: &str, second: u32) -> Manner {
    let position = Ts::new(second, 7).0;
    Manner::Says(200, format!(r#"{{"stage":"{stage}","details":{{"currentTimestamp":"{position}"}}}}"#))
}

fn sampler(urls: Vec<Name>, timeout: Dur) -> (Sampler, mpsc::Receiver<Sample>) {
    let (samples, taken) = mpsc::channel(1);
    let target = MirrorTarget { kind: MirrorKind::Mongomirror, urls };
    (Sampler { name: "m".into(), target, interval: Dur(20), timeout, samples }, taken)
}

/// What one reading of one instance comes to.
async fn one(manner: Manner) -> Result<MirrorStatus, Failure> {
    let instance = Instance::new(manner).await;
    let (s, _) = sampler(vec![instance.url], Dur::secs(5));
    s.read_once().await.map(|(_, sample)| sample.instances.into_iter().next().unwrap().unwrap())
}

#[tokio::test]
async fn every_instance_is_told_by_itself() {
    let good = Instance::new(status("oplog sync", 1_700_000_000)).await;
    let rubbish = Instance::new(Manner::Says(200, "<html>welcome</html>".into())).await;
    let (late, endless) = (Instance::new(Manner::Silent).await, Instance::new(Manner::Trickles).await);
    let urls = vec![refusing(), rubbish.url, late.url, endless.url, good.url];
    let (s, _) = sampler(urls.clone(), Dur::secs(2));
    let (span, sample) = s.read_once().await.unwrap();
    // Side by side: the two that hang cost their time once.
    let took = span.received - span.sent;
    assert!(took >= Dur(1800) && took < Dur(3700), "{took}");
    let kinds: Vec<_> = sample.instances.iter().map(|i| i.as_ref().map(|_| ()).map_err(|f| f.kind)).collect();
    use FailureKind as K;
    assert_eq!(kinds, [Err(K::Unreachable), Err(K::Protocol), Err(K::Timeout), Err(K::Timeout), Ok(())]);
    for (url, told) in urls.iter().zip(&sample.instances) {
        let said = told.as_ref().err().map(|f| f.message.to_string());
        assert!(said.is_none_or(|said| said.starts_with(&format!("GET {url}: "))), "{told:?}");
    }
    assert_eq!(MirrorMemory::position(&sample), None, "of those that do not answer it is not known");
}

#[tokio::test]
async fn the_position_is_that_of_the_last_of_all_instances() {
    let ahead = Instance::new(status("oplog sync", 1_700_000_050)).await;
    let behind = Instance::new(status("oplog sync", 1_700_000_040)).await;
    let (s, _) = sampler(vec![ahead.url, behind.url], Dur::secs(5));
    let (_, sample) = s.read_once().await.unwrap();
    assert_eq!(MirrorMemory::position(&sample), Some(Ts::new(1_700_000_040, 7)));
}

#[tokio::test]
async fn where_none_answers_the_first_failure_is_told() {
    let rubbish = Instance::new(Manner::Says(200, "{}".into())).await;
    let (s, _) = sampler(vec![refusing(), rubbish.url.clone()], Dur::secs(5));
    assert_eq!(s.read_once().await.unwrap_err().kind, FailureKind::Unreachable);
    let (s, _) = sampler(vec![rubbish.url, refusing()], Dur::secs(5));
    assert_eq!(s.read_once().await.unwrap_err().kind, FailureKind::Protocol);
    let (s, _) = sampler(vec![], Dur::secs(5));
    assert_eq!(&*s.read_once().await.unwrap_err().message, "no instance is configured");
}

#[tokio::test]
async fn the_body_decides_and_a_redirect_is_not_followed() {
    let fine = r#"{"stage":"oplog sync"}"#;
    let failing = r#"{"stage":"oplog sync","errorMessage":"lost mongodb://u:p@h/x"}"#;
    let error = |s: Result<MirrorStatus, Failure>| {
        let MirrorStatus::Mongomirror(s) = s.unwrap();
        s.error.map(|e| e.to_string())
    };
    assert_eq!(error(one(Manner::Says(200, fine.into())).await), None);
    // It stays up on errors, and tells them with whatever code.
    for code in [200, 500] {
        let told = error(one(Manner::Says(code, failing.into())).await);
        assert_eq!(told.as_deref(), Some("lost mongodb://***@h/x"), "{code}");
    }
    let server = |f: Failure| (f.kind, f.message.split(": ").last().unwrap_or_default().to_owned());
    let told = server(one(Manner::Says(503, fine.into())).await.unwrap_err());
    assert_eq!(told, (FailureKind::Server, "HTTP 503".into()), "a good status with a bad code is none");
    let redirects = Instance::new(Manner::Says(302, fine.into())).await;
    let (s, _) = sampler(vec![redirects.url.clone()], Dur::secs(5));
    assert_eq!(server(s.read_once().await.unwrap_err()), (FailureKind::Server, "HTTP 302".into()));
    assert_eq!(redirects.asked(), 1);
    let endless = format!(r#"{{"stage":"oplog sync","phase":"{}"}}"#, "x".repeat(2 * 1024 * 1024));
    assert_eq!(one(Manner::Says(200, endless)).await.unwrap_err().kind, FailureKind::Protocol);
}

/// Takes in so many samples.
async fn take(estate: &mut Estate, taken: &mut mpsc::Receiver<Sample>, samples: usize) {
    for _ in 0..samples {
        let sample = taken.recv().await.unwrap();
        assert_eq!(sample.target, Target::Mirror("m".into()));
        let now = Now { mono: sample.span.received, wall: Wall(1_790_000_000_000 + sample.span.received.0) };
        estate.apply(sample, now);
    }
}

#[tokio::test]
async fn repeated_reads_are_one_refresh_and_a_fall_is_another_run() {
    let instance = Instance::new(status("oplog sync", 1_700_000_000)).await;
    let (s, mut taken) = sampler(vec![instance.url.clone()], Dur::secs(5));
    let mut tasks = JoinSet::new();
    s.spawn(&mut tasks);
    let mut estate = Estate::new();
    take(&mut estate, &mut taken, 4).await;
    let of = |estate: &Estate| estate.mirror("m").map(|m| (m.refreshes(), m.restarts(), m.run())).unwrap();
    let (refreshes, restarts, run) = of(&estate);
    assert_eq!((refreshes, restarts), (1, 0), "one position, read four times");
    let reached = |estate: &Estate, ts| estate.mirror("m").and_then(|m| m.reached(ts));
    assert!(reached(&estate, Ts::new(1_700_000_000, 7)).is_some());
    assert_eq!(reached(&estate, Ts::new(1_700_000_000, 8)), None, "not an ordinal more");
    instance.becomes(status("oplog sync", 1_700_000_010));
    // One may be on its way already.
    take(&mut estate, &mut taken, 4).await;
    assert_eq!(of(&estate), (2, 0, run), "the same run, one refresh more");

    // It does not answer for a while, which begins nothing anew.
    instance.becomes(Manner::Says(502, String::new()));
    take(&mut estate, &mut taken, 4).await;
    let failing = |estate: &Estate| estate.health()[&Target::Mirror("m".into())].failing.is_some();
    assert!(failing(&estate));
    instance.becomes(status("oplog sync", 1_700_000_010));
    take(&mut estate, &mut taken, 4).await;
    assert_eq!((failing(&estate), of(&estate)), (false, (2, 0, run)));

    // Started again: it copies first, and what it had reached before says nothing any more.
    instance.becomes(status("initial sync", 1_700_000_010));
    take(&mut estate, &mut taken, 4).await;
    let (refreshes, restarts, anew) = of(&estate);
    assert_eq!((refreshes, restarts), (1, 1));
    assert!(anew > run);
    // And with a position that has fallen, in the same stage.
    instance.becomes(status("oplog sync", 1_700_000_020));
    take(&mut estate, &mut taken, 4).await;
    instance.becomes(status("oplog sync", 1_700_000_005));
    take(&mut estate, &mut taken, 4).await;
    let (refreshes, restarts, _) = of(&estate);
    assert_eq!((refreshes, restarts), (1, 2));
    assert_eq!(reached(&estate, Ts::new(1_700_000_010, 7)), None);

    // It ends when nobody takes samples any more.
    drop(taken);
    tokio::time::timeout(Duration::from_secs(10), tasks.join_next()).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_sample_that_hangs_is_told_within_its_time() {
    let late = Instance::new(Manner::Silent).await;
    let (s, mut taken) = sampler(vec![late.url], Dur(300));
    let mut tasks = JoinSet::new();
    s.spawn(&mut tasks);
    for _ in 0..2 {
        let sample = taken.recv().await.unwrap();
        assert!(matches!(&sample.outcome, Err(f) if f.kind == FailureKind::Timeout), "{:?}", sample.outcome);
        assert!(sample.span.received - sample.span.sent < Dur::secs(2));
    }
}

#[tokio::test]
async fn what_is_sampled_is_the_content_of_a_mirror() {
    let instance = Instance::new(status("oplog sync", 1_700_000_000)).await;
    let (s, mut taken) = sampler(vec![instance.url], Dur::secs(5));
    let mut tasks = JoinSet::new();
    s.spawn(&mut tasks);
    let sample = taken.recv().await.unwrap();
    assert!(sample.span.sent <= sample.span.received);
    assert!(matches!(sample.outcome, Ok(Content::Mirror(m)) if m.instances.len() == 1));
}
