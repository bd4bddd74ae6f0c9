//! The mutations by name, each with the rule it breaks.

macro_rules! mutations {
    (caught { $($(#[doc = $doc:literal])+ $v:ident,)* } apart { $($(#[doc = $other:literal])+ $o:ident,)* }) => {
        /// A rule broken on purpose.
        #[derive(Copy, Clone, PartialEq, Eq, Debug)]
        pub enum Mutation { $($(#[doc = $doc])+ $v,)* $($(#[doc = $other])+ $o,)* }
        /// All mutations that migrations catch.
        pub const ALL: &[Mutation] = &[$(Mutation::$v,)*];
        /// Those that they do not catch, and why: see each.
        pub const APART: &[Mutation] = &[$(Mutation::$o,)*];
    };
}

mutations! {
    caught {
        /// A partition that did not answer is taken to end where it is empty.
        FailedIsEmpty,
        /// A commit that could not be read is left out and the group taken to have nothing to read.
        FailedGroupDropped,
        /// KIP-848 groups are not listed.
        DropNextGenGroups,
        /// Groups without members are not listed.
        DropEmptyGroups,
        /// The last stable offset is taken for the high watermark.
        StableIsHigh,
        /// A failed sample is replaced by the one before, stamped as fresh.
        StaleRestamped,
        /// Brokers that did not list their groups are passed over in silence.
        UnlistedIgnored,
        /// Nothing dwells, and a session timeout is no time.
        NoDwell,
        /// Cadences are not kept to.
        NoCadence,
        /// The journal forgets pairs.
        ForgetPairs,
        /// The journal forgets the ends anchored at stop-consumers, and the last writes at stop-writers. What rests on them
        /// is unknown then: it can only get stuck.
        ForgetAnchors,
        /// The journal forgets recorded starts. Nobody can be shown to be seeded there then: it can only get stuck.
        ForgetStarts,
        /// A reader of the board does not look at its validity.
        ValidityIgnored,
        /// Every tail is proven to be empty.
        EveryTailEmpty,
        /// Members of groups are not shown.
        MembersHidden,
        /// Topics are known by their names, whatever their ids.
        KeysByName,
        /// The wall clock is made to follow the monotonic one: a suspend is not noticed.
        JumpsUnseen,
        /// What is not known is taken for go.
        UnknownIsGo,
        /// The order of the steps is not kept.
        AnyOrder,
        /// A breached tripwire stops nothing.
        TripwiresIgnored,
        /// The way out of a downtime is not looked for.
        NoWayOut,
        /// Consumers that were started before their time stop nothing: three rules guard against them.
        EarlyStartsIgnored,
        /// A done step may be done again.
        DoneAgain,
        /// An open transaction is nothing.
        TransactionsIgnored,
        /// Offsets need not be seeded.
        UnseededIsFine,
        /// A group that lags is drained.
        LagIsFine,
        /// Records and commits of tests at the destination are nothing.
        LeftoversIgnored,
        /// Producers nobody declared are nothing.
        UndeclaredIgnored,
        /// Retention is not waited for.
        NoRetention,
        /// An empty set proves everything.
        EmptyIsFine,
        /// What transactions wrote is not looked for in them.
        TransactionsPacked,
        /// Nobody looks since when a primary takes writes.
        ElectionsHidden,
        /// Positions are compared by whole seconds.
        SecondsOnly,
        /// A mirror's position is taken to be the oplog's end: it is at 0 s.
        LagIsZero,
        /// A mirror's error is nothing while it carries.
        MirrorErrorIgnored,
        /// A mirror that starts or copies carries.
        StageIgnored,
        /// A mirror whose port refuses is gone.
        RefusingIsGone,
        /// Nobody looks at what brokers hold on disk.
        DisksUnread,
        /// Clients of secondaries are not asked for.
        SecondariesHidden,
        /// Readers and writers on the source are not shown any more after a while.
        ClientsHidden,
        /// The source's clock is told to be ahead of itself: every write looks older than it is.
        ClockAhead,
        /// A mirror that is behind is drained.
        BehindIgnored,
        /// What no mirror carries is nothing.
        UncoveredIgnored,
        /// Transactions across mirrors are nothing.
        SpanningIgnored,
        /// Different data are equal.
        DifferenceIgnored,
        /// A list of collections is replaced by the one before, stamped as fresh.
        CatalogsRestamped,
        /// Writes past their anchor are nothing.
        MovedIgnored,
        /// What is not committed by a majority is.
        CommitIgnored,
        /// A write block at the destination, and an index build, are nothing.
        BlockIgnored,
        /// Another track's downtime stops nothing.
        OtherDowntimeIgnored,
        /// What a step comes after stops nothing.
        AfterIgnored,
        /// Every step but the last counts as having been go a moment ago, so that any effect begins it.
        EverythingWasGo,
        /// Whoever runs at the source is nobody.
        SourceHomeIgnored,
        /// Who is not deployed at the destination is not missed.
        AbsentIgnored,
        /// Probes that do not pass are nothing.
        ProbesIgnored,
        /// Members of groups at the source are shown as those of the destination.
        HomesMistaken,
        /// Resolvers do not say for how long an answer may be kept.
        TtlHidden,
        /// One refresh of a mirror's status, read however often, is as good as many.
        OneRefresh,
        /// The times of irreversible steps may be configured to be nothing.
        NoFloors,
        /// Who was never seen is gone.
        WitnessInvented,
        /// Samples are believed for ten times as long.
        StaleBelieved,
        /// A step that was taken before its time stops nothing.
        OutOfOrderIgnored,
        /// A person's stop stops nothing.
        HoldIgnored,
        /// A mirror may be about to fall off the oplog.
        HeadroomIgnored,
        /// Members and clients that nobody declared are not shown.
        StrangersHidden,
        /// What was anchored when a step was done follows what is measured.
        AnchorsFollow,
        /// Readers may be able to write at the destination.
        WritableIgnored,
        /// A topic that nobody reads is nothing.
        UnreadIgnored,
        /// Versions that the kind of mirror is not made for are nothing.
        VersionsIgnored,
        /// An oplog that does not reach back over the copy is nothing.
        WindowIgnored,
        /// Other settings of topics at the destination, a shorter retention among them, are nothing.
        RetentionIgnored,
        /// Topics that are missing at the destination, or have other partitions there, are nothing.
        UncommonIgnored,
        /// Recreated topics are nothing.
        RecreatedIgnored,
        /// Whatever answers at the address of a cluster is that cluster.
        OtherClusterIgnored,
        /// Source and destination may be the same.
        SameIgnored,
        /// A list of groups that may be shortened is a list.
        HiddenIgnored,
        /// A topic of no class that grows is nothing.
        UnclassedIgnored,
        /// What is still being written is not waited for.
        WritingIgnored,
        /// A producer of whom nobody knows how long it may be silent is switched.
        NoCadenceIsFine,
        /// What was never written at the destination is switched.
        UngrownIgnored,
        /// A group without committed offsets has nothing to read.
        UncommittedIgnored,
        /// Records that were lost before they were read are nothing.
        LostIgnored,
        /// Who was seen before and is not listed now is gone.
        VanishedIgnored,
        /// Members are nothing.
        AttachedIgnored,
        /// Who has not attached at the destination, or not caught up, has started.
        ArrivalIgnored,
        /// Records that were skipped are nothing.
        SkippedIgnored,
        /// Records that are gone at the destination are not missed: where its logs begin is not shown.
        TrimmedHidden,
        /// What never expires has expired.
        ForeverIgnored,
        /// What is still there is gone.
        StillThereIgnored,
        /// A replica set without a primary is nothing, nor what it cannot answer then.
        NoPrimaryIgnored,
        /// A replica set without a majority is nothing.
        NoMajorityIgnored,
        /// What the kind of mirror cannot carry is nothing.
        UnmirrorableIgnored,
        /// A position that is not in the source's oplog is one.
        ForeignIgnored,
        /// Nobody needs to say who writes.
        WriterRulesIgnored,
        /// A write a short time ago is nothing.
        RecentIgnored,
        /// Clients that are connected are nothing.
        ConnectedIgnored,
        /// Services that fall behind keep up.
        FallingBehindIgnored,
        /// Old answers that may still be kept are nothing.
        CachedIgnored,
        /// Offsets that documents store are nothing.
        OffsetsIgnored,
        /// A step that came undone is done.
        UndoneIgnored,
        /// What nothing measures holds.
        UnmeasuredIgnored,
        /// Readings in an order that could hide something are in order.
        DisorderIgnored,
        /// A part that is missing of a reading is nothing.
        PartialIgnored,
        /// A target that cannot be asked is fine.
        FailuresIgnored,
    }
    apart {
        /// Log ends are read first, commits last, and the spans say otherwise.
        OrderReversed,
        /// The sampler of MongoDB reads the oplog first, and the span says otherwise.
        WritesFirst,
        /// Every `for` is configured to be nothing: the floors must hold, and nothing may come of it. Not of `drained`,
        /// which has a floor only where there are replicas.
        NoSettings,
    }
}
