//! Emits the native methods that correspond to no single operation: pagers over listings, and the client of a task.

use std::fmt::Write;

use super::arguments::{self, Conversion};
use super::text::{Paging, has_payload, listing_arguments, pager_name, pager_options};
use crate::emit::rust_text::identifier;
use crate::model::{Listing, Model, Operation, Type};

/// Emits the method that returns the pager of a listing.
pub fn pager(
    model: &Model,
    operation: &Operation,
    listing: &Listing,
    paging: Paging,
) -> Result<String, String> {
    let mut parameters = String::new();
    let mut conversions = String::new();
    let mut passed = Vec::new();
    let mut setters = String::new();
    for argument in listing_arguments(model, operation, paging) {
        let field = argument.field;
        let Conversion { variable, statement } = arguments::conversion(model, operation, field)?;
        let _ = write!(parameters, "{variable}: &Bound<'_, PyAny>, ");
        conversions.push_str(&statement);
        if field.required {
            passed.push(format!("{variable}.clone()"));
        } else {
            let copy = match field.ty {
                Type::DateTime => "",
                _ => ".clone()",
            };
            let _ = write!(setters, ".{}({variable}{copy})", identifier(&field.name));
        }
    }
    let typed = has_payload(model, &listing.item);
    if typed {
        parameters.push_str("payload_type: &Bound<'_, PyAny>, ");
    }
    let options: Vec<&str> = pager_options(paging).into_iter().map(|(name, _)| name).collect();
    for name in &options {
        let _ = write!(parameters, "{name}: &Bound<'_, PyAny>, ");
    }
    let (options_type, source) = match paging {
        Paging::Numbers => ("PagerOptions", "source"),
        Paging::Cursors => ("FeedOptions", "feed"),
    };
    let handle: String = operation.group.split('.').map(|part| format!(".{part}()")).collect();
    let method = pager_name(operation);
    Ok(format!(
        "fn {method}(&self, {parameters}options: &Bound<'_, PyDict>) -> PyResult<BatchSource> {{\n\
         {conversions}let pager_options = pager::{options_type}::new({})?;\n\
         let call = move |client: &Client| client{handle}.{}({}){setters}.pager();\n\
         let session = self.session.with_keywords(options, {:?})?;\n\
         Ok(pager::{source}(session, call, pager_options, {}))\n}}\n\n",
        options.join(", "),
        identifier(&operation.name),
        passed.join(", "),
        format!("{}.{method}", operation.group),
        if typed { "pager::payload_converter(payload_type)?" } else { "None" },
    ))
}

/// The client of a task, for the methods that are implemented in Python.
pub const TASK_CLIENT: &str = "with session {
    /// The client, for the methods that are implemented in Python.
    #[getter]
    fn _client(&self) -> Option<Session> {
        self.session.clone()
    }
}
";
