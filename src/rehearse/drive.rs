//! Turns the clock and the world: waits until the machine's time has come for the next event, lets it happen, tells what
//! is different. What happens does not depend on how fast it is played; only a person's requests do.

use super::account::{Account, OPERATOR};
use super::outside::{Mail, Outside};
use super::plan::Plan;
use super::report::Report;
use super::say::Say;
use super::table;
use crate::agent::{Denied, Published, Request, Taken};
use crate::clock::{self, Turned, scaled};
use arc_swap::ArcSwap;
use cutover_core::Name;
use cutover_core::gate::ops::Op;
use cutover_core::playbook::REQUIREMENTS;
use cutover_core::reading::Code;
use cutover_sim::agent::Agent;
use cutover_sim::scenario::Operator;
use cutover_sim::world::World;
use std::cell::RefCell;
use std::fmt;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

/// How fast it is played.
#[derive(Copy, Clone, PartialEq, Debug)]
pub(crate) enum Pace {
    /// As fast as the machine can.
    Max,
    /// So many times faster than real time.
    Times(f64),
}

impl Pace {
    /// The pace at which `virtually` milliseconds fit into `ms`; in whole numbers, never slower than real time.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn fitting(virtually: i64, ms: i64) -> Pace {
        Pace::Times((virtually / ms.max(1) + 1) as f64)
    }

    /// Parses `max`, `20` or `20x`.
    ///
    /// # Errors
    /// What a pace looks like.
    pub(crate) fn parse(text: &str) -> Result<Pace, String> {
        if text == "max" {
            return Ok(Pace::Max);
        }
        let number = text.strip_suffix('x').unwrap_or(text).parse::<f64>().ok();
        let legal = number.filter(|n| n.is_finite() && (0.1..=100_000.0).contains(n));
        legal.map(Pace::Times).ok_or_else(|| "is not `max` or a number from 0.1 to 100000, as in 20".to_owned())
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pace::Max => f.write_str("as fast as this machine can"),
            Pace::Times(n) => write!(f, "{n} times as fast as real time"),
        }
    }
}

/// How it ended.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// As it was meant to, or as far as the scenario goes.
    Over,
    /// Nothing moved any more.
    Stuck,
    /// Somebody pressed ctrl-c.
    Stopped,
}

/// A rehearsal under way.
pub(super) struct Drive {
    plan: Plan,
    world: World,
    account: Account,
    mail: Rc<RefCell<Mail>>,
    published: Arc<ArcSwap<Option<Arc<Published>>>>,
    clock: Arc<Turned>,
    requests: mpsc::Receiver<Request>,
    stop: watch::Receiver<bool>,
    pace: Pace,
    /// The machine's milliseconds when the world was at its start.
    began: i64,
    required: bool,
}

enum Woken {
    Due,
    Asked(Request),
    Stop,
}

impl Drive {
    /// A rehearsal at its start.
    pub(super) fn new(
        plan: Plan,
        outside: Outside,
        clock: Arc<Turned>,
        requests: mpsc::Receiver<Request>,
        stop: watch::Receiver<bool>,
        pace: Pace,
    ) -> Drive {
        let (mail, published) = (outside.mail(), outside.published());
        let world = world(&plan, Some(outside));
        let account = Account::of(&world);
        let began = clock::now().mono.0;
        let required = !plan.settings.requirements_enforced;
        Drive { plan, world, account, mail, published, clock, requests, stop, pace, began, required }
    }

    /// Plays to the end.
    ///
    /// # Errors
    /// Why it could not go on, such as a full disk.
    pub(super) fn play(&mut self, rt: &Handle, say: &mut Say<'_>) -> Result<Ended, String> {
        for l in self.plan.opening() {
            say.line(&l);
        }
        loop {
            let next = match ended(&self.world, &self.plan) {
                Ok(next) => next,
                Err(ended) => return Ok(ended),
            };
            if self.wait(rt, next, say) {
                return Ok(Ended::Stopped);
            }
            self.world.step();
            require(&mut self.world, &mut self.required);
            self.turn();
            self.tell(say);
            if let Some(why) = self.mail.borrow_mut().broken.take() {
                return Err(why);
            }
        }
    }

    /// The summary, and the report where one is wanted; whether all went as it should.
    ///
    /// # Errors
    /// The report cannot be written.
    pub(super) fn sum_up(&mut self, ended: Ended, file: Option<&Path>, say: &mut Say<'_>) -> Result<bool, String> {
        let report = Report::of(&self.plan, &self.account, &self.world, ended);
        if let Some(file) = file {
            let text = serde_json::to_string_pretty(&report).map_err(|e| e.to_string())? + "\n";
            std::fs::write(file, text).map_err(|e| format!("cannot write the report to {}: {e}", file.display()))?;
        }
        say.object(&report);
        say.text(&table::of(&report));
        Ok(report.good())
    }

    /// Answers until somebody presses ctrl-c.
    pub(super) fn stay(&mut self, rt: &Handle) {
        self.pace = Pace::Max;
        self.turn();
        while let Woken::Asked(request) = self.woken(rt, None) {
            self.answer(request);
        }
    }

