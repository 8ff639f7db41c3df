//! The TypeScript declarations of resource methods and their requests, with the full documentation.

use std::fmt::Write;

use super::inputs_dts::input;
use super::models_dts::{declared, parameters, used, value_type};
use super::spelling::{
    Shape, WIDTH, camel, class, description, doc, group_doc, group_path, group_property,
    handwritten_base, input_type, is_input, is_request_of_operation, list, listing,
    listing_arguments, observability_groups, official_body, pager_name, pascal, property,
    public_schemas, resource_class,
};
use crate::emit::preamble;
use crate::model::{Field, Kind, Listing, Model, Operation, Place, Response};

/// Emits `resources.d.ts`.
pub fn emit(model: &Model) -> Result<String, String> {
    let mut items = String::new();
    for operation in &model.operations {
        items.push_str(&request(model, operation)?);
        if listing(model, operation).is_some() {
            items.push_str(&pager_request(model, operation)?);
        }
    }
    for group in model.groups() {
        items.push_str(&resource(model, group)?);
    }
    items.push_str(&groups(model));

    let mut models = Vec::new();
    let mut inputs = Vec::new();
    for schema in public_schemas(model) {
        let name = class(&schema.name)?.to_owned();
        if is_request_of_operation(model, &schema.name) {
            continue;
        }
        if is_input(model, &schema.name) {
            inputs.push(input_type(model, &schema.name)?);
        }
        models.extend([name.clone(), format!("{name}Input")]);
    }
    models.retain(|name| !inputs.contains(name));
    let is_used = |name: &String| {
        let named = |before: &str, after: &str| items.contains(&format!("{before}{name}{after}"));
        let parameter = named("<", ",") || named("= ", ",") || named("= ", ">");
        let returned = named("<", ">") || named("<", "<");
        let property = [";", " |", "["].iter().any(|after| named(": ", after));
        let array = named("readonly ", "[");
        property || array || returned || parameter
    };
    models.retain(is_used);
    inputs.retain(is_used);

    let mut text = preamble("//");
    text.push('\n');
    if !inputs.is_empty() {
        text.push_str(&list("import type {", &inputs, "} from \"./inputs.js\";"));
    }
    text.push_str(&list("import type {", &models, "} from \"./models.js\";"));
    text.push_str("import type { Call } from \"../call.js\";\n");
    for group in model.groups() {
        if let Some((class, file)) = handwritten_base(group) {
            let _ = writeln!(text, "import {{ {class} }} from \"../{file}\";");
        }
    }
    text.push_str("import type { CallOptions } from \"../options.js\";\n");
    if items.contains("RawJson") {
        text.push_str("import type { JsonObjectInput, RawJson } from \"../raw-json.js\";\n");
    }
    if items.contains("NestedRequest<") {
        text.push_str("import type { NestedRequest } from \"../request.js\";\n");
    }
    if items.contains("extends TaskRequest") {
        text.push_str("import type { TaskRequest } from \"../task.js\";\n");
    }
    for (names, file) in [
        ([("Download", "<Download>"), ("FileInput", ": FileInput")].as_slice(), "../transfer.js"),
        (
            [
                ("FeedOptions", "extends FeedOptions"),
                ("FeedPager", "): FeedPager<"),
                ("Pager", "): Pager<"),
                ("PagerOptions", "extends PagerOptions"),
            ]
            .as_slice(),
            "../pager.js",
        ),
    ] {
        let names: Vec<String> = names
            .iter()
            .filter(|(_, needle)| items.contains(needle))
            .map(|(name, _)| (*name).to_owned())
            .collect();
        if !names.is_empty() {
            text.push_str(&list("import type {", &names, &format!("}} from {file:?};")));
        }
    }
    text.push('\n');
    text.push_str(&items);
    Ok(text)
}

/// Emits the class with the top-level groups, from which the client inherits.
fn groups(model: &Model) -> String {
    let mut text = doc("", "The resource groups of a client.");
    text.push_str("export class Resources {\n  protected constructor();\n");
    for group in model.groups_in(None) {
        let _ = writeln!(
            text,
            "\n{}  readonly {}: {};",
            doc("  ", &group_doc(model, group)),
            group_property(group),
            resource_class(model, group)
        );
    }
    text.push('\n');
    text.push_str(&doc(
        "  ",
        "For compatibility with the official SDK: `beta.observability.datasets` is the same object as `datasets`.",
    ));
    text.push_str("  readonly beta: {\n    readonly observability: {\n");
    for group in observability_groups(model) {
        let _ = writeln!(
            text,
            "      readonly {}: {};",
            group_property(group),
            resource_class(model, group)
        );
    }
    text.push_str("    };\n  };\n}\n");
    text
}

