//! Options whose values are those of an enum in the OpenAPI document.

use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Returns a parser that accepts the known values of an enum. `--help` and completions list them.
pub fn one_of<T>(known: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: From<String> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(known).map(T::from)
}
