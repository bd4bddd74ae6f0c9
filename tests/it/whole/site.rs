//! What stands around the clusters, on the loopback: the gateway of the destination, its entry point, two resolvers.
//! The test turns every knob itself, so that it knows what a probe has to find.

use cutover_lab::{Side, now};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The name that people type.
pub(crate) const NAME: &str = "shop.example";
/// What it answers with before and after the switch.
const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];
/// How long answers may be kept, in seconds: long enough to be waited for, short enough for a test.
pub(crate) const TTL: u32 = 12;

/// The window of the probe's expression, and a scrape.
const LOOKS_BACK: Duration = Duration::from_secs(5);

/// How things stand.
#[derive(Debug)]
struct State {
    healthy: bool,
    /// Which gateway the traffic reaches, and since when.
    traffic: (Side, Instant),
    /// Requests that each gateway has had.
    requests: [u64; 2],
    /// Where each resolver points.
    names: [Side; 2],
}

/// The servers; dropping it ends them.
#[derive(Debug)]
pub(crate) struct Site {
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    gateway: SocketAddr,
    resolvers: [SocketAddr; 2],
    entry: SocketAddr,
    door: Arc<Mutex<Option<TcpListener>>>,
}

impl Site {
    /// Everything healthy, the traffic and the names still at the source.
    pub(crate) fn start() -> Result<Site, String> {
        let state = State { healthy: true, traffic: (Side::Source, now()), requests: [0, 0], names: [Side::Source; 2] };
        let (state, stop) = (Arc::new(Mutex::new(state)), Arc::new(AtomicBool::new(false)));
        let mut threads = Vec::new();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port()?)).map_err(text)?;
        let gateway = listener.local_addr().map_err(text)?;
        let (s, e) = (state.clone(), stop.clone());
        threads.push(std::thread::spawn(move || serve(&listener, &s, &e)));
        let mut resolvers = [gateway; 2];
        for (number, at) in resolvers.iter_mut().enumerate() {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port()?)).map_err(text)?;
            socket.set_read_timeout(Some(Duration::from_millis(200))).map_err(text)?;
            *at = socket.local_addr().map_err(text)?;
            let (s, e) = (state.clone(), stop.clone());
            threads.push(std::thread::spawn(move || resolve(&socket, number, &s, &e)));
        }
        let entry = SocketAddr::from((Ipv4Addr::LOCALHOST, port()?));
        let door = Arc::new(Mutex::new(Some(listening(entry)?)));
        let (d, e) = (door.clone(), stop.clone());
        threads.push(std::thread::spawn(move || welcome(&d, &e)));
        Ok(Site { state, stop, threads, gateway, resolvers, entry, door })
    }

    /// Where the destination's gateway answers, and counts the requests of both.
    pub(crate) fn gateway(&self) -> SocketAddr {
        self.gateway
    }

    /// The probes of a configuration that look at all of it; Prometheus answers at `prometheus`.
    pub(crate) fn probes(&self, prometheus: SocketAddr) -> String {
        let ([a, b], gateway, entry) = (self.resolvers, self.gateway, self.entry);
        let moved = "sum(rate(gateway_requests_total{site=\\\"destination\\\"}[4s])) > bool 0";
        format!(
            "probes:\n  \
             api: {{ kind: http, side: destination, url: \"http://{gateway}/healthz\", gates: [redirect-traffic], \
             requirement: destination-tested }}\n  \
             entry: {{ kind: tcp, side: destination, address: \"{entry}\", gates: [switch-dns] }}\n  \
             traffic: {{ kind: promql, side: destination, url: \"http://{prometheus}\", query: \"{moved}\", \
             gates: [redirect-traffic] }}\n  \
             names: {{ kind: dns, side: destination, name: {NAME}, resolvers: [\"{a}\", \"{b}\"], \
             expect: [\"{}\"], gates: [switch-dns] }}\n",
            ADDRESSES[1],
        )
    }

    /// Lets the gateway of the destination say 200, or 503.
    pub(crate) fn healthy(&self, healthy: bool) {
        lock(&self.state).healthy = healthy;
    }

    /// Whether it says 200.
    pub(crate) fn is_healthy(&self) -> bool {
        lock(&self.state).healthy
    }

    /// Sends the traffic to a side.
    pub(crate) fn traffic(&self, side: Side) {
        lock(&self.state).traffic = (side, now());
    }

    /// Whether the traffic reaches the source, for longer than the expression of the probe looks back.
    pub(crate) fn is_at_source(&self) -> bool {
        let (side, since) = lock(&self.state).traffic;
        side == Side::Source && since.elapsed() > LOOKS_BACK
    }

    /// Lets one of the two resolvers answer with a side.
    pub(crate) fn names(&self, resolver: usize, side: Side) {
        lock(&self.state).names[resolver] = side;
    }

    /// Opens the entry point of the destination, or closes it: connections are refused then.
    pub(crate) fn entry(&self, open: bool) -> Result<(), String> {
        let mut door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        *door = if open { Some(listening(self.entry)?) } else { None };
        Ok(())
    }

    /// Whether it takes connections.
    pub(crate) fn is_open(&self) -> bool {
        self.door.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // The gateway waits for a connection.
        let _ = TcpStream::connect(self.gateway);
        self.threads.drain(..).for_each(|t| drop(t.join()));
    }
}

