//! Tests of operations, parameters, bodies and responses.

use super::super::report::Summary;
use super::{lines, report};

#[test]
fn operations_are_matched_by_method_and_full_path() {
    let report = report("operations/ours.yaml", "operations/theirs.yaml").unwrap();
    assert_eq!(
        report.to_string(),
        "\
GET /v1/observability/datasets (list_datasets)
  breaks readers  operation: removed

POST /v1/observability/datasets (create_dataset)
  breaks writers  operation: removed

PUT /v1/observability/datasets (replace_all_v1_datasets_put)
                  operation: added

DELETE /v1/observability/datasets/{dataset_id} (delete_dataset)
  breaks writers  operation: removed

POST /v1/observability/datasets/{id}/imports/from-spans
                  operation: added

5 operations compared, 5 differences: breaking readers 1, breaking writers 2
"
    );
}

#[test]
fn parameters_are_matched_by_location_and_name() {
    let path = "/v1/observability/datasets/{dataset_id}/records/{record_id}";
    assert_eq!(
        lines("parameters", "GET", path),
        [
            "breaks writers  path {dataset_id}: format none → uuid",
            "                path {record_id}: format uuid → none",
            "breaks writers  query gone: parameter removed",
            "breaks writers  query ids: style form, exploded → form",
            "                query limit: optional parameter added",
            "breaks writers  query order: value \"down\" removed",
            "                query order: value \"sideways\" added",
            "breaks writers  query page_size: minimum 0 → 1",
            "                query page_size: maximum 100 → 200",
            "                query page_size: default 50 → 20",
            "                query strict: required → optional",
            "breaks writers  query tenant: required parameter added",
            "breaks writers  query view: optional → required",
            "breaks writers  query view: type string → integer",
            "breaks writers  header X-Trace: maxLength none → 64",
            "breaks writers  cookie session: required parameter added",
        ]
    );
}

#[test]
fn bodies_are_matched_by_media_type() {
    assert_eq!(
        lines("bodies", "POST", "/v1/files"),
        [
            "breaks writers  body: media type text/csv removed",
            "                body: media type application/* added",
            "                body: media type application/xml added",
            "breaks writers  body application/json · link: maxLength none → 80",
            "breaks writers  body multipart/form-data · owner: required field added",
        ]
    );
}

#[test]
fn added_removed_and_required_bodies_are_reported() {
    let line = |path| lines("bodies", "POST", path);
    assert_eq!(line("/v1/files/gone"), ["breaks writers  body: removed"]);
    assert_eq!(line("/v1/files/new-optional"), ["                body: added, optional"]);
    assert_eq!(line("/v1/files/new-required"), ["breaks writers  body: added, required"]);
    assert_eq!(line("/v1/files/now-optional"), ["                body: required → optional"]);
    assert_eq!(line("/v1/files/now-required"), ["breaks writers  body: optional → required"]);
}

#[test]
fn new_success_statuses_break_readers() {
    let line = |path| lines("responses", "GET", path);
    assert_eq!(line("/v1/files/added"), ["breaks readers  response 202: status added"]);
    assert_eq!(line("/v1/files/removed"), ["                response 202: status removed"]);
    assert_eq!(
        line("/v1/files/nothing-left"),
        [
            "breaks readers  response 200: status removed",
            "                response 404: error status added",
        ]
    );
    assert_eq!(
        line("/v1/files/changed"),
        [
            "                response 201: status removed",
            "breaks readers  response 200: status added",
            "breaks readers  response 201: type string → integer",
        ]
    );
}

#[test]
fn ranges_and_the_default_match_statuses() {
    assert_eq!(
        lines("responses", "GET", "/v1/files/default"),
        [
            "breaks readers  response 200: status 200 → default",
            "breaks readers  response 200: type string → integer",
            "                response 404: error status added",
        ]
    );
    assert_eq!(
        lines("responses", "GET", "/v1/files/narrower"),
        [
            "                response 200: status 2XX → 200",
            "                response 201: status 2XX → 201",
            "breaks readers  response 201: type string → integer",
            "                response default: error status added",
        ]
    );
}

#[test]
fn changed_media_types_and_bodies_of_responses_are_reported() {
    let line = |path| lines("responses", "GET", path);
    assert_eq!(line("/v1/files/body-added"), ["                response 204: body added"]);
    assert_eq!(line("/v1/files/body-removed"), ["breaks readers  response 200: body removed"]);
    assert_eq!(
        line("/v1/files/media"),
        [
            "breaks readers  response 200: media type application/json removed",
            "                response 200: media type application/xml added",
        ]
    );
    // Readers of bytes ignore the media type.
    assert_eq!(
        line("/v1/files/bytes"),
        [
            "                response 200: media type application/octet-stream removed",
            "                response 200: media type application/json added",
        ]
    );
}

#[test]
fn error_responses_are_summarized_and_break_nobody() {
    let report = report("errors/ours.yaml", "errors/theirs.yaml").unwrap();
    assert_eq!(
        report.to_string(),
        "\
GET /v1/files (list_files)
                  response 500: error status added

Error responses of all operations
                  errors · detail.error_code: value \"TOO_LARGE\" removed
                  errors · detail.error_code: value \"TRY_LATER\" added

2 operations compared, 3 differences: breaking readers 0, breaking writers 0
"
    );
    let Summary { breaking_readers, breaking_writers, .. } = report.summary;
    assert_eq!((breaking_readers, breaking_writers, report.is_breaking()), (0, 0, false));
}
