//! What stands around the simulation's agent in a rehearsal: the real journal in a real file, the real surfaces, and
//! the names that the destination gives to what moves there.

use super::plan::Plan;
use crate::agent::{About, HISTORY, Published};
use crate::journal_file::FileDisk;
use crate::record::Recorder;
use arc_swap::ArcSwap;
use cutover_core::Name;
use cutover_core::estate::{Content, Estate, Sample, Side, Target};
use cutover_core::facts::{Fact, Facts};
use cutover_core::gate::board::Board;
use cutover_core::gate::ops::{Op, taken};
use cutover_core::journal::{Identity, Journal};
use cutover_core::reading::Demand;
use cutover_core::settings::{KafkaSettings, Settings};
use cutover_core::time::Now;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// What the drive reads of what happened outside the world.
#[derive(Debug, Default)]
pub(super) struct Mail {
    /// Facts since it was last read.
    pub(super) facts: Vec<Fact>,
    /// What the last request of a person made true, in words.
    pub(super) said: Option<String>,
    /// Why the rehearsal cannot go on.
    pub(super) broken: Option<String>,
    /// Why nothing is recorded any more.
    pub(super) unrecorded: Option<String>,
}

/// The surroundings.
#[derive(Debug)]
pub(super) struct Outside {
    settings: Arc<Settings>,
    mail: Rc<RefCell<Mail>>,
    disk: Disk,
    published: Arc<ArcSwap<Option<Arc<Published>>>>,
    history: Arc<Vec<Name>>,
    started: Option<Now>,
    recorder: Option<Recorder>,
    /// The process has just started, with these facts.
    fresh: Option<Vec<String>>,
    /// A request that was accepted, until its facts are written: by whom, why, what, and when.
    accepted: Option<(Name, Name, Op, Now)>,
}

/// Where facts go.
#[derive(Debug)]
enum Disk {
    /// Nowhere: only a silent run in between.
    Memory(Vec<String>),
    /// A journal in a folder; none while its agent is down.
    File { folder: PathBuf, identity: Identity, journal: Option<Journal<FileDisk>> },
}

impl Outside {
    /// Opens an empty journal in `folder`.
    ///
    /// # Errors
    /// The folder cannot be used, or holds the journal of an earlier rehearsal.
    pub(super) fn open(
        folder: &Path,
        plan: &Plan,
        published: Arc<ArcSwap<Option<Arc<Published>>>>,
    ) -> Result<Outside, String> {
        let settings = &plan.settings;
        let identity = Identity::new(settings.migration.to_string(), settings.attempt).map_err(|e| e.to_string())?;
        let (journal, kept) = open(folder, &identity)?;
        if !kept.is_empty() {
            return Err(format!(
                "{} holds the journal of an earlier rehearsal; remove it, or name another folder with --data-dir",
                folder.display()
            ));
        }
        let disk = Disk::File { folder: folder.to_owned(), identity, journal: Some(journal) };
        let mut outside = Outside::silent(plan);
        (outside.disk, outside.published) = (disk, published);
        Ok(outside)
    }

    /// Surroundings that nobody looks at.
    pub(super) fn silent(plan: &Plan) -> Outside {
        Outside {
            settings: plan.settings.clone(),
            mail: Rc::default(),
            disk: Disk::Memory(Vec::new()),
            published: Arc::new(ArcSwap::from_pointee(None)),
            history: Arc::default(),
            started: None,
            recorder: None,
            fresh: Some(Vec::new()),
            accepted: None,
        }
    }

    /// With everything the agent decides by recorded.
    pub(super) fn recorded(mut self, recorder: Option<Recorder>) -> Outside {
        self.recorder = recorder;
        self
    }

    /// The recorder, once the process that it records has said that it started.
    fn recording(&mut self, now: Now) -> Option<&mut Recorder> {
        if let Some(why) = self.recorder.as_ref().and_then(Recorder::stopped) {
            self.mail.borrow_mut().unrecorded = Some(why.to_owned());
            self.recorder = None;
        }
        let r = self.recorder.as_mut()?;
        if let Some(facts) = self.fresh.take() {
            r.start(now, &self.settings, &facts);
        }
        Some(r)
    }

    /// Where the drive reads what happened.
    pub(super) fn mail(&self) -> Rc<RefCell<Mail>> {
        self.mail.clone()
    }

    /// What readers are shown.
    pub(super) fn published(&self) -> Arc<ArcSwap<Option<Arc<Published>>>> {
        self.published.clone()
    }

    fn broke(&self, why: impl ToString) {
        self.mail.borrow_mut().broken.get_or_insert(why.to_string());
    }

    fn write(&mut self, lines: &[String]) -> Result<(), String> {
        match &mut self.disk {
            Disk::Memory(kept) => kept.extend_from_slice(lines),
            Disk::File { journal: Some(journal), .. } => journal.append(lines).map_err(|e| e.to_string())?,
            Disk::File { journal: None, folder, .. } => return Err(format!("{} is not open", folder.display())),
        }
        Ok(())
    }

    fn read_back(&mut self, lost: bool) -> Result<Vec<String>, String> {
        match &mut self.disk {
            Disk::Memory(kept) => {
                if lost {
                    kept.clear();
                }
                Ok(kept.clone())
            }
            Disk::File { folder, identity, journal } => {
                // The process has ended: its lock is gone, and what it knew.
                *journal = None;
                if lost {
                    let file = folder.join(crate::journal_file::JOURNAL);
                    std::fs::remove_file(&file).map_err(|e| format!("cannot remove {}: {e}", file.display()))?;
                }
                let (again, kept) = open(folder, identity)?;
                *journal = Some(again);
                Ok(kept)
            }
        }
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        // What is left may be too long.
        if let Some(why) = self.recorder.take().and_then(Recorder::finish) {
            eprintln!("the recording ended before the rehearsal did: {why}");
        }
    }
}

