//! Checks the properties of the `fuzz` crate on its corpus, with a stable compiler.
//!
//! The properties are included by path: `fuzz` is not a workspace member, and testing it would build most dependencies again with
//! other features.

use std::path::Path;

#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

#[test]
fn properties_hold_for_the_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, property) in fuzz::PROPERTIES {
        let files =
            std::fs::read_dir(corpus.join(name)).expect("each property has a corpus directory");
        let mut count = 0;
        for file in files {
            let path = file.expect("directory entry").path();
            // Shows the file name if the test fails.
            println!("{}", path.display());
            property(&std::fs::read(&path).expect("file is readable"));
            count += 1;
        }
        assert!(count > 0, "the corpus of {name} is empty");
    }
}