    /// Waits until it is time for the next event, answering people meanwhile; whether somebody wants it to end.
    fn wait(&mut self, rt: &Handle, next: i64, say: &mut Say<'_>) -> bool {
        loop {
            let due = match self.pace {
                Pace::Max => 0,
                Pace::Times(speed) => self.began + scaled(next, 1.0 / speed),
            };
            match self.woken(rt, Some(due)) {
                Woken::Due => return false,
                Woken::Stop => return true,
                Woken::Asked(request) => {
                    let virtually = self.clock.now().wall.0 - self.world.clocks().wall.0 + self.world.now;
                    self.world.now = virtually.clamp(self.world.now, next);
                    self.answer(request);
                    self.turn();
                    self.tell(say);
                }
            }
        }
    }

    /// Waits for the instant (milliseconds of the machine), a request or the end.
    fn woken(&mut self, rt: &Handle, due: Option<i64>) -> Woken {
        if *self.stop.borrow() {
            return Woken::Stop;
        }
        let left = due.map(|d| u64::try_from(d - clock::now().mono.0).unwrap_or(0));
        if left == Some(0) {
            return self.requests.try_recv().map_or(Woken::Due, Woken::Asked);
        }
        let (stop, requests) = (&mut self.stop, &mut self.requests);
        rt.block_on(async {
            let sleep = async {
                match left {
                    Some(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = stop.wait_for(|s| *s) => Woken::Stop,
                Some(request) = requests.recv() => Woken::Asked(request),
                () = sleep => Woken::Due,
            }
        })
    }

    /// Sets the clock that answers are judged by to the world's, to run as far as the next event.
    fn turn(&mut self) {
        let room = self.world.next_at().map_or(0, |at| at - self.world.now);
        let speed = match self.pace {
            Pace::Max => 0.0,
            Pace::Times(n) => n,
        };
        self.clock.turn(self.world.clocks(), speed, room);
        if self.world.agent.published.is_none() && self.published.load().is_some() {
            self.published.store(Arc::new(None));
        }
    }

    fn tell(&mut self, say: &mut Say<'_>) {
        let facts = std::mem::take(&mut self.mail.borrow_mut().facts);
        if let Some(why) = self.mail.borrow_mut().unrecorded.take() {
            eprintln!("the recording ends here: {why}");
        }
        for l in self.account.look(&self.world, &facts) {
            say.line(&l);
        }
    }

    fn answer(&mut self, request: Request) {
        let Request { author, reason, op, reply } = request;
        let operator = std::mem::replace(&mut self.world.agent.author, (author, reason));
        self.mail.borrow_mut().said = None;
        let answer = self.world.ask(&op);
        self.world.agent.author = operator;
        let said = self.mail.borrow_mut().said.take();
        let published = self.published.load().as_ref().clone();
        let gone = || Denied::Journal("the simulated agent is not running at the moment".into());
        let answer = match answer {
            Some(Ok(())) => published.map(|published| Taken { published, said }).ok_or_else(gone),
            Some(Err(refusal)) => Err(Denied::Refused(refusal)),
            None => Err(gone()),
        };
        let _ = reply.send(answer);
    }
}

/// Where the requirements block, the operator confirms each, as soon as somebody answers.
pub(super) fn require(world: &mut World, required: &mut bool) {
    if *required || world.agent.published.is_none() {
        return;
    }
    *required = REQUIREMENTS.iter().all(|(word, _)| {
        let op = Op::Confirm { name: "requirement".into(), subject: vec![Name::from(*word)] };
        world.ask(&op) == Some(Ok(()))
    });
}

/// The world of a plan, at its start.
pub(super) fn world(plan: &Plan, outside: Option<Outside>) -> World {
    let mut world = World::new(plan.scenario.clone(), None);
    world.agent = Agent::new(plan.settings.clone(), None);
    world.agent.author = (OPERATOR.into(), "rehearsal".into());
    world.agent.outside = outside.map(|o| Box::new(o) as Box<dyn cutover_sim::agent::Outside>);
    world
}

/// When the next event is, or how the rehearsal has ended.
pub(super) fn ended(w: &World, plan: &Plan) -> Result<i64, Ended> {
    let Some(at) = w.next_at() else { return Err(Ended::Over) };
    if w.finished() {
        return Err(Ended::Over);
    }
    if at > plan.scenario.until {
        return Err(if plan.scripted { Ended::Over } else { Ended::Stuck });
    }
    if plan.scripted && w.watch.stop() {
        return Err(Ended::Over);
    }
    let patient = plan.scenario.operator == Operator::Nobody || held(w);
    if !patient && w.gives_up(at - plan.patience) {
        return Err(if plan.scripted { Ended::Over } else { Ended::Stuck });
    }
    Ok(at)
}

fn held(w: &World) -> bool {
    let held = |s: &cutover_core::gate::board::StepBoard| s.ready.blockers.iter().any(|b| b.code == Code::Hold);
    w.agent.published.as_ref().is_some_and(|p| p.board.steps.iter().any(held))
}
