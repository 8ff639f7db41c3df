//! Emits the native module's classes: responses, and resources with a blocking and an async method per operation.

use std::fmt::Write;

use super::extras;
use super::stubs::is_hashable;
use super::text::{
    Style, by_hand, children, class, is_task, method_doc, module, name, returned, wrapped,
};
use super::values::{Items, is_required, items_of};
use crate::emit::preamble;
use crate::emit::rust_text::{self, doc, identifier, indented};
use crate::model::{Argument, Field, Kind, Model, Operation, Place, Response, Type};

/// The constructor of a resource.
const CONSTRUCTOR: &str = "/// Creates the resource of a client.\n#[new]\n#[pyo3(signature = (client, /))]\n\
    fn with_client(client: &Bound<'_, Session>) -> Self {\nSelf::new(client.get().clone())\n}\n\n";

/// Emits `mod.rs`, which registers the classes.
pub fn index(model: &Model) -> Result<String, String> {
    let mut text = preamble("//");
    text.push_str("\n//! Classes generated from the OpenAPI document. Doc comments become Python docstrings.\n\n");
    let groups = model.groups();
    for group in &groups {
        let _ = writeln!(text, "mod {};", module(group));
    }
    text.push_str("mod models;\n\nuse pyo3::prelude::*;\n\n");
    text.push_str("pub use models::*;\n");
    text.push_str(
        "\n/// Adds the classes to the module.\n\
         pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {\n",
    );
    for group in &groups {
        let _ = writeln!(text, "module.add_class::<{}::{}>()?;", module(group), class(group));
    }
    for schema in returned(model) {
        if let Kind::Object { .. } = schema.kind {
            let _ = writeln!(text, "module.add_class::<models::{}>()?;", schema.name);
        }
    }
    text.push_str("Ok(())\n}\n");
    rust_text::format(&text)
}

