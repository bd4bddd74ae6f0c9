//! MongoDB replica sets: one or three members on free ports of the loopback, with keyfile authentication and their data
//! in a scratch folder.
//!
//! Everything is blocking. Dropping a [`ReplicaSet`] kills its servers and removes its folder.

mod account;
mod admin;
mod builder;
mod member;
mod pair;
pub(crate) mod runtime;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use mongodb::Client;
use mongodb::bson::Document;

pub use account::{Account, Rights};
pub use builder::ReplicaSetBuilder;
pub use pair::MongoPair;

use crate::clock;
use crate::error::{Doing, Error, Result};
use crate::progress::say;
use crate::provision::{Mongod, provision_mongod};
use crate::scratch::Scratch;
use member::Member;
use runtime::ask;

/// How long a replica set may take to answer: generous, two cores may be shared by many.
const PATIENCE: Duration = Duration::from_secs(120);
/// For one command.
const LIMIT: Duration = Duration::from_secs(40);

/// A running replica set.
#[derive(Debug)]
pub struct ReplicaSet {
    builder: ReplicaSetBuilder,
    mongod: Mongod,
    // Before the folder: servers end first.
    members: Vec<Member>,
    scratch: Scratch,
    root: Account,
    admin: OnceLock<Client>,
    up_after: Duration,
}

impl ReplicaSet {
    /// A replica set to be: one member with quick settings unless told otherwise.
    pub fn builder(name: impl Into<String>) -> ReplicaSetBuilder {
        ReplicaSetBuilder::new(name.into())
    }

    fn start(builder: ReplicaSetBuilder) -> Result<Self> {
        let mongod = provision_mongod()?;
        let mut attempts = 0;
        loop {
            attempts += 1;
            match Self::attempt(&builder, &mongod) {
                // Somebody took a port between our looking and the server's binding.
                Err(Error::Server { log, .. }) if attempts < 3 && log.contains("Address already in use") => {
                    say(format!("{}: a port was taken meanwhile, once more on others", builder.name));
                }
                other => return other,
            }
        }
    }

