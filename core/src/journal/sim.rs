//! A disk that behaves as badly as a real one may: what was not synced survives a crash in any part, a failed sync
//! marks everything clean, and any call can fail or be the one during which the power goes.
//!
//! It does not damage bytes that a successful sync covered: that is bit rot, tested by flipping bytes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::disk::{Disk, DiskError};

/// Blocks reach the disk as a whole or not at all.
const BLOCK: usize = 16;

/// What goes wrong at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The call fails, after doing some of its work; later calls go on.
    Error,
    /// The machine stops in the middle of it.
    PowerOff,
}

/// A handle: clones are the same disk.
#[derive(Debug, Clone)]
pub(super) struct SimDisk(Rc<RefCell<State>>);

#[derive(Debug)]
struct State {
    /// On the platter.
    durable: Vec<u8>,
    /// What a read returns.
    cache: Vec<u8>,
    /// Which bytes of the cache a sync would write.
    dirty: Vec<bool>,
    /// Whether a sync would write the length.
    len_dirty: bool,
    calls: u32,
    faults: BTreeMap<u32, Fault>,
    off: bool,
    random: u64,
}

impl SimDisk {
    /// A disk holding `durable`; every random choice follows from `seed`.
    pub(super) fn new(durable: Vec<u8>, seed: u64) -> Self {
        Self(Rc::new(RefCell::new(State {
            dirty: vec![false; durable.len()],
            cache: durable.clone(),
            durable,
            len_dirty: false,
            calls: 0,
            faults: BTreeMap::new(),
            off: false,
            random: seed | 1,
        })))
    }

    /// From now on the n-th call (from 0) of any kind goes wrong as told.
    pub(super) fn plan(&self, faults: impl IntoIterator<Item = (u32, Fault)>) {
        let mut state = self.0.borrow_mut();
        state.calls = 0;
        state.faults = faults.into_iter().collect();
    }

    /// The power goes (if it has not) and comes back: some of what was not synced is there, the rest is what was there
    /// before, zeros, or garbage.
    pub(super) fn crash(&self) {
        let state = &mut *self.0.borrow_mut();
        let (short, long) = {
            let (a, b) = (state.durable.len(), state.cache.len());
            (a.min(b), a.max(b))
        };
        let len = match state.random(3) {
            _ if !state.len_dirty && !state.dirty.contains(&true) => state.durable.len(),
            0 => short,
            1 => long,
            _ => short + state.random(long - short + 1),
        };
        state.reach_the_disk(len);
        state.cache = state.durable.clone();
        state.clean();
        state.off = false;
        state.faults.clear();
    }

    /// The process ends and another one starts; the machine stays up, with everything in its page cache.
    pub(super) fn restart_process(&self) {
        let mut state = self.0.borrow_mut();
        state.faults.clear();
    }

    pub(super) fn is_off(&self) -> bool {
        self.0.borrow().off
    }

    pub(super) fn content(&self) -> Vec<u8> {
        self.0.borrow().cache.clone()
    }

    pub(super) fn durable(&self) -> Vec<u8> {
        self.0.borrow().durable.clone()
    }

    /// Another program writes to the file, durably.
    pub(super) fn meddle(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.borrow_mut();
        change(&mut state.cache);
        state.durable = state.cache.clone();
        state.clean();
    }
}

impl State {
    /// A number below `n`.
    fn random(&mut self, n: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as usize % n
    }

    fn clean(&mut self) {
        self.dirty = vec![false; self.cache.len()];
        self.len_dirty = false;
    }

    /// Makes the platter `len` bytes long with some of the dirty blocks written.
    fn reach_the_disk(&mut self, len: usize) {
        let garbage = self.random(2) == 0;
        let mut image = self.durable.clone();
        image.truncate(len);
        while image.len() < len {
            let filler = if garbage { self.random(256) } else { 0 };
            image.push(filler as u8);
        }
        let all = self.random(4) == 0;
        for start in (0..len).step_by(BLOCK) {
            let survives = all || self.random(2) == 0;
            let end = len.min(start + BLOCK).min(self.cache.len());
            for (at, byte) in image.iter_mut().enumerate().take(end).skip(start) {
                if survives && self.dirty[at] {
                    *byte = self.cache[at];
                }
            }
        }
        self.durable = image;
    }

    /// Counts a call; `Some` if it goes wrong.
    fn fault(&mut self) -> Option<DiskError> {
        if self.off {
            return Some("the power is off".into());
        }
        let fault = self.faults.get(&self.calls).copied();
        self.calls += 1;
        self.off = fault == Some(Fault::PowerOff);
        fault.map(|fault| format!("simulated: {fault:?}").into())
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        if end > self.cache.len() {
            self.cache.resize(end, 0);
            self.dirty.resize(end, true);
            self.len_dirty = true;
        }
        self.cache[at..end].copy_from_slice(bytes);
        self.dirty[at..end].fill(true);
    }

    fn sync(&mut self) {
        let dirty_to = self.dirty.iter().rposition(|d| *d).map_or(0, |at| at + 1);
        let len = if self.len_dirty { self.cache.len() } else { self.durable.len().max(dirty_to) };
        self.durable.resize(len, 0);
        for (at, _) in self.dirty.iter().enumerate().filter(|(_, dirty)| **dirty) {
            self.durable[at] = self.cache[at];
        }
        self.clean();
    }

    /// Some of it is on the platter, and the kernel forgets that the rest is not. What the cache shows afterwards
    /// depends on the filesystem.
    fn fail_to_sync(&mut self) {
        let (old, new) = (self.durable.len(), self.cache.len());
        let len = if self.random(2) == 0 { old } else { new };
        self.reach_the_disk(len);
        if self.random(3) == 0 {
            for at in 0..self.cache.len().min(self.durable.len()) {
                self.cache[at] = self.durable[at];
            }
        }
        self.clean();
    }
}

impl Disk for SimDisk {
    fn name(&self) -> String {
        "sim".to_owned()
    }

    fn read_all(&mut self) -> Result<Vec<u8>, DiskError> {
        let mut state = self.0.borrow_mut();
        state.fault().map_or_else(|| Ok(state.cache.clone()), Err)
    }

    fn len(&mut self) -> Result<u64, DiskError> {
        let mut state = self.0.borrow_mut();
        state.fault().map_or_else(|| Ok(state.cache.len() as u64), Err)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let mut state = self.0.borrow_mut();
        let was_off = state.off;
        let fault = state.fault();
        let written = match fault {
            None => bytes.len(),
            Some(_) if was_off => 0,
            Some(_) => state.random(bytes.len() + 1),
        };
        state.write(offset as usize, &bytes[..written]);
        fault.map_or(Ok(()), Err)
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        let mut state = self.0.borrow_mut();
        let fault = state.fault();
        match fault {
            None => state.sync(),
            Some(_) if state.off => {} // what was dirty is decided by the crash
            Some(_) => state.fail_to_sync(),
        }
        fault.map_or(Ok(()), Err)
    }

    fn truncate(&mut self, len: u64) -> Result<(), DiskError> {
        let mut state = self.0.borrow_mut();
        let was_off = state.off;
        let fault = state.fault();
        if fault.is_none() || (!was_off && state.random(2) == 0) {
            // As it is long already, there is nothing to write: not even if the platter knows another length.
            state.len_dirty |= state.cache.len() != len as usize;
            state.cache.truncate(len as usize);
            state.dirty.truncate(len as usize);
        }
        match fault {
            None => state.sync(),
            Some(_) if state.off => {}
            Some(_) => state.fail_to_sync(),
        }
        fault.map_or(Ok(()), Err)
    }
}
