//! Boards made by hand, a server that shows them, and a client that speaks HTTP by itself.

use crate::agent::{Denied, Handle, Published, Request, Taken};
use crate::clock;
use crate::serve::{Tokens, serve};
use arc_swap::ArcSwap;
use cutover_core::Name;
use cutover_core::estate::{Side, Target};
use cutover_core::facts::How;
use cutover_core::gate::board::{Answer, Board, CheckBoard, Life, StepBoard, TrackBoard, Verdict};
use cutover_core::gate::ops::Op;
use cutover_core::measures::{
    ClusterMeasures, DeploymentMeasures, Measures, MirrorMeasures, PairMeasures, TargetMeasures,
};
use cutover_core::playbook;
use cutover_core::reading::{Basis, Code, Finding, Qty, Reading, Subject, Tri};
use cutover_core::settings::{Home, Relaxation, Settings, Track};
use cutover_core::time::{Dur, Mono, Now, Span, Wall};
use cutover_kafka::Secret;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

pub(super) const TOKEN: &str = "0123456789abcdef-alice";

/// An instant that snapshots can show.
pub(super) fn noon() -> Now {
    Now { mono: Mono(1_000_000), wall: Wall(1_795_348_800_000) }
}

pub(super) fn settings() -> Settings {
    Settings {
        migration: "shop-prod".into(),
        attempt: 1,
        config_hash: "c0ffee".into(),
        faster: 1,
        tracks: BTreeSet::from([Track::Kafka]),
        skip: BTreeMap::new(),
        after: BTreeMap::new(),
        pace: Dur::mins(10),
        joint: false,
        dwell: BTreeMap::new(),
        requirements_enforced: false,
        mongodb: None,
        probes: BTreeMap::new(),
        kafka: None,
        relaxations: vec![Relaxation {
            path: "kafka.ignored.shop.old-rtu".into(),
            reason: "decommissioned in May".into(),
            tracks: vec![Track::Kafka],
        }],
    }
}

pub(super) fn no(f: Finding, now: Now) -> Reading {
    let span = Span { sent: now.mono - Dur::secs(2), received: now.mono };
    Reading::of(f, Some(Basis { span, until: now.mono + Dur::secs(13) }))
}

pub(super) fn check(step: &str, id: &str, reading: Reading, now: Now) -> CheckBoard {
    let step = playbook::step(step).unwrap();
    let u = step.ready.iter().chain(step.done).find(|u| u.check.id == id).unwrap();
    CheckBoard {
        unrefuted: None,
        check: u.check,
        advisory: u.advisory,
        left_out: false,
        is: reading.is,
        age: reading.basis.map(|b| now.mono - b.span.sent),
        reading: Arc::new(reading),
        dwelt: Dur::ZERO,
        need: Dur::ZERO,
        since: None,
        shorter: None,
    }
}

pub(super) fn answer(verdict: Verdict, now: Now) -> Answer {
    Answer {
        verdict,
        settled: None,
        took_effect: false,
        blockers: vec![],
        checks: vec![],
        until: now.mono + Dur::secs(13),
        earliest_go: None,
    }
}

