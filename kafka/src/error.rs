//! What can go wrong, in a form a caller can branch on; the sentence says what was asked, of whom, and what came back.
//!
//! Errors are cheap to clone, because one broker's silence becomes the error of every item asked of it. No secret is
//! ever part of one.

use std::fmt;
use std::sync::Arc;

use crate::api::Api;
use crate::codes;
use crate::decode::DecodeError;

/// What was being done, and with whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// The request or phase, such as `DescribeGroups` or `connect`.
    pub what: &'static str,
    /// `host:port`, with the broker id where it is known.
    pub address: Arc<str>,
}

impl At {
    pub(crate) fn new(what: &'static str, address: &Arc<str>) -> Self {
        Self { what, address: Arc::clone(address) }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.what, self.address)
    }
}

/// Why something was not learned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KafkaError {
    /// No answer before the deadline; the connection was closed.
    #[error("{at}: no answer within {after_ms} ms")]
    Timeout {
        /// What was asked.
        at: At,
        /// How long the call was allowed to take.
        after_ms: u64,
    },
    /// The broker asked for a pause that goes beyond the deadline; nothing was sent.
    #[error("{at}: throttled by the broker for another {for_ms} ms, which is past the deadline")]
    Throttled {
        /// What was to be asked.
        at: At,
        /// How long the pause still lasts.
        for_ms: u64,
    },
    /// The connection was refused.
    #[error("{at}: connection refused")]
    Refused {
        /// What was tried.
        at: At,
    },
    /// The name does not resolve, there is no route, or another failure to connect.
    #[error("{at}: {reason}")]
    Unreachable {
        /// What was tried.
        at: At,
        /// What the system said.
        reason: Arc<str>,
    },
    /// TLS could not be set up.
    #[error("{at}: {reason}")]
    Tls {
        /// What was tried.
        at: At,
        /// What was wrong.
        reason: Arc<str>,
    },
    /// The broker did not accept who we say we are, or could not prove who it is.
    #[error("{at}: {reason}")]
    Auth {
        /// What was tried.
        at: At,
        /// What the broker said.
        reason: Arc<str>,
    },
    /// We are known but not allowed to.
    #[error("{at}: not allowed, needs {operation} ({name})")]
    Unauthorized {
        /// What was asked.
        at: At,
        /// The missing privilege, such as `Describe on the group`.
        operation: &'static str,
        /// The broker's error by name.
        name: &'static str,
    },
    /// The broker does not have this request in any version known here.
    #[error("{at}: {api} v{}-{} is not supported by this broker ({})", .api.versions().0, .api.versions().1, Has(.broker_max))]
    Unsupported {
        /// What was to be asked.
        at: At,
        /// The request.
        api: Api,
        /// The broker's highest version; none if it does not have the request at all.
        broker_max: Option<i16>,
    },
    /// What came back is not what the protocol says.
    #[error("{at}: {error}")]
    Protocol {
        /// What was asked.
        at: At,
        /// What was wrong with the bytes.
        error: DecodeError,
    },
    /// The answer is well-formed but contradicts the question or an earlier answer.
    #[error("{at}: {reason}")]
    Contradiction {
        /// What was asked.
        at: At,
        /// What does not fit.
        reason: Arc<str>,
    },
    /// The request could not be written down, for example because a name is too long.
    #[error("{at}: cannot be encoded: {reason}")]
    Encode {
        /// What was to be asked.
        at: At,
        /// Why not.
        reason: Arc<str>,
    },
    /// The broker answered with an error.
    #[error("{at}: the broker answered {name} ({code}){}", Said(.message))]
    Broker {
        /// What was asked.
        at: At,
        /// The error code.
        code: i16,
        /// Its name.
        name: &'static str,
        /// What the broker added.
        message: Option<Arc<str>>,
    },
    /// The connection ended before the answer came.
    #[error("{at}: connection closed: {reason}")]
    Closed {
        /// What was asked.
        at: At,
        /// Who closed it and why.
        reason: Arc<str>,
    },
}

struct Has<'a>(&'a Option<i16>);

impl fmt::Display for Has<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(max) => write!(f, "its highest is v{max}"),
            None => f.write_str("it does not have it at all"),
        }
    }
}

struct Said<'a>(&'a Option<Arc<str>>);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |text| write!(f, ": {text}"))
    }
}

impl KafkaError {
    /// A short stable word: `timeout`, `refused`, `auth`, `privilege`, `protocol`, `broker` or `tls`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Timeout { .. } | Self::Throttled { .. } => "timeout",
            Self::Refused { .. } | Self::Unreachable { .. } | Self::Closed { .. } => "refused",
            Self::Tls { .. } => "tls",
            Self::Auth { .. } => "auth",
            Self::Unauthorized { .. } => "privilege",
            Self::Unsupported { .. } | Self::Protocol { .. } | Self::Contradiction { .. } | Self::Encode { .. } => {
                "protocol"
            }
            Self::Broker { .. } => "broker",
        }
    }

    /// What was being done, and with whom.
    pub fn at(&self) -> &At {
        match self {
            Self::Timeout { at, .. }
            | Self::Throttled { at, .. }
            | Self::Refused { at }
            | Self::Unreachable { at, .. }
            | Self::Tls { at, .. }
            | Self::Auth { at, .. }
            | Self::Unauthorized { at, .. }
            | Self::Unsupported { at, .. }
            | Self::Protocol { at, .. }
            | Self::Contradiction { at, .. }
            | Self::Encode { at, .. }
            | Self::Broker { at, .. }
            | Self::Closed { at, .. } => at,
        }
    }

    /// The broker's error code, if the broker answered with one.
    pub fn code(&self) -> Option<i16> {
        match self {
            Self::Broker { code, .. } => Some(*code),
            Self::Unauthorized { name, .. } => codes::code(name),
            _ => None,
        }
    }

    /// Turns an error code of an answer into an error; code 0 is none.
    pub(crate) fn from_code(at: At, code: i16, message: Option<&Arc<str>>) -> Result<(), Self> {
        let name = codes::name(code);
        match (code, codes::privilege(code)) {
            (0, _) => Ok(()),
            (_, Some(operation)) => Err(Self::Unauthorized { at, operation, name }),
            (codes::SASL_AUTHENTICATION_FAILED | codes::UNSUPPORTED_SASL_MECHANISM, _) => {
                let reason = message.map_or_else(|| Arc::from(name), |text| Arc::from(format!("{name}: {text}")));
                Err(Self::Auth { at, reason })
            }
            _ => Err(Self::Broker { at, code, name, message: message.filter(|text| !text.is_empty()).cloned() }),
        }
    }
}
