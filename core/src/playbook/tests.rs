//! The steps as they are declared: what no story comes to is still as the playbook has it.

use super::*;
use expect_test::expect;

/// Names of the checks a step uses, each with its marks.
fn uses(all: &[Use]) -> String {
    let marked = all.iter().map(|u| {
        let marks = [(u.before, "(b)"), (u.downtime, "(d)"), (u.advisory, "(a)")];
        let marks: String = marks.iter().filter(|m| m.0).map(|m| m.1).collect();
        format!("{}{marks}", u.check.id)
    });
    marked.collect::<Vec<_>>().join(" ")
}

fn declared(s: &Step) -> String {
    let freezes = [
        ("begun", !std::ptr::fn_addr_eq(s.anchors_begun, no_anchors as fn(&View<'_>) -> Vec<Fact>)),
        ("done", !std::ptr::fn_addr_eq(s.anchors_done, no_anchors as fn(&View<'_>) -> Vec<Fact>)),
        ("adopted", !std::ptr::fn_addr_eq(s.anchors_adopted, no_adoption as fn(&View<'_>, &str) -> Known<Vec<Fact>>)),
    ];
    let frozen: Vec<&str> = freezes.iter().filter(|f| f.1).map(|f| f.0).collect();
    let until = |t: &Tripwire| {
        let ended = t.until.map(|u| format!(" until {u} is done")).unwrap_or_default();
        format!("{}{ended}{}", t.check.id, t.until_begun.map(|u| format!(" until {u} is begun")).unwrap_or_default())
    };
    let effect = match s.effect {
        Effect::Appearance(_) => "appears",
        Effect::Absence => "is gone",
    };
    let mut said = format!(
        "{} ({:?}; {}): {}\n  way back {}, skippable {}, {:?}, downtime {:?}, withdraw {:?}, its effect {effect}\n",
        s.id,
        s.track,
        s.does,
        if frozen.is_empty() { "freezes nothing".into() } else { format!("freezes when {}", frozen.join(", ")) },
        s.way_back,
        s.skippable,
        s.run,
        s.downtime,
        s.withdraw,
    );
    said += &format!("  ready: {}\n  done: {}\n", uses(s.ready), uses(s.done));
    for t in s.tripwires {
        said += &format!("  then: {}\n", until(t));
    }
    said
}

#[test]
fn every_step_is_declared_as_the_playbook_has_it() {
    let all: String = all_steps().map(declared).collect();
    expect![[r#"
        deploy-services (Services; deploy the services at the destination): freezes nothing
          way back true, skippable true, Incremental, downtime None, withdraw Always, its effect appears
          ready: in-force-reachable requirements(a)
          done: present
        redirect-traffic (Services; send the traffic to the destination): freezes nothing
          way back true, skippable true, Incremental, downtime None, withdraw Always, its effect appears
          ready: destination-healthy at-work present
          done: traffic-moved
        stop-source-services (Services; stop the services at the source): freezes nothing
          way back true, skippable true, Incremental, downtime None, withdraw Always, its effect is gone
          ready: present at-work keeping-up traffic-moved
          done: no-source-home
        switch-dns (Services; let the names answer with the destination): freezes nothing
          way back true, skippable true, Incremental, downtime None, withdraw Always, its effect appears
          ready: entry-points no-source-home
          done: names-moved
        start-mirror (Mongodb; start every mirror): freezes nothing
          way back true, skippable false, Once, downtime None, withdraw Always, its effect appears
          ready: two-deployments supported coverage no-spanning-transactions mirrorable destination-empty(b) window-covers-copy requirements(a)
          done: mirror-follows
        switch-readers (Mongodb; let the readers read at the destination): freezes nothing
          way back true, skippable true, Incremental, downtime None, withdraw Always, its effect appears
          ready: following headroom serving coverage read-only
          done: readers-moved
        stop-writers (Mongodb; stop every writer): freezes when done, adopted
          way back true, skippable false, Incremental, downtime Opens, withdraw Always, its effect is gone
          ready: following headroom coverage readers-moved counting-time(a)
          done: no-source-write writers-gone majority
        stop-mirror (Mongodb; stop every mirror): freezes when done, adopted
          way back false, skippable false, Once, downtime None, withdraw WhileUnseen, its effect is gone
          ready: drained(d) majority(d) no-source-write(d) writers-gone(d) source-still(d) coverage same-data same-counts(d) destination-quiet(d)
          done: finished
          then: mirrors-stay-away
          then: writers-stay-away
          then: source-still
          then: destination-quiet until start-writers is begun
        start-writers (Mongodb; start the writers at the destination): freezes nothing
          way back false, skippable false, Incremental, downtime Closes, withdraw WhileUnseen, its effect appears
          ready: destination-ready destination-writable(d) same-data(b)(d) same-counts(b)(d)
          done: writers-started effect(a)
        switch-producers (Kafka; let the external producers write to the destination only): freezes when begun, adopted
          way back false, skippable false, Incremental, downtime None, withdraw WhileUnseen, its effect appears
          ready: two-clusters visible topics-ready retention-outlasts destination-clean(b) producers-known requirements(a)
          done: switched producers-known
          then: destination-kept until start-consumers is done
        stop-consumers (Kafka; stop every consumer of the source): freezes when done, adopted
          way back false, skippable false, Incremental, downtime Opens, withdraw Always, its effect is gone
          ready: visible producers-known ingestion-idle drained every-topic-read(b) changes-drained(a)
          done: nobody-attached drained
          then: source-ends until retire-source is begun
          then: nobody-attached until retire-source is begun
        start-consumers (Kafka; start the consumers on the destination): freezes nothing
          way back false, skippable false, Incremental, downtime Closes, withdraw WhileUnseen, its effect appears
          ready: seeded destination-unattended(b) offset-assumptions
          done: redeployed nothing-skipped destination-kept effect(a)
        retire-source (Kafka; delete the topics of the source): freezes nothing
          way back false, skippable false, Once, downtime None, withdraw WhileUnseen, its effect is gone
          ready: source-ends expired
          done: topics-gone
    "#]].assert_eq(&all);
}
