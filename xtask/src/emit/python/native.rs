//! The native module's classes: responses, and resources with a pair of methods for each operation.

use std::fmt::Write;

use super::beyond;
use super::stubs::is_hashable;
use super::text::{
    by_hand, children, class, is_class, is_task, method_doc, module, name, returned, twin_doc,
    wrapped,
};
use crate::emit::preamble;
use crate::emit::rust_text::{self, doc, identifier, indented};
use crate::model::{Argument, Field, Kind, Model, Operation, Place, Type};

/// How Python makes a resource.
const OVER_CLIENT: &str = "/// The resource over a client.\n#[new]\n#[pyo3(signature = (client, /))]\n\
    fn over(client: &Bound<'_, Session>) -> Self {\nSelf::new(client.get().clone())\n}\n\n";

/// Emits `mod.rs`: what there is, and how it gets into the module.
pub fn index(model: &Model) -> Result<String, String> {
    let mut text = preamble("//");
    text.push_str("\n//! What follows from the document. Comments are docstrings of Python.\n\n");
    let groups = model.groups();
    for group in &groups {
        let _ = writeln!(text, "mod {};", module(group));
    }
    text.push_str("mod models;\n\nuse pyo3::prelude::*;\n\n");
    text.push_str("use crate::free_object::{self, FreeObject};\n\npub use models::*;\n");
    text.push_str(
        "\n/// Adds every class to the module.\n\
         pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {\n",
    );
    for group in &groups {
        let _ = writeln!(text, "module.add_class::<{}::{}>()?;", module(group), class(group));
    }
    for schema in returned(model).into_iter().filter(|schema| is_class(schema)) {
        let _ = writeln!(text, "module.add_class::<models::{}>()?;", schema.name);
    }
    text.push_str("free_object::register(&module.py().get_type::<FreeObject>())\n}\n");
    rust_text::format(&text)
}

/// Emits `models.rs`: the classes of responses.
pub fn models(model: &Model) -> Result<String, String> {
    let mut items = String::new();
    for schema in returned(model) {
        match &schema.kind {
            Kind::Object { fields } => {
                let key = if is_hashable(fields) { " (id)" } else { "" };
                let mut members = String::new();
                for field in fields {
                    let _ = writeln!(
                        members,
                        "{}{}: {},",
                        doc(&field.description),
                        identifier(name(&field.name)?),
                        member_type(model, field)?
                    );
                }
                let mut item = format!(
                    "{}pub struct {}{key} {{\n{}}}\n",
                    doc(&schema.description),
                    schema.name,
                    indented(&members)
                );
                if is_task(model, schema) {
                    item.push_str(&beyond::task_methods(&schema.name));
                }
                let _ = writeln!(items, "model! {{\n{}}}\n", indented(&item));
            }
            Kind::FreeObject { known } if known.is_empty() => {}
            Kind::FreeObject { known } => {
                let mut members = String::new();
                for (need, required) in [("required", true), ("optional", false)] {
                    let mut some = String::new();
                    for field in known.iter().filter(|field| field.required == required) {
                        let _ = writeln!(
                            some,
                            "{}{},",
                            doc(&field.description),
                            identifier(name(&field.name)?)
                        );
                    }
                    let _ = match some.is_empty() {
                        true => writeln!(members, "{need} {{}}"),
                        false => writeln!(members, "{need} {{\n{}}}", indented(&some)),
                    };
                }
                let item = format!(
                    "{}pub struct {} {{\n{}}}\n",
                    doc(&schema.description),
                    schema.name,
                    indented(&members)
                );
                let _ = writeln!(items, "free_object! {{\n{}}}\n", indented(&item));
            }
            Kind::OpenEnum { .. } => {
                let _ = writeln!(items, "open_enum!(types::{});\n", schema.name);
            }
            Kind::Union { variants } => {
                let mut members = String::new();
                for variant in variants {
                    let (name, ty) = match variant {
                        Type::String => ("String", "String"),
                        Type::Number => ("Number", "f64"),
                        other => {
                            return Err(format!(
                                "{}: a variant of type {other:?} cannot be expressed in Python",
                                schema.name
                            ));
                        }
                    };
                    let _ = writeln!(members, "{name}: {ty},");
                }
                let _ = writeln!(
                    items,
                    "union! {{\n    types::{} {{\n{}    }}\n}}\n",
                    schema.name,
                    indented(&indented(&members))
                );
            }
        }
    }
    let mut text = preamble("//");
    text.push_str("\n//! The classes of responses. Comments are docstrings of Python.\n\n");
    text.push_str(&imports(
        &items,
        &[
            (&["DateTime<Utc>"], "chrono", "DateTime"),
            (&["DateTime<Utc>"], "chrono", "Utc"),
            (&["RawJson>"], "mistral_datasets", "RawJson"),
            (&[""], "mistral_datasets", "types"),
            (&[""], "pyo3", "IntoPyObjectExt"),
            (&["union!"], "pyo3::exceptions", "PyTypeError"),
            (&[""], "pyo3::prelude", "*"),
            (&["free_object!"], "pyo3::types", "PyDict"),
            (&[""], "pyo3::types", "PyMappingProxy"),
            (&[""], "pyo3::types", "PyTuple"),
            (&[": Uuid,", "<Uuid>"], "uuid", "Uuid"),
            (&["free_object!"], "crate::free_object", "FreeObject"),
            (&["free_object!"], "crate::free_object", "free_object"),
            (&[""], "crate::json", "self"),
            (&["Json<"], "crate::json", "Json"),
            (&[""], "crate::member", "Extra"),
            (&["List<"], "crate::member", "List"),
            (&[""], "crate::member", "Member"),
            (&["open_enum!"], "crate::member", "open_enum"),
            (&["union!"], "crate::member", "union"),
            (&[""], "crate::model", "self"),
            (&[""], "crate::model", "Model"),
            (&[""], "crate::model", "Source"),
            (&[""], "crate::model", "model"),
            (&["Option<Seconds>"], "crate::options", "Seconds"),
            (&[""], "crate::runtime", "Response"),
            (&["with session"], "crate::session", "Session"),
            (&["task::"], "crate::task", "self"),
        ],
    ));
    text.push('\n');
    text.push_str(&items);
    rust_text::format(&text)
}

