//! The agent as its users meet it: the real binary, its HTTP answers, its command line.

use cutover_lab::{Listener, MongoPair, MongoShopOptions, Pair, Rights, Scratch, Side, secret};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Generous: these machines are noisy, and no test asserts a time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// A running agent with its own folder.
pub(crate) struct Agent {
    folder: Scratch,
    url: String,
    port: u16,
    token: String,
    names: Option<(String, String)>,
    mongodb: Option<MongoSection>,
    ignored: BTreeMap<String, String>,
    readers: Vec<String>,
    migration: String,
    /// What else the configuration says, as YAML.
    more: String,
    pace: &'static str,
    attempt: u32,
    child: Option<Child>,
    runs: u32,
}

/// What the configuration says of MongoDB.
struct MongoSection {
    databases: Vec<String>,
    /// What application names begin with.
    prefix: String,
    /// Patterns of the writers' application names.
    writers: Vec<String>,
    /// Name, URL, application names on either side, namespaces.
    mirrors: Vec<(String, String, [String; 2], String)>,
}

/// One answer of `/ready` or `/done`.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) verdict: Option<String>,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn is_go(&self) -> bool {
        self.status == 200 && self.verdict.as_deref() == Some("go")
    }

    pub(crate) fn summary(&self) -> String {
        format!("{} {}", self.status, self.body["summary"].as_str().unwrap_or("(no summary)"))
    }

    pub(crate) fn life(&self) -> &str {
        self.body["life"].as_str().unwrap_or_default()
    }

    /// Whether anything in the body carries this code, and its words name `place`.
    pub(crate) fn says(&self, code: &str, place: &str) -> bool {
        fn walk(v: &Value, code: &str, place: &str) -> bool {
            match v {
                Value::Object(o) => {
                    let hit = o.get("code").and_then(Value::as_str) == Some(code) && v.to_string().contains(place);
                    hit || o.values().any(|v| walk(v, code, place))
                }
                Value::Array(a) => a.iter().any(|v| walk(v, code, place)),
                _ => false,
            }
        }
        let summary = self.body["summary"].as_str().unwrap_or_default();
        (summary.contains(&format!("({code})")) && summary.contains(place)) || walk(&self.body, code, place)
    }
}

impl Agent {
    /// Writes a configuration for two Kafka clusters and starts the agent on it.
    pub(crate) fn start(pair: &Pair, source: &str, destination: &str) -> Result<Agent, String> {
        let migration = format!("it-{}", source.to_lowercase().replace('.', "-").trim_end_matches('-'));
        let mut agent = Agent::prepared(&migration)?;
        agent.with_kafka(pair, source, destination)?;
        agent.up()?;
        Ok(agent)
    }

    /// An agent that is not started yet, without anything to look at.
    pub(crate) fn prepared(migration: &str) -> Result<Agent, String> {
        let folder = Scratch::new("agent").map_err(|e| e.to_string())?;
        let port = cutover_lab::free_port().map_err(|e| e.to_string())?;
        let token = secret();
        fs::write(folder.path().join("token"), &token).map_err(prepare)?;
        Ok(Agent {
            migration: migration.to_owned(),
            folder,
            url: format!("http://127.0.0.1:{port}"),
            port,
            token,
            names: None,
            mongodb: None,
            ignored: BTreeMap::new(),
            more: String::new(),
            pace: "10s",
            attempt: 1,
            readers: vec!["crud-*".to_owned()],
            child: None,
            runs: 0,
        })
    }

    /// Lets it look at two Kafka clusters.
    pub(crate) fn with_kafka(&mut self, pair: &Pair, source: &str, destination: &str) -> Result<(), String> {
        for side in Side::BOTH {
            let properties = pair.cluster(side).client_properties(Listener::Plaintext, None);
            fs::write(self.folder.path().join(format!("{side}.properties")), properties).map_err(prepare)?;
        }
        self.names = Some((source.to_owned(), destination.to_owned()));
        Ok(())
    }

