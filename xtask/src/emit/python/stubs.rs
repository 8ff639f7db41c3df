//! Emits the type stubs of the native classes, with their documentation.

use std::fmt::Write;

use super::annotations::{field_type, input_type, may_be_none};
use super::resources::signature;
use super::text::{
    docstring, import, import_enums, import_types, is_class, methods_by_hand, name, object_unions,
    values,
};
use super::values::{is_required, items_of, union_alias};
use crate::emit::preamble;
use crate::model::{Field, Kind, Model, Schema, Type};

/// Emits `models.pyi`.
pub fn models(model: &Model) -> Result<String, String> {
    let mut classes = String::new();
    let schemas: Vec<&Schema> =
        values(model).into_iter().filter(|schema| is_class(schema)).collect();
    for schema in &schemas {
        match &schema.kind {
            Kind::Object { fields } => classes.push_str(&object(model, schema, fields)?),
            Kind::FreeObject { known } => classes.push_str(&json_object(model, schema, known)?),
            Kind::OpenEnum { .. } | Kind::Union { .. } | Kind::ObjectUnion { .. } => {}
        }
    }
    let unions = object_unions(model);
    for schema in &unions {
        classes.push_str(&union_alias(schema));
    }
    let mut text = preamble("#");
    text.push('\n');
    if classes.contains("builtins.") {
        text.push_str("import builtins\n");
    }
    let collections = ["Iterable", "Iterator", "Mapping", "Sequence"].into_iter();
    text.push_str(&import(&classes, "collections.abc", collections));
    text.push_str(&import(&classes, "datetime", ["datetime"].into_iter()));
    let typing = ["ClassVar", "Literal", "TypeAlias", "final", "overload"].into_iter();
    text.push_str(&import(&classes, "typing", typing));
    text.push_str(&import(&classes, "uuid", ["UUID"].into_iter()));
    text.push('\n');
    let mut bases: Vec<(&str, Vec<&str>)> = vec![("_object", vec!["JsonObject"])];
    if !unions.is_empty() {
        bases[0].1.push("UnknownObject");
    }
    for schema in &schemas {
        bases.extend(methods_by_hand(model, schema).map(|(module, base)| (module, vec![base])));
    }
    bases.sort_unstable();
    bases.dedup();
    for (module, names) in bases {
        let _ = writeln!(text, "from mistral_datasets.{module} import {}", names.join(", "));
    }
    text.push_str(&import_enums(model, &classes));
    text.push_str(&import_types(model, &classes));
    let mut names: Vec<String> =
        schemas.iter().chain(&unions).map(|schema| schema.name.clone()).collect();
    if !unions.is_empty() {
        names.push("UnknownObject".to_owned());
    }
    text.push_str(&all(names.into_iter()));
    text.push_str(&classes);
    Ok(text)
}

fn all(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.collect();
    names.sort();
    let mut text = String::from("\n__all__ = [\n");
    for name in names {
        let _ = writeln!(text, "    \"{name}\",");
    }
    text + "]\n"
}

fn property(text: &mut String, name: &str, ty: &str, doc: &str) {
    let _ = write!(
        text,
        "    @property\n    def {name}(self) -> {ty}:\n{}\n",
        docstring(&[doc.to_owned()], 8)
    );
}

fn object(model: &Model, schema: &Schema, fields: &[Field]) -> Result<String, String> {
    // The methods are added at run time, so it is a base class for type checkers only.
    let base = methods_by_hand(model, schema).map(|(_, base)| format!("({base})"));
    let mut text = format!(
        "\n@final\nclass {}{}:\n{}\n",
        schema.name,
        base.unwrap_or_default(),
        docstring(std::slice::from_ref(&schema.description), 4)
    );
    let mut parameters = vec!["cls".to_owned(), "*".to_owned()];
    for field in fields {
        let ty = constructor_type(model, schema, field)?;
        let default = match is_required(schema, field) {
            true => "",
            false if ty.ends_with("| None") => " = None",
            false => " | None = None",
        };
        parameters.push(format!("{}: {ty}{default}", name(&field.name)));
    }
    let constructor = signature("def __new__", &parameters, &schema.name);
    let _ = writeln!(text, "{constructor}: ...");
    for field in fields {
        let ty = field_type(model, schema, field)?;
        property(&mut text, &name(&field.name), &ty, &field.description);
    }
    property(
        &mut text,
        "extra",
        "Mapping[str, JSON]",
        "Fields of the response that this version does not know, by name. They are also available as attributes.",
    );
    // A field with this name shadows the builtin within the class.
    let object = if fields.iter().any(|field| field.name == "object") {
        "builtins.object"
    } else {
        "object"
    };
    let items = items_of(model, fields);
    let bytes =
        if fields.iter().any(|field| field.name == "bytes") { "builtins.bytes" } else { "bytes" };
    let _ = write!(
        text,
        "    @staticmethod\n    def from_json(text: str, /) -> {name}:\n\
         \x20       \"\"\"Creates an instance from JSON, parsed like a response of the server.\"\"\"\n\n\
         \x20   @staticmethod\n    def from_dict(fields: Mapping[str, JSON], /) -> {name}:\n\
         \x20       \"\"\"Creates an instance from a dict with the API's field names, such as the result of `to_dict`.\"\"\"\n\n\
         \x20   def to_json(self) -> str:\n\
         \x20       \"\"\"Returns the response as JSON, with the API's field names. Payload and properties are kept verbatim.\"\"\"\n\n\
         \x20   def to_dict(self) -> dict[str, JSON]:\n\
         \x20       \"\"\"Returns the response as a new JSON-serializable dict, with the API's field names. IDs and times are strings.\"\"\"\n\n\
         {OFFICIAL_METHODS}{}\
         \x20   def __getattr__(self, name: str, /) -> JSON: ...\n\
         {}\
         \x20   def __eq__(self, other: {object}, /) -> bool: ...\n",
        validators(&schema.name, object, bytes),
        items.map(|items| sequence(items.schema(model))).unwrap_or_default(),
        name = schema.name,
    );
    text.push_str(match is_hashable(fields) {
        true => "    def __hash__(self) -> int: ...\n",
        false => "    __hash__: ClassVar[None]  # type: ignore[assignment]\n",
    });
    Ok(text)
}