/// Emits `models.rs`, the classes of responses.
pub fn models(model: &Model) -> Result<String, String> {
    let mut items = String::new();
    for schema in returned(model) {
        match &schema.kind {
            Kind::Object { fields } => {
                let key = if is_hashable(fields) { ", (id)" } else { "" };
                let mut rows = String::new();
                for field in fields {
                    let _ = writeln!(
                        rows,
                        "{}{}: {},",
                        doc(&field.description),
                        identifier(name(&field.name)?),
                        field_type(model, field)?
                    );
                }
                let mut item = format!(
                    "{}pub struct {name}: types::{name}, \"mistral_datasets.models\"{key} {{\n{}}}\nnew({})\n",
                    doc(&schema.description),
                    indented(&rows),
                    constructor(fields)?,
                    name = schema.name,
                );
                match items_of(model, fields) {
                    Some(Items::List(field)) => {
                        let _ = writeln!(item, "list {}", identifier(&field.name));
                    }
                    Some(Items::Page(field)) => {
                        let _ = writeln!(item, "page {}", identifier(&field.name));
                    }
                    None => {}
                }
                if is_task(model, schema) {
                    item.push_str(&extras::task_methods(&schema.name));
                }
                let _ = writeln!(items, "model! {{\n{}}}\n", indented(&item));
            }
            Kind::FreeObject { known } => {
                let kind = if known.is_empty() { "free_object" } else { "json_object" };
                let _ = writeln!(items, "{kind}!({});\n", schema.name);
            }
            Kind::OpenEnum { .. } => {
                let _ = writeln!(items, "open_enum!({});\n", schema.name);
            }
            Kind::Union { variants } => {
                let mut rows = String::new();
                let mut expected = Vec::new();
                for variant in variants {
                    let (name, ty, noun) = match variant {
                        Type::String => ("String", "String", "a str"),
                        Type::Number => ("Number", "f64", "a number"),
                        other => {
                            return Err(format!(
                                "{}: a variant of type {other:?} cannot be expressed in Python",
                                schema.name
                            ));
                        }
                    };
                    expected.push(noun);
                    let _ = writeln!(rows, "{name}: {ty},");
                }
                let _ = writeln!(
                    items,
                    "union! {{\n    types::{} = \"{}\" {{\n{}    }}\n}}\n",
                    schema.name,
                    expected.join(" or "),
                    indented(&indented(&rows))
                );
            }
        }
    }
    let mut text = preamble("//");
    text.push_str("\n//! The classes of responses. Doc comments become Python docstrings.\n\n");
    text.push_str(&imports(
        &items,
        &[
            (&["DateTime<Utc>"], "chrono", "DateTime"),
            (&["DateTime<Utc>"], "chrono", "Utc"),
            (&[""], "mistral_datasets", "RawJson"),
            (&[""], "mistral_datasets", "types"),
            (&[""], "pyo3", "IntoPyObjectExt"),
            (&[""], "pyo3::prelude", "*"),
            (&["json_object!", "open_enum!"], "pyo3::sync", "PyOnceLock"),
            (&[""], "pyo3::types", "PyDict"),
            (&["list results\n", "list data\n"], "pyo3::types", "PyIterator"),
            (&[""], "pyo3::types", "PyMappingProxy"),
            (&[""], "pyo3::types", "PyTuple"),
            (&[""], "pyo3::types", "PyType"),
            (&[": Uuid,", "<Uuid>"], "uuid", "Uuid"),
            (&[""], "crate::convert", "self"),
            (&[""], "crate::convert", "ConvertContext"),
            (&[""], "crate::convert", "IntoPython"),
            (&["open_enum!"], "crate::fields", "EnumMembers"),
            (&[""], "crate::fields", "ExtraFields"),
            (&[""], "crate::fields", "Field"),
            (&["List<"], "crate::fields", "List"),
            (&["open_enum!"], "crate::fields", "open_enum"),
            (&["union!"], "crate::fields", "union"),
            (&["union!"], "crate::fields", "wrong_type"),
            (&[""], "crate::json", "self"),
            (&["json_object!", "free_object!"], "crate::json", "JsonType"),
            (&["LazyJson<"], "crate::json", "LazyJson"),
            (&["json_object!"], "crate::json_object", "self"),
            (&["free_object!"], "crate::json_object", "free_object"),
            (&["json_object!"], "crate::json_object", "json_object"),
            (&[""], "crate::model", "self"),
            (&[""], "crate::model", "Model"),
            (&[""], "crate::model", "model"),
            (&[": Option<Seconds>"], "crate::options", "Seconds"),
            (&["with session"], "crate::session", "Session"),
            (&["task::"], "crate::task", "self"),
        ],
    ));
    text.push('\n');
    text.push_str(&items);
    rust_text::format(&text)
}

/// Emits the parameters of a response's constructor.
fn constructor(fields: &[Field]) -> Result<String, String> {
    let mut parameters = vec!["*".to_owned()];
    // Python requires no order of keyword-only parameters.
    for field in fields {
        let default = if is_required(field) { "" } else { "=None" };
        parameters.push(format!("{}{default}", identifier(name(&field.name)?)));
    }
    Ok(parameters.join(", "))
}

/// Returns the type of a response's field in its native class.
fn field_type(model: &Model, field: &Field) -> Result<String, String> {
    let ty = value_type(model, &field.ty)?;
    Ok(match (&field.ty, field.required, field.nullable) {
        (_, true, _) | (Type::Array(_), false, false) => ty,
        _ => format!("Option<{ty}>"),
    })
}

fn value_type(model: &Model, ty: &Type) -> Result<String, String> {
    Ok(match ty {
        Type::FreeObject => "LazyJson<RawJson>".to_owned(),
        Type::Array(items) => format!("List<{}>", value_type(model, items)?),
        Type::Binary => return Err("Python responses cannot contain binary data".to_owned()),
        Type::Named(name) => match &model.schema(name).kind {
            Kind::FreeObject { .. } => format!("LazyJson<types::{name}>"),
            Kind::Object { .. } => format!("Py<{name}>"),
            Kind::OpenEnum { .. } | Kind::Union { .. } => format!("types::{name}"),
        },
        scalar => rust_text::value_type(scalar),
    })
}

