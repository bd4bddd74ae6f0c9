//! The surface against a real listener, with boards made by hand.

mod acts;
mod answers;
mod boards;
mod dashboard;
mod metrics;
mod page;
mod promql;
mod wire;
mod world;

/// The settings of these boards.
pub(crate) fn test_settings() -> cutover_core::settings::Settings {
    world::settings()
}

/// A server with a board made by hand, for tests of the command line: its address and a token. start-consumers is go.
pub(crate) async fn a_server() -> (String, &'static str) {
    let server = world::Server::showing(Some(world::fresh())).await;
    let url = format!("http://{}", server.at);
    // Its own tasks keep it running; only its stop must not be dropped.
    std::mem::forget(server);
    (url, world::TOKEN)
}