    /// Lets it look at two replica sets, as a user with the rights the documentation asks for, and at the mirrors, each
    /// with what it carries. `databases` are those of the migration.
    pub(crate) fn with_mongodb(
        &mut self,
        pair: &MongoPair,
        shop: &MongoShopOptions,
        databases: &[&str],
        mirrors: &[(&cutover_lab::Mirror, &str)],
    ) -> Result<(), String> {
        let databases: Vec<String> = databases.iter().map(|d| (*d).to_owned()).collect();
        for side in Side::BOTH {
            let set = pair.set(side);
            let user = format!("agent-{}", self.migration);
            let account = set.create_user(&user, Rights::agent(&databases)).map_err(|e| e.to_string())?;
            fs::write(self.folder.path().join(format!("{side}.uri")), set.uri(&account)).map_err(prepare)?;
        }
        let of = |(m, carries): &(&cutover_lab::Mirror, &str)| {
            let o = m.options();
            (o.name.clone(), m.url(), [o.source_app.clone(), o.destination_app.clone()], (*carries).to_owned())
        };
        let mirrors = mirrors.iter().map(of).collect();
        let prefix = shop.app_prefix.clone();
        // By their family where all are of one.
        let writers = match shop.writers.iter().all(|w| w.name.starts_with("svc-")) {
            true => vec![format!("{prefix}svc-*")],
            false => shop.writers.iter().map(|w| format!("{prefix}{}*", w.name)).collect(),
        };
        self.mongodb = Some(MongoSection { databases, prefix, writers, mirrors });
        Ok(())
    }

    /// Leaves a group or a topic out, with the reason; it counts from the next start.
    pub(crate) fn ignore(&mut self, name: &str, reason: &str) {
        self.ignored.insert(name.to_owned(), reason.to_owned());
    }

    /// Adds sections to the configuration; they count from the next start.
    pub(crate) fn configure(&mut self, yaml: &str) {
        self.more.push_str(yaml);
    }

    /// The time between two steps, before it is divided.
    pub(crate) fn pace(&mut self, pace: &'static str) {
        self.pace = pace;
    }

    /// Starts the next attempt at the migration: the facts of this one are history.
    pub(crate) fn next_attempt(&mut self) -> Result<(), String> {
        self.attempt += 1;
        self.kill_and_restart()
    }

    /// Kills the agent, takes its journal away and starts it: one that is installed in the middle.
    pub(crate) fn forget_and_restart(&mut self) -> Result<(), String> {
        self.kill()?;
        fs::remove_dir_all(self.folder.path().join("data")).map_err(prepare)?;
        self.up()
    }

    /// One more pattern of application names of readers.
    pub(crate) fn read_by(&mut self, pattern: &str) {
        self.readers.push(pattern.to_owned());
    }

    /// The agent's own folder.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The text of its journals, one for each attempt.
    pub(crate) fn journal(&self) -> Result<String, String> {
        let folders = fs::read_dir(self.folder.path().join("data")).map_err(prepare)?.flatten();
        let files = folders.filter_map(|f| fs::read_dir(f.path()).ok()).flat_map(Iterator::flatten);
        let texts = files.filter_map(|f| fs::read(f.path()).ok());
        Ok(texts.map(|text| String::from_utf8_lossy(&text).into_owned()).collect())
    }

    fn config(&self) -> String {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        let mut c = format!(
            "migration: {}\nattempt: {}\nrehearsal: {{ faster: 10 }}\npace: {}\n\
             agent:\n  interval: 2s\n  timeout: 1800ms\n  listen: \"127.0.0.1:{}\"\n  data_dir: {}\n  \
             tokens: {{ lab: {{ file: {} }} }}\n",
            self.migration,
            self.attempt,
            self.pace,
            self.port,
            at("data"),
            at("token"),
        );
        self.identity(&mut c);
        c.push_str(&self.more);
        if let Some((source, destination)) = &self.names {
            let _ = write!(
                c,
                "scope: {}\nproducers:\n  crm-cdc: {{ topics: [\"{source}crm.*.ingestion\"], owner: lab, cadence: 10s }}\n  \
                 erp-etl: {{ topics: [\"{source}erp.*.ingestion\"], owner: lab, cadence: 10s }}\n\
                 kafka:\n  source: {{ properties_file: {} }}\n  destination: {{ properties_file: {} }}\n  \
                 rename: {{ topics: {{ \"{source}\": \"{destination}\" }} }}\n",
                source.trim_end_matches('.'),
                at("source.properties"),
                at("destination.properties"),
            );
            if !self.ignored.is_empty() {
                c.push_str("  ignored:\n");
            }
            for (name, reason) in &self.ignored {
                let _ = writeln!(c, "    \"{name}\": \"{reason}\"");
            }
        }
        if let Some(m) = &self.mongodb {
            let _ = write!(
                c,
                "mongodb:\n  source: {{ uri_file: {} }}\n  destination: {{ uri_file: {} }}\n  databases: [{}]\n  \
                 slow_interval: 5s\n  unsupported_versions: \"the lab's stand-in goes from 6.0 to 6.0\"\n  mirrors:\n",
                at("source.uri"),
                at("destination.uri"),
                m.databases.join(", "),
            );
            for (name, url, apps, carries) in &m.mirrors {
                let _ = writeln!(
                    c,
                    "    {name}: {{ kind: mongomirror, url: \"{url}\", namespaces: \"{carries}\", \
                     client: {{ app_name: [\"{}\", \"{}\"] }} }}",
                    apps[0], apps[1]
                );
            }
        }
        c
    }

