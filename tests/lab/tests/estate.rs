//! The whole estate on real brokers.
use cutover_lab::{Pair, Shop, ShopOptions, Side, Step, Stop};
use std::time::Duration;

#[test]
fn spike() {
    let pair = Pair::start().unwrap();
    eprintln!(
        "up {:?} {:?} rss {} {}",
        pair.source.up_after(),
        pair.destination.up_after(),
        pair.source.resident_kb(),
        pair.destination.resident_kb()
    );
    let shop = Shop::open(&pair, ShopOptions::renamed("t1.PROD.", "t1.prod.")).unwrap();
    let r = (|| -> cutover_lab::Result<()> {
        shop.start()?;
        eprintln!("{:?}", shop.oracle().unsafe_reasons(Step::SwitchProducers));
        shop.wait_processed(Side::Source, "sink", 20, Duration::from_secs(60))?;
        shop.switch_producers()?;
        shop.wait_safe(Step::StopConsumers, Duration::from_secs(60))?;
        shop.stop_consumers(Stop::Leave)?;
        shop.seed_destination()?;
        eprintln!("{:?}", shop.oracle().unsafe_reasons(Step::StartConsumers));
        shop.start_consumers(Side::Destination)?;
        shop.wait_processed(Side::Destination, "sink", 20, Duration::from_secs(60))?;
        shop.retire_source()
    })();
    eprintln!("{}", shop.oracle().timeline());
    eprintln!(
        "rss {} {}",
        pair.source.resident_kb(),
        pair.destination.resident_kb()
    );
    r.unwrap();
}
