//! Makes a failing scenario small: leaves out events, groups, producers and noise for as long as it fails the same way.

use crate::model::apps::Writes;
use crate::mutate::Mutation;
use crate::scenario::Scenario;
use crate::watch::Failing;
use crate::world;

/// The smallest scenario found that fails like `failing`, and its failure.
pub fn shrink(s: &Scenario, failing: &Failing, mutation: Option<Mutation>) -> (Scenario, Failing) {
    let mut best = (s.clone(), failing.clone());
    // Nothing after the failure matters.
    loop {
        let mut smaller = None;
        for c in candidates(&best.0) {
            let o = world::run(&c, mutation);
            let same =
                o.failing.iter().find(|f| (f.what, f.step, &f.kind) == (failing.what, failing.step, &failing.kind));
            if let Some(f) = same {
                smaller = Some((c, f.clone()));
                break;
            }
        }
        match smaller {
            Some(c) => best = c,
            None => return best,
        }
    }
}

fn candidates(s: &Scenario) -> Vec<Scenario> {
    let mut all = Vec::new();
    for i in 0..s.events.len() {
        let mut c = s.clone();
        c.events.remove(i);
        all.push(c);
    }
    let mut push = |f: &dyn Fn(&mut Scenario) -> bool| {
        let mut c = s.clone();
        if f(&mut c) {
            all.push(c);
        }
    };
    for i in (0..s.readers.len()).rev() {
        push(&|c| {
            let r = c.readers.remove(i);
            // What it wrote nobody reads any more.
            if let Some(t) = r.writes {
                c.readers.retain(|o| !o.reads.contains(&t));
                c.topics.retain(|(n, _)| *n != t);
                c.events.retain(|(_, e)| !e.contains(&*t));
            }
            true
        });
        push(&|c| std::mem::take(&mut c.readers[i].late));
        push(&|c| !std::mem::replace(&mut c.readers[i].committed, true));
        push(&|c| std::mem::take(&mut c.readers[i].unseeded));
        push(&|c| std::mem::take(&mut c.readers[i].latest));
        push(&|c| {
            std::mem::replace(&mut c.readers[i].style, crate::model::apps::Style::Classic)
                != crate::model::apps::Style::Classic
        });
    }
    if s.producers.len() > 1 {
        push(&|c| {
            let Some((p, _)) = c.producers.pop() else { return false };
            for t in p.topics {
                c.topics.retain(|(n, _)| *n != t);
                c.readers.iter_mut().for_each(|r| r.reads.retain(|n| *n != t));
                c.events.retain(|(_, e)| !e.contains(&*t));
            }
            true
        });
    }
    for i in (0..s.mongo.as_ref().map_or(0, |m| m.services.len())).rev() {
        push(&|c| {
            let Some(m) = &mut c.mongo else { return false };
            let gone = m.services.remove(i);
            c.events.retain(|(_, e)| !e.contains(&*gone.name));
            true
        });
        push(&|c| {
            let Some(m) = &mut c.mongo else { return false };
            std::mem::take(&mut m.services[i].secondary)
        });
    }
    push(&|c| {
        let only = c.tracks.len() > 1;
        c.tracks.truncate(1);
        only
    });
    push(&|c| c.producers.iter_mut().any(|(p, _)| std::mem::replace(&mut p.writes, Writes::Plain) != Writes::Plain));
    push(&|c| std::mem::take(&mut c.loss) > 0);
    push(&|c| c.topics.iter_mut().any(|(_, n)| std::mem::replace(n, 1) > 1));
    push(&|c| std::mem::replace(&mut c.replicas, 1) > 1);
    push(&|c| std::mem::replace(&mut c.latency, 50) > 50);
    all
}
