//! Tests of the command's input, output and outcome.

use super::super::document::load;
use super::super::{Error, Format, Outcome, run};
use super::file;

fn output(theirs: &str, format: Format) -> Result<(Outcome, String), Error> {
    let ours = load(&file("input/ours.yaml")).unwrap();
    let mut written = Vec::new();
    let outcome = run(&ours, &file(theirs), format, &mut written)?;
    Ok((outcome, String::from_utf8(written).unwrap()))
}

#[test]
fn text_is_grouped_by_operation_and_ends_with_counts() {
    let (outcome, text) = output("input/tabs.json", Format::Text).unwrap();
    assert_eq!(outcome, Outcome::Breaking);
    assert_eq!(
        text,
        "\
GET /v1/files (list_files)
                  query page_size: maximum 100 → 200
  breaks readers  response 200 · total: required → optional

DELETE /v1/files/{file_id} (delete_file)
  breaks writers  operation: removed

2 operations compared, 3 differences: breaking readers 1, breaking writers 1
"
    );
}

#[test]
fn json_has_the_same_content() {
    let (outcome, text) = output("input/tabs.json", Format::Json).unwrap();
    assert_eq!(outcome, Outcome::Breaking);
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        report,
        serde_json::json!({
            "compared": 2,
            "operations": [
                {
                    "method": "GET",
                    "path": "/v1/files",
                    "operation_id": "list_files",
                    "differences": [
                        {
                            "place": "query page_size",
                            "change": "maximum 100 → 200",
                            "breaks": null,
                        },
                        {
                            "place": "response 200 · total",
                            "change": "required → optional",
                            "breaks": "readers",
                        },
                    ],
                },
                {
                    "method": "DELETE",
                    "path": "/v1/files/{file_id}",
                    "operation_id": "delete_file",
                    "differences": [
                        {"place": "operation", "change": "removed", "breaks": "writers"},
                    ],
                },
            ],
            "errors": [],
            "summary": {"differences": 3, "breaking_readers": 1, "breaking_writers": 1},
        })
    );
}

#[test]
fn non_breaking_differences_are_compatible() {
    let (outcome, text) = output("input/wider.yaml", Format::Text).unwrap();
    assert_eq!(outcome, Outcome::Compatible);
    assert_eq!(
        text,
        "\
GET /v1/files (list_files)
                  query page_size: maximum 100 → 200

2 operations compared, 1 difference: breaking readers 0, breaking writers 0
"
    );
}

#[test]
fn invalid_input_is_an_error() {
    let error = |name| output(name, Format::Text).unwrap_err();
    assert!(matches!(error("input/missing.yaml"), Error::Read { .. }));
    assert!(matches!(error("input/broken.yaml"), Error::Syntax { .. }));
    assert!(matches!(error("input/swagger.json"), Error::NotOpenApi { version: Some(_), .. }));
    assert!(matches!(error("input/other.yaml"), Error::NotOpenApi { version: None, .. }));
    assert!(
        error("input/swagger.json")
            .to_string()
            .ends_with("swagger.json: unsupported version 2.0; expected OpenAPI 3")
    );
}
