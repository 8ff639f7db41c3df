//! Emits the native module's classes: responses and parts of requests, and resources with a blocking and an async method per
//! operation.

use std::fmt::Write;

use super::annotations::may_be_none;
use super::arguments::{self, Conversion};
use super::extras;
use super::stubs::is_hashable;
use super::text::{
    class, is_task, name, object_unions, pages_of, positional_arguments, values, wrapped_union,
};
use super::values::{Items, is_required, items_of};
use crate::emit::preamble;
use crate::emit::rust_text::{self, doc, identifier, indented, pascal};
use crate::model::{Argument, Field, Kind, Model, Operation, Response, Role, Schema, Type};

/// Emits `mod.rs`, which registers the classes.
pub fn index(model: &Model) -> Result<String, String> {
    let mut text = preamble("//");
    text.push_str("\n//! Classes generated from the OpenAPI document. Doc comments become Python docstrings.\n\n");
    let groups = model.groups();
    for group in &groups {
        let _ = writeln!(text, "mod {};", model.group_name(group));
    }
    text.push_str(
        "mod models;\n\nuse pyo3::exceptions::PyValueError;\nuse pyo3::prelude::*;\n\n\
         use crate::session::Session;\n\n",
    );
    text.push_str("pub use models::*;\n");
    text.push_str(
        "\n/// Adds the classes to the module.\n\
         pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {\n",
    );
    for schema in values(model) {
        if let Kind::Object { .. } = schema.kind {
            let _ = writeln!(text, "module.add_class::<models::{}>()?;", schema.name);
        }
    }
    text.push_str("Ok(())\n}\n");
    text.push_str(
        "\n/// Returns the calls of a resource group, such as `datasets.records`.\n\
         #[pyfunction]\n#[pyo3(signature = (client, group, /))]\n\
         pub fn resource(client: &Bound<'_, Session>, group: &str) -> PyResult<Py<PyAny>> {\n\
         let (py, session) = (client.py(), client.get().clone());\nOk(match group {\n",
    );
    for group in &groups {
        let module = model.group_name(group);
        let class = class(model, group);
        let _ = writeln!(
            text,
            "{group:?} => Py::new(py, {module}::{class}::new(session))?.into_any(),"
        );
    }
    text.push_str(
        "_ => return Err(PyValueError::new_err(format!(\"unknown resource group `{group}`\"))),\n})\n}\n",
    );
    rust_text::format(&text)
}

/// Emits `models.rs`, the classes of responses and of parts of requests.
pub fn models(model: &Model) -> Result<String, String> {
    let mut items = String::new();
    for schema in values(model) {
        match &schema.kind {
            Kind::Object { fields } => items.push_str(&object(model, schema, fields)?),
            Kind::FreeObject { known } => {
                let kind = if known.is_empty() { "free_object" } else { "json_object" };
                let _ = writeln!(items, "{kind}!({});\n", schema.name);
            }
            Kind::OpenEnum { .. } => {
                let _ = writeln!(items, "open_enum!({});\n", schema.name);
            }
            Kind::Union { variants } => items.push_str(&union(schema, variants)?),
            Kind::ObjectUnion { .. } => {}
        }
    }
    for schema in object_unions(model) {
        items.push_str(&object_union(model, schema));
    }
    let mut text = preamble("//");
    text.push_str(
        "\n//! The classes of responses and of parts of requests. Doc comments become Python docstrings.\n\n",
    );
    text.push_str(&imports(
        &items,
        &[
            (&["DateTime<Utc>"], "chrono", "DateTime"),
            (&["DateTime<Utc>"], "chrono", "Utc"),
            (&["RawJson"], "mistral_datasets", "RawJson"),
            (&[""], "mistral_datasets", "types"),
            (&[""], "pyo3", "IntoPyObjectExt"),
            (&[""], "pyo3::prelude", "*"),
            (&["json_object!", "open_enum!"], "pyo3::sync", "PyOnceLock"),
            (&[""], "pyo3::types", "PyDict"),
            (&["list results\n", "list data\n"], "pyo3::types", "PyIterator"),
            (&[""], "pyo3::types", "PyMappingProxy"),
            (&[""], "pyo3::types", "PyTuple"),
            (&[""], "pyo3::types", "PyType"),
            (&[": Uuid =", "<Uuid>"], "uuid", "Uuid"),
            (&[""], "crate::convert", "self"),
            (&[""], "crate::convert", "ConvertContext"),
            (&[""], "crate::convert", "IntoPython"),
            (&["AnyJson"], "crate::fields", "AnyJson"),
            (&["open_enum!"], "crate::fields", "EnumMembers"),
            (&[""], "crate::fields", "ExtraFields"),
            (&[""], "crate::fields", "Field"),
            (&["List<"], "crate::fields", "List"),
            (&["Map<"], "crate::fields", "Map"),
            (&["Nullable<"], "crate::fields", "Nullable"),
            (&["Private"], "crate::fields", "Private"),
            (&["object_union!"], "crate::fields", "ObjectUnion"),
            (&["object_union!"], "crate::fields", "UnknownObject"),
            (&["object_union!"], "crate::fields", "Variant"),
            (&["constant!"], "crate::fields", "constant"),
            (&["object_union!"], "crate::fields", "object_union"),
            (&["open_enum!"], "crate::fields", "open_enum"),
            (&["object_union!"], "crate::fields", "select"),
            (&["\nunion!"], "crate::fields", "union"),
            (&["\nunion!", "constant!"], "crate::fields", "wrong_type"),
            (&[""], "crate::json", "self"),
            (&["json_object!", "free_object!"], "crate::json", "JsonType"),
            (&["LazyJson<", "object_union!"], "crate::json", "LazyJson"),
            (&["json_object!"], "crate::json_object", "self"),
            (&["free_object!"], "crate::json_object", "free_object"),
            (&["json_object!"], "crate::json_object", "json_object"),
            (&[""], "crate::model", "self"),
            (&[""], "crate::model", "Model"),
            (&[""], "crate::model", "model"),
            (&["with session"], "crate::session", "Session"),
        ],
    ));
    text.push('\n');
    text.push_str(&items);
    rust_text::format(&text)
}

