//! What a line of a scenario may do, in words: see the match. Sides are `src` and `dst`, durations whole seconds.

use crate::model::Joined;
use crate::model::apps::{Style, new_group};
use crate::model::writers::Ending;
use crate::truth::Hazard;
use crate::watch::{MONGODB, SERVICES, STEPS, track};
use crate::world::{Event, World};
use cutover_core::Name;
use cutover_core::estate::Side;
use cutover_core::estate::kafka::{GroupKind, TopicPartition};
use cutover_core::gate::ops::{Op, Refusal};
use cutover_core::settings::Track;
use std::collections::BTreeMap;

fn side(word: &str) -> Side {
    if word == "dst" { Side::Destination } else { Side::Source }
}

fn part(word: &str) -> TopicPartition {
    let (t, p) = word.rsplit_once('/').unwrap_or((word, "0"));
    (t.into(), p.parse().unwrap_or(0))
}

fn num(words: &[&str], i: usize) -> i64 {
    words.get(i).and_then(|w| w.parse().ok()).unwrap_or(0)
}

/// What kind of fault the words are: `src down`, `kill`, `write dst`.
fn kind(words: &[&str]) -> String {
    let second = words.get(1).copied().unwrap_or("");
    match *words.first().unwrap_or(&"") {
        "start" | "stop" | "bounce" => {
            format!("{} {}", words[0], words.get(2).copied().unwrap_or(""))
        }
        "src" | "dst" | "forget" | "write" | "txn" | "op" | "msrc" | "mdst" | "svc" | "dba" | "sre" | "traffic" => {
            format!("{} {second}", words[0])
        }
        "mirror" | "probe" => format!("{} {}", words[0], words.get(2).copied().unwrap_or("")),
        head => head.to_owned(),
    }
}

impl World {
    /// Does what the words say; words nobody knows are told in the story.
    pub fn script(&mut self, text: &str) {
        let words: Vec<&str> = text.split_whitespace().collect();
        let Some((head, rest)) = words.split_first() else { return };
        if *head != "end" && *head != "switch" && !matches!(rest.first(), Some(&"end" | &"commit")) {
            self.watch.fault(&kind(&words));
        }
        self.watch.story.push(format!("{} s: {text}", self.now / 1000));
        let known = match *head {
            "src" | "dst" => self.cluster_words(side(head), rest).is_some(),
            "end" => self.end_words(rest).is_some(),
            "stop" | "start" | "bounce" | "switch" | "unswitch" | "silence" | "write" | "txn" => {
                self.app_words(head, rest).is_some()
            }
            "probe" | "traffic" | "sre" => self.script_services(head, rest).is_some(),
            "svc" if matches!(rest.first(), Some(&"deploy" | &"remove")) => self.script_services(head, rest).is_some(),
            "msrc" | "mdst" | "mirror" | "svc" | "dba" => self.script_mongodb(head, rest).is_some(),
            _ => self.agent_words(head, rest).is_some(),
        };
        if !known {
            self.watch.story.push(format!("{} s: not understood: {text}", self.now / 1000));
        }
    }

    fn later(&mut self, seconds: i64, words: String) {
        self.at(self.now + seconds * 1000, Event::Then(words));
    }