/// Emits the imports that the items need.
///
/// A candidate is a list of needles, a module and a name; it is imported if the items contain one of the needles. Imports are
/// grouped by module. Candidates from this crate must come last.
fn imports(items: &str, imports: &[(&[&str], &str, &str)]) -> String {
    let mut modules: Vec<(&str, Vec<&str>)> = Vec::new();
    for (needles, module, name) in imports {
        if !needles.iter().any(|needle| items.contains(needle)) {
            continue;
        }
        match modules.iter_mut().find(|(known, _)| known == module) {
            Some((_, names)) => names.push(name),
            None => modules.push((module, vec![name])),
        }
    }
    let mut text = String::new();
    let mut own = false;
    for (module, names) in modules {
        if module.starts_with("crate::") && !own {
            own = true;
            text.push('\n');
        }
        let _ = match names.as_slice() {
            ["self"] => writeln!(text, "use {module};"),
            [name] => writeln!(text, "use {module}::{name};"),
            names => writeln!(text, "use {module}::{{{}}};", names.join(", ")),
        };
    }
    text
}

/// Emits the class of one resource group.
pub fn resource(model: &Model, group: &str) -> Result<String, String> {
    let class_name = class(group);
    let mut methods = String::new();
    for child in children(model, Some(group)) {
        let _ = write!(
            methods,
            "/// Operations of `{child}`.\n#[getter]\nfn {}(&self) -> {} {{\n{}::new(self.session.clone())\n}}\n\n",
            module(child),
            class(child),
            class(child)
        );
    }
    if by_hand(group).is_some() {
        methods.push_str(
            "/// The client, for the methods that are implemented in Python.\n#[getter]\n\
             fn _client(&self) -> Session {\nself.session.clone()\n}\n\n",
        );
    }
    for operation in model.operations_of(group) {
        methods.push_str(&methods_of(model, operation)?);
        if let Some(listing) = model.listing(operation) {
            methods.push_str(&extras::pager(model, operation, &listing)?);
        }
    }
    let mut text = preamble("//");
    text.push_str(
        "\n#![allow(clippy::too_many_arguments, reason = \"they are keyword arguments in Python\")]\n",
    );
    let _ = writeln!(
        text,
        "\n//! The operations of `{group}`. Doc comments become Python docstrings.\n"
    );
    text.push_str(&imports(
        &methods,
        &[
            (&["&Client|"], "mistral_datasets", "Client"),
            (&["IntoId::"], "mistral_datasets", "IntoId"),
            (&["types::"], "mistral_datasets", "types"),
            (&[""], "pyo3::prelude", "*"),
            (&[""], "pyo3::types", "PyDict"),
            (&["arguments::"], "crate::arguments", "self"),
            (&[": Id,", "<Id>"], "crate::arguments", "Id"),
            (&["Many<"], "crate::arguments", "Many"),
            (&["limited("], "crate::call", "limited"),
            (&["\nrun(py"], "crate::call", "run"),
            (&["\nrun_async("], "crate::call", "run_async"),
            (&["\nrun_by_runtime("], "crate::call", "run_by_runtime"),
            (&[""], "crate::call", "send"),
            (&[""], "crate::call", "send_async"),
            (&["send_by_runtime("], "crate::call", "send_by_runtime"),
            (&["file::"], "crate::file", "self"),
            (&[": FileArgument,"], "crate::file", "FileArgument"),
            (&["Option<Seconds>"], "crate::options", "Seconds"),
            (&["pager::"], "crate::pager", "self"),
            (&[""], "crate::session", "Session"),
        ],
    ));
    for child in children(model, Some(group)) {
        let _ = writeln!(text, "use super::{}::{};", module(child), class(child));
    }
    let operations: Vec<_> =
        model.operations_of(group).map(|operation| format!("`{}`", operation.name)).collect();
    let _ = write!(
        text,
        "\n{}#[pyclass(frozen, {}module = \"mistral_datasets.resources\")]\n\
         pub struct {class_name} {{\n    session: Session,\n}}\n\n\
         impl {class_name} {{\n\
         /// Creates the resource of a session.\n\
         pub fn new(session: Session) -> Self {{\nSelf {{ session }}\n}}\n}}\n\n\
         #[pymethods]\nimpl {class_name} {{\n{CONSTRUCTOR}{methods}}}\n",
        doc(&format!("Operations of `{group}`: {}.", operations.join(", "))),
        if by_hand(group).is_some() { "subclass, " } else { "" },
    );
    rust_text::format(&text)
}

