//! Every input that was ever of interest, on any compiler.

use std::path::Path;

use mistral_datasets_fuzz::PROPERTIES;

#[test]
fn every_property_holds_for_its_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, property) in PROPERTIES {
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
