//! Services and readers: started, stopped, listed.

use std::time::Duration;

use super::console::Console;
use super::member::{Member, Reader};
use super::options::ServiceSpec;
use super::{Attached, Shop, Stop, lock};
use crate::clock;
use crate::error::{Error, Result};
use crate::oracle::Attachment;
use crate::words::{Side, Version};

impl Shop {
    /// Starts a service of [`SERVICES`](super::SERVICES) on a side and returns when its members hold all partitions.
    pub fn start_service(&self, side: Side, service: &str) -> Result<()> {
        self.start_at_home(side, lock(&self.homes).unwrap_or(side), service)
    }

    /// The same with its home said: connected to `side`, it runs on the infrastructure `home`, which its client ids tell.
    fn start_at_home(&self, side: Side, home: Side, service: &str) -> Result<()> {
        let spec = self.service(service)?;
        let key = (side, home, service.to_owned());
        if lock(&self.services).contains_key(&key) {
            return Err(Error::Usage(format!("{service} already runs at the {side}, home {home}")));
        }
        let place = self.place(side);
        let topics = self.partitions(side, spec.reads)?;
        let total = topics.iter().map(|(_, count)| usize::try_from(*count).unwrap_or(0)).sum::<usize>();
        let java = spec.how == Attachment::Consumer && place.kafka.version() < Version::V4_1_0;
        let mut members = Vec::new();
        for number in 0..spec.members {
            let reader = Reader {
                bootstrap: place.bootstrap.clone(),
                side,
                group: self.group(side, service),
                client_id: format!("{service}-{}-{number}", home.short()),
                topics: topics.clone(),
                onward: spec.writes.map(|suffix| self.topic(side, suffix)),
                how: spec.how,
                reset: self.options.reset(side),
                session_timeout: place.session_timeout,
            };
            members.push(if java {
                Attached::Java(Console::start(reader, &place.kafka, self.scratch.path(), &self.oracle)?)
            } else {
                Attached::InProcess(Member::start(reader, &self.oracle)?)
            });
        }
        if !java {
            clock::wait_for(&format!("{service} to hold {total} partitions"), Duration::from_secs(120), || {
                // Those of another home share them.
                let running = lock(&self.services);
                let others = running.iter().filter(|((at, _, name), _)| *at == side && name == service);
                let all = others.flat_map(|(_, others)| others).chain(&members);
                let held: usize = all.map(Attached::assigned).sum();
                if held == total { Ok(()) } else { Err(format!("{held} held")) }
            })?;
        }
        lock(&self.services).insert(key, members);
        Ok(())
    }

    /// Ends all members of a service on a side, wherever they run.
    pub fn stop_service(&self, side: Side, service: &str, how: Stop) -> Result<()> {
        if !self.services(side).iter().any(|name| name == service) {
            return Err(Error::Usage(format!("{service} does not run at the {side}")));
        }
        self.stop_where(|at, _, name| at == side && name == service, how)
    }

    /// Runs a service on another infrastructure as well, or the one it ran on again, connected to `side`.
    pub fn deploy_service(&self, side: Side, home: Side, service: &str) -> Result<()> {
        self.start_at_home(side, home, service)
    }

    /// Where services that are started from now on run. Until it is said, where they are connected.
    pub fn set_home(&self, home: Side) {
        *lock(&self.homes) = Some(home);
    }

    /// **stop-source-services** for `home: source`: ends every service that runs there, whatever it is connected to.
    pub fn stop_home(&self, home: Side) -> Result<()> {
        self.stop_where(|_, at, _| at == home, Stop::Leave)
    }

    fn stop_where(&self, which: impl Fn(Side, Side, &str) -> bool, how: Stop) -> Result<()> {
        let ended = {
            let mut running = lock(&self.services);
            let keys: Vec<_> = running.keys().filter(|(at, home, name)| which(*at, *home, name)).cloned().collect();
            keys.iter().filter_map(|key| running.remove(key)).flatten().collect::<Vec<_>>()
        };
        ended.into_iter().try_for_each(|member| member.stop(how))
    }

    /// The services that run on a side, each once.
    pub fn services(&self, side: Side) -> Vec<String> {
        let mut names: Vec<_> =
            lock(&self.services).keys().filter(|(at, ..)| *at == side).map(|(.., name)| name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Starts a reader that uses `assign()` and commits for a group: the broker shows an `Empty` group whose offsets
    /// advance.
    pub fn start_reader(&self, side: Side, group: &str, topics: &[String]) -> Result<()> {
        let known = self.client(side).topics()?;
        let place = self.place(side);
        let reader = Reader {
            bootstrap: place.bootstrap.clone(),
            side,
            group: group.to_owned(),
            client_id: format!("reader-{}-0", side.short()),
            topics: topics.iter().map(|topic| (topic.clone(), known.get(topic).copied().unwrap_or(0))).collect(),
            onward: None,
            how: Attachment::Assign,
            reset: "earliest",
            session_timeout: place.session_timeout,
        };
        let member = Member::start(reader, &self.oracle)?;
        match lock(&self.readers).insert((side, group.to_owned()), member) {
            Some(_) => Err(Error::Usage(format!("a reader for {group} already ran at the {side}"))),
            None => Ok(()),
        }
    }

    /// Ends such a reader.
    pub fn stop_reader(&self, side: Side, group: &str) -> Result<()> {
        let reader = lock(&self.readers).remove(&(side, group.to_owned()));
        reader.ok_or_else(|| Error::Usage(format!("no reader for {group} at the {side}")))?.stop(Stop::Leave)
    }

    fn service(&self, name: &str) -> Result<ServiceSpec> {
        let known = self.options.services().find(|spec| spec.name == name);
        known.ok_or_else(|| Error::Usage(format!("no service {name}; the shop has rtu, svt, svc and sink")))
    }

    fn partitions(&self, side: Side, suffixes: &[&str]) -> Result<Vec<(String, i32)>> {
        let known = self.client(side).topics()?;
        suffixes
            .iter()
            .map(|suffix| {
                let topic = self.topic(side, suffix);
                let count = known.get(&topic).copied();
                count.map(|count| (topic.clone(), count)).ok_or_else(|| Error::Usage(format!("no topic {topic}")))
            })
            .collect()
    }
}