/// switch-producers done, stop-consumers draining, start-consumers go, retire-source not known.
pub(super) fn published(now: Now) -> Published {
    let at = |id: &'static str| Subject::Step(id);
    let yes = Reading::of(Finding::yes(Code::Ok, Subject::Whole), None);
    let draining = Finding::no(
        Code::Draining,
        Subject::Pair(Side::Source, "shop.rtu".into(), "shop.crm.orders.ingestion".into(), vec![0, 3]),
    )
    .seen(Qty::Count(1204, "records behind"))
    .detail("falling 310/s, zero in about 4 s")
    .wait(Dur::secs(4));
    let stuck = Finding::no(
        Code::Abandoned,
        Subject::Pair(Side::Source, "shop.svc".into(), "shop.crm.orders.sv-trigger".into(), vec![1]),
    )
    .seen(Qty::Count(7, "records behind"))
    .fix("cutover-agent accept-offset shop.svc shop.crm.orders.sv-trigger 1 --reason …");
    let drained = no(draining, now).and(no(stuck, now));
    let mut dwelling = check("stop-consumers", "ingestion-idle", yes.clone(), now);
    dwelling.is = Tri::No;
    (dwelling.dwelt, dwelling.need, dwelling.since) = (Dur::secs(20), Dur::secs(60), Some(now.wall - Dur::secs(20)));
    let hidden =
        Finding::unknown(Code::Timeout, Subject::Side(Side::Source)).detail("DescribeCluster to 10.0.0.1:9092");

    let done = Answer {
        settled: Some(Code::AlreadyDone),
        blockers: vec![Finding::no(Code::AlreadyDone, at("switch-producers")).seen(Qty::At(now.wall - Dur::mins(30)))],
        ..answer(Verdict::NoGo, now)
    };
    let draining = Answer {
        checks: vec![
            check("stop-consumers", "visible", no(hidden, now), now),
            check("stop-consumers", "drained", drained, now),
            dwelling,
        ],
        earliest_go: Some(now.wall + Dur::secs(64)),
        ..answer(Verdict::NoGo, now)
    };
    let unknown = Answer {
        blockers: vec![Finding::unknown(Code::Unclaimed, at("retire-source")).fix("cutover-agent begin retire-source")],
        ..answer(Verdict::Unknown, now)
    };
    let go = Answer { checks: vec![check("start-consumers", "seeded", yes, now)], ..answer(Verdict::Go, now) };
    let step = |id: &str, position, life, ready: Answer, done: Answer| StepBoard {
        step: playbook::step(id).unwrap(),
        position,
        life,
        undone_total: 0,
        ready,
        done,
        adoptable: false,
    };
    let how = How::Claimed { author: "alice".into(), reason: None };
    let not_done =
        || Answer { blockers: vec![Finding::no(Code::NotBegun, at("stop-consumers"))], ..answer(Verdict::NoGo, now) };
    let since = now.wall - Dur::mins(30);
    Published {
        board: Board {
            at: now,
            tracks: vec![TrackBoard { track: Track::Kafka, downtime: None }],
            steps: vec![
                step("switch-producers", 1, Life::Done(since, how), done, answer(Verdict::Go, now)),
                step("stop-consumers", 2, Life::Pending, draining, not_done()),
                step("start-consumers", 3, Life::Pending, go, not_done()),
                step("retire-source", 4, Life::Pending, unknown, not_done()),
            ],
        },
        measures: measures(now),
        settings: Arc::new(settings()),
        journal: None,
        suspect: None,
        started: Now { mono: now.mono - Dur::hours(1), wall: now.wall - Dur::hours(1) },
        history: Arc::new((0..5).map(|i| Name::from(format!("{{\"fact\":\"x\",\"n\":{i}}}"))).collect()),
        simulated: false,
    }
}