/// Emits the interface of a method's request.
fn request(model: &Model, operation: &Operation) -> Result<String, String> {
    let arguments = operation.arguments(model);
    if arguments.is_empty() {
        return Ok(String::new());
    }
    let mut text = doc(
        "",
        &format!(
            "Request of {{@link {}.{}}}.",
            resource_class(model, &operation.group),
            camel(&operation.name)
        ),
    );
    let extends = if operation.starts_task() { " extends TaskRequest" } else { "" };
    let _ = writeln!(text, "export interface {}{extends} {{", request_name(operation));
    for argument in arguments {
        text.push_str(&request_property(model, operation, argument.field)?);
    }
    text.push_str("}\n\n");
    text.push_str(&nested_request(model, operation));
    Ok(text)
}

/// Emits the type of a request in the form of the official SDK, if it differs.
fn nested_request(model: &Model, operation: &Operation) -> String {
    let Some(body) = official_body(operation) else { return String::new() };
    let name = request_name(operation);
    let fields: Vec<String> = operation
        .arguments(model)
        .iter()
        .filter(|argument| argument.place == Place::Body)
        .map(|argument| format!("{:?}", property(argument.field)))
        .collect();
    let documentation = format!(
        "{{@link {name}}} in the form of the official SDK, which has the fields of the body in `{body}`."
    );
    let before = format!("export type {} = NestedRequest<", nested_name(operation));
    let arguments = [name, format!("{body:?}"), fields.join(" | ")];
    let line = format!("{before}{}>;", arguments.join(", "));
    let lines = format!("{before}\n  {}\n>;", arguments.join(",\n  "));
    doc("", &documentation) + if line.len() <= WIDTH { &line } else { &lines } + "\n\n"
}

fn nested_name(operation: &Operation) -> String {
    pascal(&operation.id) + "NestedRequest"
}

fn request_property(model: &Model, operation: &Operation, field: &Field) -> Result<String, String> {
    let ty = match Shape::of_argument(model, operation, field)? {
        Shape::File => value_type(model, &field.ty)?,
        _ => input(model, &field.ty)?,
    };
    let null = if field.nullable || model.accepts_null(&field.ty) { " | null" } else { "" };
    let (optional, undefined) = if field.required { ("", "") } else { ("?", " | undefined") };
    Ok(format!(
        "{}  {}{optional}: {ty}{null}{undefined};\n",
        doc("  ", &description(field)),
        property(field)
    ))
}

/// Emits the interface of a pager method's request.
fn pager_request(model: &Model, operation: &Operation) -> Result<String, String> {
    let method = camel(&pager_name(&operation.name)?);
    let mut text = doc(
        "",
        &format!("Request of {{@link {}.{method}}}.", resource_class(model, &operation.group)),
    );
    let name = pager_request_name(operation)?;
    let properties = listing_arguments(model, operation)
        .map(|field| request_property(model, operation, field))
        .collect::<Result<Vec<_>, _>>()?;
    let base = if model.feed(operation).is_some() { "FeedOptions" } else { "PagerOptions" };
    if properties.is_empty() {
        return Ok(format!("{text}export interface {name} extends {base} {{}}\n\n"));
    }
    let _ = writeln!(text, "export interface {name} extends {base} {{");
    text.push_str(&properties.concat());
    text.push_str("}\n\n");
    Ok(text)
}

fn pager_request_name(operation: &Operation) -> Result<String, String> {
    Ok(pascal(&pager_name(&operation.id)?) + "Request")
}

fn request_name(operation: &Operation) -> String {
    pascal(&operation.id) + "Request"
}

fn resource(model: &Model, group: &str) -> Result<String, String> {
    let name = resource_class(model, group);
    let mut text = doc("", &group_doc(model, group));
    let extends =
        handwritten_base(group).map_or(String::new(), |(base, _)| format!(" extends {base}"));
    let _ = writeln!(text, "export class {name}{extends} {{\n  private constructor();");
    for child in model.groups_in(Some(group)) {
        let _ = writeln!(
            text,
            "\n{}  readonly {}: {};",
            doc("  ", &group_doc(model, child)),
            group_property(child),
            resource_class(model, child)
        );
    }
    for operation in model.operations_of(group) {
        text.push_str(&format!(
            "\n{}{}",
            doc("  ", &documentation(model, operation)?),
            method(
                &format!(
                    "{}{}",
                    camel(&operation.name),
                    declared(&response_parameters(model, operation))
                ),
                &parameter(model, operation),
                returned(model, operation)?,
            )
        ));
        if let Some(listing) = listing(model, operation) {
            text.push_str(&pager_method(model, operation, &listing)?);
        }
    }
    text.push_str("}\n\n");
    Ok(text)
}

/// Formats a method signature as prettier does: on one line, or with one line per parameter.
fn method(name: &str, request: &str, returned: String) -> String {
    let options = "options?: CallOptions";
    let line = format!("  {name}({request}, {options}): {returned};\n");
    if line.len() <= WIDTH + 1 {
        return line;
    }
    format!("  {name}(\n    {request},\n    {options},\n  ): {returned};\n")
}