fn open(folder: &Path, identity: &Identity) -> Result<(Journal<FileDisk>, Vec<String>), String> {
    let disk = FileDisk::open(folder).map_err(|e| e.to_string())?;
    let (journal, records, _) = Journal::open(disk, identity.clone()).map_err(|e| e.to_string())?;
    Ok((journal, records.into_iter().map(|r| r.payload).collect()))
}

impl cutover_sim::agent::Outside for Outside {
    fn append(&mut self, facts: &[Fact], lines: &[String]) -> bool {
        let accepted = self.accepted.take();
        if let Err(e) = self.write(lines) {
            self.broke(format!("facts cannot be written to the journal: {e}"));
            return false;
        }
        let history = Arc::make_mut(&mut self.history);
        history.extend(lines.iter().map(|l| Name::from(l.as_str())));
        let drop = history.len().saturating_sub(HISTORY);
        history.drain(..drop);
        if let Some((author, reason, op, now)) = accepted
            && let Some(r) = self.recording(now)
        {
            r.asked(now, &author, &reason, &op, Some(facts));
        }
        self.mail.borrow_mut().facts.extend_from_slice(facts);
        true
    }

    fn reopen(&mut self, lost: bool) -> Vec<String> {
        let lines = self.read_back(lost).unwrap_or_else(|e| {
            self.broke(e);
            Vec::new()
        });
        self.started = None;
        self.fresh = Some(lines.clone());
        self.history = Arc::new(lines.iter().map(|l| Name::from(l.as_str())).collect());
        lines
    }

    fn taking(&mut self, sample: &mut Sample, now: Now) {
        if let (Target::Kafka(Side::Destination), Some(k)) = (&sample.target, &self.settings.kafka) {
            rename(sample, k);
        }
        if let Some(r) = self.recording(now) {
            r.sample(now, sample);
        }
    }

    fn turning(&mut self, now: Now) {
        if let Some(r) = self.recording(now) {
            r.turn(now);
        }
    }

    fn asked(&mut self, by: &(Name, Name), op: &Op, facts: Option<&[Fact]>, now: Now) {
        let (author, reason) = by;
        match facts {
            Some(facts) => {
                self.mail.borrow_mut().said = taken(facts);
                self.accepted = Some((author.clone(), reason.clone(), op.clone(), now));
            }
            None => {
                if let Some(r) = self.recording(now) {
                    r.asked(now, author, reason, op, None);
                }
            }
        }
    }

    fn asking(&mut self, demands: BTreeSet<Demand>) -> BTreeSet<Demand> {
        match &self.settings.kafka {
            Some(k) if renames(k) => demands.into_iter().map(|d| asked(d, k)).collect(),
            _ => demands,
        }
    }

    fn publishing(&mut self, board: &Board, estate: &Estate, facts: &Facts) {
        if let Some(r) = self.recording(board.at) {
            r.turned(board, None);
        }
        if matches!(self.disk, Disk::Memory(_)) {
            return;
        }
        let about = About {
            journal: None,
            suspect: None,
            started: *self.started.get_or_insert(board.at),
            history: self.history.clone(),
            simulated: true,
        };
        let shown = Published::of(board.clone(), estate, facts, &self.settings, about);
        self.published.store(Arc::new(Some(Arc::new(shown))));
    }
}

fn renames(k: &KafkaSettings) -> bool {
    !(k.rename_topics.is_empty() && k.rename_groups.is_empty())
}

/// Gives what a destination sample lists the names it has there: the model itself knows one name for both sides.
fn rename(sample: &mut Sample, k: &KafkaSettings) {
    if !renames(k) {
        return;
    }
    let topic = |t: &Name| k.topic_there(t);
    let part = |tp: &(Name, i32)| (k.topic_there(&tp.0), tp.1);
    match &mut sample.outcome {
        Ok(Content::Kafka(s)) => {
            s.topics = std::mem::take(&mut s.topics).into_iter().map(|(t, x)| (topic(&t), x)).collect();
            s.groups = std::mem::take(&mut s.groups).into_iter().map(|(g, x)| (k.group_there(&g), x)).collect();
            for g in s.groups.values_mut() {
                if let Ok(commits) = &mut g.commits {
                    *commits = std::mem::take(commits).into_iter().map(|(tp, o)| (part(&tp), o)).collect();
                }
                for m in g.members.iter_mut().flatten() {
                    m.assigned = m.assigned.iter().map(part).collect();
                    if let Ok(topics) = &mut m.topics {
                        *topics = topics.iter().map(topic).collect();
                    }
                }
            }
        }
        Ok(Content::KafkaConfigs(c)) => {
            c.topics = std::mem::take(&mut c.topics).into_iter().map(|(t, x)| (topic(&t), x)).collect();
            c.newest = std::mem::take(&mut c.newest).into_iter().map(|(tp, x)| (part(&tp), x)).collect();
            c.logs = c.logs.iter().map(topic).collect();
        }
        Ok(Content::KafkaTails(t)) => t.tails.iter_mut().for_each(|t| t.topic = topic(&t.topic)),
        _ => {}
    }
}

/// A question about the destination, by the name the model knows.
fn asked(d: Demand, k: &KafkaSettings) -> Demand {
    match d {
        Demand::Tail { side: Side::Destination, topic, topic_id, partition, from, to } => {
            let back =
                k.rename_topics.iter().find_map(|(from, to)| Some(format!("{from}{}", topic.strip_prefix(&**to)?)));
            let topic = back.map_or(topic, Name::from);
            Demand::Tail { side: Side::Destination, topic, topic_id, partition, from, to }
        }
        other => other,
    }
}
