//! One question to one resolver: over UDP, asked again while it is silent, and over TCP where the answer did not fit.

use super::super::connect::{Looker, refused};
use super::super::millis;
use cutover_core::estate::{Failure, FailureKind};
use cutover_core::time::Dur;
use hickory_proto::op::{Message, MessageType, Query};
use hickory_proto::rr::{Name, RecordType};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// A datagram is sent so often within the time allowed.
const SENT: i64 = 3;

/// Asks. The caller sees to it that it ends.
pub(super) async fn ask(
    looker: &Looker,
    resolver: SocketAddr,
    name: &Name,
    kind: RecordType,
) -> Result<Message, Failure> {
    let mut question = Message::query();
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(name.clone(), kind));
    let sent = question.to_vec().map_err(|e| protocol(format!("the question cannot be written: {e}")))?;
    let reply = by_udp(resolver, &question, &sent, Dur(looker.within.0 / SENT)).await?;
    if reply.metadata.truncation { by_tcp(resolver, &question, &sent).await } else { Ok(reply) }
}

async fn by_udp(resolver: SocketAddr, question: &Message, sent: &[u8], again: Dur) -> Result<Message, Failure> {
    let any = match resolver {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    // Connected, so that nobody else's datagrams are taken and a closed port is told.
    let socket = UdpSocket::bind(any).await.map_err(|e| refusal(&e))?;
    socket.connect(resolver).await.map_err(|e| refusal(&e))?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        socket.send(sent).await.map_err(|e| refusal(&e))?;
        let answered = async {
            loop {
                let length = socket.recv(&mut buffer).await.map_err(|e| refusal(&e))?;
                // What does not fit the question may be late, or forged; the answer may still come.
                if let Ok(reply) = read(buffer.get(..length).unwrap_or_default(), question) {
                    return Ok(reply);
                }
            }
        };
        if let Ok(answered) = tokio::time::timeout(millis(again), answered).await {
            return answered;
        }
    }
}

async fn by_tcp(resolver: SocketAddr, question: &Message, sent: &[u8]) -> Result<Message, Failure> {
    let failed = |e: io::Error| {
        let why = refused(&e);
        Failure::new(why.kind, format!("the answer does not fit a datagram, and over TCP: {}", why.words))
    };
    let mut stream = TcpStream::connect(resolver).await.map_err(failed)?;
    let length = u16::try_from(sent.len()).map_err(|_| protocol("the question is too long"))?;
    stream.write_all(&[&length.to_be_bytes(), sent].concat()).await.map_err(failed)?;
    let length = stream.read_u16().await.map_err(failed)?;
    let mut reply = vec![0; usize::from(length)];
    stream.read_exact(&mut reply).await.map_err(failed)?;
    read(&reply, question)
}

/// A reply to this very question.
fn read(bytes: &[u8], question: &Message) -> Result<Message, Failure> {
    let reply = Message::from_vec(bytes).map_err(|e| protocol(format!("the answer cannot be read: {e}")))?;
    let same = reply.metadata.id == question.metadata.id
        && reply.metadata.message_type == MessageType::Response
        && reply.queries == question.queries;
    if same { Ok(reply) } else { Err(protocol("the answer belongs to another question")) }
}

fn refusal(e: &io::Error) -> Failure {
    refused(e).failure()
}

fn protocol(what: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Protocol, what.into())
}
