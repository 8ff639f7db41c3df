//! Emits the native methods that correspond to no single operation: pagers over listings, and `refresh` and `wait` of tasks.

use std::fmt::Write;

use super::native::{comment, unknown};
use super::text::{
    REFRESH_DOC, WAIT_DOC, has_payload, listing_arguments, name, pager_doc, pager_name,
};
use crate::emit::rust_text::identifier;
use crate::model::{Listing, Model, Operation, Place, Type};

/// Emits the method that returns the pager of a listing.
pub fn pager(model: &Model, operation: &Operation, listing: &Listing) -> Result<String, String> {
    let mut parameters = String::new();
    let mut signature = Vec::new();
    let mut passed = Vec::new();
    let mut setters = String::new();
    for argument in listing_arguments(model, operation) {
        let field = argument.field;
        let name = name(&field.name)?;
        match (&field.ty, argument.place, field.required) {
            (Type::Uuid | Type::String, Place::Path, true) => {
                let _ = write!(parameters, "{name}: Id, ");
                signature.push(name.to_owned());
                passed.push(format!("{name}.clone()"));
            }
            (Type::String, _, false) => {
                let _ = write!(parameters, "{name}: Option<String>, ");
                signature.push(format!("{name}=None"));
                let _ = write!(setters, ".{name}({name}.clone())");
            }
            _ => return unknown(operation, field),
        }
    }
    signature.push("*".to_owned());
    let typed = has_payload(model, &listing.item);
    if typed {
        parameters.push_str("payload_type: Option<Bound<'_, PyAny>>, ");
        signature.push("payload_type=None".to_owned());
    }
    signature.extend(
        ["page_size=None", "prefetch=None", "limit=None", "strict=None", "**options"]
            .map(str::to_owned),
    );
    let handle: String = operation.group.split('.').map(|part| format!(".{part}()")).collect();
    Ok(format!(
        "{}#[pyo3(signature = ({}))]\nfn {}(&self, py: Python<'_>, {parameters}page_size: Option<i64>, prefetch: Option<i64>, \
         limit: Option<i64>, strict: Option<bool>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Py<PyAny>> {{\n\
         let pager_options = pager::PagerOptions {{ page_size, prefetch, limit, strict }};\n\
         let call = move |client: &Client| client{handle}.{}({}){setters}.pager();\n\
         pager::create(py, self.session.with_keywords(py, options)?, call, pager_options, {})\n}}\n\n",
        comment(&pager_doc(model, operation, listing)),
        signature.join(", "),
        pager_name(operation),
        identifier(&operation.name),
        passed.join(", "),
        if typed { "payload_type" } else { "None" },
    ))
}

/// Emits `refresh` and `wait` of a task class.
pub fn task_methods(class: &str) -> String {
    let mut text = "with session {\n".to_owned();
    for (name, doc) in [("refresh", REFRESH_DOC.as_slice()), ("wait", WAIT_DOC.as_slice())] {
        let (signature, parameters, passed) = match name {
            "wait" => (
                "#[pyo3(signature = (*, timeout=None, poll_interval=None, on_progress=None))]\n",
                "timeout: Option<Seconds>, poll_interval: Option<(Seconds, Seconds)>, on_progress: Option<Bound<'_, PyAny>>, ",
                ", task::WaitOptions { timeout, poll_interval, on_progress }",
            ),
            _ => ("", "", ""),
        };
        let doc: Vec<String> = doc.iter().map(|&line| line.to_owned()).collect();
        let doc = comment(&doc);
        let twin = format!("{class}.{name}_async");
        let ids = "self.session.as_ref(), &self.dataset_id.to_string(), &self.id.to_string()";
        let _ = write!(
            text,
            "{doc}{signature}fn {name}(&self, py: Python<'_>, {parameters}) -> PyResult<Py<PyAny>> {{\n\
             task::{name}(py, {ids}{passed})\n}}\n\n\
             {doc}{signature}fn {name}_async<'py>(&self, py: Python<'py>, {}) -> PyResult<Bound<'py, PyAny>> {{\n\
             task::{name}_async(py, {twin:?}, {ids}{passed})\n}}\n\n",
            parameters.replace("'_", "'py"),
        );
    }
    text + "}\n"
}
