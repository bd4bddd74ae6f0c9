//! The main loop with a real journal and a recorder, fed with simulated samples.

use super::{Agent, Denied, Handle, Parts, Request, Taken};
use crate::journal_file::{FileDisk, JOURNAL};
use crate::journal_folder::Opened;
use crate::record::{Recorder, Recording};
use crate::rehearse::Replay;
use cutover_core::estate::{Content, Sample, Side, Target};
use cutover_core::gate::ops::Op;
use cutover_core::journal::{Identity, Journal};
use cutover_core::time::{Mono, Span};
use cutover_sim::model::Model;
use cutover_sim::sampler::{Draft, ORDER};
use cutover_sim::scenario::Scenario;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

fn sample(m: &Model, side: Side) -> Sample {
    let now = crate::clock::now().mono;
    let mut draft = Draft::new(side, now.0, now);
    ORDER.into_iter().for_each(|part| draft.read(part, m, now, now));
    let span = Span { sent: now, received: Mono(now.0) };
    Sample { target: Target::Kafka(side), span, outcome: Ok(Content::Kafka(Box::new(draft.sample))) }
}

/// An agent under way, recorded, on an estate that stands still by itself.
struct Running {
    m: Model,
    samples: mpsc::Sender<Sample>,
    handle: Handle,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
    file: PathBuf,
    /// Boards that were seen, in order.
    seen: Vec<String>,
}

impl Running {
    fn start(folder: &Path) -> Running {
        let file = folder.join("a.rec");
        let scenario = Scenario::parse("topic a.ingestion 1\ntopic a.pr-update 2\n").unwrap();
        let settings = Arc::new(cutover_sim::world::settings(&scenario));
        let disk = FileDisk::open(&folder.join("data")).unwrap();
        let (journal, records, _) = Journal::open(disk, Identity::new("simulated", 1).unwrap()).unwrap();
        let opened = Opened { journal, records, suspect: Some("THE JOURNAL BEGINS EMPTY".into()) };
        let (samples, taken) = mpsc::channel(8);
        let (demands, _) = watch::channel(BTreeSet::new());
        let (stop, stopped) = watch::channel(false);
        let recorder = Some(Recorder::open(&file, 1 << 24).unwrap());
        let hold_file = Some(folder.join("hold"));
        let parts = Parts { settings, opened, samples: taken, demands, hold_file, recorder };
        let (agent, handle) = Agent::new(parts).unwrap();
        let running = tokio::spawn(agent.run(stopped));
        let mut m = Model::new(1);
        Side::BOTH.into_iter().for_each(|side| m.create(side, "a.ingestion", 1, -1));
        Running { m, samples, handle, stop, running, file, seen: Vec::new() }
    }

    /// Something is written, and both sides are sampled.
    async fn round(&mut self) {
        self.m.log_mut(Side::Source, "a.ingestion", 0).unwrap().append(2, None, false, 0);
        for side in Side::BOTH {
            let before = self.handle.board().map(|p| p.board.at);
            self.samples.send(sample(&self.m, side)).await.unwrap();
            self.until(|p| Some(p.board.at) != before).await;
        }
    }

    async fn until(&mut self, is: impl Fn(&super::Published) -> bool) {
        loop {
            if let Some(p) = self.handle.board() {
                let board = format!("{:?}", p.board);
                if self.seen.last() != Some(&board) {
                    self.seen.push(board);
                }
                if is(&p) {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn hold(&self, reason: &str) -> Result<Taken, Denied> {
        let (reply, answer) = oneshot::channel();
        let op = Op::Hold { step: None };
        let request = Request { author: "a".into(), reason: reason.into(), op, reply };
        self.handle.requests.send(request).await.unwrap();
        answer.await.unwrap()
    }

    /// Ends it. Every board that was seen is in the recording, in order, the last one last; and the facts are the
    /// journal's.
    async fn ends(self) -> String {
        self.stop.send_replace(true);
        self.running.await.unwrap();
        let published = self.handle.board().unwrap();
        let last = format!("{:?}", published.board);
        let mut recording = Recording::open(&self.file).unwrap();
        let (mut replay, mut boards) = (Replay::new(None), Vec::new());
        while let Some(entry) = recording.next().unwrap() {
            boards.extend(replay.apply(&entry).unwrap().map(|b| format!("{b:?}")));
        }
        let facts: Vec<String> = replay.fresh.iter().map(|f| serde_json::to_string(f).unwrap()).collect();
        let journaled: Vec<String> = published.history.iter().map(ToString::to_string).collect();
        assert_eq!(facts, journaled);
        let mut rest = boards.iter();
        for (i, board) in self.seen.iter().enumerate() {
            assert!(rest.any(|b| b == board), "board {i} is not there\n{board}");
        }
        assert_eq!(boards.last(), Some(&last));
        last
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_running_agent_records_gives_its_own_boards_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut a = Running::start(folder.path());
    for _ in 0..3 {
        a.round().await;
    }
    assert!(a.hold("lunch").await.is_ok());
    std::fs::write(folder.path().join("hold"), "the file says so too").unwrap();
    assert_eq!(a.handle.board().unwrap().suspect.as_deref(), Some("THE JOURNAL BEGINS EMPTY"));
    a.until(|p| format!("{:?}", p.board).contains("the file says so too")).await;
    assert!(a.ends().await.contains("lunch"), "what people did is part of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_disk_failed_for_a_while_gives_its_own_boards_and_facts_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut a = Running::start(folder.path());
    a.round().await;
    let journal = folder.path().join("data").join(JOURNAL);
    let aside = folder.path().join("aside");
    // A person asks first: nothing else is to be written yet, and the request itself finds out.
    std::fs::rename(&journal, &aside).unwrap();
    assert!(matches!(a.hold("never on the disk").await, Err(Denied::Journal(_))));
    std::fs::rename(&aside, &journal).unwrap();
    a.until(|p| p.journal.is_none()).await;
    // An evaluation has facts that are not taken: a topic is seen for the first time.
    std::fs::rename(&journal, &aside).unwrap();
    a.m.create(Side::Source, "a.pr-update", 2, -1);
    a.round().await;
    a.until(|p| p.journal.is_some()).await;
    a.round().await;
    assert!(matches!(a.hold("not while it cannot be written").await, Err(Denied::Journal(_))));
    std::fs::rename(&aside, &journal).unwrap();
    a.until(|p| p.journal.is_none()).await;
    a.round().await;
    assert!(a.hold("on the disk").await.is_ok());
    let last = a.ends().await;
    assert!(last.contains("on the disk") && !last.contains("never on the disk"), "{last}");
}
