//! What must hold for any input, each as a function that panics where it does not.
//!
//! `cargo fuzz` looks for inputs that make one panic; `tests/tests/fuzz_corpus.rs` of the project tries those in `corpus`, on any
//! compiler.

mod forms;
mod json;
mod lines;
mod links;
mod responses;

pub use forms::forms;
pub use json::json;
pub use lines::lines;
pub use links::links;
pub use responses::responses;

/// A property.
pub type Property = fn(&[u8]);

/// Every property, by the name of its folder in `corpus`.
pub const PROPERTIES: [(&str, Property); 5] = [
    ("lines", lines),
    ("json", json),
    ("responses", responses),
    ("forms", forms),
    ("links", links),
];
