//! One connection: HTTP/1.1 with timeouts, a longest life, and a polite end at shutdown.

use super::body::Chunks;
use super::state::State;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// The time a client has to send its request's head; also how long an idle connection is kept.
const HEADERS: Duration = Duration::from_secs(10);
/// How long a connection lives; a client opens another one.
const LIFE: Duration = Duration::from_secs(300);
/// How long a request may take to end once its connection is asked to.
const GRACE: Duration = Duration::from_secs(4);
/// The most a request's head may take.
const HEAD_BYTES: usize = 16 * 1024;
/// The most header lines.
const HEADER_LINES: usize = 64;

/// Answers the requests of one connection until it ends, has lived long enough, or `stop` turns true.
pub(super) async fn serve(stream: TcpStream, state: Arc<State>, mut stop: watch::Receiver<bool>) {
    // An answer is one small write: waiting for more to send would only delay it.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let state = state.clone();
        async move { Ok::<_, Infallible>(answer(request, &state).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADER_LINES)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        _ = stop.wait_for(|s| *s) => None,
        () = tokio::time::sleep(LIFE) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(GRACE, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(e) = ended {
        tracing::debug!("a connection ended: {e}");
    }
}

async fn answer(request: Request<Incoming>, state: &State) -> Response<Chunks> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let begun = crate::clock::now().mono;
    let response = super::route::route(request, state).await;
    // Neither headers nor the query: tokens and whatever people put into either stay out of the log.
    let took = crate::clock::now().mono - begun;
    tracing::debug!(%method, path, status = response.status().as_u16(), ms = took.0, "served");
    response
}
