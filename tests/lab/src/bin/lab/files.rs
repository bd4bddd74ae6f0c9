//! The run folder: what the agent needs to look at the lab, and how to reach the lab itself.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use cutover_lab::{Error, Listener, Result, Rights, Side};

use crate::agent_config::AgentConfig;
use crate::control::Door;
use crate::estate::{Estate, locked};

/// How to reach the lab.
pub(crate) const CONTROL: &str = "control.json";
/// The agent's configuration.
pub(crate) const CONFIG: &str = "agent.yaml";
const LOCK: &str = "lock";

/// The run folder of this lab; removed on drop.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    _lock: File,
}

impl RunFolder {
    /// Takes the folder, unless another lab runs in it. What an earlier lab left there is removed; a folder that holds
    /// anything else is refused.
    pub(crate) fn take(path: &Path) -> Result<Self> {
        let io = |source| Error::Io { doing: format!("prepare {}", path.display()), source };
        let lock = path.join(LOCK);
        let occupied = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
        if occupied && !lock.exists() {
            return Err(Error::Usage(format!("{} is not a lab's run folder and not empty", path.display())));
        }
        fs::create_dir_all(path).map_err(io)?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&lock).map_err(io)?;
        if file.try_lock().is_err() {
            return Err(Error::Usage(format!(
                "a lab already runs in {}; end it, or name another with --run",
                path.display()
            )));
        }
        for entry in fs::read_dir(path).map_err(io)? {
            let entry = entry.map_err(io)?;
            if entry.file_type().map_err(io)?.is_dir() {
                fs::remove_dir_all(entry.path()).map_err(io)?;
            } else if entry.file_name() != LOCK {
                fs::remove_file(entry.path()).map_err(io)?;
            }
        }
        Ok(Self { path: path.to_owned(), _lock: file })
    }

    /// A path in it.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes what the agent needs: configuration, client properties, connection strings, a token. Returns the port it
    /// shall listen on.
    pub(crate) fn write_agent(&self, estate: &Estate) -> Result<u16> {
        let port = cutover_lab::free_port()?;
        self.write("token", &format!("{}\n", cutover_lab::secret()))?;
        let mut config = AgentConfig { folder: &self.path, port, kafka: None, mongodb: None };
        if let Some(part) = &estate.kafka {
            let pair = locked(&part.pair);
            for (side, name) in [(Side::Source, "source.properties"), (Side::Destination, "destination.properties")] {
                self.write(name, &pair.cluster(side).client_properties(Listener::Plaintext, None))?;
            }
            config.kafka = Some(part.shop.names().clone());
        }
        if let Some(part) = &estate.mongodb {
            let pair = locked(&part.pair);
            let database = part.shop.options().database.clone();
            for (side, name) in [(Side::Source, "source.uri"), (Side::Destination, "destination.uri")] {
                let set = pair.set(side);
                let agent = set.create_user("agent", Rights::agent(std::slice::from_ref(&database)))?;
                self.write(name, &format!("{}\n", set.uri(&agent)))?;
            }
            let mirrors = part.shop.mirrors().into_iter().map(|name| {
                let mirror = part.shop.mirror(&name)?;
                Ok((mirror.options().clone(), mirror.url()))
            });
            config.mongodb = Some((database, mirrors.collect::<Result<_>>()?));
        }
        self.write(CONFIG, &config.to_string())?;
        Ok(port)
    }

    /// Writes how to reach the lab.
    pub(crate) fn write_door(&self, door: &Door) -> Result<()> {
        self.write(CONTROL, &serde_json::json!(door).to_string())
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.join(name);
        let write = || -> std::io::Result<()> {
            let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path)?;
            file.write_all(text.as_bytes())
        };
        write().map_err(|source| Error::Io { doing: format!("write {}", path.display()), source })
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_folder_belongs_to_one_lab() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run");
        let mine = RunFolder::take(&path).unwrap();
        mine.write("token", "x").unwrap();
        let taken = RunFolder::take(&path).unwrap_err().to_string();
        assert!(taken.contains("a lab already runs"), "{taken}");
        drop(mine);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_lab_left_is_removed_and_strangers_are_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(LOCK), "").unwrap();
        fs::write(dir.path().join(CONTROL), "{}").unwrap();
        let mine = RunFolder::take(dir.path()).unwrap();
        assert!(!mine.join(CONTROL).exists());
        drop(mine);
        let other = tempfile::tempdir().unwrap();
        fs::write(other.path().join("thesis.tex"), "").unwrap();
        assert!(RunFolder::take(other.path()).is_err());
        assert!(other.path().join("thesis.tex").exists());
    }
}
