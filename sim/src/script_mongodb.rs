//! What a line of a scenario may do on the MongoDB side: `msrc` and `mdst` are the deployments, `mirror` a mirror, `svc` a
//! service, `dba` the operator of that track.

use crate::model::mongodb::oplog::{What, stamp};
use crate::world::{Event, World};
use cutover_core::Name;
use cutover_core::estate::Side;
use cutover_core::estate::mongodb::CollectionKind;

fn num(words: &[&str], i: usize) -> i64 {
    words.get(i).and_then(|w| w.parse().ok()).unwrap_or(0)
}

/// A deployment as lines name it.
fn named(side: Side) -> &'static str {
    if side == Side::Source { "msrc" } else { "mdst" }
}

impl World {
    fn then_there(&mut self, seconds: i64, words: String) {
        self.at(self.now + seconds * 1000, Event::Then(words));
    }

    /// Does what the words say; `None` where nobody knows them.
    pub fn script_mongodb(&mut self, head: &str, w: &[&str]) -> Option<()> {
        self.scenario.mongo.as_ref()?;
        match head {
            "msrc" => self.deployment_words(Side::Source, w),
            "mdst" => self.deployment_words(Side::Destination, w),
            "mirror" => self.mirror_words(w),
            "svc" => self.service_words(w),
            "dba" => self.dba_words(w),
            _ => None,
        }
    }

    /// `msrc|mdst down D · imposter D · elect D · member H D · oplog D · slow MS D · majority D · rollback · block on|off [D] ·
    /// write NS N · txn NS,NS D · docs NS N · create NS [KIND] · drop NS · index NS I · dropindex NS I · misjudge NS N ·
    /// build NS D · stranger NAME · leave NAME · window S · stored t/p N · stored none · changes N · id NAME · version V`
    fn deployment_words(&mut self, side: Side, w: &[&str]) -> Option<()> {
        let (verb, now) = (*w.first()?, self.now);
        let what = w.get(1).copied().unwrap_or("");
        let me = named(side);
        let newest = self.db.side(side).committed(now);
        let d = self.db.side_mut(side);
        match verb {
            "down" => d.faults.down = true,
            "imposter" => d.faults.imposter = true,
            "oplog" => d.faults.oplog = true,
            "elect" => {
                d.faults.election = true;
                d.term += 1;
                d.open.clear();
            }
            "majority" => d.faults.majority = Some(newest),
            "member" => drop(d.faults.members.insert(format!("{what}:27017").into())),
            "slow" => d.faults.slow = what.parse().ok()?,
            "build" => drop(d.builds.insert(what.into())),
            "end" => return self.end_there(side, w.get(1)?, w.get(2).copied().unwrap_or("")),
            _ => return self.data_words(side, verb, what, w),
        }
        let (after, about) = match verb {
            "member" | "slow" | "build" => (num(w, 2), what),
            _ => (num(w, 1), ""),
        };
        self.then_there(after, format!("{me} end {verb} {about}").trim().to_owned());
        Some(())
    }

    fn end_there(&mut self, side: Side, verb: &str, what: &str) -> Option<()> {
        let now = self.now;
        let d = self.db.side_mut(side);
        match verb {
            "down" => d.faults.down = false,
            "imposter" => d.faults.imposter = false,
            "oplog" => d.faults.oplog = false,
            "elect" => {
                d.faults.election = false;
                d.elected = stamp(now, 0);
            }
            "majority" => d.faults.majority = None,
            "member" => drop(d.faults.members.remove(&Name::from(format!("{what}:27017")))),
            "slow" => d.faults.slow = 0,
            "build" => drop(d.builds.remove(what)),
            _ => return None,
        }
        Some(())
    }

