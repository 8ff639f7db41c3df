//! Tests of equivalent spellings and references.

use super::{Error, lines, report};

#[test]
fn a_document_is_equal_to_itself() {
    let cases = [
        "bodies",
        "enums",
        "errors",
        "fields",
        "limits",
        "objects",
        "operations",
        "parameters",
        "responses",
        "types",
        "unions",
    ];
    for case in cases {
        for name in [format!("{case}/ours.yaml"), format!("{case}/theirs.yaml")] {
            let report = report(&name, &name).unwrap();
            assert!(report.compared > 0, "{name}");
            assert!(
                report.to_string().ends_with(" compared, no differences\n"),
                "{name}: {report}"
            );
        }
    }
}

#[test]
fn both_versions_may_spell_the_same_schema() {
    for (ours, theirs) in [("30", "31"), ("31", "30")] {
        let report =
            report(&format!("spelling/{ours}.yaml"), &format!("spelling/{theirs}.yaml")).unwrap();
        assert_eq!(report.to_string(), "2 operations compared, no differences\n");
    }
}

/// The document also has an invalid reference, in an operation that is not compared.
#[test]
fn references_of_every_kind_are_resolved() {
    let path = "/v1/files/{file_id}";
    assert_eq!(
        lines("references", "GET", path),
        [
            "breaks writers  query page: maximum none → 9",
            "breaks readers  response 200 · children[].children: required → optional",
        ]
    );
    assert_eq!(
        lines("references", "PUT", path),
        [
            "                query page: optional parameter added",
            "                body · children[].children: required → optional",
            "breaks writers  body · name: optional → required",
        ]
    );
}

#[test]
fn unresolved_references_are_errors() {
    let message = |name: &str| match report("references/ours.yaml", name) {
        Err(error @ Error::Reference { .. }) => error.to_string(),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(
        message("references/dangling.yaml"),
        "references/dangling.yaml: the reference `#/components/schemas/Missing` has no target"
    );
    assert_eq!(
        message("references/outside.yaml"),
        "references/outside.yaml: the reference `other.yaml#/components/schemas/Thing` points outside \
         the document"
    );
    assert_eq!(
        message("references/circle.yaml"),
        "references/circle.yaml: the reference `#/components/responses/Round` is circular"
    );
    assert_eq!(
        message("references/encoding.yaml"),
        "references/encoding.yaml: the reference `#/components/%2` is not validly percent-encoded"
    );
}