    fn identity(&self, c: &mut String) {
        let (kafka, mongodb) = (self.names.is_some(), self.mongodb.as_ref());
        let mut source = Vec::new();
        let mut destination = Vec::new();
        if kafka {
            source.push("kafka: { client_id: \"{service}-src-*\" }".to_owned());
            destination.push("kafka: { client_id: \"{service}-dst-*\" }".to_owned());
        }
        if mongodb.is_some() {
            destination.push("mongodb: { app_name: \"{service}-dst\" }".to_owned());
        }
        c.push_str("identity:\n");
        for (home, rules) in [("source", source), ("destination", destination)] {
            if !rules.is_empty() {
                let _ = writeln!(c, "  {home}: {{ {} }}", rules.join(", "));
            }
        }
        if let Some(m) = mongodb {
            let prefix = &m.prefix;
            let readers: Vec<String> = self.readers.iter().map(|r| format!("\"{prefix}{r}\"")).collect();
            let _ = writeln!(c, "  readers: {{ mongodb: {{ app_name: [{}] }} }}", readers.join(", "));
            let _ = writeln!(c, "  writers: {{ mongodb: {{ app_name: {:?} }} }}", m.writers);
            let _ = writeln!(
                c,
                "  bystanders: {{ lab: {{ mongodb: {{ app_name: \"lab-*\" }}, reason: \"the lab's eyes and hands\" }} }}"
            );
        }
    }