/// Emits the blocking and the async method of an operation.
fn methods_of(model: &Model, operation: &Operation) -> Result<String, String> {
    let arguments = operation.arguments(model);
    let mut parameters = String::new();
    let mut signature = Vec::new();
    for argument in &arguments {
        let field = argument.field;
        let ty = argument_code(model, operation, argument)?.ty;
        let name = name(&field.name)?;
        let (ty, default) =
            if field.required { (ty, "") } else { (format!("Option<{ty}>"), "=None") };
        let _ = write!(parameters, "{}: {ty}, ", identifier(name));
        signature.push(format!("{name}{default}"));
    }
    if operation.starts_task() {
        parameters.push_str("wait: bool, wait_timeout: Option<Seconds>, ");
        signature.extend(["wait=false".to_owned(), "wait_timeout=None".to_owned()]);
    }
    parameters.push_str("options: Option<&Bound<'_, PyDict>>");
    if !signature.is_empty() {
        signature.insert(0, "*".to_owned());
    }
    signature.push("**options".to_owned());
    let signature = format!("#[pyo3(signature = ({}))]\n", signature.join(", "));
    let name = identifier(&operation.name);
    let async_name = format!("{}.{}_async", class(&operation.group), operation.name);
    let with_options = "self.session.client_with(py, options)?";
    // The body of a transfer arrives between two calls from Python, so the runtime's threads must drive it.
    let has_response = operation.success.response != Response::Bytes;
    let (setup, client, send_blocking, target) = if operation.handwritten.is_some() {
        let send = if has_response { "send_by_runtime" } else { "run_by_runtime" };
        ("", with_options, send, "&self.session")
    } else {
        (
            "let blocking = self.session.blocking(py, options)?;\n",
            "blocking.client()",
            "send",
            "blocking",
        )
    };
    let send = |client: &str, send: &str, target: &str| {
        // A wait sends several requests.
        let run = send.replace("send", "run");
        let call = call(model, operation, &arguments, client)?;
        Ok::<_, String>(if operation.starts_task() {
            format!(
                "let call = {call};\nif wait {{\n{run}(py, {target}, limited(call.wait(), wait_timeout))\n}} \
                 else {{\n{send}(py, {target}, call)\n}}"
            )
        } else {
            format!("let call = {call};\n{send}(py, {target}, call)")
        })
    };
    Ok(format!(
        "{}{signature}fn {name}(&self, py: Python<'_>, {parameters}) -> PyResult<Py<PyAny>> {{\n{setup}{}\n}}\n\n\
         {}{signature}fn {}_async<'py>(&self, py: Python<'py>, {parameters}) -> PyResult<Bound<'py, PyAny>> {{\n{}\n}}\n\n",
        comment(&method_doc(model, operation, Style::Blocking)),
        send(client, send_blocking, target)?,
        comment(&method_doc(model, operation, Style::Async)),
        operation.name,
        send(
            with_options,
            if has_response { "send_async" } else { "run_async" },
            &format!("{async_name:?}, &self.session")
        )?,
    ))
}

