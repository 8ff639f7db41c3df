//! Reads the OpenAPI document into the model, and rejects what the emitters do not support.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::document::{array, collect_references, flag, object, reference, string, whole_number};
use super::{
    Body, Field, Kind, Limits, Location, Model, Operation, Parameter, Response, Role, Schema,
    Success, Type, union,
};

/// Reads a parsed document.
///
/// # Errors
/// Names the place in the document that is invalid or not supported, and why.
pub fn read(document: &Value) -> Result<Model, String> {
    let version = document["openapi"].as_str().unwrap_or_default();
    if !version.starts_with("3.0.") {
        return Err(format!("openapi: expected version 3.0.x, found `{version}`"));
    }
    let mut reader = Reader { document, responses: BTreeSet::new(), nested: BTreeSet::new() };
    let operations = reader.operations()?;
    let schemas = reader.schemas(&operations)?;
    union::check(&schemas)?;
    Ok(Model { operations, schemas, group_descriptions: group_descriptions(document) })
}

/// Returns the descriptions of the tags, which have the names of the groups.
fn group_descriptions(document: &Value) -> Vec<(String, String)> {
    let tags = document["tags"].as_array().into_iter().flatten();
    tags.filter_map(|tag| {
        Some((tag["name"].as_str()?.to_owned(), tag["description"].as_str()?.to_owned()))
    })
    .collect()
}

struct Reader<'a> {
    document: &'a Value,
    /// The schemas that responses refer to, directly or indirectly.
    responses: BTreeSet<String>,
    /// The schemas that bodies and query parameters refer to, directly or indirectly.
    nested: BTreeSet<String>,
}

/// The supported methods, in the order in which the operations of a path are generated.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

impl<'a> Reader<'a> {
    fn operations(&mut self) -> Result<Vec<Operation>, String> {
        let mut operations: Vec<Operation> = Vec::new();
        for (path, item) in object(&self.document["paths"], "paths")? {
            let place = format!("paths.{path}");
            let item = object(item, &place)?;
            for key in item.keys() {
                if !METHODS.contains(&key.as_str()) {
                    return Err(format!("{place}.{key}: only operations are supported"));
                }
            }
            for method in METHODS {
                if let Some(operation) = item.get(method) {
                    let place = format!("{place}.{method}");
                    let operation = self.operation(path, method, operation, &place)?;
                    if let Some(other) = operations.iter().find(|other| {
                        other.id == operation.id
                            || (&other.group, &other.name) == (&operation.group, &operation.name)
                    }) {
                        return Err(format!(
                            "{place}: `{}` has the same operation id or public name",
                            other.id
                        ));
                    }
                    operations.push(operation);
                }
            }
        }
        // The document is ordered by path; generated code is ordered by resource.
        let groups: Vec<String> = operations.iter().fold(Vec::new(), |mut groups, operation| {
            if !groups.contains(&operation.group) {
                groups.push(operation.group.clone());
            }
            groups
        });
        operations
            .sort_by_key(|operation| groups.iter().position(|group| *group == operation.group));
        Ok(operations)
    }

    fn operation(
        &mut self,
        path: &str,
        method: &str,
        value: &Value,
        place: &str,
    ) -> Result<Operation, String> {
        let (mut parameters, mut examples) = (Vec::new(), Map::new());
        for (index, parameter) in array(value.get("parameters"), place)?.iter().enumerate() {
            let place = format!("{place}.parameters[{index}]");
            let resolved = self.resolve(parameter, "parameters", &place)?;
            let parameter = self.parameter(parameter, &place)?;
            if let Some(example) = resolved.get("example") {
                examples.insert(parameter.field.name.clone(), example.clone());
            }
            parameters.push(parameter);
        }
        let body_example = &value["requestBody"]["content"]["application/json"]["example"];
        examples.extend(body_example.as_object().cloned().unwrap_or_default());
        parameters.sort_by_key(|parameter| parameter.location == Location::Query);
        for parameter in &parameters {
            let braced = format!("{{{}}}", parameter.field.name);
            if (parameter.location == Location::Path) != path.contains(&braced) {
                return Err(format!(
                    "{place}: parameter `{}` does not match the path",
                    parameter.field.name
                ));
            }
        }
        let (body, multipart) = match value.get("requestBody") {
            None => (None, false),
            Some(body) => {
                let (body, multipart) = self.body(body, &format!("{place}.requestBody"))?;
                (Some(body), multipart)
            }
        };
        if let Some(Body { schema, .. }) = &body {
            let schema = schema.clone();
            self.mark_nested(&schema, place)?;
        }
        let success = self.success(value, place)?;
        let read_only = match (method, flag(value, "x-read-only")) {
            ("post", read_only) => read_only,
            (_, true) => {
                return Err(format!("{place}.x-read-only: only a POST needs it"));
            }
            (method, false) => method == "get",
        };
        let generations = array(value.get("x-generations"), place)?
            .iter()
            .map(|generation| generation.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| format!("{place}.x-generations: expected strings"))?;
        let handwritten = value.get("x-handwritten").and_then(Value::as_str).map(str::to_owned);
        // Only operations that cannot be generated may be written by hand.
        match (&handwritten, multipart || success.response == Response::Bytes) {
            (None, true) => {
                return Err(format!(
                    "{place}: multipart bodies and byte streams cannot be generated; give the reason in `x-handwritten`"
                ));
            }
            (Some(_), false) => {
                return Err(format!("{place}.x-handwritten: this operation can be generated"));
            }
            _ => {}
        }
        Ok(Operation {
            id: string(value, "operationId", place)?,
            group: string(value, "x-group", place)?,
            name: string(value, "x-name", place)?,
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: string(value, "summary", place)?,
            description: string(value, "description", place)?,
            parameters,
            body,
            success,
            handwritten,
            read_only,
            generations,
            examples,
        })
    }