/// The type of a response's member in its native class.
fn member_type(model: &Model, field: &Field) -> Result<String, String> {
    let ty = value_type(model, &field.ty)?;
    Ok(match (&field.ty, field.required, field.nullable) {
        (_, true, _) | (Type::Array(_), false, false) => ty,
        _ => format!("Option<{ty}>"),
    })
}

fn value_type(model: &Model, ty: &Type) -> Result<String, String> {
    Ok(match ty {
        Type::FreeObject => "Json<RawJson>".to_owned(),
        Type::Array(items) => format!("List<{}>", value_type(model, items)?),
        Type::Binary => return Err("bytes cannot stand in a response of Python".to_owned()),
        Type::Named(name) => match &model.schema(name).kind {
            Kind::FreeObject { known } if known.is_empty() => format!("Json<types::{name}>"),
            Kind::Object { .. } | Kind::FreeObject { .. } => format!("Py<{name}>"),
            Kind::OpenEnum { .. } | Kind::Union { .. } => format!("types::{name}"),
        },
        scalar => rust_text::value_type(scalar),
    })
}

/// The imports that the items need: each names the texts one of which calls for it, a module, and what is in it. Those of a
/// module stand together, and those of this crate after the others.
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
            "/// The operations of `{child}`.\n#[getter]\nfn {}(&self) -> {} {{\n{}::new(self.session.clone())\n}}\n\n",
            module(child),
            class(child),
            class(child)
        );
    }
    if by_hand(group).is_some() {
        methods.push_str(
            "/// The client, for the methods that are written in Python.\n#[getter]\n\
             fn _client(&self) -> Session {\nself.session.clone()\n}\n\n",
        );
    }
    for operation in model.operations_of(group) {
        methods.push_str(&pair(model, operation)?);
        if let Some(listing) = model.listing(operation) {
            methods.push_str(&beyond::pager(model, operation, &listing)?);
        }
    }
    let mut text = preamble("//");
    text.push_str(
        "\n#![allow(clippy::too_many_arguments, reason = \"Python gives them by their names\")]\n",
    );
    let _ =
        writeln!(text, "\n//! The operations of `{group}`. Comments are docstrings of Python.\n");
    text.push_str(&imports(
        &methods,
        &[
            (&["&Client|"], "mistral_datasets", "Client"),
            (&["IntoId::"], "mistral_datasets", "IntoId"),
            (&["types::"], "mistral_datasets", "types"),
            (&[""], "pyo3::prelude", "*"),
            (&[""], "pyo3::types", "PyDict"),
            (&[": Id,", "<Id>"], "crate::argument", "Id"),
            (&["Many<"], "crate::argument", "Many"),
            (&["limited("], "crate::call", "limited"),
            (&[""], "crate::call", "send"),
            (&[""], "crate::call", "send_async"),
            (&["send_by_runtime("], "crate::call", "send_by_runtime"),
            (&["file::"], "crate::file", "self"),
            (&[": FileArgument,"], "crate::file", "FileArgument"),
            (&["json::"], "crate::json", "self"),
            (&["Option<Seconds>"], "crate::options", "Seconds"),
            (&[""], "crate::session", "Session"),
            (&["pager::"], "crate::pager", "self"),
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
         /// The resource over a session.\n\
         pub fn new(session: Session) -> Self {{\nSelf {{ session }}\n}}\n}}\n\n\
         #[pymethods]\nimpl {class_name} {{\n{OVER_CLIENT}{methods}}}\n",
        doc(&format!("The operations of `{group}`: {}.", operations.join(", "))),
        if by_hand(group).is_some() { "subclass, " } else { "" },
    );
    rust_text::format(&text)
}