/// Formats the lines of a docstring as a doc comment.
pub(super) fn comment(lines: &[String]) -> String {
    wrapped(lines, 92)
        .iter()
        .map(|line| format!("/// {line}").trim_end().to_owned() + "\n")
        .collect()
}

/// The Rust code for one argument.
struct ArgumentCode {
    /// The type of the method's parameter.
    ty: String,
    /// The expression that is passed to the client's call.
    passed: String,
}

fn argument_code(
    model: &Model,
    operation: &Operation,
    argument: &Argument,
) -> Result<ArgumentCode, String> {
    let field = argument.field;
    let name = identifier(&field.name);
    let code = |ty: &str, converted: &str| ArgumentCode {
        ty: ty.to_owned(),
        passed: if field.required || converted.is_empty() || operation.handwritten.is_some() {
            name.clone()
        } else {
            format!("{name}{converted}")
        },
    };
    let object = || ArgumentCode {
        ty: "Bound<'_, PyAny>".to_owned(),
        passed: {
            let converted =
                format!("arguments::json(&{name}, {:?}, {:?})", operation.id, field.name);
            if field.required {
                format!("{converted}?")
            } else {
                format!("{name}.map(|{name}| {converted}).transpose()?")
            }
        },
    };
    Ok(match &field.ty {
        Type::Uuid => code("Id", ".map(IntoId::into_id)"),
        Type::String if argument.place == Place::Path => code("Id", ".map(IntoId::into_id)"),
        Type::String => code("String", ""),
        Type::Integer => code("i64", ""),
        Type::Number => code("f64", ""),
        Type::Boolean => code("bool", ""),
        Type::FreeObject => object(),
        Type::Binary => code("FileArgument", ""),
        Type::Array(items) if **items == Type::Uuid => {
            code("Many<Id>", ".map(|ids| ids.into_iter().map(IntoId::into_id).collect())")
        }
        Type::Array(items) if **items == Type::String => {
            code("Many<String>", ".map(|items| items.into_iter().collect())")
        }
        Type::Named(schema) => match &model.schema(schema).kind {
            Kind::FreeObject { .. } => object(),
            Kind::OpenEnum { .. } => code("String", &format!(".map(types::{schema}::from)")),
            Kind::Object { .. } | Kind::Union { .. } => return unknown(operation, field),
        },
        Type::Array(_) | Type::DateTime => return unknown(operation, field),
    })
}

pub(super) fn unknown<T>(operation: &Operation, field: &Field) -> Result<T, String> {
    Err(format!(
        "operation `{}`: argument `{}` of type {:?} is not supported in Python",
        operation.id, field.name, field.ty
    ))
}

/// Emits the expression that creates the call: a method of the client, or a handwritten function for transfers.
fn call(
    model: &Model,
    operation: &Operation,
    arguments: &[Argument],
    client: &str,
) -> Result<String, String> {
    let passed = |argument: &Argument| Ok(argument_code(model, operation, argument)?.passed);
    if operation.handwritten.is_some() {
        let arguments: Result<Vec<String>, String> = arguments.iter().map(passed).collect();
        return Ok(format!("file::{}({client}, {})", operation.id, arguments?.join(", ")));
    }
    let handle: String = operation.group.split('.').map(|part| format!(".{part}()")).collect();
    let (required, optional): (Vec<&Argument>, Vec<&Argument>) =
        arguments.iter().partition(|argument| argument.field.required);
    let required: Result<Vec<String>, String> = required.into_iter().map(passed).collect();
    let mut text =
        format!("{client}{handle}.{}({})", identifier(&operation.name), required?.join(", "));
    for argument in optional {
        let _ = write!(text, ".{}({})", identifier(&argument.field.name), passed(argument)?);
    }
    Ok(text)
}
