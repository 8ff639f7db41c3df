//! Emits the Python classes of the resources, whose methods call those of the native classes.

use std::fmt::Write;

use super::annotations::{argument_type, return_type};
use super::text::{
    Paging, Style, WIDTH, by_hand, class, docstring, has_payload, import, import_enums,
    import_models, import_types, listing_arguments, method_doc, name, pager_doc, pager_name,
    pager_options, pages_of, positional_arguments,
};
use crate::emit::preamble;
use crate::emit::wording::with_none;
use crate::model::{Argument, Listing, Model, Operation, last_part};

/// Emits `resources.py`.
pub fn emit(model: &Model) -> Result<String, String> {
    let mut groups = model.groups();
    // A class is defined before those that refer to it.
    groups.sort_by_key(|group| std::cmp::Reverse(group.split('.').count()));
    let mut classes = String::new();
    for group in &groups {
        classes.push_str(&resource(model, group)?);
    }
    let mut text = preamble("#");
    text.push_str(
        "\n\"\"\"Resources of the API. `Mistral` has an instance of each.\"\"\"\n\n\
         from __future__ import annotations\n\n",
    );
    let mut import_names = |module: &str, names: &[&str]| {
        text.push_str(&import(&classes, module, names.iter().copied()));
    };
    // Imported at run time, so that `typing.get_type_hints` works.
    import_names("collections.abc", &["Iterable", "Mapping", "Sequence"]);
    import_names("datetime", &["datetime", "timedelta"]);
    import_names("typing", &["overload"]);
    import_names("uuid", &["UUID"]);
    text.push_str("\nfrom mistral_datasets import _native\n");
    let mut bases: Vec<_> = groups.iter().filter_map(|group| by_hand(group)).collect();
    bases.push(("_call_options", "CallOptions"));
    bases.push(("_compat", "Unpack"));
    bases.sort_unstable();
    for (module, base) in bases {
        let _ = writeln!(text, "from mistral_datasets.{module} import {base}");
    }
    text.push_str(&import(
        &classes,
        "mistral_datasets._resource",
        ["resource_property"].into_iter(),
    ));
    text.push_str(&import(&classes, "mistral_datasets._typed", ["P"].into_iter()));
    text.push_str(&import_enums(model, &classes));
    text.push_str(&import_models(model, &classes));
    text.push_str(&import_types(model, &classes));
    text.push_str("\n__all__ = [\n");
    let mut names: Vec<String> = groups.iter().map(|group| class(model, group)).collect();
    names.sort();
    for name in names {
        let _ = writeln!(text, "    \"{name}\",");
    }
    text.push_str("]\n");
    text.push_str(&classes);
    text.push_str("\n\nBY_GROUP: dict[str, type[object]] = {\n");
    for group in model.groups() {
        let _ = writeln!(text, "    \"{group}\": {},", class(model, group));
    }
    text.push_str("}\n\"\"\"The classes by the names of the groups, for error messages.\"\"\"\n");
    Ok(text)
}

/// Emits the class of a resource group.
fn resource(model: &Model, group: &str) -> Result<String, String> {
    let class_name = class(model, group);
    let operations: Vec<String> =
        model.operations_of(group).map(|operation| format!("`{}`", operation.name)).collect();
    let mut doc = match operations.is_empty() {
        true => format!("Operations of `{group}`."),
        false => format!("Operations of `{group}`: {}.", operations.join(", ")),
    };
    if let Some(description) = model.group_description(group) {
        let _ = write!(doc, "\n\n{}", with_none(description));
    }
    let lines: Vec<String> = doc.split('\n').map(str::to_owned).collect();
    let doc = docstring(&lines, 4);
    let base = by_hand(group).map(|(_, base)| format!("({base})")).unwrap_or_default();
    let mut text = format!(
        "\n\nclass {class_name}{base}:\n{doc}\n\
         \x20   def __init__(self, client: _native.Client, /) -> None:\n\
         \x20       \"\"\"Creates the resource of a client. `Mistral` creates it on first access.\"\"\"\n\
         \x20       self._client = client\n\
         \x20       self._native = _native.resource(client, \"{group}\")\n"
    );
    for child in model.groups_in(Some(group)) {
        let _ = write!(
            text,
            "\n    @resource_property\n    def {}(self) -> {}:\n{}        return {1}(self._client)\n",
            name(last_part(child)),
            class(model, child),
            docstring(&[format!("Operations of `{child}`.")], 8)
        );
    }
    for operation in model.operations_of(group) {
        text.push_str(&method(model, operation, Style::Blocking)?);
        text.push_str(&method(model, operation, Style::Async)?);
        if let Some((listing, paging)) = pages_of(model, operation) {
            text.push_str(&pager(model, operation, &listing, paging)?);
        }
    }
    Ok(text)
}

/// Formats a parameter, such as `dataset_id: str | UUID`.
fn parameter(model: &Model, operation: &Operation, argument: &Argument) -> Result<String, String> {
    let in_operation = |problem| format!("operation `{}`: {problem}", operation.id);
    let ty = argument_type(model, argument).map_err(in_operation)?;
    let optional = if argument.field.required { "" } else { " | None = None" };
    Ok(format!("{}: {ty}{optional}", name(&argument.field.name)))
}

