//! `/metrics`: what the board holds is encoded once per board into shared bytes; what depends on the instant of the
//! scrape is encoded per scrape. A scrape costs no evaluation and asks no server.
//!
//! No stale series: once a board is too old to be believed, only what says so is left.

mod board;
mod family;
pub(super) mod names;
mod process;
mod scrape;

use super::route;
use crate::agent::Published;
use cutover_core::time::{Dur, Now};
use family::Families;
use hyper::body::Bytes;
use std::sync::{Arc, Mutex, PoisonError};

/// The text format of Prometheus.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The numbers of a board are shown no longer than its verdicts are believed.
const BOARD: Dur = Dur::secs(15);

/// The newest board, encoded. It keeps the board itself, so that another one cannot take its address.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Option<(Arc<Published>, Bytes)>>);

impl Cache {
    /// Everything there is to scrape at `now`.
    ///
    /// # Errors
    /// What the encoder says: a defect.
    pub(super) fn render(&self, published: Option<Arc<Published>>, now: Now) -> Result<Vec<Bytes>, prometheus::Error> {
        let mut families = Families::default();
        scrape::add(&mut families, published.as_deref(), now);
        process::add(&mut families, published.as_deref());
        let instant = Bytes::from(families.encode()?);
        match published.filter(|p| route::age(p, now) < BOARD) {
            Some(p) => Ok(vec![self.encoded(p)?, instant]),
            None => Ok(vec![instant]),
        }
    }

    fn encoded(&self, p: Arc<Published>) -> Result<Bytes, prometheus::Error> {
        // Nothing is awaited while this is held; scrapes of one board wait for one encoding instead of doing it twice.
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, bytes)) = &*cached
            && Arc::ptr_eq(of, &p)
        {
            return Ok(bytes.clone());
        }
        let mut families = Families::default();
        board::add(&mut families, &p);
        let bytes = Bytes::from(families.encode()?);
        *cached = Some((p, bytes.clone()));
        Ok(bytes)
    }
}
