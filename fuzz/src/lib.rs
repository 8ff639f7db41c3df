//! Properties that must hold for every input. Each is a function that panics if its property is violated.
//!
//! `cargo fuzz` searches for inputs that cause a panic. `tests/tests/fuzz_corpus.rs` checks the inputs in `corpus` with any compiler.

mod expressions;
mod forms;
mod json;
mod lines;
mod links;
mod otlp;
mod responses;

pub use expressions::expressions;
pub use forms::forms;
pub use json::json;
pub use lines::lines;
pub use links::links;
pub use otlp::otlp;
pub use responses::responses;

/// A property of arbitrary input.
pub type Property = fn(&[u8]);

/// All properties, with the name of their directory in `corpus`.
pub const PROPERTIES: [(&str, Property); 7] = [
    ("lines", lines),
    ("json", json),
    ("responses", responses),
    ("forms", forms),
    ("links", links),
    ("otlp", otlp),
    ("expressions", expressions),
];
