//! One run: initial sync or bookmark, then the oplog for as long as the process lives.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Document, Timestamp, doc};
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection};
use tokio::time::sleep;

use super::apply::Ends;
use super::board::{APPLYING, Board, Stage};
use super::bookmark::Bookmark;
use super::copy;
use super::oplog::{Operation, Unpacker, bits, timestamp};
use super::options::{Positions, Settings};
use super::trouble::Trouble;
use crate::clock;

/// Entries read at a time.
const BATCH: i64 = 1000;
const PAUSE: Duration = Duration::from_millis(50);

/// A run of the mirror.
#[derive(Debug)]
pub(super) struct Engine {
    settings: Settings,
    pub(super) ends: Ends,
    board: Arc<Board>,
    unpacker: Unpacker,
    /// The newest entry read.
    scanned: u64,
    /// An entry held back by that fault.
    held: Option<(u64, Vec<Operation>)>,
}

impl Engine {
    pub(super) async fn open(settings: Settings, board: Arc<Board>) -> mongodb::error::Result<Self> {
        let source = connect(&settings.source_uri, &settings.options.source_app).await?;
        let destination = connect(&settings.destination_uri, &settings.options.destination_app).await?;
        let unpacker = Unpacker::new(settings.options.clone());
        Ok(Self { settings, ends: Ends { source, destination }, board, unpacker, scanned: 0, held: None })
    }

    /// Replicates until something only a person can mend; the error is then told by the status port.
    pub(super) async fn run(mut self) {
        let began = match self.begin().await {
            Ok(()) => self.follow().await,
            Err(trouble) => trouble,
        };
        let (Trouble::Fatal(text) | Trouble::Transient(text)) = began;
        eprintln!("Failed: {text}");
        self.board.lock().error = Some(text);
    }

    async fn begin(&mut self) -> Result<(), Trouble> {
        let bookmark = Bookmark::read(&self.settings.bookmark).map_err(Trouble::Fatal)?;
        match bookmark {
            Some(bookmark) if !self.settings.drop => {
                self.scanned = bookmark.scanned;
                let position = match self.settings.options.positions {
                    Positions::Applied => bookmark.applied,
                    Positions::Scanned => bookmark.scanned,
                };
                let mut state = self.board.lock();
                (state.scanned, state.applied, state.position) = (bookmark.scanned, bookmark.applied, position);
            }
            _ => self.initial_sync().await?,
        }
        let mut state = self.board.lock();
        state.stage = Stage::OplogSync;
        state.phase = Some(APPLYING);
        eprintln!("oplog sync from {}", self.scanned);
        Ok(())
    }

    async fn initial_sync(&mut self) -> Result<(), Trouble> {
        self.board.lock().stage = Stage::InitialSync;
        // Whatever is written from here on is met again in the oplog.
        self.scanned = newest(&self.ends.source, doc! {}).await?;
        // Reading backwards shows entries before which others are still being written; reading forwards waits for those,
        // so that they are in the copy.
        oplog(&self.ends.source).find_one(doc! { "ts": { "$gte": timestamp(self.scanned) } }).await?;
        copy::copy(&self.ends, &self.settings.options, self.settings.drop, &self.board).await?;
        let goal = newest(&self.ends.source, doc! {}).await?;
        {
            let mut state = self.board.lock();
            state.phase = Some(APPLYING);
            state.goal = goal;
        }
        self.reached(self.scanned, true)?;
        while self.scanned < goal {
            match self.turn().await {
                Ok(()) | Err(Trouble::Transient(_)) => sleep(PAUSE).await,
                Err(fatal) => return Err(fatal),
            }
        }
        // The goal is what its position is now, whether or not that entry was its business.
        self.reached(goal, true)
    }

    async fn follow(&mut self) -> Trouble {
        loop {
            match self.turn().await {
                Ok(()) => sleep(PAUSE).await,
                Err(Trouble::Transient(text)) => {
                    eprintln!("Recoverable error: {text}");
                    sleep(PAUSE * 10).await;
                }
                Err(fatal) => return fatal,
            }
        }
    }

    /// Reads once what is new, and applies it.
    async fn turn(&mut self) -> Result<(), Trouble> {
        let faults = self.board.faults();
        if faults.stuck || faults.error.is_some() {
            return Ok(());
        }
        if !faults.hold_last {
            self.release().await?;
        }
        let filter = doc! { "ts": { "$gte": timestamp(self.scanned) } };
        let entries: Vec<Document> = oplog(&self.ends.source).find(filter).limit(BATCH).await?.try_collect().await?;
        // The entry read last must still be there: else some after it may be gone as well.
        match entries.first().and_then(|entry| entry.get_timestamp("ts").ok()) {
            Some(ts) if bits(ts) == self.scanned => {}
            _ => {
                return Err(Trouble::Fatal(format!("oplog entry {} is no longer in the source's oplog", self.scanned)));
            }
        }
        for entry in &entries[1..] {
            self.entry(entry).await?;
            let faults = self.board.faults();
            if faults.stuck || faults.error.is_some() {
                break;
            }
        }
        Ok(())
    }