    /// `src|dst down D · imposter D · hide D · untold D · conceal t D · broker N D · flap N D · unanswered t/p D · coordinator g D · rebalance g D ·
    /// slow MS D · stall t/p D · elect t/p · truncate t/p N · trim t/p N · clean t/p · create t N · delete t · partitions t N ·
    /// config t k=v… · id NAME · member g t [KIND] · leave g · commit g t/p N · forget g`
    fn cluster_words(&mut self, side: Side, w: &[&str]) -> Option<()> {
        let verb = *w.first()?;
        let what = w.get(1).copied().unwrap_or("");
        let s = if side == Side::Source { "src" } else { "dst" };
        let faults = &mut self.m.side_mut(side).faults;
        match verb {
            "down" => faults.down = true,
            "imposter" => faults.imposter = true,
            "hide" => faults.hidden = true,
            "untold" => faults.untold = true,
            "conceal" => {
                faults.concealed.insert(what.into());
            }
            "broker" | "flap" => {
                faults.brokers.insert(what.parse().ok()?);
            }
            "unanswered" => {
                faults.partitions.insert(part(what));
            }
            "coordinator" => {
                faults.groups.insert(what.into());
            }
            "rebalance" => {
                faults.rebalancing.insert(what.into());
            }
            "slow" => faults.slow = what.parse().ok()?,
            _ => return self.log_words(side, verb, what, w),
        }
        match verb {
            "down" | "imposter" | "hide" | "untold" => self.later(num(w, 1), format!("end {s} {verb}")),
            "flap" => {
                // One sample in two goes without its groups.
                let half = self.scenario.interval / 1000;
                self.later(half, format!("end {s} broker {what}"));
                let left = num(w, 2) - 2 * half;
                if left > 0 {
                    self.later(2 * half, format!("{s} flap {what} {left}"));
                }
            }
            _ => self.later(num(w, 2), format!("end {s} {verb} {what}")),
        }
        Some(())
    }

    fn log_words(&mut self, side: Side, verb: &str, what: &str, w: &[&str]) -> Option<()> {
        let (topic, p) = part(what);
        let s = if side == Side::Source { "src" } else { "dst" };
        match verb {
            // Only where there are followers can a high watermark stand still.
            "stall" if self.scenario.replicas < 2 => {}
            "stall" => {
                self.m.log_mut(side, &topic, p)?.stall(true, self.now);
                self.later(num(w, 2).min(45), format!("end {s} stall {what}"));
            }
            "elect" => self.m.log_mut(side, &topic, p)?.elect(),
            "truncate" => self.m.log_mut(side, &topic, p)?.truncate(num(w, 2)),
            "trim" => self.m.log_mut(side, &topic, p)?.trim(num(w, 2)),
            "clean" => {
                let log = self.m.log_mut(side, &topic, p)?;
                log.trim(log.high());
            }
            "create" => {
                let retention = if side == Side::Source { self.scenario.retention } else { -1 };
                self.m.create(side, what, usize::try_from(num(w, 2).max(1)).ok()?, retention);
            }
            "delete" => {
                self.m.side_mut(side).topics.remove(what)?;
            }
            "config" => {
                let t = self.m.side_mut(side).topics.get_mut(what)?;
                for kv in w.get(2..)? {
                    let (k, v) = kv.split_once('=')?;
                    match k {
                        "retention" => t.config.retention_ms = v.parse::<i64>().ok()? * 1000,
                        "bytes" => t.config.retention_bytes = v.parse().ok()?,
                        "policy" => t.config.cleanup_policy = v.into(),
                        "insync" => t.config.min_insync_replicas = v.parse().ok()?,
                        "message" => t.config.max_message_bytes = v.parse().ok()?,
                        _ => return None,
                    }
                }
            }
            "id" => self.m.side_mut(side).id = what.into(),
            "partitions" => {
                let n = usize::try_from(num(w, 2)).ok()?;
                let logs = &mut self.m.side_mut(side).topics.get_mut(what)?.logs;
                logs.resize_with(n.max(logs.len()), Default::default);
            }
            "member" => {
                // A member of somebody else's topics, which the agent does not look at.
                let topics = Some(*w.get(2)?).filter(|t| *t != "-").map(Name::from).into_iter().collect();
                let kind = w.get(3).copied();
                let g =
                    self.m.side_mut(side).groups.entry(what.into()).or_insert_with(|| new_group(what, Style::Classic));
                g.kind = match kind {
                    None => g.kind.clone(),
                    Some("848") => GroupKind::Consumer,
                    Some("share") => GroupKind::Share,
                    Some("streams") => GroupKind::Streams,
                    Some(other) => GroupKind::Classic { protocol_type: other.into() },
                };
                g.members.insert(900, Joined { client: format!("{what}-0").into(), topics, expires: None });
            }
            "leave" => {
                self.m.side_mut(side).groups.get_mut(what)?.members.remove(&900);
            }
            "commit" => {
                let g =
                    self.m.side_mut(side).groups.entry(what.into()).or_insert_with(|| new_group(what, Style::Classic));
                g.commits.insert(part(w.get(2)?), num(w, 3));
            }
            "forget" => {
                self.m.side_mut(side).groups.remove(what)?;
            }
            _ => return None,
        }
        Some(())
    }