fn method(model: &Model, operation: &Operation, style: Style) -> Result<String, String> {
    let (ids, others) = positional_arguments(model, operation);
    let mut parameters = vec!["self".to_owned()];
    let mut passed = Vec::new();
    for argument in &ids {
        parameters.push(parameter(model, operation, argument)?);
        passed.push(name(&argument.field.name));
    }
    if !others.is_empty() || operation.starts_task() {
        parameters.push("*".to_owned());
    }
    for argument in &others {
        parameters.push(parameter(model, operation, argument)?);
        passed.push(name(&argument.field.name));
    }
    if operation.starts_task() {
        parameters.push("wait: bool = False".to_owned());
        parameters.push("wait_timeout: float | timedelta | None = None".to_owned());
        passed.extend(["wait".to_owned(), "wait_timeout".to_owned()]);
    }
    parameters.push("**options: Unpack[CallOptions]".to_owned());
    passed.push("options".to_owned());
    let (keyword, wait) = match style {
        Style::Async => ("async def", "await "),
        Style::Blocking => ("def", ""),
    };
    let native_name = format!("{}{}", operation.name, style.suffix());
    let returned = return_type(operation);
    // Also without a result: `Mistral.raw` returns the response through the method.
    let assigned = format!("response: {returned} = {wait}self._native.{native_name}");
    let body = call(&assigned, &passed) + "        return response\n";
    Ok(format!(
        "\n{}:\n{}{body}",
        signature(&format!("{keyword} {native_name}"), &parameters, &returned),
        docstring(&method_doc(model, operation, style), 8)
    ))
}

/// Emits the method that returns the pager of a listing, with an overload for typed payloads.
fn pager(
    model: &Model,
    operation: &Operation,
    listing: &Listing,
    paging: Paging,
) -> Result<String, String> {
    let arguments = listing_arguments(model, operation, paging);
    let passed_by_name = arguments.iter().filter(|argument| !argument.field.required);
    let has_order = passed_by_name.count() <= 1;
    let mut first = vec!["self".to_owned()];
    let mut last = Vec::new();
    let mut passed = Vec::new();
    for argument in &arguments {
        // The order of several optional arguments is arbitrary.
        let parameters = if argument.field.required || has_order { &mut first } else { &mut last };
        parameters.push(parameter(model, operation, argument)?);
        passed.push(name(&argument.field.name));
    }
    first.push("*".to_owned());
    let options = pager_options(paging);
    last.extend(options.iter().map(|(name, ty)| format!("{name}: {ty} | None = None")));
    last.push("**options: Unpack[CallOptions]".to_owned());
    let typed = has_payload(model, &listing.item);
    if typed {
        passed.push("payload_type".to_owned());
    }
    passed.extend(options.iter().map(|(name, _)| (*name).to_owned()));
    passed.push("options".to_owned());
    let name = format!("def {}", pager_name(operation));
    let class = if paging == Paging::Numbers { "Pager" } else { "FeedPager" };
    let plain = format!("{class}[{}]", listing.item);
    let mut text = String::new();
    let mut all = [first.clone(), last.clone()].concat();
    let mut returned = plain.clone();
    if typed {
        let with_type =
            |ty: &str| [first.clone(), vec![format!("payload_type: {ty}")], last.clone()].concat();
        for (ty, returned) in [("None = None", &*plain), ("type[P]", "Pager[TypedRecord[P]]")] {
            let signature = signature(&name, &with_type(ty), returned);
            let _ = write!(text, "\n    @overload\n{signature}: ...\n");
        }
        all = with_type("type[P] | None = None");
        returned = format!("{plain} | Pager[TypedRecord[P]]");
    }
    let _ = write!(
        text,
        "\n{}:\n{}{}",
        signature(&name, &all, &returned),
        docstring(&pager_doc(model, operation, listing, paging), 8),
        call(&format!("source = self._native.{}", pager_name(operation)), &passed)
    );
    let _ = writeln!(text, "        return {class}(source)");
    Ok(text)
}

/// Formats a call as a statement, on one line or on several if it is too long.
fn call(function: &str, arguments: &[String]) -> String {
    let line = format!("        {function}({})\n", arguments.join(", "));
    if line.len() <= WIDTH + 1 {
        return line;
    }
    let inner = format!("            {}\n", arguments.join(", "));
    if inner.len() <= WIDTH + 1 {
        return format!("        {function}(\n{inner}        )\n");
    }
    format!("        {function}(\n            {},\n        )\n", arguments.join(",\n            "))
}

/// Formats a method's signature on one line, or on several if it is too long, without the final colon.
pub fn signature(name: &str, parameters: &[String], returned: &str) -> String {
    let line = format!("    {name}({}) -> {returned}", parameters.join(", "));
    if line.len() < WIDTH {
        return line;
    }
    let inner = format!("        {}\n", parameters.join(", "));
    if inner.len() <= WIDTH + 1 {
        return format!("    {name}(\n{inner}    ) -> {returned}");
    }
    format!("    {name}(\n        {},\n    ) -> {returned}", parameters.join(",\n        "))
}