    async fn entry(&mut self, entry: &Document) -> Result<(), Trouble> {
        let Ok(ts) = entry.get_timestamp("ts") else { return Ok(()) };
        self.late(ts).await;
        let operations = self.unpacker.unpack(entry).map_err(Trouble::Fatal)?;
        let mine = !operations.is_empty();
        let holds = self.board.faults().hold_last;
        if !holds || mine {
            // In the oplog's order, also where the fault is mended in the middle of a batch.
            self.release().await?;
        }
        if mine && holds {
            let mut state = self.board.lock();
            state.position = bits(ts).saturating_sub(1);
            self.held = Some((bits(ts), operations));
            self.scanned = bits(ts);
            state.scanned = bits(ts);
            return Ok(());
        }
        self.ends.apply(&operations).await?;
        self.scanned = bits(ts);
        if self.held.is_some() {
            // Reading has gone on, the position has not.
            self.board.lock().scanned = bits(ts);
            return Ok(());
        }
        self.reached(bits(ts), mine)
    }

    /// Applies what was held back.
    async fn release(&mut self) -> Result<(), Trouble> {
        if let Some((ts, operations)) = self.held.take() {
            if let Err(trouble) = self.ends.apply(&operations).await {
                self.held = Some((ts, operations));
                return Err(trouble);
            }
            self.reached(ts, true)?;
        }
        Ok(())
    }

    /// Waits as long as a mirror that is this slow would.
    async fn late(&self, ts: Timestamp) {
        loop {
            let due = u64::from(ts.time) * 1000 + self.board.faults().delay_ms;
            let delay = due.saturating_sub(clock::wall_ms());
            if self.board.faults().delay_ms == 0 || delay == 0 {
                return;
            }
            sleep(Duration::from_millis(delay.min(100))).await;
        }
    }

    /// Moves the position, and writes it down where no transaction is half read.
    fn reached(&self, ts: u64, applied: bool) -> Result<(), Trouble> {
        let mut state = self.board.lock();
        state.scanned = state.scanned.max(ts);
        if applied {
            state.applied = state.applied.max(ts);
        }
        state.position = match self.settings.options.positions {
            Positions::Applied => state.applied,
            Positions::Scanned => state.scanned,
        };
        // A bookmark before the end of the initial sync would be taken for a complete copy.
        if state.stage != Stage::OplogSync && ts < state.goal || !self.unpacker.complete() {
            return Ok(());
        }
        let bookmark = Bookmark { scanned: ts, applied: state.applied };
        bookmark.write(&self.settings.bookmark).map_err(Trouble::Fatal)
    }
}

/// Refreshes the published numbers for as long as the process lives.
pub(super) async fn refresh(source: Client, board: Arc<Board>, period: Duration) {
    loop {
        let (position, lost) = {
            let state = board.lock();
            (state.position, state.error.is_some())
        };
        let latest = newest(&source, doc! { "op": { "$ne": "n" } }).await;
        if let (Ok(latest), false) = (latest, lost) {
            // Of what is no no-op the newest is also the last write.
            board.lock().refresh(position, latest, latest);
            if position != 0 {
                eprintln!("Current lag from source: {}s", (latest >> 32).saturating_sub(position >> 32));
            }
        }
        sleep(period).await;
    }
}

/// The newest entry that fits, as a 64-bit timestamp.
async fn newest(source: &Client, filter: Document) -> mongodb::error::Result<u64> {
    let found = oplog(source).find_one(filter).sort(doc! { "$natural": -1 }).projection(doc! { "ts": 1 }).await?;
    Ok(found.and_then(|entry| entry.get_timestamp("ts").ok()).map_or(0, bits))
}

fn oplog(client: &Client) -> Collection<Document> {
    client.database("local").collection("oplog.rs")
}

async fn connect(uri: &str, app_name: &str) -> mongodb::error::Result<Client> {
    let mut options = ClientOptions::parse(uri).await?;
    options.app_name = Some(app_name.to_owned());
    options.server_selection_timeout = Some(Duration::from_secs(5));
    options.heartbeat_freq = Some(Duration::from_millis(500));
    Client::with_options(options)
}
