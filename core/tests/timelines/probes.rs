//! The probes of the tiny estate: `probe.pass api`, `probe.fail api`, `probe.names api old 300 [half]`, `probe.silent api`.

use cutover_core::Name;
use cutover_core::estate::probe::{NameAnswer, ProbeSample};
use cutover_core::estate::{Content, Estate, Failure, FailureKind, Sample, Target};
use cutover_core::time::{Dur, Now, Span};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(super) struct Probes(BTreeMap<String, Option<ProbeSample>>);

impl Probes {
    pub(super) fn command(&mut self, verb: &str, rest: &[&str]) {
        let plain = |pass: bool| ProbeSample {
            pass,
            said: if pass { "200" } else { "connection refused" }.into(),
            certificate_days: None,
            names: BTreeMap::new(),
        };
        let state = match verb {
            "pass" => Some(plain(true)),
            "fail" => Some(plain(false)),
            "silent" => None,
            "names" => {
                let expected = rest[1] == "new";
                let answer = NameAnswer {
                    addresses: BTreeSet::from([Name::from(if expected { "10.2.0.1" } else { "10.1.0.1" })]),
                    ttl: Dur::secs(rest[2].parse().unwrap()),
                    expected,
                };
                let mut names = BTreeMap::from([("10.0.0.53".into(), Ok(answer))]);
                // Another resolver, which does not answer.
                let silent = rest.get(3) == Some(&"half");
                if silent {
                    names.insert("10.0.0.54".into(), Err(Failure::new(FailureKind::Timeout, "no answer in 4 s")));
                }
                Some(ProbeSample { names, ..plain(expected && !silent) })
            }
            other => panic!("no such command: {other}"),
        };
        self.0.insert(rest[0].into(), state);
    }

    pub(super) fn sample(&self, estate: &mut Estate, now: Now) {
        for (name, state) in &self.0 {
            let span = Span { sent: now.mono, received: now.mono + Dur(50) };
            let outcome = match state {
                Some(s) => Ok(Content::Probe(s.clone())),
                None => Err(Failure::new(FailureKind::Timeout, "no answer in 4 s")),
            };
            estate.apply(Sample { target: Target::Probe(name.as_str().into()), span, outcome }, now);
        }
    }
}