    /// Starts the agent and waits until it answers.
    pub(crate) fn up(&mut self) -> Result<(), String> {
        let config = self.folder.path().join("config.yaml");
        fs::write(&config, self.config()).map_err(|e| e.to_string())?;
        self.runs += 1;
        let log = fs::File::create(self.log_path()).map_err(|e| e.to_string())?;
        let child = Command::new(env!("CARGO_BIN_EXE_cutover-agent"))
            .args(["run", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(|e| e.to_string())?)
            .stderr(log)
            .spawn()
            .map_err(|e| format!("the agent does not start: {e}"))?;
        self.child = Some(child);
        let url = format!("{}/livez", self.url);
        cutover_lab::wait_for("the agent to answer", PATIENCE, || {
            request("GET", &url, None, None).map(drop).map_err(|e| e.to_string())
        })
        .map_err(|e| format!("{e}\n{}", self.log()))
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join(format!("agent-{}.log", self.runs))
    }

    /// The end of the agent's log.
    pub(crate) fn log(&self) -> String {
        let text = fs::read_to_string(self.log_path()).unwrap_or_default();
        let from = text.len().saturating_sub(6000);
        let from = (from..text.len()).find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        format!("--- log of the agent's run {}:\n{}", self.runs, &text[from..])
    }

    /// Kills the agent (SIGKILL) and starts it again on the same folder.
    pub(crate) fn kill_and_restart(&mut self) -> Result<(), String> {
        self.kill()?;
        self.up()
    }

    fn kill(&mut self) -> Result<(), String> {
        if let Some(mut child) = self.child.take() {
            child.kill().and_then(|()| child.wait()).map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The address of that.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Its configuration.
    pub(crate) fn config_path(&self) -> PathBuf {
        self.folder.path().join("config.yaml")
    }

    /// `GET /ready/<step>` or `/done/<step>`.
    pub(crate) fn ask(&self, question: &str, step: &str) -> Result<Answer, String> {
        ask(&self.url, question, step)
    }

    /// A `POST` with the token.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Answer, String> {
        request("POST", &format!("{}{path}", self.url), Some(&self.token), Some(body))
    }

    /// Claims a step: 200, or why not.
    pub(crate) fn begin(&self, step: &str) -> Result<Answer, String> {
        self.post(&format!("/begin/{step}"), &serde_json::json!({ "reason": "the test's operator" }))
    }

    /// Claims a step that is go.
    pub(crate) fn claim(&self, step: &str) -> Result<(), String> {
        let a = self.begin(step)?;
        if a.status == 200 { Ok(()) } else { Err(format!("the claim of {step} is refused: {} {:#}", a.status, a.body)) }
    }

    /// Waits for a go and claims the step.
    pub(crate) fn go(&self, step: &str) -> Result<(), String> {
        self.wait_go("ready", step)?;
        self.claim(step)
    }

    /// Waits until a step is done.
    pub(crate) fn done(&self, step: &str) -> Result<(), String> {
        self.wait_go("done", step).map(drop)
    }

    /// Says a person's word.
    pub(crate) fn confirm(&self, words: &str, reason: &str) -> Result<(), String> {
        let a =
            self.post(&format!("/confirm/{}", words.replace(' ', "/")), &serde_json::json!({ "reason": reason }))?;
        if a.status == 200 { Ok(()) } else { Err(format!("confirm {words}: {} {:#}", a.status, a.body)) }
    }

    /// Claims a step that must be refused with this status.
    pub(crate) fn refuses(&self, step: &str, status: u16) -> Result<(), String> {
        let a = self.begin(step)?;
        if a.status == status {
            Ok(())
        } else {
            Err(format!("begin {step}: {} instead of {status}: {:#}", a.status, a.body))
        }
    }

    /// Waits for a go.
    pub(crate) fn wait_go(&self, question: &str, step: &str) -> Result<Answer, String> {
        self.wait(question, step, "go", Answer::is_go)
    }

    /// Waits until the answer is not go and says why, naming where.
    pub(crate) fn wait_reason(&self, question: &str, step: &str, code: &str, place: &str) -> Result<Answer, String> {
        let what = format!("`{code}` about {place}");
        self.wait(question, step, &what, |a| !a.is_go() && a.says(code, place))
    }

    /// Waits until an answer is as wanted.
    pub(crate) fn wait(
        &self,
        question: &str,
        step: &str,
        what: &str,
        wanted: impl Fn(&Answer) -> bool,
    ) -> Result<Answer, String> {
        let mut last = None;
        let got = cutover_lab::wait_for(&format!("/{question}/{step} to say {what}"), PATIENCE, || {
            let a = self.ask(question, step)?;
            let good = wanted(&a);
            let said = a.summary();
            last = Some(a);
            if good { Ok(()) } else { Err(said) }
        });
        match (got, last) {
            (Ok(()), Some(a)) => Ok(a),
            (Err(e), Some(a)) => Err(format!("{e}\n{:#}\n{}", a.body, self.log())),
            (_, None) => Err(format!("no answer at all\n{}", self.log())),
        }
    }

    /// Runs the agent's own command line against it.
    pub(crate) fn cli(&self, args: &[&str]) -> Result<(i32, String), String> {
        let output = Command::new(env!("CARGO_BIN_EXE_cutover-agent"))
            .args(args)
            .env("CUTOVER_AGENT", &self.url)
            .env("CUTOVER_TOKEN_FILE", self.folder.path().join("token"))
            .stdin(Stdio::null())
            .output()
            .map_err(|e| e.to_string())?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned()))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn prepare(e: std::io::Error) -> String {
    format!("cannot prepare the agent's folder: {e}")
}

/// `GET /<question>/<step>` of the agent at `url`.
pub(crate) fn ask(url: &str, question: &str, step: &str) -> Result<Answer, String> {
    request("GET", &format!("{url}/{question}/{step}"), None, None)
}

fn request(method: &str, url: &str, token: Option<&str>, body: Option<&Value>) -> Result<Answer, String> {
    let config =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(10))).build();
    let client = ureq::Agent::new_with_config(config);
    let headers = token.map(|t| ("Authorization", format!("Bearer {t}")));
    let answer = match method {
        "POST" => {
            let mut r = client.post(url);
            if let Some((k, v)) = &headers {
                r = r.header(*k, v);
            }
            r.send_json(body.unwrap_or(&Value::Null))
        }
        _ => client.get(url).call(),
    };
    let mut answer = answer.map_err(|e| format!("{method} {url}: {e}"))?;
    let verdict = answer.headers().get("cutover-verdict").and_then(|v| v.to_str().ok()).map(str::to_owned);
    let text = answer.body_mut().read_to_string().map_err(|e| format!("{method} {url}: {e}"))?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(Answer { status: answer.status().as_u16(), verdict, body })
}

/// The samples of a metric of a scrape, by their labels.
pub(crate) fn metric(scrape: &str, name: &str) -> BTreeMap<String, f64> {
    let lines = scrape.lines().filter_map(|l| l.strip_prefix(name)?.rsplit_once(' '));
    lines
        .filter(|(l, _)| l.is_empty() || l.starts_with('{'))
        .filter_map(|(l, v)| Some((l.to_owned(), v.parse().ok()?)))
        .collect()
}

/// The text of `/metrics`.
pub(crate) fn scrape(url: &str) -> Result<String, String> {
    match request("GET", &format!("{url}/metrics"), None, None)?.body {
        Value::String(s) => Ok(s),
        other => Err(format!("/metrics is no text: {other}")),
    }
}
