//! core-client's operations, through progenitor.
//!
//! progenitor gets a lowered copy of the document: without the limits, which would become validating newtypes in
//! every signature; with single `allOf`s unwrapped, which carry descriptions only; and without multipart bodies, which it
//! cannot express. Every named schema is replaced by core-client's own type, because responses must be read leniently.

use progenitor::{GenerationSettings, Generator, InterfaceStyle, TagStyle};
use serde_json::{Map, Value};
use syn::visit_mut::VisitMut;

use super::{preamble, rust_text};
use crate::model::Model;

/// Emits `generated.rs`.
pub fn emit(document: &Value, model: &Model) -> Result<String, String> {
    let mut lowered = document.clone();
    lower(&mut lowered);
    drop_multipart(&mut lowered);
    let lowered = serde_json::from_value(lowered)
        .map_err(|error| format!("the lowered document: {error}"))?;

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
        .generate_tokens(&lowered)
        .map_err(|error| format!("progenitor cannot express the document: {error}"))?;
    let mut file = syn::parse2(tokens).map_err(|error| format!("progenitor's output: {error}"))?;
    DocLines.visit_file_mut(&mut file);
    OwnReader.visit_file_mut(&mut file);
    rust_text::format(&format!("{}{}", preamble("//"), prettyplease::unparse(&file)))
}

/// Keywords that say something to people and to the client's checks, but nothing to the transport.
const SILENT: [&str; 7] =
    ["minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "default"];

fn lower(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.contains_key("schema") && members.contains_key("in") {
                lower_parameter(members);
            }
            // A `properties` object may have a member of any of these names; only schemas have a type beside them.
            if members.get("type").is_some_and(Value::is_string) {
                members.retain(|key, _| !SILENT.contains(&key.as_str()));
            }
            if let Some(Value::Array(parts)) = members.get("allOf")
                && let [part] = &parts[..]
            {
                *value = part.clone();
                return lower(value);
            }
            members.values_mut().for_each(lower);
        }
        Value::Array(items) => items.iter_mut().for_each(lower),
        _ => {}
    }
}

/// A query parameter is there or not; null says nothing more.
fn lower_parameter(members: &mut Map<String, Value>) {
    if let Some(Value::Object(schema)) = members.get_mut("schema") {
        schema.remove("nullable");
    }
}

fn drop_multipart(document: &mut Value) {
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for item in paths.values_mut().filter_map(Value::as_object_mut) {
        item.retain(|_, operation| {
            operation["requestBody"]["content"].get("multipart/form-data").is_none()
        });
    }
}

/// Lets core-client read the bodies of responses, which can share them.
struct OwnReader;

impl VisitMut for OwnReader {
    fn visit_expr_path_mut(&mut self, expression: &mut syn::ExprPath) {
        let segments = expression.path.segments.iter();
        if segments.map(|segment| &segment.ident).eq(["ResponseValue", "from_response"]) {
            expression.path = syn::parse_quote!(crate::body::read);
        }
    }
}

/// Makes every line of a doc comment an attribute of its own. A comment of several lines would be printed as one indented
/// block, which rustdoc takes for code.
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
            let line = format!(" {}", line.trim());
            syn::parse_quote!(#[doc = #line])
        })
        .collect()
}
