//! The driver is asynchronous, the lab blocks: one small runtime for all of it.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use crate::error::{Doing, Error, Result};

fn handle() -> Result<&'static Handle> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    let runtime =
        RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(2).thread_name("lab").enable_all().build());
    match runtime {
        Ok(runtime) => Ok(runtime.handle()),
        Err(error) => Err(Error::Usage(format!("no runtime for MongoDB's driver: {error}"))),
    }
}

/// Waits for the future on the calling thread, with the lab's runtime under it.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> Result<T> {
    let _inside = handle()?.enter();
    Ok(futures_executor::block_on(future))
}

/// Runs it beside the caller.
pub(crate) fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Result<JoinHandle<T>> {
    Ok(handle()?.spawn(future))
}

/// Waits for an answer of the driver, at most `limit`. The request runs as a task of its own and is never dropped half
/// way, which the driver does not stand.
pub(crate) fn ask<T: Send + 'static>(
    what: &str,
    limit: Duration,
    future: impl Future<Output = mongodb::error::Result<T>> + Send + 'static,
) -> Result<T> {
    let task = spawn(future)?;
    match wait(async { tokio::time::timeout(limit, task).await })? {
        Ok(Ok(answer)) => answer.doing(|| what.to_owned()),
        Ok(Err(panicked)) => Err(Error::Usage(format!("{what}: {panicked}"))),
        Err(_) => {
            Err(Error::Deadline { what: what.to_owned(), waited_s: limit.as_secs(), last: "no answer".to_owned() })
        }
    }
}