fn measures(now: Now) -> Measures {
    let pair = |lag| PairMeasures {
        lag,
        lag_time: lag.map(|_| Dur(1500)),
        unknown_partitions: Some(u64::from(lag.is_none())),
        members: Some(BTreeMap::from([(Home::Source, 2), (Home::Destination, 0)])),
    };
    let topic = || Name::from("shop.crm.orders.ingestion");
    Measures {
        clusters: BTreeMap::from([(
            Side::Source,
            ClusterMeasures { topics: 1, topics_outside: 2, groups: 2, groups_outside: 3 },
        )]),
        pairs: BTreeMap::from([
            ((Side::Source, "shop.rtu".into(), topic()), pair(Some(1204))),
            ((Side::Source, "sho\"p\\.svc".into(), topic()), pair(None)),
        ]),
        end_offsets: BTreeMap::from([((Side::Source, topic()), 123_456_789_012)]),
        deployments: BTreeMap::from([(
            Side::Source,
            DeploymentMeasures {
                window: Some(Dur::hours(9)),
                last_write: Some(now.wall),
                transactions: Some(0),
                write_block: None,
                clients: Some(BTreeMap::from([(("writer", Home::Source), 3)])),
            },
        )]),
        mirrors: BTreeMap::from([(
            "all".into(),
            MirrorMeasures { lag: Some(Dur::ZERO), headroom: Some(Dur::hours(9)), restarts: 1, refreshes: 7 },
        )]),
        targets: BTreeMap::from([
            (
                Target::Kafka(Side::Source),
                TargetMeasures { up: true, samples: 9, last_success: Some(now.wall), ..TargetMeasures::default() },
            ),
            (
                Target::Kafka(Side::Destination),
                TargetMeasures { samples: 3, failures: BTreeMap::from([("timeout", 3)]), ..TargetMeasures::default() },
            ),
        ]),
    }
}

/// A server on a free port, with `alice`'s token unless told otherwise.
pub(super) struct Server {
    pub(super) at: SocketAddr,
    pub(super) handle: Handle,
    pub(super) stop: watch::Sender<bool>,
    pub(super) task: tokio::task::JoinHandle<()>,
    pub(super) asked: Arc<std::sync::Mutex<Vec<(Name, Name, Op)>>>,
}

impl Server {
    pub(super) async fn showing(p: Option<Published>) -> Server {
        let tokens = [("alice", TOKEN), ("bob", "0123456789abcdef-bobby")];
        let tokens = tokens.map(|(n, t)| (Name::from(n), Secret::new(t)));
        Server::with(p, tokens.into_iter().collect(), |_, p| Ok(p)).await
    }

    /// `answers` stands for the agent.
    pub(super) async fn with(
        p: Option<Published>,
        tokens: Tokens,
        answers: impl Fn(&Op, Arc<Published>) -> Result<Arc<Published>, Denied> + Send + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (requests, mut taken) = mpsc::channel::<Request>(4);
        let handle = Handle {
            published: Arc::new(ArcSwap::from_pointee(p.map(Arc::new))),
            requests,
            clock: clock::Clock::Machine,
        };
        let (stop, stopped) = watch::channel(false);
        let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (seen, shown) = (asked.clone(), handle.clone());
        tokio::spawn(async move {
            while let Some(r) = taken.recv().await {
                let answer = answers(&r.op, shown.board().unwrap());
                let said = matches!(r.op, Op::Confirm { .. }).then(|| "what was taken".to_owned());
                seen.lock().unwrap().push((r.author, r.reason, r.op));
                let _ = r.reply.send(answer.map(|published| Taken { published, said }));
            }
        });
        let task = tokio::spawn(serve(listener, handle.clone(), tokens, stopped));
        Server { at, handle, stop, task, asked }
    }

    pub(super) async fn raw(&self, request: &str) -> Reply {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        // Where the server closes with bytes unread, the reply may be followed by a reset.
        let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await.unwrap();
        Reply::parse(&String::from_utf8(bytes).unwrap())
    }

    pub(super) async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        let n = body.len();
        self.raw(&format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {n}\r\n{headers}\r\n{body}"
        ))
        .await
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, "", "").await
    }

    pub(super) async fn post(&self, path: &str, body: &str) -> Reply {
        self.ask("POST", path, &format!("Authorization: Bearer {TOKEN}\r\n"), body).await
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Reply {
    fn parse(text: &str) -> Reply {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|l| l.split(' ').nth(1)).and_then(|s| s.parse().ok()).unwrap_or(0);
        let headers = lines.filter_map(|l| l.split_once(": ")).map(|(k, v)| (k.to_lowercase(), v.to_owned()));
        Reply { status, headers: headers.collect(), body: body.to_owned() }
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// The board of now.
pub(super) fn fresh() -> Published {
    published(clock::now())
}
