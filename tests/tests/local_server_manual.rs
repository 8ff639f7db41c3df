//! The commands of the local server's manual, run as they stand there against a server with the manual's seed.

use std::process::Command;

use mistral_datasets_server::{Server, ServerConfig};
use mistral_datasets_tests::say_skipped;

const MANUAL: &str = include_str!("../../docs/local-server.md");

/// The blocks of the manual in a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("\n```{language}\n");
    let after = MANUAL.split(&fence).skip(1);
    after.map(|rest| rest.split_once("\n```").expect("a block ends").0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_manual_does_what_it_says() {
    if Command::new("curl").arg("--version").output().is_err() {
        say_skipped("curl is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let seed = folder.path().join("seed.json");
    let [document] = *blocks("json") else { panic!("the manual has one seed") };
    std::fs::write(&seed, document).unwrap();
    let config = ServerConfig { seed: Some(seed), ..ServerConfig::default() };
    let server = Server::start(config).await.unwrap();

    let blocks = blocks("sh");
    assert!(blocks.len() > 8);
    // One shell for all of them, which stops at the first command that fails and says which one that was.
    let host = "http://127.0.0.1:7700";
    let script = blocks.join("\n").replace(host, &server.url());
    assert_ne!(script, blocks.join("\n"));
    let output = Command::new("sh").args(["-exc", &script]).output().expect("there is a shell");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}\n{}", String::from_utf8_lossy(&output.stdout));
    server.shutdown().await;
}

#[test]
fn every_section_is_in_the_list_at_the_top() {
    let sections = MANUAL.lines().filter_map(|line| line.strip_prefix("## "));
    for section in sections {
        assert!(MANUAL.contains(&format!("- [{section}](#")), "{section}");
    }
}