    fn parameter(&mut self, value: &Value, place: &str) -> Result<Parameter, String> {
        let value = self.resolve(value, "parameters", place)?;
        let location = match string(value, "in", place)?.as_str() {
            "path" => Location::Path,
            "query" => Location::Query,
            other => return Err(format!("{place}: parameters in `{other}` are not supported")),
        };
        let schema = value.get("schema").ok_or_else(|| format!("{place}: missing schema"))?;
        let name = string(value, "name", place)?;
        let mut field =
            self.field(&name, schema, flag(value, "required"), &format!("{place}.schema"), false)?;
        field.description = string(value, "description", place)?;
        let mut names = Vec::new();
        collect_references(schema, &mut names);
        names.iter().try_for_each(|name| self.mark(name, place, false))?;
        Ok(Parameter { field, location })
    }

    fn body(&self, value: &Value, place: &str) -> Result<(Body, bool), String> {
        if !flag(value, "required") {
            return Err(format!("{place}: optional bodies are not supported"));
        }
        let official_name = value.get("x-official-name").and_then(Value::as_str).map(str::to_owned);
        let content = object(&value["content"], &format!("{place}.content"))?;
        let [(media, value)] = content.iter().collect::<Vec<_>>()[..] else {
            return Err(format!("{place}.content: expected exactly one media type"));
        };
        let multipart = match media.as_str() {
            "application/json" => false,
            "multipart/form-data" => true,
            other => {
                return Err(format!("{place}.content: media type `{other}` is not supported"));
            }
        };
        let schema = reference(&value["schema"])
            .ok_or_else(|| format!("{place}.content: expected a reference to a named schema"))?;
        Ok((Body { schema, official_name }, multipart))
    }

    fn success(&mut self, value: &Value, place: &str) -> Result<Success, String> {
        let mut success = None;
        for (status, response) in object(&value["responses"], &format!("{place}.responses"))? {
            let place = format!("{place}.responses.{status}");
            let response = self.resolve(response, "responses", &place)?;
            let body = match response.get("content").and_then(Value::as_object) {
                None => Response::Empty,
                Some(content) => match content.iter().collect::<Vec<_>>()[..] {
                    [(media, body)] if media == "application/json" => {
                        let name = reference(&body["schema"]).ok_or_else(|| {
                            format!("{place}: expected a reference to a named schema")
                        })?;
                        self.mark_response(&name, &place)?;
                        Response::Json(name)
                    }
                    [(media, _)] if media == "application/octet-stream" => Response::Bytes,
                    _ => {
                        return Err(format!(
                            "{place}: expected a single media type, JSON or bytes"
                        ));
                    }
                },
            };
            match status.as_str() {
                "4XX" | "5XX" => {}
                status => {
                    let status = status
                        .parse()
                        .ok()
                        .filter(|status| (200..300).contains(status))
                        .ok_or_else(|| {
                        format!("{place}: expected a success status, 4XX or 5XX")
                    })?;
                    let description = string(response, "description", &place)?;
                    if success.replace(Success { status, description, response: body }).is_some() {
                        return Err(format!("{place}: only one success status is supported"));
                    }
                }
            }
        }
        success.ok_or_else(|| format!("{place}: missing success status"))
    }

    /// Marks a schema, and all schemas it refers to, as part of a response.
    fn mark_response(&mut self, name: &str, place: &str) -> Result<(), String> {
        self.mark(name, place, true)
    }

    /// Marks the schemas that a body refers to as parts of a request.
    fn mark_nested(&mut self, body: &str, place: &str) -> Result<(), String> {
        let mut names = Vec::new();
        collect_references(self.schema(body, place)?, &mut names);
        names.iter().try_for_each(|name| self.mark(name, place, false))
    }