    fn end_words(&mut self, w: &[&str]) -> Option<()> {
        let (s, verb, what) = (side(w.first()?), *w.get(1)?, w.get(2).copied().unwrap_or(""));
        let faults = &mut self.m.side_mut(s).faults;
        match verb {
            "down" => faults.down = false,
            "imposter" => faults.imposter = false,
            "hide" => faults.hidden = false,
            "untold" => faults.untold = false,
            "conceal" => {
                faults.concealed.remove(what);
            }
            "broker" | "flap" => {
                faults.brokers.remove(&what.parse().ok()?);
            }
            "unanswered" => {
                faults.partitions.remove(&part(what));
            }
            "coordinator" => {
                faults.groups.remove(what);
            }
            "rebalance" => {
                faults.rebalancing.remove(what);
            }
            "slow" => faults.slow = 0,
            "stall" => {
                let (topic, p) = part(what);
                self.m.log_mut(s, &topic, p)?.stall(false, self.now);
            }
            _ => return None,
        }
        Some(())
    }

    /// `stop g src|dst [kill] · start g src|dst · bounce g src|dst DOWN [kill] · switch p · unswitch p · silence p ·
    /// write src|dst t/p N · txn src|dst t/p N commit|abort D`
    fn app_words(&mut self, head: &str, w: &[&str]) -> Option<()> {
        let who = *w.first()?;
        match head {
            "stop" | "start" | "bounce" => {
                let (i, s) = (self.m.reader(who)?, side(w.get(1)?));
                match head {
                    "start" => self.start_reader(i, s),
                    _ => self.m.stop_reader(i, s, w.contains(&"kill"), self.now),
                }
                if head == "bounce" {
                    self.later(num(w, 2), format!("start {who} {}", w.get(1)?));
                }
            }
            "switch" => {
                let i = self.m.producer(who)?;
                self.m.point(i, Some(Side::Destination));
            }
            "silence" => {
                let i = self.m.producer(who)?;
                self.m.point(i, None);
            }
            "unswitch" => {
                let i = self.m.producer(who)?;
                self.m.point(i, Some(Side::Source));
                // As unforeseen as what somebody writes by hand.
                self.stray_at = self.now;
            }
            _ => {
                let (s, (topic, p), n, now) = (side(who), part(w.get(1)?), num(w, 2), self.now);
                let n = usize::try_from(n).ok()?;
                if s == Side::Source {
                    self.stray_at = now;
                }
                let pid = 90_000 + now;
                let open = head == "txn";
                self.m.log_mut(s, &topic, p)?.append(n, open.then_some(pid), open, now);
                if open {
                    let ending =
                        Ending { at: now + num(w, 4) * 1000, side: s, pid, commit: w.get(3) == Some(&"commit") };
                    self.at(ending.at, Event::Ending(ending));
                }
            }
        }
        Some(())
    }

