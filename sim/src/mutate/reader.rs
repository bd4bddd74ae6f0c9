//! Findings that stop nothing any more: in what somebody reads on the board, and in what the gate concludes.

use super::Mutation;
use cutover_core::facts::Fact;
use cutover_core::gate::board::{Answer, Board, CheckBoard, Life, StepBoard, Verdict};
use cutover_core::reading::{Code, Tri};
use cutover_core::time::Now;
use cutover_core::view::View;

impl Mutation {
    /// Findings that stop nothing any more.
    pub fn ignored(self) -> &'static [Code] {
        match self {
            Mutation::AnyOrder => &[Code::Predecessor],
            Mutation::TripwiresIgnored => &[Code::Tripwire],
            Mutation::NoWayOut => &[Code::WayOut],
            Mutation::EarlyStartsIgnored => &[Code::OutOfOrder, Code::WayOut, Code::Attached],
            Mutation::DoneAgain => &[Code::AlreadyDone, Code::AlreadyBegun],
            Mutation::TransactionsIgnored => &[Code::OpenTransaction],
            Mutation::UnseededIsFine => &[Code::NotSeeded, Code::WayOut],
            Mutation::LagIsFine => &[Code::Draining, Code::Stuck, Code::Abandoned],
            Mutation::LeftoversIgnored => &[Code::NotEmpty, Code::LeftoverCommit],
            Mutation::UndeclaredIgnored => &[Code::Undeclared],
            Mutation::NoRetention => &[Code::Unexpired],
            Mutation::EmptyIsFine => &[Code::EmptySet, Code::NeverSeen],
            Mutation::BehindIgnored => &[Code::Behind],
            Mutation::UncoveredIgnored => &[Code::NotCovered, Code::CoveredTwice],
            Mutation::SpanningIgnored => &[Code::SpanningTransaction],
            Mutation::DifferenceIgnored => {
                &[Code::Differs, Code::Missing, Code::CountDiffers, Code::Partial, Code::WayOut]
            }
            Mutation::MovedIgnored => &[Code::Moved, Code::Tripwire],
            Mutation::BlockIgnored => &[Code::WriteBlocked, Code::IndexBuild],
            Mutation::OtherDowntimeIgnored => &[Code::OtherDowntime],
            Mutation::AfterIgnored => &[Code::After],
            Mutation::SourceHomeIgnored => &[Code::SourceHome],
            Mutation::AbsentIgnored => &[Code::NotDeployed, Code::NotConnected],
            Mutation::ProbesIgnored => &[Code::ProbeFails],
            Mutation::WitnessInvented => &[Code::NeverSeen],
            Mutation::OutOfOrderIgnored => &[Code::OutOfOrder],
            Mutation::HoldIgnored => &[Code::Hold],
            Mutation::HeadroomIgnored => &[Code::HeadroomShort],
            Mutation::WritableIgnored => &[Code::Writable],
            Mutation::UnreadIgnored => &[Code::NotRead],
            Mutation::VersionsIgnored => &[Code::UnsupportedVersion],
            Mutation::WindowIgnored => &[Code::WindowShort],
            Mutation::RetentionIgnored => &[Code::RetentionShort, Code::ConfigDiffers],
            Mutation::UncommonIgnored => &[Code::MissingTopic, Code::PartitionsDiffer],
            Mutation::RecreatedIgnored => &[Code::Recreated],
            Mutation::OtherClusterIgnored => &[Code::OtherCluster],
            Mutation::SameIgnored => &[Code::SameCluster],
            Mutation::HiddenIgnored => &[Code::Hidden],
            Mutation::UnclassedIgnored => &[Code::Unclassified],
            Mutation::WritingIgnored => &[Code::StillWritten],
            Mutation::NoCadenceIsFine => &[Code::CadenceUnknown],
            Mutation::UngrownIgnored => &[Code::NotGrown],
            Mutation::UncommittedIgnored => &[Code::NeverCommitted],
            Mutation::LostIgnored => &[Code::Lost],
            Mutation::VanishedIgnored => &[Code::Vanished],
            Mutation::AttachedIgnored => &[Code::Attached],
            Mutation::ArrivalIgnored => &[Code::NotAttached, Code::CatchingUp],
            Mutation::SkippedIgnored => &[Code::Skipped],
            Mutation::ForeverIgnored => &[Code::NeverExpires],
            Mutation::StillThereIgnored => &[Code::StillThere],
            Mutation::NoPrimaryIgnored => &[Code::NoPrimary, Code::Server],
            Mutation::NoMajorityIgnored => &[Code::NoMajority],
            Mutation::UnmirrorableIgnored => &[Code::NotMirrorable],
            Mutation::ForeignIgnored => &[Code::ForeignPosition],
            Mutation::WriterRulesIgnored => &[Code::NoWriterRules],
            Mutation::RecentIgnored => &[Code::RecentWrite, Code::Unwritable],
            Mutation::ConnectedIgnored => &[Code::Connected],
            Mutation::FallingBehindIgnored => &[Code::FallingBehind],
            Mutation::CachedIgnored => &[Code::StillCached],
            Mutation::OffsetsIgnored => &[Code::OffsetAhead],
            Mutation::UndoneIgnored => &[Code::Undone],
            Mutation::UnmeasuredIgnored => &[Code::NotMeasured],
            Mutation::DisorderIgnored => &[Code::Order],
            Mutation::PartialIgnored => &[Code::Partial],
            Mutation::FailuresIgnored => &[
                Code::Unreachable,
                Code::Timeout,
                Code::Tls,
                Code::Auth,
                Code::Privilege,
                Code::Protocol,
                Code::Server,
            ],
            _ => &[],
        }
    }

    /// Whether a check that does not hold stops nothing.
    fn passes(self, step: &StepBoard, c: &CheckBoard) -> bool {
        let code = c.chief().code;
        match self {
            Mutation::NoFloors => code == Code::Dwelling && !step.step.way_back,
            Mutation::OneRefresh => {
                code == Code::Dwelling
                    && matches!(c.check.key, "mongodb/following" | "mongodb/drained" | "mongodb/mirror-follows")
            }
            _ => self.ignored().contains(&code),
        }
    }

    /// Whether everything that stands in the way is nothing; `again`: of a step that is done as well.
    fn holds(self, step: &StepBoard, answer: &Answer, again: bool) -> bool {
        let mut checks = answer.checks.iter().filter(|c| !c.advisory && (!c.left_out || again));
        answer.blockers.iter().all(|f| f.is == Tri::Yes || self.ignored().contains(&f.code))
            && checks.all(|c| c.is == Tri::Yes || self.passes(step, c))
    }

    /// What somebody reads on the board of a step's ready.
    pub fn verdict(self, board: &Board, step: &StepBoard, now: Now) -> Verdict {
        let answer = &step.ready;
        let said = board.verdict(answer, now);
        let again = self == Mutation::DoneAgain;
        match self {
            Mutation::ValidityIgnored => answer.verdict,
            Mutation::UnknownIsGo if said == Verdict::Unknown => Verdict::Go,
            _ if board.expired(answer, now) || (answer.settled.is_some() && !again) => said,
            _ if self.holds(step, answer, again) => Verdict::Go,
            _ => said,
        }
    }

    /// The steps that the gate finds done because it ignores something.
    pub fn concludes(self, board: &Board, v: &View<'_>) -> Vec<Fact> {
        let begun = |s: &&StepBoard| matches!(s.life, Life::Begun(..)) && s.done.verdict != Verdict::Go;
        let found = board.steps.iter().filter(begun).filter(|s| self.holds(s, &s.done, false));
        let done = |s: &StepBoard| Fact::Done { step: s.step.id.into(), at: board.at.wall, evidence: Vec::new() };
        found.flat_map(|s| (s.step.anchors_done)(v).into_iter().chain([done(s)])).collect()
    }
}
