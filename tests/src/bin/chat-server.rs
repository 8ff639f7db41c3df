//! Runs the chat server of the tests, for tests in other languages. Prints `listening on URL`.

use std::io::Write;

use mistral_datasets_tests::ChatServer;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let server = ChatServer::start().await;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening on {}", server.url())?;
    stdout.flush()?;
    tokio::signal::ctrl_c().await
}
