//! Converts a schema to its shape: resolves references, merges `allOf`, and expands `anyOf` and `oneOf`. The result is the
//! same for the spellings of OpenAPI 3.0 and 3.1.

use std::collections::BTreeSet;
use std::mem;
use std::ptr;

use serde_json::{Map, Value};

use super::document::Document;
use super::error::Error;
use super::shape::{AdditionalFields, Facets, Kind, Node, Shape, Variant};

impl<'a> Document<'a> {
    /// Resolves a schema by one level. Fields and items remain nodes.
    pub fn shape(&self, node: &Node<'a>) -> Result<Shape<'a>, Error> {
        let mut base = Flattening::default();
        for schema in &node.0 {
            base.add(self, schema)?;
        }
        let mut shape = Shape {
            nullable: false,
            variants: Vec::new(),
            default: base.default,
            read_only: base.read_only,
            write_only: base.write_only,
        };
        base.expand(self, &mut shape)?;
        if shape.is_any() {
            shape.nullable = true;
            shape.variants.retain(|variant| variant.kind == Kind::Any);
            shape.variants.truncate(1);
        }
        shape.variants = merge_enumerations(mem::take(&mut shape.variants));
        Ok(shape)
    }
}

/// The schemas merged so far, which all apply.
#[derive(Clone, Default)]
struct Flattening<'a> {
    kinds: Option<BTreeSet<Kind>>,
    /// Whether null is accepted even if a part rejects it. `nullable: true` next to `allOf` is treated as authors mean it,
    /// although it has no effect according to OpenAPI 3.0.3.
    always_nullable: bool,
    /// Whether one of the schemas rejects every value.
    impossible: bool,
    facets: Facets<'a>,
    default: Option<&'a Value>,
    read_only: bool,
    write_only: bool,
    unions: Vec<Union<'a>>,
    /// The addresses of the merged schemas. A schema is merged only once, which also ends recursion.
    merged: Vec<*const Value>,
    /// The addresses of the schemas whose unions are being expanded. A union that contains itself adds no alternatives.
    enclosing_unions: Vec<*const Value>,
}

#[derive(Clone)]
struct Union<'a> {
    owner: *const Value,
    alternatives: &'a [Value],
}

impl<'a> Flattening<'a> {
    fn add(&mut self, document: &Document<'a>, schema: &'a Value) -> Result<(), Error> {
        let address = ptr::from_ref(schema);
        if self.merged.contains(&address) {
            return Ok(());
        }
        self.merged.push(address);

        let keywords = match schema {
            Value::Object(keywords) => keywords,
            // In 3.1, `true` and `false` are schemas.
            Value::Bool(permits) => {
                self.impossible |= !permits;
                return Ok(());
            }
            _ => return Ok(()),
        };
        // The outermost schema is added first, because the first `default` wins.
        let reference = keywords.get("$ref").and_then(Value::as_str);
        if reference.is_none() || document.ref_siblings_apply() {
            self.add_keywords(keywords);
        }
        if let Some(reference) = reference {
            self.add(document, document.target(reference)?)?;
            if !document.ref_siblings_apply() {
                return Ok(());
            }
        }
        for part in list(keywords, "allOf") {
            self.add(document, part)?;
        }
        for keyword in ["anyOf", "oneOf"] {
            let alternatives = list(keywords, keyword);
            if !alternatives.is_empty() {
                self.unions.push(Union { owner: address, alternatives });
            }
        }
        Ok(())
    }

    fn add_keywords(&mut self, keywords: &'a Map<String, Value>) {
        self.add_kinds(keywords);
        self.add_values(keywords);
        self.add_fields(keywords);
        self.facets.limits.add(keywords);
        self.facets.items.0.extend(keywords.get("items"));
        self.facets.format = self.facets.format.or_else(|| format(keywords));
        self.default = self.default.or_else(|| keywords.get("default"));
        self.read_only |= is_true(keywords, "readOnly");
        self.write_only |= is_true(keywords, "writeOnly");
    }

    fn add_kinds(&mut self, keywords: &'a Map<String, Value>) {
        let names = match keywords.get("type") {
            Some(Value::Array(names)) => names.as_slice(),
            Some(name) => std::slice::from_ref(name),
            None => &[],
        };
        let mut kinds: BTreeSet<Kind> =
            names.iter().filter_map(Value::as_str).filter_map(Kind::named).collect();
        if is_true(keywords, "nullable") {
            kinds.insert(Kind::Null);
            self.always_nullable |= names.is_empty()
                || ["allOf", "anyOf", "oneOf"].iter().any(|key| keywords.contains_key(*key));
        }
        if names.is_empty() || kinds.is_empty() {
            return;
        }
        self.kinds = Some(match &self.kinds {
            None => kinds,
            Some(current) => current
                .iter()
                .flat_map(|current| kinds.iter().filter_map(|kind| current.intersect(*kind)))
                .collect(),
        });
    }

