//! Configuration of topics and brokers, and the size of logs on disk.

use std::sync::Arc;

use super::reader::{Reader, Result, known_version};
use crate::api::Api;

/// Where a setting's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigSource {
    /// Set on the topic.
    Topic,
    /// Set dynamically on this broker.
    DynamicBroker,
    /// Set dynamically for all brokers.
    DynamicDefaultBroker,
    /// Set in the broker's properties file.
    StaticBroker,
    /// Kafka's default.
    Default,
    /// Another source, by number.
    Other(i8),
}

impl From<i8> for ConfigSource {
    fn from(source: i8) -> Self {
        match source {
            1 => Self::Topic,
            2 => Self::DynamicBroker,
            3 => Self::DynamicDefaultBroker,
            4 => Self::StaticBroker,
            5 => Self::Default,
            other => Self::Other(other),
        }
    }
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its name.
    pub name: Arc<str>,
    /// Its value; none if the broker does not tell it, as for sensitive ones.
    pub value: Option<Arc<str>>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it cannot be changed at run time.
    pub read_only: bool,
    /// Whether it is a secret.
    pub sensitive: bool,
}

/// The settings of one topic or broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceConfigs {
    /// The error code.
    pub error_code: i16,
    /// What the broker adds to it.
    pub error_message: Option<Arc<str>>,
    /// 2 for a topic, 4 for a broker.
    pub resource_type: i8,
    /// The topic's name or the broker's id.
    pub name: Arc<str>,
    /// The settings.
    pub entries: Vec<ConfigEntry>,
}

/// The answer to DescribeConfigs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedConfigs {
    /// How long not to ask again.
    pub throttle_ms: i32,
    /// One for each resource asked for.
    pub resources: Vec<ResourceConfigs>,
}

/// Decodes DescribeConfigs v1-4.
///
/// # Errors
/// When the bytes are not such an answer.
pub fn decode_describe_configs(version: i16, body: &[u8]) -> Result<DescribedConfigs> {
    known_version(version, Api::DescribeConfigs.versions())?;
    let mut r = Reader::new(body, version >= 4);
    let throttle_ms = r.i32("throttle_time_ms")?;
    let resources = r.array("results", 7, |r| {
        let error_code = r.i16("error_code")?;
        let error_message = r.nullable_name("error_message")?;
        let resource_type = r.i8("resource_type")?;
        let name = r.name("resource_name")?;
        let entries = r.array("configs", 6, |r| entry(r, version))?;
        r.tags()?;
        Ok(ResourceConfigs { error_code, error_message, resource_type, name, entries })
    })?;
    r.tags()?;
    r.end(DescribedConfigs { throttle_ms, resources })
}

fn entry(r: &mut Reader<'_>, version: i16) -> Result<ConfigEntry> {
    let name = r.name("config_name")?;
    let value = r.nullable_name("config_value")?;
    let read_only = r.bool("read_only")?;
    let source = ConfigSource::from(r.i8("config_source")?);
    let sensitive = r.bool("is_sensitive")?;
    r.array("synonyms", 4, |r| {
        r.str("synonym_name")?;
        r.nullable_str("synonym_value")?;
        r.i8("synonym_source")?;
        r.tags()
    })?;
    if version >= 3 {
        r.i8("config_type")?;
        r.nullable_str("documentation")?;
    }
    r.tags()?;
    Ok(ConfigEntry { name, value, source, read_only, sensitive })
}

/// One replica on a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDirPartition {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// Its size in bytes.
    pub size: i64,
    /// How far it lags behind (a future replica: behind the current one; else behind the high watermark).
    pub offset_lag: i64,
    /// Whether it is being moved here from another directory.
    pub future: bool,
}

/// One log directory as the broker answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawLogDir {
    /// The error code.
    pub error_code: i16,
    /// Its absolute path on the broker.
    pub path: Arc<str>,
    /// The replicas in it.
    pub partitions: Vec<LogDirPartition>,
    /// The size of its volume; none before v4.
    pub total_bytes: Option<i64>,
    /// What is free on it; none before v4.
    pub usable_bytes: Option<i64>,
}

/// The answer to DescribeLogDirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedLogDirs {
    /// How long not to ask again.
    pub throttle_ms: i32,
    /// The error code; always 0 before v3, where a missing privilege shows as no directory at all.
    pub error_code: i16,
    /// The directories.
    pub dirs: Vec<RawLogDir>,
}

/// Decodes DescribeLogDirs v1-4.
///
/// # Errors
/// When the bytes are not such an answer.
pub fn decode_describe_log_dirs(version: i16, body: &[u8]) -> Result<DescribedLogDirs> {
    known_version(version, Api::DescribeLogDirs.versions())?;
    let mut r = Reader::new(body, version >= 2);
    let throttle_ms = r.i32("throttle_time_ms")?;
    let error_code = if version >= 3 { r.i16("error_code")? } else { 0 };
    let dirs = r.array("results", 5, |r| {
        let error_code = r.i16("dir_error_code")?;
        let path = r.name("log_dir")?;
        let partitions = log_partitions(r)?;
        let volume = |bytes: i64| Some(bytes).filter(|bytes| *bytes >= 0);
        let total_bytes = if version >= 4 { volume(r.i64("total_bytes")?) } else { None };
        let usable_bytes = if version >= 4 { volume(r.i64("usable_bytes")?) } else { None };
        r.tags()?;
        Ok(RawLogDir { error_code, path, partitions, total_bytes, usable_bytes })
    })?;
    r.tags()?;
    r.end(DescribedLogDirs { throttle_ms, error_code, dirs })
}

fn log_partitions(r: &mut Reader<'_>) -> Result<Vec<LogDirPartition>> {
    let mut partitions = Vec::new();
    r.array("topics", 3, |r| {
        let topic = r.name("topic_name")?;
        r.array("partitions", 21, |r| {
            partitions.push(LogDirPartition {
                topic: Arc::clone(&topic),
                partition: r.i32("partition_index")?,
                size: r.i64("partition_size")?,
                offset_lag: r.i64("offset_lag")?,
                future: r.bool("is_future_key")?,
            });
            r.tags()
        })?;
        r.tags()
    })?;
    Ok(partitions)
}
