//! The control port: faults on and off, and what the mirror really is.

use std::net::Ipv4Addr;
use std::sync::Arc;

use mongodb::Client;
use mongodb::bson::doc;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use super::board::Board;
use super::http::{self, Request};
use super::options::Faults;

/// An index to be dropped at the destination, through the mirror's own session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Index {
    pub(super) namespace: String,
    pub(super) name: String,
}

/// Answers `GET /` with the truth, `PUT /faults` and `POST /drop-index`.
pub(super) async fn listen(port: u16, board: Arc<Board>, destination: Client) -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        let (board, destination) = (Arc::clone(&board), destination.clone());
        tokio::spawn(async move {
            let Some(request) = http::read(&mut stream).await else { return };
            let (code, body) = match perform(request, &board, &destination).await {
                Ok(()) => (200, serde_json::json!(board.lock().truth()).to_string()),
                Err(text) => (400, serde_json::json!({ "error": text }).to_string()),
            };
            // Whoever went away does not get an answer.
            let _ = http::respond(&mut stream, code, &body).await;
        });
    }
}

async fn perform(request: Request, board: &Board, destination: &Client) -> Result<(), String> {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/") => Ok(()),
        ("PUT", "/faults") => {
            let faults: Faults = serde_json::from_slice(&request.body).map_err(|error| error.to_string())?;
            eprintln!("faults: {faults:?}");
            board.lock().faults = faults;
            Ok(())
        }
        ("POST", "/drop-index") => {
            let index: Index = serde_json::from_slice(&request.body).map_err(|error| error.to_string())?;
            let (database, collection) = index.namespace.split_once('.').ok_or("not a namespace")?;
            let command = doc! { "dropIndexes": collection, "index": &index.name };
            let dropped = destination.database(database).run_command(command).await;
            dropped.map(drop).map_err(|error| error.to_string())
        }
        (method, path) => Err(format!("no {method} {path} here")),
    }
}