fn parameter(model: &Model, operation: &Operation) -> String {
    let arguments = operation.arguments(model);
    let optional = if arguments.iter().any(|argument| argument.field.required) { "" } else { "?" };
    if arguments.is_empty() {
        return "request?: Record<string, never>".to_owned();
    }
    match official_body(operation) {
        None => format!("request{optional}: {}", request_name(operation)),
        Some(_) => {
            format!("request{optional}: {} | {}", request_name(operation), nested_name(operation))
        }
    }
}

/// Returns the type parameters of an operation's response.
fn response_parameters(model: &Model, operation: &Operation) -> Vec<(String, String)> {
    match &operation.success.response {
        Response::Json(name) => parameters(model, model.schema(name)),
        Response::Empty | Response::Bytes => Vec::new(),
    }
}

fn returned(model: &Model, operation: &Operation) -> Result<String, String> {
    Ok(match &operation.success.response {
        Response::Empty => "Call<void>".to_owned(),
        Response::Json(name) => {
            format!("Call<{}{}>", class(name)?, used(&response_parameters(model, operation)))
        }
        Response::Bytes => "Promise<Download>".to_owned(),
    })
}

/// Emits the method that creates a pager, with its documentation.
fn pager_method(model: &Model, operation: &Operation, listing: &Listing) -> Result<String, String> {
    let name = camel(&pager_name(&operation.name)?);
    let required: Vec<String> =
        listing_arguments(model, operation).filter(|field| field.required).map(property).collect();
    let (optional, example) = match required.is_empty() {
        true => ("?", String::new()),
        false => ("", format!("{{ {} }}", required.join(", "))),
    };
    let item = class(&listing.item)?;
    let parameters = parameters(model, model.schema(&listing.item));
    let generics = used(&parameters);
    let (pager, further) = match model.feed(operation) {
        Some(_) => ("FeedPager", "a further page is requested when the previous one has been read"),
        None => ("Pager", "further pages are prefetched"),
    };
    let printed = match &listing.identity {
        Some(field) => format!("item.{}", property(field)),
        None => "item".to_owned(),
    };
    let text = format!(
        "Iterates over all items of {{@link {}}}. No request is sent before the first item is requested; {further}, and leaving \
         the loop cancels requests in flight.\n\n\
         @returns A pager, which is an async iterable of items.\n\
         @throws {{ValidationError}} If an argument is missing or invalid.\n\
         @example\n```js\nfor await (const item of mistral.{}.{name}({example})) console.log({printed});\n```",
        camel(&operation.name),
        group_path(&operation.group),
    );
    Ok(format!(
        "\n{}{}",
        doc("  ", &text),
        method(
            &format!("{name}{}", declared(&parameters)),
            &format!("request{optional}: {}", pager_request_name(operation)?),
            format!("{pager}<{item}{generics}>")
        )
    ))
}

/// Returns the documentation of a method, with an example.
fn documentation(model: &Model, operation: &Operation) -> Result<String, String> {
    let mut text = format!("{}\n\n", operation.doc());
    if operation.success.response != Response::Empty {
        let _ = writeln!(text, "@returns {}", operation.success.description);
    }
    text.push_str(
        "@throws {ValidationError} If an argument is missing, has the wrong type or is out of range. No request is sent.\n\
         @throws {MistralError} If the request fails; the subclass identifies the failure.\n",
    );
    let _ = write!(text, "@example\n```js\n{}\n```", example(model, operation)?);
    Ok(text)
}

/// Emits a call with all required arguments, passed as variables of the same names.
fn example(model: &Model, operation: &Operation) -> Result<String, String> {
    let names: Vec<String> = operation
        .arguments(model)
        .iter()
        .filter(|argument| argument.field.required)
        .map(|argument| property(argument.field))
        .collect();
    let arguments =
        if names.is_empty() { String::new() } else { format!("{{ {} }}", names.join(", ")) };
    let result = match &operation.success.response {
        Response::Empty => String::new(),
        Response::Bytes => "const download = ".to_owned(),
        Response::Json(name) => match &model.schema(name).kind {
            Kind::Object { fields } if fields.len() == 1 => {
                format!("const {{ {} }} = ", property(&fields[0]))
            }
            Kind::Object { .. } => format!("const {} = ", variable(class(name)?)),
            _ => "const response = ".to_owned(),
        },
    };
    Ok(format!(
        "{result}await mistral.{}.{}({arguments});",
        group_path(&operation.group),
        camel(&operation.name)
    ))
}

/// Converts the name of a class to that of a variable, such as `ImportTask` to `importTask`.
fn variable(class: &str) -> String {
    class[..1].to_lowercase() + &class[1..]
}