    fn add_values(&mut self, keywords: &'a Map<String, Value>) {
        let listed =
            keywords.get("enum").and_then(Value::as_array).map(|values| values.iter().collect());
        let single = keywords.get("const").map(|value| vec![value]);
        for values in [listed, single].into_iter().flatten() {
            let values: Vec<&'a Value> = values;
            match &mut self.facets.values {
                None => self.facets.values = Some(values),
                Some(current) => current.retain(|value| values.contains(value)),
            }
        }
    }

    fn add_fields(&mut self, keywords: &'a Map<String, Value>) {
        if let Some(properties) = keywords.get("properties").and_then(Value::as_object) {
            for (name, schema) in properties {
                self.facets.properties.entry(name).or_default().0.push(schema);
            }
        }
        self.facets.required.extend(list(keywords, "required").iter().filter_map(Value::as_str));

        let additional = match keywords.get("additionalProperties") {
            None => AdditionalFields::Unspecified,
            Some(Value::Bool(false)) => AdditionalFields::Rejected,
            Some(schema @ Value::Object(keywords)) if !keywords.is_empty() => {
                AdditionalFields::Schema(Node(vec![schema]))
            }
            Some(_) => AdditionalFields::Any,
        };
        self.facets.additional = mem::take(&mut self.facets.additional).and(additional);
    }

    /// Expands the unions and adds the resulting variants to the shape.
    fn expand(mut self, document: &Document<'a>, shape: &mut Shape<'a>) -> Result<(), Error> {
        if self.impossible {
            return Ok(());
        }
        if let Some(union) = self.unions.pop() {
            self.enclosing_unions.push(union.owner);
            for alternative in union.alternatives {
                let target = ptr::from_ref(document.follow(alternative)?);
                if self.enclosing_unions.contains(&target) {
                    continue;
                }
                let mut branch = self.clone();
                branch.add(document, alternative)?;
                branch.expand(document, shape)?;
            }
            return Ok(());
        }
        shape.nullable |= self.always_nullable;
        let Some(kinds) = self.kinds.take().or_else(|| self.implied_kinds()) else {
            shape.variants.push(Variant { kind: Kind::Any, facets: self.facets });
            return Ok(());
        };
        for kind in kinds {
            if kind == Kind::Null {
                shape.nullable = true;
                continue;
            }
            let mut facets = self.facets.clone();
            if let Some(values) = &mut facets.values {
                values.retain(|value| Kind::of(value).intersect(kind) == Some(Kind::of(value)));
                if values.is_empty() {
                    continue;
                }
            }
            facets.format = facets.format.or(default_format(kind));
            shape.variants.push(Variant { kind, facets });
        }
        Ok(())
    }

    /// Returns the kinds that a schema without `type` implies.
    fn implied_kinds(&self) -> Option<BTreeSet<Kind>> {
        let facets = &self.facets;
        if let Some(values) = &facets.values {
            return Some(values.iter().map(|value| Kind::of(value)).collect());
        }
        let is_object = !facets.names().is_empty()
            || !matches!(facets.additional, AdditionalFields::Unspecified);
        if is_object {
            Some(BTreeSet::from([Kind::Object]))
        } else if !facets.items.0.is_empty() {
            Some(BTreeSet::from([Kind::Array]))
        } else if matches!(facets.format, Some("binary" | "byte")) {
            Some(BTreeSet::from([Kind::String]))
        } else {
            None
        }
    }
}

/// Merges alternatives that form an enumeration, such as a `oneOf` of `const`s.
fn merge_enumerations(variants: Vec<Variant<'_>>) -> Vec<Variant<'_>> {
    let mut joined: Vec<Variant<'_>> = Vec::new();
    for variant in variants {
        let before = joined.iter_mut().find(|before| {
            before.kind == variant.kind
                && before.facets.format == variant.facets.format
                && before.facets.values.is_some()
                && variant.facets.values.is_some()
        });
        match (before.and_then(|before| before.facets.values.as_mut()), &variant.facets.values) {
            (Some(values), Some(more)) => {
                let new: Vec<_> =
                    more.iter().filter(|value| !values.contains(value)).copied().collect();
                values.extend(new);
            }
            _ => joined.push(variant),
        }
    }
    joined
}

/// Returns the format, including the keywords for bytes of 3.1.
fn format(keywords: &Map<String, Value>) -> Option<&str> {
    let text = |key: &str| keywords.get(key).and_then(Value::as_str);
    match (text("format"), text("contentEncoding"), text("contentMediaType")) {
        (None, Some("base64"), _) => Some("byte"),
        (None, None, Some("application/octet-stream")) => Some("binary"),
        (format, _, _) => format,
    }
}

/// Returns the format of a kind if none is specified.
fn default_format(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Integer => Some("int64"),
        Kind::Number => Some("double"),
        _ => None,
    }
}

fn list<'a>(keywords: &'a Map<String, Value>, key: &str) -> &'a [Value] {
    keywords.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn is_true(keywords: &Map<String, Value>, key: &str) -> bool {
    keywords.get(key) == Some(&Value::Bool(true))
}
