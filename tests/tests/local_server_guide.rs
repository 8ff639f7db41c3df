//! Runs the commands of the local server guide against a server with the guide's seed.

use std::process::Command;

use mistral_datasets_server::{Server, ServerConfig};
use mistral_datasets_tests::print_skipped;

const GUIDE: &str = include_str!("../../docs/local-server.md");

/// Returns the guide's code blocks in a language.
fn code_blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("\n```{language}\n");
    let after = GUIDE.split(&fence).skip(1);
    after.map(|rest| rest.split_once("\n```").expect("code block is closed").0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_commands_of_the_guide_succeed() {
    if Command::new("curl").arg("--version").output().is_err() {
        print_skipped("curl is not installed");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let seed = directory.path().join("seed.json");
    let [document] = *code_blocks("json") else { panic!("expected one JSON block, the seed") };
    std::fs::write(&seed, document).unwrap();
    let config = ServerConfig::default().seed(Some(seed));
    let server = Server::start(config).await.unwrap();

    let blocks = code_blocks("sh");
    assert!(blocks.len() > 8);
    // A single shell, which traces the commands and stops at the first one that fails.
    let host = "http://127.0.0.1:7700";
    let script = blocks.join("\n").replace(host, &server.url());
    assert_ne!(script, blocks.join("\n"));
    let output = Command::new("sh").args(["-exc", &script]).output().expect("sh runs");
    let trace = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{trace}\n{}", String::from_utf8_lossy(&output.stdout));
    server.shutdown().await;
}

#[test]
fn the_table_of_contents_lists_every_section() {
    let sections = GUIDE.lines().filter_map(|line| line.strip_prefix("## "));
    for section in sections {
        assert!(GUIDE.contains(&format!("- [{section}](#")), "{section}");
    }
}