/// The blocking method of an operation and its awaitable twin.
fn pair(model: &Model, operation: &Operation) -> Result<String, String> {
    let arguments = operation.arguments(model);
    let mut parameters = String::new();
    let mut signature = Vec::new();
    for argument in &arguments {
        let field = argument.field;
        let taken = spelling(model, operation, argument)?.taken;
        let name = name(&field.name)?;
        let (ty, default) =
            if field.required { (taken, "") } else { (format!("Option<{taken}>"), "=None") };
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
    let twin = format!("{}.{}_async", class(&operation.group), operation.name);
    let with_options = "self.session.client_with(py, options)?";
    // The body of a transfer moves on between two calls of Python, for which the runtime's threads are there.
    let (lane, client, send_blocking, over) = if operation.handwritten.is_some() {
        ("", with_options, "send_by_runtime", "&self.session")
    } else {
        ("let lane = self.session.lane(py, options)?;\n", "lane.client()", "send", "lane")
    };
    let send = |client: &str, send: &str, over: &str| {
        let call = call(model, operation, &arguments, client)?;
        Ok::<_, String>(if operation.starts_task() {
            format!(
                "let call = {call};\nif wait {{\n{send}(py, {over}, limited(call.wait(), wait_timeout))\n}} \
                 else {{\n{send}(py, {over}, call)\n}}"
            )
        } else {
            format!("let call = {call};\n{send}(py, {over}, call)")
        })
    };
    Ok(format!(
        "{}{signature}fn {name}(&self, py: Python<'_>, {parameters}) -> PyResult<Py<PyAny>> {{\n{lane}{}\n}}\n\n\
         {}{signature}fn {}_async<'py>(&self, py: Python<'py>, {parameters}) -> PyResult<Bound<'py, PyAny>> {{\n{}\n}}\n\n",
        comment(&method_doc(model, operation)),
        send(client, send_blocking, over)?,
        comment(&twin_doc(operation)),
        operation.name,
        send(with_options, "send_async", &format!("{twin:?}, &self.session"))?,
    ))
}

/// Lines of a docstring as a comment.
pub(super) fn comment(lines: &[String]) -> String {
    wrapped(lines, 92)
        .iter()
        .map(|line| format!("/// {line}").trim_end().to_owned() + "\n")
        .collect()
}

/// How one argument is taken and passed on.
struct Spelling {
    /// The type the method takes.
    taken: String,
    /// What the client's call gets.
    passed: String,
}

fn spelling(model: &Model, operation: &Operation, argument: &Argument) -> Result<Spelling, String> {
    let field = argument.field;
    let name = identifier(&field.name);
    let spell = |taken: &str, converted: &str| Spelling {
        taken: taken.to_owned(),
        passed: if field.required || converted.is_empty() || operation.handwritten.is_some() {
            name.clone()
        } else {
            format!("{name}{converted}")
        },
    };
    let object = || Spelling {
        taken: "Bound<'_, PyAny>".to_owned(),
        passed: {
            let converted =
                format!("json::argument(&{name}, {:?}, {:?})", operation.id, field.name);
            if field.required {
                format!("{converted}?")
            } else {
                format!("{name}.map(|{name}| {converted}).transpose()?")
            }
        },
    };
    Ok(match &field.ty {
        Type::Uuid => spell("Id", ".map(IntoId::into_id)"),
        Type::String if argument.place == Place::Path => spell("Id", ".map(IntoId::into_id)"),
        Type::String => spell("String", ""),
        Type::Integer => spell("i64", ""),
        Type::Number => spell("f64", ""),
        Type::Boolean => spell("bool", ""),
        Type::FreeObject => object(),
        Type::Binary => spell("FileArgument", ""),
        Type::Array(items) if **items == Type::Uuid => {
            spell("Many<Id>", ".map(|ids| ids.into_iter().map(IntoId::into_id).collect())")
        }
        Type::Array(items) if **items == Type::String => {
            spell("Many<String>", ".map(|texts| texts.into_iter().collect())")
        }
        Type::Named(schema) => match &model.schema(schema).kind {
            Kind::FreeObject { .. } => object(),
            Kind::OpenEnum { .. } => spell("String", &format!(".map(types::{schema}::from)")),
            Kind::Object { .. } | Kind::Union { .. } => return unknown(operation, field),
        },
        Type::Array(_) | Type::DateTime => return unknown(operation, field),
    })
}

pub(super) fn unknown<T>(operation: &Operation, field: &Field) -> Result<T, String> {
    Err(format!(
        "operation `{}`: argument `{}` of type {:?} cannot be expressed in Python",
        operation.id, field.name, field.ty
    ))
}

/// The expression that makes the client's call: a function by hand where the document says so, the client's own otherwise.
fn call(
    model: &Model,
    operation: &Operation,
    arguments: &[Argument],
    client: &str,
) -> Result<String, String> {
    let passed = |argument: &Argument| Ok(spelling(model, operation, argument)?.passed);
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
