//! `mirror SETTINGS`: the stand-in for MongoMirror as a program. What it is and is not: see `cutover_lab::Mirror`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = cutover_lab::mirror_if_asked() {
        return code;
    }
    match std::env::args_os().nth(1) {
        Some(settings) => cutover_lab::mirror_main(Path::new(&settings)),
        None => {
            eprintln!("usage: mirror SETTINGS (a file the lab writes)");
            ExitCode::from(2)
        }
    }
}
