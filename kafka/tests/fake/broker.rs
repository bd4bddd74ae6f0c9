//! A broker of one node that answers from a script, and sensibly where the script says nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use cutover_kafka::Api;
use kafka_protocol::messages as k;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What to do with a request.
pub(crate) enum Reply {
    Body(Vec<u8>),
    Later(Duration, Vec<u8>),
    Never,
    RawThenClose(Vec<u8>),
}

type Script = dyn Fn(i16, i16, &Bytes) -> Option<Reply> + Send + Sync;

pub(crate) struct Builder {
    script: Arc<Script>,
    ranges: BTreeMap<i16, (i16, i16)>,
    offsets_topic: bool,
    tls: Option<TlsAcceptor>,
}

pub(crate) struct Fake {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    script: Builder,
    asked: Mutex<Vec<i16>>,
    connections: AtomicUsize,
    cluster_id: Mutex<String>,
    advertised: AtomicU16,
}

pub(crate) fn encode(message: &impl Encodable, version: i16) -> Vec<u8> {
    let mut out = BytesMut::new();
    message.encode(&mut out, version).expect("encodes");
    out.to_vec()
}

impl Fake {
    pub(crate) fn start(script: impl Fn(i16, i16, &Bytes) -> Option<Reply> + Send + Sync + 'static) -> Builder {
        let ranges = Api::ALL.into_iter().map(|api| (api.key(), api.versions())).collect();
        Builder { script: Arc::new(script), ranges, offsets_topic: true, tls: None }
    }

    pub(crate) fn asked(&self, api: i16) -> usize {
        self.shared.asked.lock().expect("lock").iter().filter(|asked| **asked == api).count()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn rename(&self, id: &str) {
        *self.shared.cluster_id.lock().expect("lock") = id.to_owned();
    }

    pub(crate) fn advertise(&self, port: u16) {
        self.shared.advertised.store(port, Ordering::Relaxed);
    }
}

impl Builder {
    pub(crate) fn answering(
        mut self,
        script: impl Fn(i16, i16, &Bytes) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        self.script = Arc::new(script);
        self
    }

    pub(crate) fn with_max(mut self, api: i16, max: i16) -> Self {
        let (min, _) = self.ranges[&api];
        self.ranges.insert(api, (min.min(max), max));
        self
    }

    pub(crate) fn without(mut self, api: i16) -> Self {
        self.ranges.remove(&api);
        self
    }

    pub(crate) fn without_offsets_topic(mut self) -> Self {
        self.offsets_topic = false;
        self
    }

    pub(crate) fn with_tls(mut self, acceptor: TlsAcceptor) -> Self {
        self.tls = Some(acceptor);
        self
    }

    pub(crate) async fn serve(self) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let port = listener.local_addr().expect("address").port();
        let shared = Arc::new(Shared {
            script: self,
            asked: Mutex::default(),
            connections: AtomicUsize::new(0),
            cluster_id: Mutex::new("fake".into()),
            advertised: AtomicU16::new(port),
        });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                tokio::spawn(async move {
                    shared.connections.fetch_add(1, Ordering::Relaxed);
                    match &shared.script.tls {
                        None => shared.connection(socket).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.clone().accept(socket).await {
                                shared.connection(stream).await;
                            }
                        }
                    }
                });
            }
        });
        Fake { port, shared }
    }
}

