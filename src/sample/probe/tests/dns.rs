//! DNS against real servers on the loopback, over UDP and TCP.

use super::{closed, look, look_briefly};
use crate::config::Question;
use cutover_core::estate::FailureKind;
use cutover_core::estate::probe::{NameAnswer, ProbeSample};
use cutover_core::time::Dur;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

/// What a server answers: it gets the question, and fills the answer in; false where it is silent.
type Answers = Arc<dyn Fn(&str, RecordType, &mut Message) -> bool + Send + Sync>;

/// A server, and whether what it sends over UDP is cut off.
async fn server(
    cut: bool,
    answers: impl Fn(&str, RecordType, &mut Message) -> bool + Send + Sync + 'static,
) -> SocketAddr {
    let answers: Answers = Arc::new(answers);
    // The same port for both; another program may have one of them.
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().unwrap();
    let over_tcp = answers.clone();
    tokio::spawn(async move {
        let mut buffer = [0; 2000];
        while let Ok((length, from)) = udp.recv_from(&mut buffer).await {
            if let Some(reply) = reply(&buffer[..length], &answers) {
                let reply = if cut { reply.truncate() } else { reply };
                udp.send_to(&reply.to_vec().unwrap(), from).await.unwrap();
            }
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let mut question = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut question).await.unwrap();
            let Some(reply) = reply(&question, &over_tcp) else { continue };
            let reply = reply.to_vec().unwrap();
            stream.write_u16(u16::try_from(reply.len()).unwrap()).await.unwrap();
            stream.write_all(&reply).await.unwrap();
        }
    });
    address
}

fn reply(bytes: &[u8], answers: &Answers) -> Option<Message> {
    let question = Message::from_vec(bytes).unwrap();
    let query = question.queries[0].clone();
    let mut reply = Message::response(question.metadata.id, question.metadata.op_code);
    reply.metadata.recursion_available = true;
    let asked = query.name().to_ascii();
    let said = answers(asked.trim_end_matches('.'), query.query_type(), &mut reply);
    reply.add_query(query);
    said.then_some(reply)
}

fn record(name: &str, ttl: u32, data: RData) -> Record {
    let mut name = Name::from_ascii(name).unwrap();
    name.set_fqdn(true);
    Record::from_rdata(name, ttl, data)
}

fn address(name: &str, ttl: u32, ip: &str) -> Record {
    let data = match ip.parse().unwrap() {
        IpAddr::V4(ip) => RData::A(A(ip)),
        IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
    };
    record(name, ttl, data)
}

fn alias(name: &str, ttl: u32, target: &str) -> Record {
    let mut target = Name::from_ascii(target).unwrap();
    target.set_fqdn(true);
    record(name, ttl, RData::CNAME(CNAME(target)))
}

fn nothing(reply: &mut Message, ttl: u32) {
    let soa = SOA::new(Name::root(), Name::root(), 1, 1, 1, 1, ttl);
    reply.add_authority(record("shop.example", 3600, RData::SOA(soa)));
}

fn asks(resolvers: &[SocketAddr], expect: &[&str]) -> Question {
    Question::Dns {
        name: Name::from_ascii("api.shop.example.").unwrap(),
        resolvers: resolvers.iter().copied().collect(),
        expect: expect.iter().map(|e| (*e).into()).collect(),
    }
}

fn of(s: &ProbeSample, resolver: SocketAddr) -> NameAnswer {
    s.names[&*resolver.to_string()].clone().unwrap()
}

/// A server that knows one IPv4 address of the name.
async fn plain(ip: &'static str, ttl: u32) -> SocketAddr {
    server(false, move |name, kind, reply| {
        if kind == RecordType::A {
            reply.add_answer(address(name, ttl, ip))
        } else {
            reply
        };
        true
    })
    .await
}

#[tokio::test]
async fn expected_addresses_pass_and_others_do_not() {
    let (new, old) = (plain("10.0.0.7", 60).await, plain("10.0.0.1", 300).await);
    let s = look(asks(&[new], &["10.0.0.7", "10.0.0.8"])).await.unwrap();
    assert!(s.pass);
    assert_eq!(&*s.said, &format!("{new} answers 10.0.0.7 (ttl 1 min)"));
    let s = look(asks(&[new, old], &["10.0.0.7"])).await.unwrap();
    assert!(!s.pass);
    assert!(s.said.contains(&format!("{old} answers 10.0.0.1 (ttl 5 min), which is not expected")), "{}", s.said);
    assert!(of(&s, new).expected && !of(&s, old).expected);
    assert_eq!(of(&s, old).ttl, Dur::secs(300));
}

#[tokio::test]
async fn both_kinds_of_addresses_count() {
    let both = server(false, |name, kind, reply| {
        let ip = if kind == RecordType::A { "10.0.0.7" } else { "fd00::1" };
        reply.add_answer(address(name, 60, ip));
        true
    })
    .await;
    assert!(!look(asks(&[both], &["10.0.0.7"])).await.unwrap().pass);
    assert!(look(asks(&[both], &["10.0.0.7", "fd00::1"])).await.unwrap().pass);
}

