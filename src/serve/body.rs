//! Bodies: those that go out are a few shared chunks of known length, those that come in are bounded.

use super::reply::Reply;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::{Request, StatusCode};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// The most a request's body may have.
pub(super) const MOST: usize = 64 * 1024;
/// The time a client has to send its body.
const PATIENCE: Duration = Duration::from_secs(10);

/// Chunks sent one after another; sharing them costs nothing.
#[derive(Debug, Default)]
pub(super) struct Chunks(VecDeque<Bytes>);

impl Chunks {
    /// These chunks, empty ones left out.
    pub(super) fn of(chunks: impl IntoIterator<Item = Bytes>) -> Chunks {
        Chunks(chunks.into_iter().filter(|c| !c.is_empty()).collect())
    }
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.get_mut().0.pop_front().map(|c| Ok(Frame::data(c))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|c| u64::try_from(c.len()).unwrap_or(0)).sum())
    }
}

/// The whole body of a request.
///
/// # Errors
/// The reply where it is too long, too slow or torn.
pub(super) async fn read(request: Request<Incoming>) -> Result<Bytes, Reply> {
    use http_body_util::{BodyExt, LengthLimitError, Limited};
    let body = Limited::new(request.into_body(), MOST);
    match tokio::time::timeout(PATIENCE, body.collect()).await {
        Ok(Ok(all)) => Ok(all.to_bytes()),
        Ok(Err(e)) if e.is::<LengthLimitError>() => {
            let said = format!("the body has more than {MOST} bytes");
            Err(Reply::error(StatusCode::PAYLOAD_TOO_LARGE, "too-large", said).closing())
        }
        Ok(Err(_)) => {
            Err(Reply::error(StatusCode::BAD_REQUEST, "bad-request", "the body ended before its length").closing())
        }
        Err(_) => Err(Reply::error(StatusCode::REQUEST_TIMEOUT, "timeout", "the body did not come in time").closing()),
    }
}