impl Shared {
    /// Ends when the client does, or when told to close.
    async fn connection(self: &Arc<Self>, socket: impl AsyncRead + AsyncWrite + Send + 'static) {
        let (mut reading, writing) = tokio::io::split(socket);
        let writing = Arc::new(tokio::sync::Mutex::new(writing));
        while let Ok(length) = reading.read_u32().await {
            let mut frame = vec![0; usize::try_from(length).expect("length")];
            if reading.read_exact(&mut frame).await.is_err() {
                return;
            }
            let mut frame = Bytes::from(frame);
            let (api, version) = (frame.get_i16(), frame.get_i16());
            let correlation = frame.get_i32();
            let client = frame.get_i16();
            frame.advance(usize::try_from(client).unwrap_or(0));
            let key = k::ApiKey::try_from(api).expect("known request");
            if key.request_header_version(version) == 2 {
                frame.advance(1);
            }
            self.asked.lock().expect("lock").push(api);
            let reply = (self.script.script)(api, version, &frame).unwrap_or_else(|| self.usual(api, version, &frame));
            let (pause, body) = match reply {
                Reply::Body(body) => (Duration::ZERO, body),
                Reply::Later(pause, body) => (pause, body),
                Reply::Never => continue,
                Reply::RawThenClose(raw) => {
                    let mut writing = writing.lock().await;
                    let _closed = writing.write_all(&raw).await;
                    let _closed = writing.shutdown().await;
                    return;
                }
            };
            let mut answer = correlation.to_be_bytes().to_vec();
            if key.response_header_version(version) == 1 {
                answer.push(0);
            }
            answer.extend(body);
            let writing = Arc::clone(&writing);
            tokio::spawn(async move {
                tokio::time::sleep(pause).await;
                let length = u32::try_from(answer.len()).expect("short");
                let whole = [&length.to_be_bytes()[..], &answer].concat();
                let _closed = writing.lock().await.write_all(&whole).await;
            });
        }
    }

    fn usual(&self, api: i16, version: i16, body: &Bytes) -> Reply {
        let text = |text: &str| StrBytes::from_string(text.to_owned());
        let port = i32::from(self.advertised.load(Ordering::Relaxed));
        Reply::Body(match k::ApiKey::try_from(api).expect("known request") {
            k::ApiKey::ApiVersions => {
                let range = |(key, (min, max)): (&i16, &(i16, i16))| {
                    ApiVersion::default().with_api_key(*key).with_min_version(*min).with_max_version(*max)
                };
                let message =
                    k::ApiVersionsResponse::default().with_api_keys(self.script.ranges.iter().map(range).collect());
                if version > self.script.ranges[&18].1 {
                    encode(&message.with_error_code(35), 0)
                } else {
                    encode(&message, version)
                }
            }
            k::ApiKey::Metadata => {
                let asked = k::MetadataRequest::decode(&mut body.clone(), version).expect("request");
                assert!(!asked.allow_auto_topic_creation, "a reader must not create topics");
                let topics = asked.topics.unwrap_or_default().into_iter().map(|topic| {
                    let name = topic.name.expect("name");
                    let exists =
                        &*name.0 == "orders" || (&*name.0 == "__consumer_offsets" && self.script.offsets_topic);
                    let part = |index| {
                        MetadataResponsePartition::default().with_partition_index(index).with_leader_id(1.into())
                    };
                    let told = MetadataResponseTopic::default().with_name(Some(name));
                    if exists { told.with_partitions(vec![part(0), part(1)]) } else { told.with_error_code(3) }
                });
                let broker = MetadataResponseBroker::default()
                    .with_node_id(1.into())
                    .with_host(text("127.0.0.1"))
                    .with_port(port);
                let id = self.cluster_id.lock().expect("lock").clone();
                let message = k::MetadataResponse::default()
                    .with_brokers(vec![broker])
                    .with_cluster_id(Some(text(&id)))
                    .with_topics(topics.collect());
                encode(&message, version)
            }
            k::ApiKey::FindCoordinator => {
                let asked = k::FindCoordinatorRequest::decode(&mut body.clone(), version).expect("request");
                let found = asked.coordinator_keys.into_iter().map(|key| {
                    Coordinator::default()
                        .with_key(key)
                        .with_node_id(1.into())
                        .with_host(text("127.0.0.1"))
                        .with_port(port)
                });
                encode(&k::FindCoordinatorResponse::default().with_coordinators(found.collect()), version)
            }
            k::ApiKey::ListGroups => encode(&k::ListGroupsResponse::default(), version),
            other => panic!("no script for {other:?}"),
        })
    }
}