/// Emits the class of an object.
fn object(model: &Model, schema: &Schema, fields: &[Field]) -> Result<String, String> {
    let key = if is_hashable(fields) { ", (id)" } else { "" };
    let mut rows = String::new();
    let mut constants = String::new();
    for field in fields {
        let mut ty = field_type(model, schema, field)?;
        if let Some(constant) = field.constant() {
            ty = format!("{}{}", schema.name, pascal(&field.name));
            let _ = writeln!(constants, "constant!({ty} = {constant:?});\n");
        }
        // As the client serializes it.
        let presence =
            if schema.role != Role::Response && !field.required { "omitted" } else { "null" };
        let _ = writeln!(
            rows,
            "{}{}: {ty} = {} {:?} {presence},",
            doc(&field.description),
            identifier(&name(&field.name)),
            identifier(&field.name),
            field.name,
        );
    }
    let mut item = format!(
        "{}pub struct {name}: types::{name}, \"mistral_datasets.models\"{key} {{\n{}}}\nnew({})\n",
        doc(&schema.description),
        indented(&rows),
        constructor(schema, fields),
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
    if let Some((field, union)) = wrapped_union(model, schema).filter(|_| schema.nested) {
        let _ = writeln!(item, "wraps {} as {:?}", union.name, field.name);
    }
    if is_task(model, schema) {
        item.push_str(extras::TASK_CLIENT);
    }
    Ok(format!("{constants}model! {{\n{}}}\n\n", indented(&item)))
}

/// Emits the conversions of a union of scalars.
fn union(schema: &Schema, variants: &[Type]) -> Result<String, String> {
    let mut rows = String::new();
    let mut expected = Vec::new();
    for variant in variants {
        let (name, ty, noun) = match variant {
            Type::String => ("String", "String", "a str"),
            Type::Number => ("Number", "f64", "a number"),
            Type::Boolean => ("Boolean", "bool", "a bool"),
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
    Ok(format!(
        "union! {{\n    types::{} = \"{}\" {{\n{}    }}\n}}\n\n",
        schema.name,
        expected.join(" or "),
        indented(&indented(&rows))
    ))
}

/// Emits the conversions of a union of objects.
fn object_union(model: &Model, schema: &Schema) -> String {
    let Kind::ObjectUnion { discriminator, variants } = &schema.kind else {
        unreachable!("the caller passes unions")
    };
    let mut rows = String::new();
    for variant in variants {
        let Kind::Object { fields } = &model.schema(&variant.schema).kind else {
            unreachable!("the reader only accepts objects as variants")
        };
        let names = |of: &dyn Fn(&&Field) -> bool| -> Vec<&str> {
            fields.iter().filter(of).map(|field| field.name.as_str()).collect()
        };
        let _ = writeln!(
            rows,
            "{}({}): tag {:?}, required {:?}, known {:?},",
            pascal(&variant.name),
            variant.schema,
            variant.tag.as_deref().unwrap_or_default(),
            names(&|field| field.required),
            names(&|_| true),
        );
    }
    format!(
        "object_union! {{\n    {} by {:?} {{\n{}    }}\n}}\n\n",
        schema.name,
        discriminator.as_deref().unwrap_or_default(),
        indented(&indented(&rows))
    )
}

/// Emits the parameters of a class's constructor.
fn constructor(schema: &Schema, fields: &[Field]) -> String {
    let mut parameters = vec!["*".to_owned()];
    // Python requires no order of keyword-only parameters.
    for field in fields {
        let default = if is_required(schema, field) { "" } else { "=None" };
        parameters.push(format!("{}{default}", identifier(&name(&field.name))));
    }
    parameters.join(", ")
}

/// Returns the type of a field in its native class.
fn field_type(model: &Model, schema: &Schema, field: &Field) -> Result<String, String> {
    let ty = match &field.ty {
        Type::String if field.secret => "Private".to_owned(),
        ty => value_type(model, ty)?,
    };
    Ok(match may_be_none(schema, field) {
        // A program says that it wants null.
        true if field.required && schema.nested => format!("Nullable<{ty}>"),
        true => format!("Option<{ty}>"),
        false => ty,
    })
}

/// Returns the type of a value in native classes and arguments.
pub(super) fn value_type(model: &Model, ty: &Type) -> Result<String, String> {
    Ok(match ty {
        Type::FreeObject => "LazyJson<RawJson>".to_owned(),
        Type::Json => "AnyJson".to_owned(),
        Type::Array(items) => format!("List<{}>", value_type(model, items)?),
        Type::Map(values) => format!("Map<{}>", value_type(model, values)?),
        Type::Nullable(value) => format!("Option<{}>", value_type(model, value)?),
        Type::Binary => return Err("Python responses cannot contain binary data".to_owned()),
        Type::Named(name) => match &model.schema(name).kind {
            Kind::FreeObject { .. } => format!("LazyJson<types::{name}>"),
            Kind::Object { .. } => format!("Py<{name}>"),
            Kind::OpenEnum { .. } | Kind::Union { .. } => format!("types::{name}"),
            Kind::ObjectUnion { .. } => name.clone(),
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
    let class_name = class(model, group);
    let mut methods = String::new();
    for operation in model.operations_of(group) {
        methods.push_str(&methods_of(model, operation)?);
        if let Some((listing, paging)) = pages_of(model, operation) {
            methods.push_str(&extras::pager(model, operation, &listing, paging)?);
        }
    }
    let mut text = preamble("//");
    text.push_str(
        "\n#![allow(clippy::too_many_arguments, reason = \"they are arguments in Python\")]\n",
    );
    let _ = writeln!(text, "\n//! The operations of `{group}`.\n");
    let classes: Vec<String> = values(model).iter().map(|schema| schema.name.clone()).collect();
    let needles: Vec<String> = classes
        .iter()
        .flat_map(|name| {
            [format!("Py<{name}>"), format!("value::<{name}>"), format!("values::<{name}>")]
        })
        .collect();
    let mut candidates: Vec<(Vec<&str>, &str, &str)> = [
        (&["DateTime<Utc>"] as &[&str], "chrono", "DateTime"),
        (&["DateTime<Utc>"], "chrono", "Utc"),
        (&["&Client|"], "mistral_datasets", "Client"),
        (&["IntoId::"], "mistral_datasets", "IntoId"),
        (&["types::"], "mistral_datasets", "types"),
        (&[""], "pyo3::prelude", "*"),
        (&[""], "pyo3::types", "PyDict"),
        (&["arguments::"], "crate::arguments", "self"),
        (&["<Id>"], "crate::arguments", "Id"),
        (&["Many<"], "crate::arguments", "Many"),
        (&["body::"], "crate::body", "self"),
        (&["limited("], "crate::call", "limited"),
        (&["\nrun(py"], "crate::call", "run"),
        (&["\nrun_async("], "crate::call", "run_async"),
        (&["\nrun_by_runtime("], "crate::call", "run_by_runtime"),
        (&["send("], "crate::call", "send"),
        (&["send_async("], "crate::call", "send_async"),
        (&["send_by_runtime("], "crate::call", "send_by_runtime"),
        (&["file::"], "crate::file", "self"),
        (&["<FileArgument>"], "crate::file", "FileArgument"),
    ]
    .map(|(needles, module, name)| (needles.to_vec(), module, name))
    .into();
    for (index, class) in classes.iter().enumerate() {
        let needles = needles[index * 3..index * 3 + 3].iter().map(String::as_str).collect();
        candidates.push((needles, "super::models", class));
    }
    candidates.push((vec!["<Seconds>"], "crate::options", "Seconds"));
    candidates.push((vec!["pager::"], "crate::pager", "self"));
    candidates.push((vec!["BatchSource"], "crate::pager", "BatchSource"));
    candidates.push((vec![""], "crate::session", "Session"));
    let candidates: Vec<(&[&str], &str, &str)> = candidates
        .iter()
        .map(|(needles, module, name)| (needles.as_slice(), *module, *name))
        .collect();
    text.push_str(&imports(&methods, &candidates));
    let _ = write!(
        text,
        "\n/// Calls of `{group}`; `mistral_datasets.resources` has the documented methods.\n\
         #[pyclass(frozen, module = \"mistral_datasets._native\")]\n\
         pub struct {class_name} {{\n    session: Session,\n}}\n\n\
         impl {class_name} {{\n    /// Creates the calls of a client.\n    pub fn new(session: Session) -> Self {{\nSelf {{ session }}\n}}\n}}\n\n\
         #[pymethods]\nimpl {class_name} {{\n{methods}}}\n",
    );
    rust_text::format(&text)
}

/// Emits the blocking and the async method of an operation.
fn methods_of(model: &Model, operation: &Operation) -> Result<String, String> {
    let (ids, others) = positional_arguments(model, operation);
    let arguments = [ids, others].concat();
    let mut parameters = String::new();
    let mut conversions = String::new();
    for argument in &arguments {
        let Conversion { variable, statement } =
            arguments::conversion(model, operation, argument.field)?;
        let _ = write!(parameters, "{variable}: &Bound<'_, PyAny>, ");
        conversions.push_str(&statement);
    }
    if operation.starts_task() {
        parameters.push_str("wait: &Bound<'_, PyAny>, wait_timeout: &Bound<'_, PyAny>, ");
        conversions.push_str(
            "let wait = arguments::required::<bool>(wait, \"wait\")?;\n\
             let wait_timeout = arguments::optional::<Seconds>(wait_timeout, \"wait_timeout\")?;\n",
        );
    }
    parameters.push_str("options: &Bound<'_, PyDict>");
    let name = identifier(&operation.name);
    let method = format!("{}.{}", operation.group, operation.name);
    let async_method = format!("{method}_async");
    let with_options = |method: &str| format!("self.session.client_with(options, {method:?})?");
    // The body of a transfer arrives between two calls from Python, so the runtime's threads must drive it.
    let has_response = operation.success.response != Response::Bytes;
    let (setup, client, send_blocking, target) = if operation.handwritten.is_some() {
        let send = if has_response { "send_by_runtime" } else { "run_by_runtime" };
        (String::new(), with_options(&method), send, "&self.session")
    } else {
        (
            format!("let blocking = self.session.blocking(options, {method:?})?;\n"),
            "blocking.client()".to_owned(),
            "send",
            "blocking",
        )
    };
    let send = |client: &str, send: &str, target: &str| {
        // A wait sends several requests.
        let run = send.replace("send", "run");
        let call = call(operation, &operation.arguments(model), client);
        if operation.starts_task() {
            format!(
                "let call = {call};\nif wait {{\n{run}(py, {target}, limited(call.wait(), wait_timeout))\n}} \
                 else {{\n{send}(py, {target}, call)\n}}"
            )
        } else {
            format!("let call = {call};\n{send}(py, {target}, call)")
        }
    };
    Ok(format!(
        "fn {name}(&self, py: Python<'_>, {parameters}) -> PyResult<Py<PyAny>> {{\n{conversions}{setup}{}\n}}\n\n\
         fn {}_async<'py>(&self, py: Python<'py>, {parameters}) -> PyResult<Bound<'py, PyAny>> {{\n{conversions}{}\n}}\n\n",
        send(&client, send_blocking, target),
        operation.name,
        send(
            &with_options(&async_method),
            if has_response { "send_async" } else { "run_async" },
            &format!("{async_method:?}, &self.session")
        ),
    ))
}

/// Emits the expression that creates the call: a method of the client, or a handwritten function for transfers.
fn call(operation: &Operation, arguments: &[Argument], client: &str) -> String {
    let variable = |argument: &Argument| identifier(&name(&argument.field.name));
    if operation.handwritten.is_some() {
        let arguments: Vec<String> = arguments.iter().map(variable).collect();
        return format!("file::{}({client}, {})", operation.id, arguments.join(", "));
    }
    let handle: String = operation.group.split('.').map(|part| format!(".{part}()")).collect();
    let (required, optional): (Vec<&Argument>, Vec<&Argument>) =
        arguments.iter().partition(|argument| argument.field.required);
    let required: Vec<String> = required.into_iter().map(variable).collect();
    let mut text =
        format!("{client}{handle}.{}({})", identifier(&operation.name), required.join(", "));
    for argument in optional {
        let _ = write!(text, ".{}({})", identifier(&argument.field.name), variable(argument));
    }
    text
}
