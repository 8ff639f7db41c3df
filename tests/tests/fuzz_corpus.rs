//! Every input that was ever of interest to the fuzzer, on any compiler.
//!
//! What must hold for them is compiled here once more: the crate `fuzz` is no member of the workspace, and to test it would be to
//! build most of its dependencies again, with other features.

use std::path::Path;

#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

#[test]
fn every_property_holds_for_its_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, property) in fuzz::PROPERTIES {
        let files = std::fs::read_dir(corpus.join(name)).expect("a folder for each property");
        let mut tried = 0;
        for file in files {
            let path = file.expect("a file").path();
            // Its name is in the output of a test that fails.
            println!("{}", path.display());
            property(&std::fs::read(&path).expect("its content"));
            tried += 1;
        }
        assert!(tried > 0, "{name} has no corpus");
    }
}