fn listening(at: SocketAddr) -> Result<TcpListener, String> {
    let listener = TcpListener::bind(at).map_err(text)?;
    listener.set_nonblocking(true).map_err(text)?;
    Ok(listener)
}

/// Takes who comes, and lets them go.
fn welcome(door: &Mutex<Option<TcpListener>>, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        if let Some(open) = &*door.lock().unwrap_or_else(PoisonError::into_inner) {
            while open.accept().is_ok() {}
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn serve(listener: &TcpListener, state: &Mutex<State>, stop: &AtomicBool) {
    for stream in listener.incoming() {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let Ok(mut stream) = stream else { continue };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
        let mut request = Vec::new();
        let mut chunk = [0; 1024];
        while !request.windows(4).any(|w| w == b"\r\n\r\n") && request.len() < 16_384 {
            match stream.read(&mut chunk) {
                Ok(n) if n > 0 => request.extend_from_slice(&chunk[..n]),
                _ => break,
            }
        }
        let (status, body) = answer(&String::from_utf8_lossy(&request), &mut lock(state));
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n");
        let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
    }
}

fn answer(request: &str, state: &mut State) -> (&'static str, String) {
    match request.split(' ').nth(1) {
        Some("/healthz") if state.healthy => ("200 OK", "well\n".to_owned()),
        Some("/healthz") => ("503 Service Unavailable", "not well\n".to_owned()),
        Some("/metrics") => {
            // Whoever looks finds that there were requests since.
            let at = usize::from(state.traffic.0 == Side::Destination);
            state.requests[at] += 10;
            let [old, new] = state.requests;
            let name = "gateway_requests_total";
            let series = format!("{name}{{site=\"source\"}} {old}\n{name}{{site=\"destination\"}} {new}\n");
            ("200 OK", format!("# TYPE {name} counter\n{series}"))
        }
        _ => ("404 Not Found", String::new()),
    }
}

/// Answers every question about [`NAME`] for an IPv4 address; for anything else of it there is nothing.
fn resolve(socket: &UdpSocket, number: usize, state: &Mutex<State>, stop: &AtomicBool) {
    let mut buffer = [0; 1500];
    while !stop.load(Ordering::SeqCst) {
        let Ok((n, from)) = socket.recv_from(&mut buffer) else { continue };
        let side = lock(state).names[number];
        if let Some(answer) = dns(&buffer[..n], ADDRESSES[usize::from(side == Side::Destination)]) {
            let _ = socket.send_to(&answer, from);
        }
    }
}

/// The answer to a query with one question: its header, its question, and a record where it asks for one.
fn dns(query: &[u8], address: Ipv4Addr) -> Option<Vec<u8>> {
    let mut end = 12;
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*query.get(end)?);
        let label = query.get(end + 1..end + 1 + length)?;
        end += 1 + length;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(label).to_lowercase());
    }
    let question = query.get(12..end + 4)?;
    let known = labels.join(".") == NAME;
    let found = known && question.get(end - 12..end - 10)? == [0, 1];
    // A response, with recursion where it was asked for; NXDOMAIN for another name.
    let flags = [0x80 | (query.get(2)? & 1), 0x80 | if known { 0 } else { 3 }];
    let mut answer = [query.get(..2)?, &flags, &[0, 1, 0, u8::from(found), 0, 0, 0, 0], question].concat();
    if found {
        answer.extend([0xc0, 12, 0, 1, 0, 1]);
        answer.extend(TTL.to_be_bytes());
        answer.extend([0, 4]);
        answer.extend(address.octets());
    }
    Some(answer)
}

fn port() -> Result<u16, String> {
    cutover_lab::free_port().map_err(|e| e.to_string())
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text(e: std::io::Error) -> String {
    format!("the site: {e}")
}
