//! Compares the parameters of two operations.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::Document;
use super::error::Error;
use super::flow::{Change, Flow};
use super::operations::Side;
use super::place::Place;
use super::report::{Breaks, Difference};
use super::schemas::Comparison;
use super::shape::{Kind, Node};

/// Headers that OpenAPI does not allow as parameters.
const IGNORED_HEADERS: [&str; 3] = ["accept", "authorization", "content-type"];

/// The location of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Location {
    Path,
    Query,
    Header,
    Cookie,
}

/// The location and name of a parameter. A path parameter has its number instead, because its name is not on the wire.
type Key = (Location, String);

#[derive(Debug)]
struct Parameter<'a> {
    place: Place,
    required: bool,
    schema: Node<'a>,
    /// The serialization of an array or object, such as `form, exploded`.
    style: String,
}

/// Returns the differences in the parameters of an operation.
pub fn compare<'a>(ours: Side<'_, 'a>, theirs: Side<'_, 'a>) -> Result<Vec<Difference>, Error> {
    let (our_parameters, their_parameters) = (parameters(ours)?, parameters(theirs)?);
    let keys: BTreeSet<&Key> = our_parameters.keys().chain(their_parameters.keys()).collect();
    let mut differences = Vec::new();
    for key in keys {
        let in_path = key.0 == Location::Path;
        differences.extend(match (our_parameters.get(key), their_parameters.get(key)) {
            (Some(our), Some(their)) => compare_one(ours.document, theirs.document, our, their)?,
            // Both paths have the parameter; one document does not describe it.
            _ if in_path => continue,
            // The service rejects or ignores the parameter.
            (Some(our), None) => vec![our.difference("parameter removed", Some(Breaks::Writers))],
            (None, Some(their)) if their.required => {
                vec![their.difference("required parameter added", Some(Breaks::Writers))]
            }
            (None, Some(their)) => vec![their.difference("optional parameter added", None)],
            (None, None) => continue,
        });
    }
    Ok(differences)
}

fn compare_one<'a>(
    our_document: &Document<'a>,
    their_document: &Document<'a>,
    ours: &Parameter<'a>,
    theirs: &Parameter<'a>,
) -> Result<Vec<Difference>, Error> {
    let mut differences = Vec::new();
    let flow = Flow::Request;
    match (ours.required, theirs.required) {
        (false, true) => {
            let breaks = flow.breaks(Change::Narrowed);
            differences.push(ours.difference("optional → required", breaks));
        }
        (true, false) => {
            let breaks = flow.breaks(Change::Widened);
            differences.push(ours.difference("required → optional", breaks));
        }
        (false, false) | (true, true) => {}
    }
    // The style does not affect scalars.
    if ours.style != theirs.style && has_parts(our_document, &ours.schema)? {
        let change = format!("style {} → {}", ours.style, theirs.style);
        differences.push(ours.difference(change, flow.breaks(Change::Different)));
    }
    let comparison = Comparison::new(our_document, their_document, flow).without_null();
    differences.extend(comparison.run(&ours.place, &ours.schema, &theirs.schema)?);
    Ok(differences)
}

impl Parameter<'_> {
    fn difference(&self, change: impl Into<String>, breaks: Option<Breaks>) -> Difference {
        Difference::new(self.place.to_string(), change, breaks)
    }
}

fn has_parts<'a>(document: &Document<'a>, schema: &Node<'a>) -> Result<bool, Error> {
    let shape = document.shape(schema)?;
    Ok(shape.variants.iter().any(|variant| matches!(variant.kind, Kind::Array | Kind::Object)))
}

fn parameters<'a>(side: Side<'_, 'a>) -> Result<BTreeMap<Key, Parameter<'a>>, Error> {
    let Side { document, operation } = side;
    let in_path = operation.path_parameters();
    let mut parameters = BTreeMap::new();
    // Parameters of the operation replace those of the path item.
    for owner in [operation.item, operation.body] {
        for written in owner.get("parameters").and_then(Value::as_array).into_iter().flatten() {
            let written = document.follow(written)?;
            let text = |key: &str| written.get(key).and_then(Value::as_str).unwrap_or_default();
            let name = text("name");
            let (location, identity, place) = match text("in") {
                "path" => match in_path.iter().position(|other| *other == name) {
                    Some(number) => {
                        (Location::Path, format!("{number:03}"), format!("path {{{name}}}"))
                    }
                    None => continue,
                },
                "query" => (Location::Query, name.to_owned(), format!("query {name}")),
                "header" if IGNORED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) => {
                    continue;
                }
                "header" => (Location::Header, name.to_ascii_lowercase(), format!("header {name}")),
                "cookie" => (Location::Cookie, name.to_owned(), format!("cookie {name}")),
                _ => continue,
            };
            let parameter = Parameter {
                place: Place::new(place),
                required: written.get("required") == Some(&Value::Bool(true)),
                schema: Node(schema(written).into_iter().collect()),
                style: style(written, location),
            };
            parameters.insert((location, identity), parameter);
        }
    }
    Ok(parameters)
}

/// Returns the schema of a parameter, which may be below its media type.
fn schema(parameter: &Value) -> Option<&Value> {
    let in_content = || parameter.get("content")?.as_object()?.values().next()?.get("schema");
    parameter.get("schema").or_else(in_content)
}

fn style(parameter: &Value, location: Location) -> String {
    if let Some(media) = parameter.get("content").and_then(Value::as_object) {
        return media.keys().next().cloned().unwrap_or_default();
    }
    let default_style = match location {
        Location::Path | Location::Header => "simple",
        Location::Query | Location::Cookie => "form",
    };
    let style = parameter.get("style").and_then(Value::as_str).unwrap_or(default_style);
    let exploded = match parameter.get("explode") {
        Some(Value::Bool(exploded)) => *exploded,
        _ => style == "form",
    };
    if exploded { format!("{style}, exploded") } else { style.to_owned() }
}
