//! The main loop with a real journal and a recorder, fed with simulated samples.

use super::{Agent, Parts, Request};
use crate::journal_file::FileDisk;
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
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

fn sample(m: &Model, side: Side) -> Sample {
    let now = crate::clock::now().mono;
    let mut draft = Draft::new(side, now.0, now);
    ORDER.into_iter().for_each(|part| draft.read(part, m, now, now));
    let span = Span { sent: now, received: Mono(now.0) };
    Sample { target: Target::Kafka(side), span, outcome: Ok(Content::Kafka(Box::new(draft.sample))) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_running_agent_records_gives_its_own_boards_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.rec");
    let hold = folder.path().join("hold");
    let scenario = Scenario::parse("topic a.ingestion 1\ntopic a.pr-update 2\n").unwrap();
    let settings = Arc::new(cutover_sim::world::settings(&scenario));
    let disk = FileDisk::open(&folder.path().join("data")).unwrap();
    let (journal, records, _) = Journal::open(disk, Identity::new("simulated", 1).unwrap()).unwrap();
    let opened = Opened { journal, records, suspect: Some("THE JOURNAL BEGINS EMPTY".into()) };
    let (samples, taken) = mpsc::channel(8);
    let (demands, _wanted) = watch::channel(BTreeSet::new());
    let (stop, stopped) = watch::channel(false);
    let recorder = Some(Recorder::open(&file, 1 << 24).unwrap());
    let hold_file = Some(hold.clone());
    let parts = Parts { settings, opened, samples: taken, demands, hold_file, recorder };
    let (agent, handle) = Agent::new(parts).unwrap();
    let running = tokio::spawn(agent.run(stopped));

    let mut m = Model::new(1);
    for side in Side::BOTH {
        m.create(side, "a.ingestion", 1, -1);
    }
    for _ in 0..3 {
        m.log_mut(Side::Source, "a.ingestion", 0).unwrap().append(2, None, false, 0);
        for side in Side::BOTH {
            samples.send(sample(&m, side)).await.unwrap();
        }
    }
    let (reply, answer) = oneshot::channel();
    let op = Op::Hold { step: None };
    handle.requests.send(Request { author: "a".into(), reason: "lunch".into(), op, reply }).await.unwrap();
    assert!(answer.await.unwrap().is_ok());
    std::fs::write(&hold, "the file says so too").unwrap();
    assert_eq!(handle.board().unwrap().suspect.as_deref(), Some("THE JOURNAL BEGINS EMPTY"));
    let held = |p: &Arc<super::Published>| format!("{:?}", p.board).contains("the file says so too");
    while !handle.board().is_some_and(|p| held(&p)) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.send_replace(true);
    running.await.unwrap();

    let last = format!("{:?}", handle.board().unwrap().board);
    let mut recording = Recording::open(&file).unwrap();
    let (mut replay, mut board) = (Replay::new(None), None);
    while let Some(entry) = recording.next().unwrap() {
        board = replay.apply(&entry).unwrap().or(board);
    }
    assert_eq!(format!("{:?}", board.unwrap()), last);
    assert!(last.contains("lunch"), "what people did is part of it");
}
