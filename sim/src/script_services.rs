//! What a line of a scenario may do to the services: `svc` where they run, `probe` what probes see, `traffic` where it goes,
//! `sre` the operator of that track.

use crate::model::site::{Looks, Names};
use crate::world::{Event, World};
use crate::world_services::Half;
use cutover_core::estate::Side;

fn num(words: &[&str], i: usize) -> i64 {
    words.get(i).and_then(|w| w.parse().ok()).unwrap_or(0)
}

fn side(word: &str) -> Option<Side> {
    match word {
        "src" => Some(Side::Source),
        "dst" => Some(Side::Destination),
        _ => None,
    }
}

impl World {
    fn then_that(&mut self, seconds: i64, words: String) {
        self.at(self.now + seconds * 1000, Event::Then(words));
    }

    /// Does what the words say; `None` where nobody knows them.
    pub fn script_services(&mut self, head: &str, w: &[&str]) -> Option<()> {
        self.scenario.services.as_ref()?;
        match head {
            "svc" => self.home_words(w),
            "probe" => self.probe_words(w),
            "traffic" => {
                self.send_traffic(side(w.first()?)?);
                Some(())
            }
            _ => self.sre_words(w),
        }
    }

    /// `svc deploy NAME src|dst [kafka|mongodb] · remove NAME src|dst [kafka|mongodb]`
    fn home_words(&mut self, w: &[&str]) -> Option<()> {
        let (verb, name, home) = (*w.first()?, *w.get(1)?, side(w.get(2)?)?);
        let unit = self.units().into_iter().find(|(n, _)| **n == *name).map(|(_, halves)| halves);
        let halves = unit.or_else(|| self.half_named(name).map(|h| vec![h]))?;
        let meant = |h: &Half| match w.get(3).copied() {
            Some("kafka") => matches!(h, Half::Group(_)),
            Some("mongodb") => matches!(h, Half::Client(_)),
            _ => true,
        };
        for half in halves.into_iter().filter(meant) {
            match verb {
                "deploy" => self.deploy(half, home),
                _ => self.remove(half, home),
            }
        }
        Some(())
    }

    fn name_of(&mut self, i: usize) -> Option<&mut Names> {
        match &mut self.site.probes.get_mut(i)?.looks {
            Looks::Names(n) => Some(n),
            _ => None,
        }
    }

    /// `probe NAME pass · fail [D] · silent D · empty D · slow MS D · names old|new · ttl S · stale R D · mute R D`
    fn probe_words(&mut self, w: &[&str]) -> Option<()> {
        let (name, verb) = (*w.first()?, *w.get(1)?);
        let i = self.site.probe(name)?;
        let (now, what) = (self.now, w.get(2).copied().unwrap_or(""));
        self.site.advance(now);
        let resolver = |n: &Names| what.parse::<usize>().ok().filter(|r| *r < n.resolvers.len());
        match verb {
            "pass" | "fail" => {
                let Looks::Door { open, .. } = &mut self.site.probes[i].looks else { return None };
                *open = verb == "pass";
                if num(w, 2) > 0 {
                    let other = if verb == "pass" { "fail" } else { "pass" };
                    self.then_that(num(w, 2), format!("probe {name} {other}"));
                }
            }
            "silent" => {
                self.site.probes[i].silent = true;
                self.then_that(num(w, 2), format!("probe {name} end silent"));
            }
            "empty" => {
                self.site.probes[i].empty = true;
                self.then_that(num(w, 2), format!("probe {name} end empty"));
            }
            "slow" => {
                self.site.probes[i].slow = num(w, 2);
                self.then_that(num(w, 3), format!("probe {name} end slow"));
            }
            "names" => self.name_of(i)?.moved = what == "new",
            "ttl" => self.name_of(i)?.ttl = num(w, 2) * 1000,
            "stale" | "mute" => {
                let n = self.name_of(i)?;
                let r = resolver(n)?;
                if verb == "stale" {
                    n.resolvers[r].stale = true
                } else {
                    n.resolvers[r].mute = true
                }
                self.then_that(num(w, 3), format!("probe {name} end {verb} {r}"));
            }
            "end" => {
                let p = &mut self.site.probes[i];
                match (what, &mut p.looks) {
                    ("silent", _) => p.silent = false,
                    ("empty", _) => p.empty = false,
                    ("slow", _) => p.slow = 0,
                    ("stale", Looks::Names(n)) => n.resolvers.get_mut(usize::try_from(num(w, 3)).ok()?)?.stale = false,
                    ("mute", Looks::Names(n)) => n.resolvers.get_mut(usize::try_from(num(w, 3)).ok()?)?.mute = false,
                    _ => return None,
                }
            }
            _ => return None,
        }
        self.site.advance(now);
        Some(())
    }

    /// `sre forget service|half|traffic WHO · backout · postpone · early · late D`
    fn sre_words(&mut self, w: &[&str]) -> Option<()> {
        match *w.first()? {
            "forget" => drop(self.sre.forgotten.insert(w.get(1..)?.join(" "))),
            "backout" => self.sre.backs_out = self.sre.acted[1] && !self.sre.acted[2],
            "postpone" => self.sre.postpones = true,
            "early" => self.act_early_on_services(),
            "late" => self.sre.not_before = self.now + num(w, 1) * 1000,
            _ => return None,
        }
        Some(())
    }
}
