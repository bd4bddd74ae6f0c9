//! One connection: many requests in flight, answers matched by correlation id, every request under a deadline.
//!
//! A reader and a writer task own the two halves of the socket. Whatever goes wrong ends the connection for everybody
//! on it: a late or unexplained answer cannot be trusted to be matched again. Re-opening is the slot's business, when
//! to try again the caller's.

mod open;
mod wire;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

pub(crate) use open::Opener;

use crate::api::Api;
use crate::decode::{ApiRange, DecodeError};
use crate::error::{At, KafkaError};
use crate::request::Request;
use crate::timed::Watch;

/// The deadline of one call and the watch that records when it sent and received.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) deadline: Instant,
    pub(crate) after: Duration,
    pub(crate) watch: Arc<Watch>,
}

impl Call {
    pub(crate) fn timeout(&self, what: &'static str, address: &Arc<str>) -> KafkaError {
        KafkaError::Timeout { at: At::new(what, address), after_ms: millis(self.after) }
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Why a connection has ended.
#[derive(Debug, Clone)]
enum Ended {
    Closed(Arc<str>),
    Malformed(DecodeError),
}

impl Ended {
    fn error(&self, at: At) -> KafkaError {
        match self {
            Self::Closed(reason) => KafkaError::Closed { at, reason: Arc::clone(reason) },
            Self::Malformed(error) => KafkaError::Protocol { at, error: *error },
        }
    }
}

struct Pending {
    api: Api,
    version: i16,
    answer: oneshot::Sender<Result<Bytes, Ended>>,
}

/// What the tasks and the users of a connection share.
#[derive(Default)]
struct Shared {
    pending: Mutex<HashMap<i32, Pending>>,
    ended: OnceLock<Ended>,
    throttled_until: Mutex<Option<Instant>>,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Shared {
    fn end(&self, why: Ended) {
        let why = self.ended.get_or_init(|| why).clone();
        let waiting: Vec<Pending> = lock(&self.pending).drain().map(|(_, pending)| pending).collect();
        for pending in waiting {
            let _gone = pending.answer.send(Err(why.clone()));
        }
        for task in lock(&self.tasks).drain(..) {
            task.abort();
        }
    }

    fn throttle(&self, pause: Duration) {
        if pause.is_zero() {
            return;
        }
        let until = Instant::now() + pause;
        let mut throttled = lock(&self.throttled_until);
        *throttled = (*throttled).max(Some(until));
    }
}

/// A poisoned lock still guards sound data here: nothing panics half-way through a change.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An open connection.
pub(crate) struct Link {
    address: Arc<str>,
    client_id: Arc<str>,
    shared: Arc<Shared>,
    outgoing: mpsc::Sender<Bytes>,
    next: AtomicI32,
    ranges: BTreeMap<i16, (i16, i16)>,
    /// When the broker is going to end the session.
    expires: Option<Instant>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.end(Ended::Closed(Arc::from("no longer used")));
    }
}

impl Link {
    /// Whether it can be used for a new request.
    pub(crate) fn usable(&self) -> bool {
        self.shared.ended.get().is_none() && self.expires.is_none_or(|expires| Instant::now() < expires)
    }

    /// The requests this broker has.
    pub(crate) fn apis(&self) -> Vec<ApiRange> {
        self.ranges.iter().map(|(key, (min, max))| ApiRange { key: *key, min: *min, max: *max }).collect()
    }

    /// The highest version of a request that both sides have.
    pub(crate) fn version(&self, api: Api, ours: (i16, i16)) -> Result<i16, KafkaError> {
        let theirs = self.ranges.get(&api.key()).copied();
        let common = theirs.map(|(min, max)| (min.max(ours.0), max.min(ours.1))).filter(|(min, max)| min <= max);
        common.map(|(_, max)| max).ok_or_else(|| KafkaError::Unsupported {
            at: At::new(name(api), &self.address),
            api,
            broker_max: theirs.map(|(_, max)| max),
        })
    }

    /// Sends a request in the best common version and decodes its answer.
    pub(crate) async fn ask<T>(
        &self,
        request: &Request,
        decode: fn(i16, &[u8]) -> Result<T, DecodeError>,
        call: &Call,
    ) -> Result<T, KafkaError> {
        let version = self.version(request.api(), request.versions())?;
        let body = self.exchange(request, version, call).await?;
        decode(version, &body).map_err(|error| KafkaError::Protocol { at: self.at(request), error })
    }

    fn at(&self, request: &Request) -> At {
        At::new(name(request.api()), &self.address)
    }

    /// Sends a request in this version; the body of its answer.
    async fn exchange(&self, request: &Request, version: i16, call: &Call) -> Result<Bytes, KafkaError> {
        self.pause(request, call).await?;
        let correlation = self.next.fetch_add(1, Ordering::Relaxed);
        let frame = request
            .frame(version, correlation, &self.client_id)
            .map_err(|reason| KafkaError::Encode { at: self.at(request), reason: Arc::from(reason) })?;
        let (answer, answered) = oneshot::channel();
        lock(&self.shared.pending).insert(correlation, Pending { api: request.api(), version, answer });
        if let Some(ended) = self.shared.ended.get() {
            lock(&self.shared.pending).remove(&correlation);
            return Err(ended.error(self.at(request)));
        }
        call.watch.sending();
        let sent_and_answered = async {
            // A failure to hand the frame over means the connection has ended, which the answer tells better.
            let _ended = self.outgoing.send(frame).await;
            answered.await
        };
        match tokio::time::timeout_at(call.deadline, sent_and_answered).await {
            Ok(Ok(Ok(body))) => {
                call.watch.answered();
                Ok(body)
            }
            Ok(Ok(Err(ended))) => Err(ended.error(self.at(request))),
            Ok(Err(_)) => Err(Ended::Closed(Arc::from("given up")).error(self.at(request))),
            Err(_) => {
                let reason = format!("{} had no answer within {} ms", request.api(), millis(call.after));
                self.shared.end(Ended::Closed(Arc::from(reason)));
                Err(call.timeout(name(request.api()), &self.address))
            }
        }
    }

    /// Waits until the broker wants to hear from us again.
    async fn pause(&self, request: &Request, call: &Call) -> Result<(), KafkaError> {
        loop {
            let until = *lock(&self.shared.throttled_until);
            let Some(until) = until.filter(|until| *until > Instant::now()) else { return Ok(()) };
            if until >= call.deadline {
                let for_ms = millis(until.saturating_duration_since(Instant::now()));
                return Err(KafkaError::Throttled { at: self.at(request), for_ms });
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

/// The name of a request, for messages.
pub(crate) const fn name(api: Api) -> &'static str {
    match api {
        Api::ListOffsets => "ListOffsets",
        Api::Metadata => "Metadata",
        Api::OffsetFetch => "OffsetFetch",
        Api::FindCoordinator => "FindCoordinator",
        Api::DescribeGroups => "DescribeGroups",
        Api::ListGroups => "ListGroups",
        Api::SaslHandshake => "SaslHandshake",
        Api::ApiVersions => "ApiVersions",
        Api::DescribeConfigs => "DescribeConfigs",
        Api::DescribeLogDirs => "DescribeLogDirs",
        Api::SaslAuthenticate => "SaslAuthenticate",
        Api::DescribeCluster => "DescribeCluster",
        Api::DescribeProducers => "DescribeProducers",
        Api::DescribeTransactions => "DescribeTransactions",
        Api::ListTransactions => "ListTransactions",
        Api::ConsumerGroupDescribe => "ConsumerGroupDescribe",
        Api::ShareGroupDescribe => "ShareGroupDescribe",
        Api::StreamsGroupDescribe => "StreamsGroupDescribe",
        Api::DescribeShareGroupOffsets => "DescribeShareGroupOffsets",
    }
}
