//! Lists the scenarios of `scenarios/`, so that a new one is part of every program at once.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=scenarios");
    let mut files: Vec<_> = fs::read_dir("scenarios")?.collect::<io::Result<_>>()?;
    files.retain(|f| f.path().extension().is_some_and(|e| e == "scn"));
    files.sort_by_key(fs::DirEntry::file_name);
    let mut list = String::from("&[\n");
    for f in files {
        let (path, text) = (f.path(), fs::read_to_string(f.path())?);
        println!("cargo::rerun-if-changed={}", path.display());
        let name = path.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        // The text itself: a path would be that of the machine that built it.
        let _ = writeln!(list, "({name:?}, {text:?}),");
    }
    list.push(']');
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    fs::write(Path::new(&out).join("scenarios.rs"), list)
}