    fn data_words(&mut self, side: Side, verb: &str, what: &str, w: &[&str]) -> Option<()> {
        let (now, ns) = (self.now, Name::from(what));
        let index = || Some(Name::from(*w.get(2)?));
        let done = match verb {
            "write" => What::Docs(vec![(ns, num(w, 2))]),
            "txn" => {
                let docs = what.split(',').map(|ns| (ns.into(), 1)).collect();
                let id = u64::MAX - u64::try_from(now).ok()?;
                self.db.side_mut(side).open.push(crate::model::mongodb::Open { id, docs });
                let me = named(side);
                self.then_there(num(w, 2), format!("{me} commit {id}"));
                return Some(());
            }
            "commit" => {
                self.db.end_transaction(side, what.parse().ok()?, true, now);
                return Some(());
            }
            // Refused: it exists, and nothing comes into the oplog.
            "create" if self.db.side(side).collections.contains_key(&ns) => return Some(()),
            "create" => {
                let kind = match w.get(2).copied() {
                    Some("timeseries") => CollectionKind::TimeSeries,
                    Some("view") => CollectionKind::View,
                    _ => CollectionKind::Collection,
                };
                What::Create(ns, kind)
            }
            "drop" => What::Drop(ns),
            "index" => What::Index(ns, index()?),
            "dropindex" => What::DropIndex(ns, index()?),
            "stored" | "changes" => {
                self.told(side, verb, what, w.get(2).copied());
                return Some(());
            }
            _ => {
                if verb == "rollback" {
                    let gone = self.db.side_mut(side).roll_back(now);
                    self.truth.taken_back(&gone);
                    return Some(());
                }
                let d = self.db.side_mut(side);
                match verb {
                    // The block of a source that does not answer is believed: nobody can lift it then.
                    "block" if d.faults.down => {
                        let again = format!("{} {}", named(side), w.join(" "));
                        self.then_there(5, again);
                    }
                    "block" => {
                        d.blocked = what == "on";
                        d.blocks.push((now, d.blocked));
                        if num(w, 2) > 0 {
                            let off = format!("{} block off", named(side));
                            self.then_there(num(w, 2), off);
                        }
                    }
                    // A second one would uncover, between two samples, what the first hides by design.
                    "misjudge" if d.collections.get(what)?.misjudged != 0 => {}
                    "misjudge" => d.collections.get_mut(what)?.misjudged = num(w, 2),
                    "stranger" => d.strangers.push((ns, 900)),
                    "leave" => d.strangers.retain(|(n, _)| **n != *what),
                    "window" => d.oplog.window = num(w, 1) * 1000,
                    "id" => d.id = ns,
                    "version" => d.version = ns,
                    _ => return None,
                }
                return Some(());
            }
        };
        // By hand: a person may write where users may not.
        let blocked = std::mem::replace(&mut self.db.side_mut(side).blocked, false);
        self.db.write(side, done, now);
        self.db.side_mut(side).blocked = blocked;
        Some(())
    }

    /// What documents say that the model does not hold, as the sampler tells it from now on: an offset that projections
    /// store of a partition, that they store none, how many projection changes wait.
    fn told(&mut self, side: Side, verb: &str, what: &str, offset: Option<&str>) {
        let key = format!("{side} {verb}");
        let same = |says: &str| verb == "changes" || what == "none" || says.split(' ').next() == Some(what);
        self.db.relaxed.retain(|(k, says)| *k != key || !same(says));
        let says = offset.map_or_else(|| what.to_owned(), |o| format!("{what} {o}"));
        self.db.relaxed.push((key, says.into()));
        self.db.version += 1;
    }

    /// `mirror NAME start · anew · stop · stick · hold N · release · error WORDS · mended · refuse D · hide D`
    fn mirror_words(&mut self, w: &[&str]) -> Option<()> {
        let (i, verb) = (self.db.mirror(w.first()?)?, *w.get(1)?);
        let name = self.db.mirrors[i].name.clone();
        self.db.version += 1;
        let m = &mut self.db.mirrors[i];
        match verb {
            "start" => self.start_mirror(i, true),
            "anew" => {
                self.db.end_mirror(i);
                self.start_mirror(i, false);
            }
            "restart" => {
                self.db.end_mirror(i);
                self.start_mirror(i, true);
            }
            "stop" => self.db.end_mirror(i),
            "stick" => m.stuck = true,
            "hold" => m.held = usize::try_from(num(w, 2)).ok()?,
            "release" => (m.stuck, m.held) = (false, 0),
            "error" => m.error = Some(w.get(2..)?.join(" ").into()),
            "mended" => m.error = None,
            "refuse" | "hide" => {
                let (port, sessions) = (verb == "hide" && m.port, verb == "refuse" && m.sessions);
                (m.port, m.sessions) = (port, sessions);
                self.then_there(num(w, 2), format!("mirror {name} show"));
            }
            "show" => (m.port, m.sessions) = (true, true),
            _ => return None,
        }
        Some(())
    }

    /// `svc start NAME src|dst · stop NAME src|dst · bounce NAME src|dst D`
    fn service_words(&mut self, w: &[&str]) -> Option<()> {
        let (verb, name) = (*w.first()?, *w.get(1)?);
        let (i, at) = (self.db.service(name)?, *w.get(2)?);
        let side = if at == "dst" { Side::Destination } else { Side::Source };
        match verb {
            "start" => self.start_service(i, side),
            "stop" => self.db.stop_service(i, side, self.now),
            "bounce" => {
                self.db.stop_service(i, side, self.now);
                self.then_there(num(w, 3), format!("svc start {name} {at}"));
            }
            _ => return None,
        }
        Some(())
    }

    /// `dba forget WHAT WHO · scaled · removed · backout · early · late D · blind D`
    fn dba_words(&mut self, w: &[&str]) -> Option<()> {
        match *w.first()? {
            "forget" => drop(self.dba.forgotten.insert(w.get(1..)?.join(" "))),
            "scaled" => self.dba.confirms_scale = true,
            "removed" => self.dba.confirms_removed = true,
            "backout" => self.dba.backs_out = self.dba.acted[2] && !self.dba.acted[3],
            "early" => self.act_early_there(),
            "late" => self.dba.not_before = self.now + num(w, 1) * 1000,
            "blind" => self.dba.blind_until = self.now + num(w, 1) * 1000,
            _ => return None,
        }
        Some(())
    }
}
