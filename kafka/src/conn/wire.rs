//! The two tasks of a connection: frames out, frames in.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;

use super::{Ended, Pending, Shared, lock};
use crate::decode::{DecodeError, DecodeReason, Reader, throttle};

/// A socket, with or without TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Starts both tasks; the sender takes whole frames.
pub(super) fn start(stream: Box<dyn Stream>, shared: &Arc<Shared>, max_frame: usize) -> mpsc::Sender<Bytes> {
    let (reading, writing) = tokio::io::split(stream);
    let (outgoing, frames) = mpsc::channel(64);
    let reader = tokio::spawn(read(reading, Arc::clone(shared), max_frame)).abort_handle();
    let writer = tokio::spawn(write(writing, frames, Arc::clone(shared))).abort_handle();
    let mut tasks = lock(&shared.tasks);
    tasks.extend([reader, writer]);
    if shared.ended.get().is_some() {
        tasks.drain(..).for_each(|task| task.abort());
    }
    outgoing
}

async fn write(mut stream: WriteHalf<Box<dyn Stream>>, mut frames: mpsc::Receiver<Bytes>, shared: Arc<Shared>) {
    while let Some(frame) = frames.recv().await {
        let written = async {
            stream.write_all(&frame).await?;
            if frames.is_empty() { stream.flush().await } else { Ok(()) }
        };
        if let Err(error) = written.await {
            shared.end(Ended::Closed(Arc::from(format!("writing failed: {error}"))));
            return;
        }
    }
}

async fn read(mut stream: ReadHalf<Box<dyn Stream>>, shared: Arc<Shared>, max_frame: usize) {
    let why = loop {
        match frame(&mut stream, max_frame).await {
            Ok(frame) => {
                if let Err(error) = deliver(&shared, frame) {
                    break Ended::Malformed(error);
                }
            }
            Err(why) => break why,
        }
    };
    shared.end(why);
}

/// One frame without its length. Memory grows with the bytes that arrive, not with the length announced.
async fn frame(stream: &mut ReadHalf<Box<dyn Stream>>, max_frame: usize) -> Result<Bytes, Ended> {
    let lost = |error: std::io::Error| {
        let reason = match error.kind() {
            std::io::ErrorKind::UnexpectedEof => "the broker closed it".to_owned(),
            _ => format!("reading failed: {error}"),
        };
        Ended::Closed(Arc::from(reason))
    };
    let announced = stream.read_i32().await.map_err(lost)?;
    let length = usize::try_from(announced).ok().filter(|length| *length >= 4 && *length <= max_frame).ok_or({
        let reason = DecodeReason::Frame(announced as i64);
        Ended::Malformed(DecodeError { field: "frame_length", offset: 0, reason })
    })?;
    let mut frame = Vec::with_capacity(length.min(64 * 1024));
    let limit = u64::try_from(length).unwrap_or(u64::MAX);
    stream.take(limit).read_to_end(&mut frame).await.map_err(lost)?;
    if frame.len() < length {
        let reason = format!("the broker closed it after {} of {length} bytes of an answer", frame.len());
        return Err(Ended::Closed(Arc::from(reason)));
    }
    Ok(Bytes::from(frame))
}

/// Hands an answer to the one who asked.
fn deliver(shared: &Shared, frame: Bytes) -> Result<(), DecodeError> {
    let mut head = Reader::new(&frame, true);
    let correlation = head.i32("correlation_id")?;
    let unasked = DecodeError { field: "correlation_id", offset: 0, reason: DecodeReason::Correlation(correlation) };
    let Pending { api, version, answer } = lock(&shared.pending).remove(&correlation).ok_or(unasked)?;
    let tags = if api.flexible_response_header(version) { head.tags() } else { Ok(()) };
    if let Err(error) = tags {
        let _gone = answer.send(Err(Ended::Malformed(error)));
        return Err(error);
    }
    let body = frame.slice(frame.len() - head.left()..);
    shared.throttle(Duration::from_millis(throttle(api, &body).into()));
    // Nobody waits for it any more if the caller gave up without a timeout of its own.
    let _gone = answer.send(Ok(body));
    Ok(())
}
