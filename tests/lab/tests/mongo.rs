//! The MongoDB half of the lab on real servers.

use cutover_lab::mongodb::bson::doc;
use cutover_lab::{ReplicaSet, Rights};

#[test]
fn a_replica_set_elects_blocks_and_guards() {
    let mut set = ReplicaSet::builder("three").members(3).start().unwrap();
    println!(
        "three members answer after {:.1} s, resident {} MB",
        set.up_after().as_secs_f64(),
        set.resident_kb() / 1024
    );
    set.run("shop", doc! { "insert": "orders", "documents": [{ "_id": 1 }] }).unwrap();
    let reader = set.create_user("reader", Rights::none().role("read", "shop")).unwrap();
    let client = set.client(&reader, "crud-reader").unwrap();
    let primary = set.primary().unwrap().unwrap();
    set.step_down(20).unwrap();
    let next = set.await_primary().unwrap();
    assert_ne!(primary, next);
    set.freeze(next).unwrap();
    let third = set.await_primary().unwrap();
    assert_ne!(next, third);
    set.thaw(next).unwrap();
    set.kill(third).unwrap();
    set.await_primary().unwrap();
    set.restart(third).unwrap();
    set.set_write_block(true).unwrap();
    let info = set.run("admin", doc! { "serverStatus": 1 }).unwrap();
    println!("{:?}", info.get_document("repl").unwrap().get("userWriteBlockMode"));
    set.set_write_block(false).unwrap();
    drop(client);
}
