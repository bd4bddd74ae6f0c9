//! Who may do what: users with exactly given rights.

use mongodb::bson::{Bson, Document, doc};

/// A user of a replica set, known to its `admin` database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: String,
}

impl Account {
    /// An account with a password nobody can guess.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), password: crate::secret() }
    }
}

/// Rights, given as roles on databases and as privileges of their own.
#[derive(Debug, Clone, Default)]
pub struct Rights {
    pub(super) roles: Vec<Bson>,
    pub(super) privileges: Vec<Bson>,
}

impl Rights {
    /// None at all: such a user may log in.
    pub fn none() -> Self {
        Self::default()
    }

    /// One more role: `role("read", "shop")`, `role("clusterMonitor", "admin")`.
    pub fn role(mut self, role: &str, database: &str) -> Self {
        self.roles.push(doc! { "role": role, "db": database }.into());
        self
    }

    /// One more privilege as the server writes it: on the resource, these actions.
    pub fn privilege(mut self, resource: Document, actions: &[&str]) -> Self {
        let actions: Vec<_> = actions.iter().map(|action| Bson::from(*action)).collect();
        self.privileges.push(doc! { "resource": resource, "actions": actions }.into());
        self
    }

    /// What the agent's documentation asks for: `clusterMonitor`, and `read` on the databases in scope.
    pub fn agent(databases: &[String]) -> Self {
        databases.iter().fold(Self::none().role("clusterMonitor", "admin"), |rights, name| rights.role("read", name))
    }
}
