//! Emits core-client's operations with progenitor.
//!
//! progenitor receives a simplified copy of the document: without limits, which would become validating newtypes in every
//! signature; without the contents of named schemas; without multipart operations, which it does
//! not support; and without summaries, because the descriptions are better first lines of doc comments. Every named schema is
//! replaced by its type in `mistral-datasets-types`, which decodes leniently.

use progenitor::{GenerationSettings, Generator, InterfaceStyle, TagStyle};
use serde_json::{Map, Value};
use syn::visit_mut::VisitMut;

use super::{preamble, rust_text, wording};
use crate::model::Model;

/// Emits `generated.rs`.
pub fn emit(document: &Value, model: &Model) -> Result<String, String> {
    let mut simplified = document.clone();
    empty_schemas(&mut simplified);
    simplify(&mut simplified);
    remove_multipart(&mut simplified);
    remove_summaries(&mut simplified);
    let simplified = serde_json::from_value(simplified)
        .map_err(|error| format!("the simplified document is invalid: {error}"))?;

    let mut settings = GenerationSettings::default();
    settings
        .with_interface(InterfaceStyle::Positional)
        .with_tag(TagStyle::Merged)
        .with_hooks(progenitor::HooksMode::Expected)
        .with_inner_type(quote::quote! { crate::Hooks });
    for schema in &model.schemas {
        settings.with_replacement(
            &schema.name,
            format!("crate::types::{}", schema.name),
            std::iter::empty(),
        );
    }
    let tokens = Generator::new(&settings)
        .generate_tokens(&simplified)
        .map_err(|error| format!("progenitor does not support the document: {error}"))?;
    let mut file =
        syn::parse2(tokens).map_err(|error| format!("progenitor's output is invalid: {error}"))?;
    DocLines.visit_file_mut(&mut file);
    CustomDecoder.visit_file_mut(&mut file);
    import_encode_path(&mut file);
    rust_text::format(&format!("{}{}", preamble("//"), prettyplease::unparse(&file)))
}

/// Schema keywords that only matter for documentation and the client's checks.
const IGNORED_KEYWORDS: [&str; 7] =
    ["minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "default"];

/// Empties the named schemas, whose types are replaced. progenitor does not support all of them.
fn empty_schemas(document: &mut Value) {
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    schemas.values_mut().for_each(|schema| *schema = serde_json::json!({"type": "object"}));
}

fn simplify(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.contains_key("schema") && fields.contains_key("in") {
                simplify_parameter(fields);
            }
            // A property may have the name of a keyword, so keywords are only removed from schemas, which have a `type`.
            if fields.get("type").is_some_and(Value::is_string) {
                fields.retain(|key, _| !IGNORED_KEYWORDS.contains(&key.as_str()));
            }
            if let Some(Value::Array(parts)) = fields.get("allOf")
                && let [part] = &parts[..]
            {
                *value = part.clone();
                return simplify(value);
            }
            fields.values_mut().for_each(simplify);
        }
        Value::Array(items) => items.iter_mut().for_each(simplify),
        _ => {}
    }
}

/// Removes `nullable`: a query parameter is either present or absent.
fn simplify_parameter(fields: &mut Map<String, Value>) {
    if let Some(Value::Object(schema)) = fields.get_mut("schema") {
        schema.remove("nullable");
    }
}

fn remove_multipart(document: &mut Value) {
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for item in paths.values_mut().filter_map(Value::as_object_mut) {
        item.retain(|_, operation| {
            operation["requestBody"]["content"].get("multipart/form-data").is_none()
        });
    }
}

fn remove_summaries(document: &mut Value) {
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for item in paths.values_mut().filter_map(Value::as_object_mut) {
        for operation in item.values_mut().filter_map(Value::as_object_mut) {
            operation.remove("summary");
        }
    }
}

/// Replaces progenitor's response decoding with core-client's, which decodes leniently and can share the body.
struct CustomDecoder;

impl VisitMut for CustomDecoder {
    fn visit_expr_path_mut(&mut self, expression: &mut syn::ExprPath) {
        let segments = expression.path.segments.iter();
        if segments.map(|segment| &segment.ident).eq(["ResponseValue", "from_response"]) {
            expression.path = syn::parse_quote!(crate::body::read);
        }
    }
}

/// Imports core-client's `encode_path` instead of progenitor's, which leaves a `\` that URL parsers turn into a `/`. It is
/// called in macros, whose contents are not parsed.
fn import_encode_path(file: &mut syn::File) {
    for item in &mut file.items {
        if let syn::Item::Use(item) = item
            && let syn::UseTree::Path(path) = &mut item.tree
            && let syn::UseTree::Group(group) = &mut *path.tree
        {
            let names = std::mem::take(&mut group.items).into_iter();
            group.items = names
                .filter(
                    |tree| !matches!(tree, syn::UseTree::Name(name) if name.ident == "encode_path"),
                )
                .collect();
        }
    }
    file.items.insert(
        0,
        syn::parse_quote!(
            use crate::path::encode_path;
        ),
    );
}

/// Splits multi-line doc attributes into one per line. A multi-line attribute would be printed as an indented block, which
/// rustdoc renders as code.
struct DocLines;

impl VisitMut for DocLines {
    fn visit_attributes_mut(&mut self, attributes: &mut Vec<syn::Attribute>) {
        *attributes = attributes.drain(..).flat_map(doc_lines).collect();
    }
}

fn doc_lines(attribute: syn::Attribute) -> Vec<syn::Attribute> {
    let lines = match &attribute.meta {
        syn::Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => text.value(),
            _ => return vec![attribute],
        },
        _ => return vec![attribute],
    };
    lines
        .lines()
        .map(|line| {
            let line = format!(" {}", wording::with_none(line.trim()));
            syn::parse_quote!(#[doc = #line])
        })
        .collect()
}
