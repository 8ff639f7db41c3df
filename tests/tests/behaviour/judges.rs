//! Judges.

use futures::TryStreamExt;
use mistral_datasets::types::{
    Judge, JudgeClassificationOutput, JudgeClassificationOutputOption, JudgeOutputType,
    JudgeOutputUnion, JudgeRegressionOutput,
};
use mistral_datasets::{ErrorKind, Pager};
use mistral_datasets_tests::Fixture;

const NO_TOOLS: [&str; 0] = [];

async fn names(pager: Pager<Judge>) -> Vec<String> {
    pager.items().map_ok(|judge| judge.name).try_collect().await.unwrap()
}

#[tokio::test]
async fn judge_crud() {
    let fixture = Fixture::start().await;
    let judges = fixture.client.judges();
    let create = |name: &str, instructions: &str| {
        let options = [("polite", "It is."), ("rude", "It is not.")]
            .map(|(value, meaning)| JudgeClassificationOutputOption::new(value, meaning));
        let output = JudgeClassificationOutput::new(options);
        judges.create(name, "Whether it is polite", "large", output, instructions, NO_TOOLS)
    };
    let polite = || create("Politeness", "Is it polite? {{ assistant_message }}");
    let classes = polite().await.unwrap();
    let output = JudgeRegressionOutput::new("far", "near").min(0.0).max(10.0);
    let scale = judges.create("Closeness", "", "small", output, "Is it near?", NO_TOOLS);
    let scale = scale.await.unwrap();
    let JudgeOutputUnion::Classification(output) = &classes.output else {
        panic!("{:?}", classes.output)
    };
    let values: Vec<_> = output.options.iter().map(|option| &*option.value).collect();
    assert_eq!(values, ["polite", "rude"]);
    let JudgeOutputUnion::Regression(output) = &scale.output else { panic!("{:?}", scale.output) };
    assert_eq!((output.max, &*output.max_description), (Some(10.0), "near"));
    assert_eq!(judges.fetch(classes.id).await.unwrap(), classes);

    assert_eq!(names(judges.list().page_size(1).pager()).await, ["Closeness", "Politeness"]);
    let regression = || vec![JudgeOutputType::Regression];
    assert_eq!(names(judges.list().type_filter(regression()).pager()).await, ["Closeness"]);
    let models = vec!["large".to_owned(), "medium".to_owned()];
    assert_eq!(names(judges.list().model_filter(models).pager()).await, ["Politeness"]);
    let none = judges.list().q("POLITE").type_filter(regression()).pager();
    assert!(names(none).await.is_empty());

    // What was read can be sent again.
    let update = || {
        let output = scale.output.clone();
        judges.update(scale.id, "Closeness", "", "small", output, "Is it close?", NO_TOOLS)
    };
    update().await.unwrap();
    let updated = judges.fetch(scale.id).await.unwrap();
    assert_eq!((&*updated.instructions, &updated.output), ("Is it close?", &scale.output));
    for (error, kind, code) in [
        (update().await.unwrap_err(), ErrorKind::Conflict, "JUDGE_DID_NOT_CHANGE"),
        (polite().await.unwrap_err(), ErrorKind::Conflict, "JUDGE_NAME_ALREADY_EXISTS"),
        (
            create("Broken", "{% if %}").await.unwrap_err(),
            ErrorKind::Validation,
            "TEMPLATE_SYNTAX_ERROR",
        ),
    ] {
        assert_eq!((error.kind(), error.code()), (kind, Some(code)), "{error}");
    }

    judges.delete(scale.id).await.unwrap();
    let error = judges.fetch(scale.id).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::NotFound, Some(404)));
    assert_eq!(error.code(), Some("JUDGE_NOT_FOUND"));
    assert_eq!(names(judges.list().pager()).await, ["Politeness"]);
}
