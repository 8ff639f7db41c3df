//! Emits the native methods that correspond to no single operation: pagers over listings, and the client of a task.

use std::fmt::Write;

use super::native::unknown;
use super::text::{has_payload, listing_arguments, name, pager_name};
use crate::emit::rust_text::identifier;
use crate::model::{Listing, Model, Operation, Place, Type};

/// Emits the method that returns the pager of a listing.
pub fn pager(model: &Model, operation: &Operation, listing: &Listing) -> Result<String, String> {
    let mut parameters = String::new();
    let mut conversions = String::new();
    let mut passed = Vec::new();
    let mut setters = String::new();
    for argument in listing_arguments(model, operation) {
        let field = argument.field;
        let name = name(&field.name)?;
        let convert = match (&field.ty, argument.place, field.required) {
            (Type::Uuid | Type::String, Place::Path, true) => {
                passed.push(format!("{name}.clone()"));
                "required::<Id>"
            }
            (Type::String, _, false) => {
                let _ = write!(setters, ".{name}({name}.clone())");
                "optional::<String>"
            }
            _ => return unknown(operation, field),
        };
        let _ = write!(parameters, "{name}: &Bound<'_, PyAny>, ");
        let _ = writeln!(conversions, "let {name} = arguments::{convert}({name}, {name:?})?;");
    }
    let typed = has_payload(model, &listing.item);
    if typed {
        parameters.push_str("payload_type: &Bound<'_, PyAny>, ");
    }
    for name in ["page_size", "prefetch", "limit", "strict"] {
        let _ = write!(parameters, "{name}: &Bound<'_, PyAny>, ");
    }
    let handle: String = operation.group.split('.').map(|part| format!(".{part}()")).collect();
    let method = pager_name(operation);
    Ok(format!(
        "fn {method}(&self, {parameters}options: &Bound<'_, PyDict>) -> PyResult<BatchSource> {{\n\
         {conversions}let pager_options = pager::PagerOptions::new(page_size, prefetch, limit, strict)?;\n\
         let call = move |client: &Client| client{handle}.{}({}){setters}.pager();\n\
         let session = self.session.with_keywords(options, {:?})?;\n\
         Ok(pager::source(session, call, pager_options, {}))\n}}\n\n",
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