    /// `kill D · die · restart · amnesia D · sleep D · clock S · loss N · forget WHAT WHO · scaled · backout · early ·
    /// late D · twice STEP · hold [STEP] D · seed g · op …`
    fn agent_words(&mut self, head: &str, w: &[&str]) -> Option<()> {
        match head {
            "kill" | "amnesia" => {
                self.kill();
                if head == "amnesia" {
                    self.agent.disk.clear();
                    (self.person.lost_journal, self.dba.lost_journal, self.sre.lost_journal) = (true, true, true);
                    self.truth_services.forget(&mut self.site);
                    self.db.forget();
                }
                self.later(num(w, 0).max(1), "restart".into());
            }
            "restart" => self.restart(),
            "die" => self.agent.die_after_write = true,
            "sleep" => self.sleep(num(w, 0) * 1000),
            "clock" => self.wrong_by += num(w, 0) * 1000,
            "loss" => self.loss = u8::try_from(num(w, 0)).ok()?,
            "forget" => {
                self.person.forgotten.insert(w.join(" "));
            }
            "seed" => drop(self.seed_one(w.first()?)?),
            "scaled" => self.person.confirms_scale = true,
            "backout" => self.person.backs_out = self.person.acted[1] && !self.person.acted[2],
            "early" => self.act_early(),
            "late" => self.person.not_before = self.now + num(w, 0) * 1000,
            "twice" => {
                self.ask(&Op::Begin { step: (*w.first()?).into() });
            }
            "hold" => {
                let (step, most) = w.split_at(w.len().checked_sub(1)?);
                self.op(&[&["hold"], step].concat())?;
                self.later(num(most, 0), format!("op release {}", step.join(" ")).trim_end().to_owned());
            }
            "op" => self.op(w)?,
            _ => return None,
        }
        Some(())
    }

    /// A person answers for a difference in documents: the truth knows it before anybody asks, and no more if it is refused.
    fn answers_for_counts(&mut self, op: &Op) -> Option<Result<(), Refusal>> {
        let counted = match op {
            Op::Confirm { name, subject } if &**name == "counts" => {
                subject.first().map(|ns| ("counted".into(), ns.clone()))
            }
            _ => None,
        };
        let heard = self.agent.up && self.now >= self.asleep_until;
        let Some(counted) = counted.filter(|_| heard) else { return self.ask(op) };
        self.db.relaxed.push(counted.clone());
        self.db.version += 1;
        self.truth.settled_in_mongodb(&[Hazard::Differs]);
        let answer = self.ask(op);
        // One that died while it wrote may have written it.
        if matches!(answer, Some(Err(_))) {
            if let Some(i) = self.db.relaxed.iter().rposition(|r| *r == counted) {
                self.db.relaxed.remove(i);
            }
            self.db.version += 1;
            self.truth.settled_in_mongodb(&[]);
        }
        answer
    }

    fn op(&mut self, w: &[&str]) -> Option<()> {
        let step = || w.get(1).map(|s| Name::from(*s));
        let subject = || Some(w.get(2..)?.iter().map(|s| Name::from(*s)).collect());
        let op = match *w.first()? {
            "begin" => Op::Begin { step: step()? },
            "hold" => Op::Hold { step: step() },
            "release" => Op::Release { step: step() },
            "confirm" => Op::Confirm { name: step()?, subject: subject()? },
            "retract" => Op::Retract { name: step()?, subject: subject()? },
            "adopt" => Op::Adopt { step: step()?, anchors: BTreeMap::new() },
            "withdraw" => Op::Withdraw { step: step()? },
            "accept" => {
                let (topic, partition) = part(w.get(2)?);
                Op::AcceptOffset { group: step()?, topic, partition }
            }
            _ => return None,
        };
        let begins = matches!(op, Op::Begin { .. });
        let answer = self.answers_for_counts(&op);
        if begins && answer == Some(Ok(())) {
            let i = STEPS.iter().position(|s| Some(*s) == w.get(1).copied())?;
            match track(i) {
                Track::Kafka => self.person.acted[i] = true,
                Track::Mongodb => self.dba.acted[i - MONGODB] = true,
                Track::Services => self.sre.acted[i - SERVICES] = true,
            }
        }
        let said = match answer {
            Some(Err(r)) => r.text().to_owned(),
            Some(Ok(())) => "ok".to_owned(),
            None => "no answer".to_owned(),
        };
        self.watch.story.push(format!("{} s: {}: {said}", self.now / 1000, w.join(" ")));
        Some(())
    }
}
