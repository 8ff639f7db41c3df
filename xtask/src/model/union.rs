//! Unions of objects.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Kind, Schema};

/// A variant of a union of objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectVariant {
    /// The name of the variant in snake case: from the value of the discriminator, or the name of the schema without the name of
    /// the union.
    pub name: String,
    /// The schema of the object.
    pub schema: String,
    /// The value of the discriminator that selects it, if there is a discriminator.
    pub tag: Option<String>,
}

/// Returns the variants of a union of objects, given the names of their schemas and the `discriminator` of the document.
pub(super) fn variants(
    union: &str,
    schemas: Vec<String>,
    discriminator: Option<&Value>,
    place: &str,
) -> Result<Kind, String> {
    let Some(discriminator) = discriminator else {
        let variants = schemas.into_iter().map(|schema| {
            let name = snake(
                schema.strip_prefix(union).filter(|rest| !rest.is_empty()).unwrap_or(&schema),
            );
            ObjectVariant { name, schema, tag: None }
        });
        return Ok(Kind::ObjectUnion { discriminator: None, variants: variants.collect() });
    };
    let property = discriminator["propertyName"].as_str();
    let property =
        property.ok_or_else(|| format!("{place}.discriminator: missing propertyName"))?;
    let mapping: BTreeMap<&str, &str> = discriminator["mapping"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(tag, target)| {
            Some((target.as_str()?.strip_prefix("#/components/schemas/")?, tag.as_str()))
        })
        .collect();
    let variants = schemas.into_iter().map(|schema| {
        let tag = mapping
            .get(schema.as_str())
            .ok_or_else(|| format!("{place}.discriminator.mapping: no value selects `{schema}`"))?;
        Ok(ObjectVariant { name: tag.to_lowercase(), schema, tag: Some((*tag).to_owned()) })
    });
    Ok(Kind::ObjectUnion {
        discriminator: Some(property.to_owned()),
        variants: variants.collect::<Result<_, String>>()?,
    })
}

/// Checks that the variants of all unions of objects can be told apart.
pub(super) fn check(schemas: &[Schema]) -> Result<(), String> {
    for schema in schemas {
        let Kind::ObjectUnion { discriminator, variants } = &schema.kind else { continue };
        let place = format!("components.schemas.{}.oneOf", schema.name);
        for (index, variant) in variants.iter().enumerate() {
            let of_variant = schemas.iter().find(|other| other.name == variant.schema);
            let Some(Kind::Object { fields }) = of_variant.map(|schema| &schema.kind) else {
                return Err(format!(
                    "{place}: `{}` is not an object with known fields",
                    variant.schema
                ));
            };
            match (discriminator, &variant.tag) {
                (Some(property), Some(tag)) => {
                    let field = fields.iter().find(|field| field.name == *property);
                    if !field.is_some_and(|field| field.required && field.choices == [tag.as_str()])
                    {
                        return Err(format!(
                            "{place}: `{}.{property}` must be required and have the only value `{tag}`",
                            variant.schema
                        ));
                    }
                }
                _ if index + 1 < variants.len() && !fields.iter().any(|field| field.required) => {
                    return Err(format!(
                        "{place}: `{}` has no required field, so it must be the last variant",
                        variant.schema
                    ));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Converts a name in Pascal case to snake case.
pub fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}