/// Returns the type of a constructor's argument: enums may be strings, and objects may be dicts.
fn constructor_type(model: &Model, schema: &Schema, field: &Field) -> Result<String, String> {
    let null = if may_be_none(schema, field) { " | None" } else { "" };
    if schema.nested && field.constant().is_none() {
        return Ok(input_type(model, &field.ty, "Sequence")? + null);
    }
    let ty = field_type(model, schema, field)?;
    let Type::Named(name) = &field.ty else { return Ok(ty) };
    Ok(match &model.schema(name).kind {
        Kind::OpenEnum { .. } => ty.replacen(name, &format!("{name} | str"), 1),
        Kind::Object { .. } | Kind::ObjectUnion { .. } => {
            ty.replacen(name, &format!("{name} | Mapping[str, JSON]"), 1)
        }
        Kind::FreeObject { .. } if ty.starts_with(name) => {
            ty.replacen(name, &format!("{name} | JSONObject"), 1)
        }
        Kind::FreeObject { .. } => ty.replacen("dict[str, JSON]", "JSONObject", 1),
        Kind::Union { .. } => ty,
    })
}

/// Returns whether responses with these fields are hashable by their ID.
pub fn is_hashable(fields: &[Field]) -> bool {
    fields.iter().any(|field| field.name == "id" && field.required)
}

/// The methods of responses that the official SDK has too.
const OFFICIAL_METHODS: &str = "    def model_dump(
        self,
        *,
        mode: Literal[\"python\", \"json\"] = \"python\",
        include: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
        by_alias: bool | None = None,
        exclude_none: bool = False,
    ) -> dict[str, JSON]:
        \"\"\"Returns the response as a dict, as in the official SDK.

        Same as `to_dict`, but times are `datetime` objects unless `mode` is `json`.

        Args:
            mode: `python`, or `json` for values that `json.dumps` accepts.
            include: Names of the fields to return. Default: all.
            exclude: Names of fields to leave out.
            by_alias: Has no effect, because fields have no aliases.
            exclude_none: Whether to leave out fields that are `None`.
        \"\"\"

    def model_dump_json(
        self,
        *,
        indent: int | None = None,
        include: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
        by_alias: bool | None = None,
        exclude_none: bool = False,
    ) -> str:
        \"\"\"Returns the response as JSON, as in the official SDK. See `model_dump` for the arguments.\"\"\"

";

/// Emits the class methods of responses that the official SDK has too.
fn validators(class: &str, object: &str, bytes: &str) -> String {
    format!(
        "    @staticmethod
    def model_validate(obj: {object}, /) -> {class}:
        \"\"\"Creates an instance from a dict, as in the official SDK. Returns an instance unchanged.\"\"\"

    @staticmethod
    def model_validate_json(json_data: str | {bytes}, /) -> {class}:
        \"\"\"Creates an instance from JSON, as in the official SDK. Same as `from_json`.\"\"\"

"
    )
}

/// Emits the methods of a response that is a sequence of items.
fn sequence(item: &str) -> String {
    format!(
        "    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def __iter__(self) -> Iterator[{item}]: ...
    def __reversed__(self) -> Iterator[{item}]: ...
    @overload
    def __getitem__(self, index: int, /) -> {item}: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[{item}]: ...
"
    )
}

fn json_object(model: &Model, schema: &Schema, known: &[Field]) -> Result<String, String> {
    let doc = [
        schema.description.clone(),
        String::new(),
        "A dict whose keys are attributes too. Changes are included when it is sent or serialized."
            .to_owned(),
    ];
    let mut text = format!("\nclass {}(JsonObject):\n{}\n", schema.name, docstring(&doc, 4));
    let mut parameters = String::new();
    for field in known.iter().filter(|field| field.required) {
        let ty = field_type(model, schema, field)?;
        let _ = write!(parameters, ", {}: {ty}", name(&field.name));
    }
    let star = if parameters.is_empty() { "" } else { ", *" };
    let _ = writeln!(text, "    def __init__(self{star}{parameters}, **extra: JSON) -> None: ...");
    for field in known {
        let name = name(&field.name);
        let ty = field_type(model, schema, field)?;
        property(&mut text, &name, &ty, &field.description);
        let _ = writeln!(
            text,
            "    @{name}.setter\n    def {name}(self, value: {ty}, /) -> None: ...\n    \
                 @{name}.deleter\n    def {name}(self) -> None: ..."
        );
    }
    Ok(text)
}