#[tokio::test]
async fn aliases_are_followed_and_kept_for_the_longest_time() {
    let resolver = server(false, |name, kind, reply| {
        reply.add_answer(alias(name, 3600, "LB.new.example"));
        if kind == RecordType::A {
            reply.add_answer(address("lb.new.example", 60, "10.0.0.7"));
        }
        true
    })
    .await;
    for expect in ["10.0.0.7", "lb.new.example"] {
        let s = look(asks(&[resolver], &[expect])).await.unwrap();
        assert!(s.pass, "{}", s.said);
        let a = of(&s, resolver);
        assert_eq!((a.ttl, a.addresses.len()), (Dur::secs(3600), 1));
        assert!(a.addresses.contains("10.0.0.7"));
    }
    assert!(!look(asks(&[resolver], &["lb.old.example"])).await.unwrap().pass);
}

#[tokio::test]
async fn a_server_of_its_own_names_only_ends_at_the_alias() {
    let own = server(false, |name, _, reply| {
        reply.metadata.recursion_available = false;
        match name {
            "api.shop.example" => {
                reply.metadata.authoritative = true;
                reply.add_answer(alias(name, 120, "lb.new.example"));
            }
            _ => reply.metadata.response_code = ResponseCode::Refused,
        }
        true
    })
    .await;
    let s = look(asks(&[own], &["lb.new.example"])).await.unwrap();
    assert!(s.pass && of(&s, own).addresses.contains("lb.new.example"), "{}", s.said);
    assert!(!look(asks(&[own], &["lb.old.example"])).await.unwrap().pass);
}

#[tokio::test]
async fn nothing_is_an_answer_and_never_the_expected_one() {
    let gone = server(false, |_, _, reply| {
        reply.metadata.response_code = ResponseCode::NXDomain;
        nothing(reply, 30);
        true
    })
    .await;
    let dangling = server(false, |name, _, reply| {
        reply.add_answer(alias(name, 60, "lb.new.example"));
        reply.metadata.response_code = ResponseCode::NXDomain;
        true
    })
    .await;
    let s = look(asks(&[gone, dangling], &["10.0.0.7", "lb.new.example"])).await.unwrap();
    assert!(!s.pass && s.said.contains(&format!("{gone} knows no address")), "{}", s.said);
    for (resolver, ttl) in [(gone, 30), (dangling, 60)] {
        let a = of(&s, resolver);
        assert!(!a.expected && a.addresses.is_empty() && a.ttl == Dur::secs(ttl), "{a:?}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_asked_for_over_tcp() {
    let ips: Vec<String> = (1..=60).map(|i| format!("10.0.1.{i}")).collect();
    let many = ips.clone();
    let resolver = server(true, move |name, kind, reply| {
        if kind == RecordType::A {
            reply.add_answers(many.iter().map(|ip| address(name, 60, ip)));
        }
        true
    })
    .await;
    let expect: Vec<&str> = ips.iter().map(String::as_str).collect();
    let s = look(asks(&[resolver], &expect)).await.unwrap();
    assert!(s.pass);
    assert_eq!(of(&s, resolver).addresses.len(), 60);
}

#[tokio::test]
async fn a_lost_datagram_is_asked_for_again() {
    let lost = Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let resolver = server(false, move |name, kind, reply| {
        let first = lost.lock().unwrap().insert(kind.to_string());
        if kind == RecordType::A {
            reply.add_answer(address(name, 60, "10.0.0.7"));
        }
        !first
    })
    .await;
    assert!(look(asks(&[resolver], &["10.0.0.7"])).await.unwrap().pass);
}

#[tokio::test]
async fn who_does_not_answer_is_unknown_beside_who_does() {
    let good = plain("10.0.0.7", 60).await;
    let silent = server(false, |_, _, _| false).await;
    let broken = server(false, |_, _, reply| {
        reply.metadata.response_code = ResponseCode::ServFail;
        true
    })
    .await;
    let shut = closed();
    let s = look_briefly(asks(&[good, silent, broken, shut], &["10.0.0.7"])).await.unwrap();
    assert!(!s.pass && of(&s, good).expected);
    let kind = |r: SocketAddr| s.names[&*r.to_string()].clone().unwrap_err().kind;
    assert_eq!(
        [silent, broken, shut].map(kind),
        [FailureKind::Timeout, FailureKind::Server, FailureKind::Unreachable],
        "{}",
        s.said
    );
    let f = look_briefly(asks(&[silent], &["10.0.0.7"])).await.unwrap_err();
    assert_eq!((f.kind, &*f.message), (FailureKind::Timeout, &*format!("{silent}: no answer within 450 ms")));
}

#[tokio::test]
async fn a_circle_of_aliases_ends() {
    let circle = server(false, |name, _, reply| {
        let (from, to) = (name.to_owned(), if name.starts_with('a') { "b.example" } else { "api.shop.example" });
        reply.metadata.recursion_available = false;
        reply.add_answer(alias(&from, 60, to));
        true
    })
    .await;
    let f = look(asks(&[circle], &["b.example"])).await.unwrap_err();
    assert!(f.message.ends_with("the aliases do not end"), "{}", f.message);
}
