//! Every metric there is, once: `docs/metrics.md` has a row for each, and a test compares them.

/// A gauge or a counter.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only grows, but for a restart.
    Counter,
}

/// A metric.
#[derive(Debug)]
pub(crate) struct Metric {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its kind.
    pub(crate) kind: Kind,
    /// What it says.
    pub(crate) help: &'static str,
    /// Its labels, in order.
    pub(crate) labels: &'static [&'static str],
}

macro_rules! metrics {
    ($($id:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub(super) const $id: Metric =
            Metric { name: $name, kind: Kind::$kind, help: $help, labels: &[$($label),*] };)*
        /// All of them.
        #[cfg(test)]
        pub(crate) const ALL: &[&Metric] = &[$(&$id),*];
    };
}

metrics! {
    STEP_READY = Gauge "cutover_step_ready" ["step"]
        "Whether the step is safe to start, by an answer that is still valid at the scrape.";
    STEP_VERDICT = Gauge "cutover_step_verdict" ["step", "gate", "verdict"]
        "Which of the three verdicts the step's ready and done have at the scrape.";
    STEP_INFO = Gauge "cutover_step_info" ["step", "track", "irreversible", "position"]
        "The step's place on its track.";
    STEP_LIFE = Gauge "cutover_step_life" ["step", "life"]
        "What the step is: pending, skipped, begun, done, undone or out-of-order.";
    STEP_UNDONE = Counter "cutover_step_undone_total" ["step"]
        "How often the step was done and then measured false.";
    STEP_BLOCKERS = Gauge "cutover_step_blockers" ["step", "code"]
        "What stands between the step and go besides its checks, by code.";
    CHECK_VERDICT = Gauge "cutover_check_verdict" ["step", "gate", "check", "verdict"]
        "Which of the three verdicts a check has for the step.";
    DOWNTIME = Gauge "cutover_track_downtime_start_timestamp_seconds" ["track"]
        "When the downtime of the track that is open was opened.";
    LAG = Gauge "cutover_kafka_consumergroup_lag" ["side", "group", "topic"]
        "Records between the committed offsets of the group and the high watermarks of the topic.";
    LAG_SECONDS = Gauge "cutover_kafka_consumergroup_lag_seconds" ["side", "group", "topic"]
        "How long the oldest record that the group has not committed has lain there.";
    UNKNOWN_PARTITIONS = Gauge "cutover_kafka_consumergroup_unknown_partitions" ["side", "group", "topic"]
        "Partitions of the topic for which the lag of the group is not known.";
    MEMBERS = Gauge "cutover_kafka_consumergroup_members" ["side", "group", "topic", "home"]
        "Members of the group that read the topic, by where they run.";
    END_OFFSET = Counter "cutover_kafka_topic_end_offset_total" ["side", "topic"]
        "Sum of the high watermarks of the topic.";
    TOPICS = Gauge "cutover_kafka_topics" ["side", "scope"]
        "Topics of the cluster inside and outside the scope.";
    GROUPS = Gauge "cutover_kafka_consumergroups" ["side", "scope"]
        "Groups of the cluster that touch the scope and that do not.";
    OPLOG_WINDOW = Gauge "cutover_mongodb_oplog_window_seconds" ["side"]
        "The time between the ends of the primary's oplog; while it still grows, what it will be.";
    LAST_WRITE = Gauge "cutover_mongodb_last_write_timestamp_seconds" ["side"]
        "The second of the newest real write in scope, by the deployment's own clock.";
    TRANSACTIONS = Gauge "cutover_mongodb_open_transactions" ["side"]
        "Open and prepared transactions on the primary.";
    WRITE_BLOCK = Gauge "cutover_mongodb_write_block" ["side"]
        "Whether user writes are blocked.";
    CLIENTS = Gauge "cutover_mongodb_clients" ["side", "role", "home"]
        "Kinds of clients connected, by what they are to the migration and where they run.";
    MIRROR_LAG = Gauge "cutover_mirror_lag_seconds" ["mirror"]
        "How far the mirror's position is behind the newest real write in its namespaces.";
    MIRROR_HEADROOM = Gauge "cutover_mirror_headroom_seconds" ["mirror"]
        "What is left between the mirror's position and the oldest entry of the source's oplog.";
    MIRROR_RESTARTS = Counter "cutover_mirror_restarts_total" ["mirror"]
        "How often the mirror was seen to begin anew.";
    MIRROR_REFRESHES = Counter "cutover_mirror_refreshes_total" ["mirror"]
        "Different positions that the mirror's present run has shown.";
    TARGET_UP = Gauge "cutover_target_up" ["target"]
        "Whether the newest sample of the target is good and fresh.";
    TARGET_LAST_SUCCESS = Gauge "cutover_target_last_success_timestamp_seconds" ["target"]
        "When the newest good sample of the target was asked for.";
    TARGET_SAMPLES = Counter "cutover_target_samples_total" ["target"]
        "Samples taken of the target, failed ones included.";
    TARGET_FAILURES = Counter "cutover_target_sample_failures_total" ["target", "kind"]
        "Samples of the target that failed, by what a person has to mend.";
    JOURNAL_UP = Gauge "cutover_journal_up" []
        "Whether facts can be written to the journal; nothing is go otherwise.";
    REHEARSAL = Gauge "cutover_rehearsal_faster" []
        "By how much every time is divided: 1 unless this is a rehearsal.";
    SIMULATED = Gauge "cutover_simulated" []
        "Whether the estate is simulated: nothing here is about real servers.";
    BOARD_AGE = Gauge "cutover_board_age_seconds" []
        "How long ago the verdicts were evaluated, at the scrape.";
    BUILD_INFO = Gauge "cutover_build_info" ["version"]
        "The version of the agent.";
    PROCESS_CPU = Counter "process_cpu_seconds_total" []
        "CPU time of the agent.";
    PROCESS_RESIDENT = Gauge "process_resident_memory_bytes" []
        "Resident memory of the agent.";
    PROCESS_VIRTUAL = Gauge "process_virtual_memory_bytes" []
        "Virtual memory of the agent.";
    PROCESS_FDS = Gauge "process_open_fds" []
        "Files and connections the agent has open.";
    PROCESS_START = Gauge "process_start_time_seconds" []
        "When the agent started.";
}
