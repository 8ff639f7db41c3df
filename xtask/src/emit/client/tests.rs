//! Checks of the emitted documentation.

use crate::emit::small::{assert_holds, text};
use crate::emit::{DOCUMENT, Output, core_operations, core_types};
use crate::generate::load;
use crate::model::read;

/// Returns the emitted Rust files of the client and its types.
fn rust_files() -> Vec<Output> {
    let document = load(&crate::root().join(DOCUMENT)).unwrap();
    let model = read(&document).unwrap();
    let file = |path: &str, text: Result<String, String>| Output::new(path, text.unwrap());
    let mut outputs = super::emit(&model).unwrap();
    outputs.push(file("crates/types/src/schemas.rs", core_types::emit(&model)));
    outputs.push(file(
        "crates/core-client/src/generated.rs",
        core_operations::emit(&document, &model),
    ));
    outputs
}

/// Returns the text of the emitted file of the client with this name.
fn client_file(name: &str) -> String {
    let model = read(&load(&crate::root().join(DOCUMENT)).unwrap()).unwrap();
    text(&super::emit(&model).unwrap(), name)
}

#[test]
fn documentation_of_rust_code_uses_the_words_of_rust() {
    for Output { path, text, .. } in rust_files() {
        let comments = text.lines().filter(|line| line.trim_start().starts_with("//"));
        for line in comments {
            let words = line.split(|letter: char| !letter.is_alphanumeric());
            for word in words {
                assert!(!["null", "omitted", "setter"].contains(&word), "{path}: {line}");
            }
        }
    }
}

#[test]
fn every_public_method_of_a_call_or_handle_has_an_example() {
    let mut methods = 0;
    for Output { path, text, .. } in rust_files() {
        if !path.starts_with("crates/client/") {
            continue;
        }
        let mut has_example = false;
        for line in text.lines().map(str::trim_start) {
            has_example |= line == "/// # Examples";
            if line.starts_with("pub fn ") || line.starts_with("pub async fn ") {
                assert!(has_example, "{path}: {line}");
                (has_example, methods) = (false, methods + 1);
            }
        }
    }
    assert!(methods > 50, "{methods}");
}

#[test]
fn examples_use_the_values_of_the_document() {
    let files = rust_files();
    let datasets = &files.iter().find(|file| file.path.ends_with("datasets.rs")).unwrap().text;
    for part in [
        "/// let dataset = client.datasets().fetch(\"support-answers\").await?;",
        "///         {\"role\": \"user\", \"content\": \"Where is my order?\"},",
        "/// let datasets = client.datasets().list().q(\"support\").await?.datasets;",
        "/// # async fn example(client: mistral_datasets::Client, campaign_id: &str)",
    ] {
        assert!(datasets.contains(part), "{part}");
    }
}

#[test]
fn every_group_has_a_handle_and_a_module() {
    let handles = client_file("generated/mod.rs");
    assert_holds(
        &handles,
        &[
            "pub mod chat_completion_events;",
            "pub struct ChatCompletionEvents {",
            "pub fn chat_completion_events(&self) -> ChatCompletionEvents {",
            "impl ChatCompletionEvents {",
            "pub fn fields(&self) -> Fields {",
            "pub fn logs(&self) -> Logs {",
        ],
    );
}

#[test]
fn searches_have_pagers_with_cursors_and_are_started_as_reads() {
    assert_holds(
        &client_file("generated/spans.rs"),
        &[
            "pub fn pager(self) -> FeedPager<types::GetSpan> {",
            "let page = call.await?.spans;",
            "self.client.start_read(\"search_spans\")?",
            "pub fn from(mut self, from: impl IntoOption<DateTime<Utc>>) -> Self {",
            "checks.expression(\"search_expression\", value)?;",
            ".from(chrono::Utc::now() - chrono::TimeDelta::hours(1))",
        ],
    );
    let judges = client_file("generated/judges.rs");
    assert_holds(&judges, &["self.client.start_call(\"judge_conversation\")?"]);
    let events = client_file("generated/chat_completion_events.rs");
    let similar = events.split("impl FetchSimilarEvents").nth(1).unwrap();
    assert!(!similar.split("impl ").next().unwrap().contains("fn pager"), "{similar}");
}

#[test]
fn examples_construct_typed_values_and_filters() {
    assert_holds(
        &client_file("generated/judges.rs"),
        &[
            "/// use mistral_datasets::types;",
            "/// let output = types::JudgeClassificationOutput::new([",
            "///     types::JudgeClassificationOutputOption::new(",
            "vec![types::JudgeOutputType::Classification]",
        ],
    );
    assert_holds(
        &client_file("generated/chat_completion_events.rs"),
        &[
            "/// use mistral_datasets::filter::field;",
            "/// let search_params = field(\"model_name\").eq(\"mistral-medium-latest\")",
        ],
    );
}

#[test]
fn private_values_are_omitted_from_debug_output() {
    let judges = client_file("generated/judges.rs");
    let debug = judges.split("impl std::fmt::Debug for CreateJudge {").nth(1).unwrap();
    let debug = debug.split("finish_non_exhaustive").next().unwrap();
    assert!(debug.contains("\"model_name\"") && !debug.contains("instructions"), "{debug}");
}
