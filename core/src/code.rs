//! The stable words that say why a finding is what it is; scripts may branch on them, so a word is never reused.

use serde::Serialize;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $v:ident = $s:literal,)*) => {
        /// Why a finding is what it is: stable words that scripts may branch on.
        #[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Code { $($(#[doc = $doc])+ $v,)* }
        impl Code {
            /// The stable word.
            pub fn as_str(self) -> &'static str { match self { $(Code::$v => $s,)* } }
            /// Every code, with what it means.
            pub const ALL: &'static [(Code, &'static str)] = &[$((Code::$v, concat!($($doc),+)),)*];
        }
        impl Serialize for Code {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.serialize_str(self.as_str()) }
        }
    };
}

codes! {
    /// The check holds.
    Ok = "ok",
    /// A person's word settles it.
    Confirmed = "confirmed",
    /// Taken off the list by `accept-offset`.
    Accepted = "accepted",
    /// Only markers or aborted records lie before the end: proven by reading.
    Phantom = "phantom",
    /// How long something would take: it holds nothing up.
    Estimate = "estimate",
    /// Relaxed by the configuration.
    Relaxed = "relaxed",
    /// Not sampled yet.
    NeverSampled = "never-sampled",
    /// The newest sample is too old.
    Stale = "stale",
    /// The target could not be reached.
    Unreachable = "unreachable",
    /// The target did not answer in time.
    Timeout = "timeout",
    /// TLS failed.
    Tls = "tls",
    /// The credentials were not accepted.
    Auth = "auth",
    /// Not allowed to read this.
    Privilege = "privilege",
    /// The answer could not be understood.
    Protocol = "protocol",
    /// The server answered with an error.
    Server = "server",
    /// One part of a reading is missing.
    Partial = "partial",
    /// Two readings came in an order that could hide something.
    Order = "order",
    /// This reading is not part of this version.
    NotBuilt = "not-built",
    /// Another cluster answers than the one the migration began on.
    OtherCluster = "other-cluster",
    /// Nothing in this set, so nothing is proven.
    EmptySet = "empty-set",
    /// It was never seen, so its absence proves nothing.
    NeverSeen = "never-seen",
    /// A journaled value that the check rests on is missing.
    NoAnchor = "no-anchor",
    /// Nothing measures this.
    NotMeasured = "not-measured",
    /// A person has to say so.
    NotConfirmed = "not-confirmed",
    /// Both sides are the same.
    SameCluster = "same-cluster",
    /// An advertised broker does not answer.
    BrokerUnreachable = "broker-unreachable",
    /// The list of groups may be shortened.
    Hidden = "hidden",
    /// The topic is not there.
    MissingTopic = "missing-topic",
    /// Another number of partitions.
    PartitionsDiffer = "partitions-differ",
    /// A setting does not fit.
    ConfigDiffers = "config-differs",
    /// Records would expire too soon.
    RetentionShort = "retention-short",
    /// Something is there that should not be.
    NotEmpty = "not-empty",
    /// A commit is there that should not be.
    LeftoverCommit = "leftover-commit",
    /// A member is attached.
    Attached = "attached",
    /// No declared producer writes this topic.
    Undeclared = "undeclared",
    /// A topic of no class grows.
    Unclassified = "unclassified",
    /// Still being written.
    StillWritten = "still-written",
    /// A transaction is open.
    OpenTransaction = "open-transaction",
    /// How long it may be silent is not known.
    CadenceUnknown = "cadence-unknown",
    /// Has not been written since the switch.
    NotGrown = "not-grown",
    /// Behind, and being read.
    Draining = "draining",
    /// Behind, and not getting less.
    Stuck = "stuck",
    /// Behind, with nobody there to read.
    Abandoned = "abandoned",
    /// No committed offset.
    NeverCommitted = "never-committed",
    /// Committed below the low watermark: records were lost.
    Lost = "lost",
    /// The topic was recreated.
    Recreated = "recreated",
    /// Seen before, not listed now.
    Vanished = "vanished",
    /// Nobody reads it.
    NotRead = "not-read",
    /// Committed offsets still move.
    Advancing = "advancing",
    /// The group is not in state Empty.
    NotEmptyGroup = "group-state",
    /// Offsets are not where the recorded start is.
    NotSeeded = "not-seeded",
    /// Nobody is attached.
    NotAttached = "not-attached",
    /// Has not caught up with where it attached.
    CatchingUp = "catching-up",
    /// Records may have been skipped.
    Skipped = "skipped",
    /// Moved from where it was when the step was done.
    Moved = "moved",
    /// Records from the recorded start on are gone.
    Trimmed = "trimmed",
    /// Not expired yet.
    Unexpired = "unexpired",
    /// Never expires.
    NeverExpires = "never-expires",
    /// Still there.
    StillThere = "still-there",
    /// The replica set has no primary.
    NoPrimary = "no-primary",
    /// Versions that the kind of mirror is not made for.
    UnsupportedVersion = "unsupported-version",
    /// No mirror carries this namespace.
    NotCovered = "not-covered",
    /// More than one mirror carries this namespace.
    CoveredTwice = "covered-twice",
    /// A transaction wrote what is carried apart.
    SpanningTransaction = "spanning-transaction",
    /// The kind of mirror cannot carry this.
    NotMirrorable = "not-mirrorable",
    /// The oplog window is too short.
    WindowShort = "window-short",
    /// The mirror reports an error.
    MirrorError = "mirror-error",
    /// The mirror is not in the stage it must be in.
    MirrorStage = "mirror-stage",
    /// The mirror has not come as far as it must.
    Behind = "behind",
    /// The mirror is about to fall off the oplog.
    HeadroomShort = "headroom-short",
    /// The mirror's position does not lie in the source's oplog.
    ForeignPosition = "foreign-position",
    /// Clients could write there.
    Writable = "writable",
    /// User writes are blocked.
    WriteBlocked = "write-blocked",
    /// A client is still connected.
    Connected = "connected",
    /// A client is not connected where it should be.
    NotConnected = "not-connected",
    /// A client that no rule recognises.
    UnmatchedClient = "unmatched-client",
    /// No rule says who writes.
    NoWriterRules = "no-writer-rules",
    /// Written too short a time ago.
    RecentWrite = "recent-write",
    /// It could not be written until too short a time ago: silence before proves nothing.
    Unwritable = "unwritable",
    /// Written since.
    Written = "written",
    /// Not written since.
    NotWritten = "not-written",
    /// What was anchored is not there any more.
    RolledBack = "rolled-back",
    /// Not committed by a majority.
    NotCommitted = "not-committed",
    /// Not there.
    Missing = "missing",
    /// The effect of a step is there.
    Seen = "seen",
    /// A probe does not pass.
    ProbeFails = "probe-fails",
    /// Runs at the source only.
    NotDeployed = "not-deployed",
    /// Still runs at the source.
    SourceHome = "source-home",
    /// Too far behind, and not catching up.
    FallingBehind = "falling-behind",
    /// An old answer may still be kept somewhere.
    StillCached = "still-cached",
    /// Not the same on both sides.
    Differs = "differs",
    /// Another number of documents.
    CountDiffers = "count-differs",
    /// An index is being built.
    IndexBuild = "index-build",
    /// No majority of the members is healthy.
    NoMajority = "no-majority",
    /// A stored offset is not below the destination's recorded start.
    OffsetAhead = "offset-ahead",
    /// Projection changes wait.
    ChangesWaiting = "changes-waiting",
    /// Holds, but not for long enough yet.
    Dwelling = "dwelling",
    /// The step before is not done.
    Predecessor = "predecessor",
    /// A step it waits for is not done.
    After = "after",
    /// Too soon after the step before.
    Pace = "pace",
    /// Another track holds the downtime.
    OtherDowntime = "other-downtime",
    /// The downtime could not be ended again now.
    WayOut = "way-out",
    /// Something that must stay true is not.
    Tripwire = "tripwire",
    /// A done step is no longer true.
    Undone = "undone",
    /// Its effect was seen, and it was not go (or not since what it rested on moved).
    OutOfOrder = "out-of-order",
    /// Its done checks hold, and nobody claimed it.
    Unclaimed = "unclaimed",
    /// A person holds it.
    Hold = "hold",
    /// It is done.
    AlreadyDone = "already-done",
    /// It is begun and may be begun only once.
    AlreadyBegun = "already-begun",
    /// Not begun.
    NotBegun = "not-begun",
    /// The journal cannot be written.
    Journal = "journal",
    /// The answer is too old to be believed.
    Expired = "expired",
}