    fn attempt(builder: &ReplicaSetBuilder, mongod: &Mongod) -> Result<Self> {
        let began = clock::now();
        let scratch = Scratch::new("mongo")?;
        let key = scratch.join("key");
        fs::write(&key, format!("{}{}\n", crate::secret(), crate::secret())).doing(|| "write the key".to_owned())?;
        fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).doing(|| "close the key".to_owned())?;
        let mut members = Vec::new();
        for number in 1..=builder.members {
            members.push(Member::plan(builder, number, scratch.path(), &key)?);
        }
        let (builder, mongod, root) = (builder.clone(), mongod.clone(), Account::new("lab-root"));
        let mut set =
            Self { builder, mongod, members, scratch, root, admin: OnceLock::new(), up_after: Duration::ZERO };
        say(format!("starting {} (MongoDB {}) on {}", set.name(), crate::MONGOD_VERSION, set.hosts()));
        for member in &mut set.members {
            member.launch(set.mongod.program())?;
        }
        set.await_each(began)?;
        let name = set.builder.name.clone();
        let initiated = admin::initiate(set.ports(), name.clone(), set.builder.election_timeout);
        ask(&format!("initiate {name}"), LIMIT, initiated)?;
        let primary = set.await_primary()?;
        let created = admin::create_root(set.members[primary].port, set.root.clone());
        ask(&format!("create the first user of {name}"), LIMIT, created)?;
        set.up_after = began.elapsed();
        say(format!("{name} answers after {:.1} s", set.up_after.as_secs_f64()));
        Ok(set)
    }

    /// Its name, which is also the name of the replica set.
    pub fn name(&self) -> &str {
        &self.builder.name
    }

    /// How many members it has.
    pub fn members(&self) -> usize {
        self.members.len()
    }

    /// `host:port` of every member, comma-separated.
    pub fn hosts(&self) -> String {
        self.members.iter().map(Member::address).collect::<Vec<_>>().join(",")
    }

    /// The connection string of a user; parameters may be appended with `&`.
    pub fn uri(&self, account: &Account) -> String {
        let (name, password) = (&account.name, &account.password);
        format!("mongodb://{name}:{password}@{}/?replicaSet={}&authSource=admin", self.hosts(), self.name())
    }

    /// The user who may do anything; it also writes through the write block.
    pub fn root(&self) -> &Account {
        &self.root
    }

    /// A client of the whole set for an account, with an application name of its own.
    pub fn client(&self, account: &Account, app_name: &str) -> Result<Client> {
        let doing = || format!("connect to {} as {}", self.name(), account.name);
        runtime::wait(async { admin::client(&self.ports(), Some(self.name()), Some(account), app_name) })?.doing(doing)
    }

    /// Creates a user with exactly these rights and a password nobody can guess; one that exists is given them instead
    /// of what it had.
    pub fn create_user(&self, name: &str, rights: Rights) -> Result<Account> {
        let account = Account::new(name);
        self.put_user(&account, rights)?;
        Ok(account)
    }

    /// Gives an account these rights instead of what it had.
    pub fn put_user(&self, account: &Account, rights: Rights) -> Result<()> {
        let client = self.admin()?;
        ask(&format!("create user {}", account.name), LIMIT, admin::put_user(client, account.clone(), rights))
    }

    /// Runs a command on a database as the user who may do anything.
    pub fn run(&self, database: &str, command: Document) -> Result<Document> {
        let (client, database) = (self.admin()?, database.to_owned());
        let what = format!("run {} on {}", command.keys().next().map_or("a command", String::as_str), self.name());
        ask(&what, LIMIT, async move { client.database(&database).run_command(command).await })
    }

    /// The number of the member that is primary and writable now.
    pub fn primary(&self) -> Result<Option<usize>> {
        for (number, member) in self.members.iter().enumerate() {
            let answer = ask("hello", Duration::from_secs(3), admin::hello(member.port));
            if answer.is_ok_and(|hello| hello.get_bool("isWritablePrimary").unwrap_or(false)) {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Waits until a member is primary and writable, and returns its number.
    pub fn await_primary(&mut self) -> Result<usize> {
        let name = self.builder.name.clone();
        let found = clock::wait_for(&format!("a primary of {name}"), PATIENCE, || match self.primary() {
            Ok(Some(number)) => Ok(number),
            Ok(None) => Err("none yet".to_owned()),
            Err(error) => Err(error.to_string()),
        });
        found.map_err(|error| match self.members.iter_mut().find_map(Member::died) {
            Some(died) => died,
            None => self.members.first().map_or(error, |member| member.error("there is no primary")),
        })
    }

    /// Kills a member (SIGKILL).
    pub fn kill(&mut self, member: usize) -> Result<()> {
        self.member(member)?.kill()
    }

    /// Ends a member as an operator would, and returns when it has ended.
    pub fn stop(&mut self, member: usize) -> Result<()> {
        self.member(member)?.stop()
    }

    /// Stops a member from running without ending it (SIGSTOP): its connections stay open and silent.
    pub fn freeze(&mut self, member: usize) -> Result<()> {
        self.member(member)?.freeze()
    }

    /// Lets a frozen member run on (SIGCONT).
    pub fn thaw(&mut self, member: usize) -> Result<()> {
        self.member(member)?.thaw()
    }

    /// Starts a stopped or killed member again, same port, same data, and returns when it answers and the set has a
    /// primary.
    pub fn restart(&mut self, member: usize) -> Result<()> {
        let began = clock::now();
        let program = self.mongod.program().to_owned();
        let member = self.member(member)?;
        member.stop()?;
        member.launch(&program)?;
        self.await_each(began)?;
        self.await_primary().map(drop)
    }

    /// Makes the primary step down for that many seconds: another member is elected; a set of one is without a primary
    /// for as long.
    pub fn step_down(&self, seconds: u32) -> Result<()> {
        ask(&format!("step {} down", self.name()), LIMIT, admin::step_down(self.admin()?, seconds))
    }

    /// Turns the user write block on or off (`setUserWriteBlockMode`).
    pub fn set_write_block(&self, on: bool) -> Result<()> {
        ask(&format!("set the write block of {}", self.name()), LIMIT, admin::write_block(self.admin()?, on))
    }

    /// From the start of the first server to the first user.
    pub fn up_after(&self) -> Duration {
        self.up_after
    }

    /// Resident memory of all members in kB.
    pub fn resident_kb(&self) -> u64 {
        self.members.iter().filter_map(Member::resident_kb).sum()
    }

    /// The end of a member's log.
    pub fn log_tail(&self, member: usize) -> String {
        self.members.get(member).map(Member::log_tail).unwrap_or_default()
    }

    /// Its folder: key, logs, data.
    pub fn dir(&self) -> &Path {
        self.scratch.path()
    }

    fn admin(&self) -> Result<Client> {
        if let Some(client) = self.admin.get() {
            return Ok(client.clone());
        }
        let client = self.client(&self.root, "lab-admin")?;
        Ok(self.admin.get_or_init(|| client).clone())
    }

    fn ports(&self) -> Vec<u16> {
        self.members.iter().map(|member| member.port).collect()
    }

    fn member(&mut self, number: usize) -> Result<&mut Member> {
        let count = self.members.len();
        self.members.get_mut(number).ok_or_else(|| Error::Usage(format!("no member {number}, the set has {count}")))
    }

    /// Waits until every running member answers.
    fn await_each(&mut self, began: Instant) -> Result<()> {
        let mut told = 0;
        let name = self.builder.name.clone();
        let mut dead = None;
        let answered = clock::wait_for(&format!("{name} to answer"), PATIENCE, || {
            if began.elapsed().as_secs() / 10 > told {
                told = began.elapsed().as_secs() / 10;
                say(format!("{name}: still starting after {} s", told * 10));
            }
            if let Some(error) = self.members.iter_mut().find_map(Member::died) {
                dead = Some(error);
                return Ok(());
            }
            for member in self.members.iter_mut().filter_map(|member| member.is_running().then_some(&*member)) {
                ask("hello", Duration::from_secs(12), admin::hello(member.port)).map_err(|error| error.to_string())?;
            }
            Ok(())
        });
        match dead {
            Some(error) => Err(error),
            None => answered,
        }
    }
}
