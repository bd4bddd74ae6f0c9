//! What an administrator does to a replica set: first start, users, step-down, write block, a look at who is primary.

use std::time::Duration;

use mongodb::Client;
use mongodb::bson::{Document, doc};
use mongodb::error::Result as Answer;
use mongodb::options::{ClientOptions, Credential, ServerAddress};

use super::account::{Account, Rights};

/// The role that holds the privileges of one account.
fn own_role(account: &Account) -> String {
    format!("lab-{}", account.name)
}

/// A client of these members, of one of them directly when `set` is `None`.
pub(super) fn client(ports: &[u16], set: Option<&str>, account: Option<&Account>, app_name: &str) -> Answer<Client> {
    let hosts: Vec<_> =
        ports.iter().map(|port| ServerAddress::Tcp { host: "127.0.0.1".to_owned(), port: Some(*port) }).collect();
    let credential = account.map(|account| {
        Credential::builder()
            .username(account.name.clone())
            .password(account.password.clone())
            .source("admin".to_owned())
            .build()
    });
    let mut options = ClientOptions::builder()
        .hosts(hosts)
        .app_name(app_name.to_owned())
        .server_selection_timeout(Duration::from_secs(10))
        .connect_timeout(Duration::from_secs(5))
        .heartbeat_freq(Duration::from_millis(500))
        .build();
    options.credential = credential;
    match set {
        Some(name) => options.repl_set_name = Some(name.to_owned()),
        None => options.direct_connection = Some(true),
    }
    Client::with_options(options)
}

/// Makes the started members one replica set. Through the localhost exception: nobody has a user yet.
pub(super) async fn initiate(ports: Vec<u16>, name: String, election_timeout: Duration) -> Answer<()> {
    let members: Vec<_> = ports
        .iter()
        .enumerate()
        .map(|(id, port)| doc! { "_id": i32::try_from(id).unwrap_or(0), "host": format!("127.0.0.1:{port}") })
        .collect();
    let timeout = i64::try_from(election_timeout.as_millis()).unwrap_or(10_000);
    let config = doc! {
        "_id": &name,
        "members": members,
        "settings": { "electionTimeoutMillis": timeout, "heartbeatIntervalMillis": timeout / 4 },
    };
    let client = client(&ports[..1], None, None, "lab-admin")?;
    client.database("admin").run_command(doc! { "replSetInitiate": config }).await.map(drop)
}

/// What the member on that port says of itself; needs no user.
pub(super) async fn hello(port: u16) -> Answer<Document> {
    let client = client(&[port], None, None, "lab-admin")?;
    client.database("admin").run_command(doc! { "hello": 1 }).await
}

/// The first user, through the localhost exception of the primary.
pub(super) async fn create_root(port: u16, root: Account) -> Answer<()> {
    let client = client(&[port], None, None, "lab-admin")?;
    let command = doc! { "createUser": &root.name, "pwd": &root.password, "roles": ["root"] };
    client.database("admin").run_command(command).await.map(drop)
}

/// A user with exactly these rights, or the same user with other ones.
pub(super) async fn put_user(client: Client, account: Account, rights: Rights) -> Answer<()> {
    let admin = client.database("admin");
    let mut roles = rights.roles;
    let role = own_role(&account);
    // A role or user that is there already is given the new rights.
    if !rights.privileges.is_empty() {
        let body = doc! { "privileges": rights.privileges, "roles": [] };
        put(&admin, "Role", &role, body).await?;
        roles.push(doc! { "role": &role, "db": "admin" }.into());
    }
    put(&admin, "User", &account.name, doc! { "pwd": &account.password, "roles": roles }).await
}

async fn put(admin: &mongodb::Database, what: &str, name: &str, body: Document) -> Answer<()> {
    let with = |verb: &str| {
        let mut command = doc! { format!("{verb}{what}"): name };
        command.extend(body.clone());
        command
    };
    match admin.run_command(with("create")).await {
        Ok(_) => Ok(()),
        Err(_) => admin.run_command(with("update")).await.map(drop),
    }
}

/// The primary hands over, or at least is none for that long.
pub(super) async fn step_down(client: Client, seconds: u32) -> Answer<()> {
    let command = doc! { "replSetStepDown": seconds, "secondaryCatchUpPeriodSecs": 0, "force": true };
    client.database("admin").run_command(command).await.map(drop)
}

/// Turns the user write block on or off. Asking for what is in force already is no error.
pub(super) async fn write_block(client: Client, on: bool) -> Answer<()> {
    client.database("admin").run_command(doc! { "setUserWriteBlockMode": 1, "global": on }).await.map(drop)
}