    fn mark(&mut self, name: &str, place: &str, response: bool) -> Result<(), String> {
        let marked = if response { &mut self.responses } else { &mut self.nested };
        // Schemas may refer to themselves.
        if !marked.insert(name.to_owned()) {
            return Ok(());
        }
        let mut names = Vec::new();
        collect_references(self.schema(name, place)?, &mut names);
        names.iter().try_for_each(|name| self.mark(name, place, response))
    }

    fn schema(&self, name: &str, place: &str) -> Result<&'a Value, String> {
        self.document["components"]["schemas"]
            .get(name)
            .ok_or_else(|| format!("{place}: unknown schema `{name}`"))
    }

    fn schemas(&self, operations: &[Operation]) -> Result<Vec<Schema>, String> {
        let components = object(&self.document["components"]["schemas"], "components.schemas")?;
        let mut schemas = Vec::new();
        for (name, value) in components {
            let place = format!("components.schemas.{name}");
            schemas.push(Schema {
                name: name.clone(),
                description: string(value, "description", &place)?,
                kind: self.kind(name, value, &place)?,
                role: match (self.responses.contains(name), self.is_sent(name, operations)) {
                    (true, true) => Role::Both,
                    (true, false) => Role::Response,
                    (false, _) => Role::Request,
                },
                nested: self.nested.contains(name),
                empty_if_null: flag(value, "x-empty-if-null"),
            });
        }
        for operation in operations {
            if let Some(body) = &operation.body {
                let schema =
                    schemas.iter().find(|schema| schema.name == body.schema).ok_or_else(|| {
                        format!("operation `{}`: unknown schema `{}`", operation.id, body.schema)
                    })?;
                if !matches!(schema.kind, Kind::Object { .. }) {
                    return Err(format!(
                        "operation `{}`: the body must be an object with known fields",
                        operation.id
                    ));
                }
            }
        }
        Ok(schemas)
    }

    /// Returns whether a schema is a body or a part of a request.
    fn is_sent(&self, name: &str, operations: &[Operation]) -> bool {
        let is_body =
            |operation: &Operation| operation.body.as_ref().is_some_and(|body| body.schema == name);
        self.nested.contains(name) || operations.iter().any(is_body)
    }

    fn kind(&self, name: &str, value: &Value, place: &str) -> Result<Kind, String> {
        if let Some(variants) = value.get("oneOf") {
            let variants = array(Some(variants), place)?;
            if let Some(objects) = variants.iter().map(reference).collect::<Option<Vec<String>>>() {
                return union::variants(name, objects, value.get("discriminator"), place);
            }
            let variants = variants
                .iter()
                .map(|variant| self.ty(variant, &format!("{place}.oneOf"), false))
                .collect::<Result<_, _>>()?;
            return Ok(Kind::Union { variants });
        }
        match (value["type"].as_str(), value.get("enum")) {
            (Some("string"), Some(values)) => {
                let values = array(Some(values), place)?
                    .iter()
                    .map(|value| value.as_str().map(str::to_owned))
                    .collect::<Option<_>>()
                    .ok_or_else(|| format!("{place}.enum: only strings are supported"))?;
                Ok(Kind::OpenEnum { values })
            }
            (Some("object"), None) => {
                let required: BTreeSet<&str> =
                    array(value.get("required"), place)?.iter().filter_map(Value::as_str).collect();
                let empty = Map::new();
                let properties =
                    value.get("properties").and_then(Value::as_object).unwrap_or(&empty);
                if let Some(name) = required.iter().find(|name| !properties.contains_key(**name)) {
                    return Err(format!("{place}.required: unknown field `{name}`"));
                }
                let fields = properties
                    .iter()
                    .map(|(name, schema)| {
                        let place = format!("{place}.properties.{name}");
                        self.field(name, schema, required.contains(name.as_str()), &place, true)
                    })
                    .collect::<Result<Vec<_>, _>>()?;
                match value.get("additionalProperties") {
                    Some(Value::Bool(true)) => Ok(Kind::FreeObject { known: fields }),
                    None | Some(Value::Bool(false)) if !fields.is_empty() => {
                        Ok(Kind::Object { fields })
                    }
                    _ => Err(format!(
                        "{place}: expected an object with known fields or `additionalProperties: true`"
                    )),
                }
            }
            _ => Err(format!(
                "{place}: a named schema must be an object, a string enumeration or `oneOf`"
            )),
        }
    }

    /// Reads a field or a parameter. With `described`, the schema has the description; a parameter has it next to the schema.
    fn field(
        &self,
        name: &str,
        value: &Value,
        required: bool,
        place: &str,
        described: bool,
    ) -> Result<Field, String> {
        let limit = |key: &str| value.get(key).and_then(Value::as_u64);
        let number = |key: &str| whole_number(value.get(key), &format!("{place}.{key}"));
        let ty = self.ty(value, place, true)?;
        let nullable = flag(value, "nullable") && ty != Type::Json;
        // Clients send what any generation of the API requires.
        let required = required || !array(value.get("x-required-in"), place)?.is_empty();
        Ok(Field {
            name: name.to_owned(),
            description: if described {
                string(value, "description", place)?
            } else {
                String::new()
            },
            ty,
            required,
            nullable,
            limits: Limits {
                min_length: limit("minLength"),
                max_length: limit("maxLength"),
                min_items: limit("minItems"),
                max_items: limit("maxItems"),
                minimum: number("minimum")?,
                maximum: number("maximum")?,
                exclusive_minimum: flag(value, "exclusiveMinimum"),
                exclusive_maximum: flag(value, "exclusiveMaximum"),
            },
            default: value.get("default").map(Value::to_string),
            choices: array(value.get("enum"), place)?
                .iter()
                .filter_map(|choice| choice.as_str().map(str::to_owned))
                .collect(),
            secret: flag(value, "x-secret") || flag(value, "x-private"),
            expression: flag(value, "x-search-expression"),
        })
    }

    /// Reads a type. An inline `enum` restricts the values that a request accepts. With `names`, references are accepted.
    fn ty(&self, value: &Value, place: &str, names: bool) -> Result<Type, String> {
        let single = value
            .get("allOf")
            .and_then(Value::as_array)
            .filter(|parts| parts.len() == 1)
            .map(|parts| &parts[0]);
        if let Some(name) = reference(single.unwrap_or(value)) {
            let named = self.document["components"]["schemas"].get(&name).filter(|_| names);
            let named =
                named.ok_or_else(|| format!("{place}: unknown or unsupported schema `{name}`"))?;
            let known = array(named.get("enum"), place)?;
            if array(value.get("enum"), place)?.iter().any(|value| !known.contains(value)) {
                return Err(format!("{place}.enum: has a value that `{name}` does not have"));
            }
            return Ok(Type::Named(name));
        }
        for key in ["allOf", "anyOf", "oneOf", "enum", "pattern", "not"] {
            // The server checks the values of an inline string enumeration; the description lists them.
            let is_choice = key == "enum" && value["type"] == "string";
            if value.get(key).is_some() && !is_choice {
                return Err(format!(
                    "{place}.{key}: not supported in an inline schema; add a named schema to components.schemas"
                ));
            }
        }
        match (value["type"].as_str(), value["format"].as_str()) {
            (Some("string"), None) => Ok(Type::String),
            (Some("string"), Some("uuid")) => Ok(Type::Uuid),
            (Some("string"), Some("date-time")) => Ok(Type::DateTime),
            (Some("string"), Some("binary")) => Ok(Type::Binary),
            (Some("integer"), Some("int64")) => Ok(Type::Integer),
            (Some("integer"), _) => Err(format!("{place}: integers need `format: int64`")),
            (Some("number"), Some("double")) => Ok(Type::Number),
            (Some("boolean"), None) => Ok(Type::Boolean),
            (Some("object"), None) if flag(value, "additionalProperties") => Ok(Type::FreeObject),
            (Some("object"), None) if value["additionalProperties"].is_object() => {
                let place = format!("{place}.additionalProperties");
                let ty = self.item_type(&value["additionalProperties"], &place, names)?;
                Ok(Type::Map(Box::new(ty)))
            }
            (Some("array"), None) => {
                let items = value.get("items").ok_or_else(|| format!("{place}: missing items"))?;
                Ok(Type::Array(Box::new(self.item_type(
                    items,
                    &format!("{place}.items"),
                    names,
                )?)))
            }
            (None, None) if value.is_object() => Ok(Type::Json),
            (ty, format) => {
                Err(format!("{place}: type {ty:?} with format {format:?} is not supported"))
            }
        }
    }

    /// Reads the type of the items of an array or the values of a map, which may be nullable.
    fn item_type(&self, value: &Value, place: &str, names: bool) -> Result<Type, String> {
        match self.ty(value, place, names)? {
            Type::Json => Ok(Type::Json),
            ty if flag(value, "nullable") => Ok(Type::Nullable(Box::new(ty))),
            ty => Ok(ty),
        }
    }

    /// Resolves a reference to `components.{section}`. Returns other values unchanged.
    fn resolve<'v>(&self, value: &'v Value, section: &str, place: &str) -> Result<&'v Value, String>
    where
        'a: 'v,
    {
        let Some(target) = value.get("$ref").and_then(Value::as_str) else { return Ok(value) };
        target
            .strip_prefix(&format!("#/components/{section}/"))
            .and_then(|name| self.document["components"][section].get(name))
            .ok_or_else(|| format!("{place}: the reference `{target}` cannot be resolved"))
    }
}
