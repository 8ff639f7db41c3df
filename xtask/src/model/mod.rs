//! The API model that all emitters read, independent of OpenAPI's syntax.
//!
//! [`read`](read::read) converts the document to a [`Model`], and rejects what the emitters do not support.

mod read;
#[cfg(test)]
mod read_tests;

pub use read::read;

/// The API.
#[derive(Clone, Debug)]
pub struct Model {
    /// Operations in the order of the document.
    pub operations: Vec<Operation>,
    /// Schemas in the order of the document.
    pub schemas: Vec<Schema>,
}

impl Model {
    /// Returns the schema with this name.
    ///
    /// # Panics
    /// Panics if there is none. The reader checks all references, so this is a bug of the caller.
    pub fn schema(&self, name: &str) -> &Schema {
        self.schemas
            .iter()
            .find(|schema| schema.name == name)
            .unwrap_or_else(|| panic!("schema `{name}` was resolved by the reader"))
    }

    /// Returns whether null is accepted as an argument of this type, and is the same as an empty object: the schema allows any
    /// fields and requires none.
    pub fn accepts_null(&self, ty: &Type) -> bool {
        let Type::Named(name) = ty else { return false };
        match &self.schema(name).kind {
            Kind::FreeObject { known } => known.iter().all(|field| !field.required),
            _ => false,
        }
    }

    /// Returns the resource groups in the order of the document, such as `datasets`, `datasets.records`, `files`.
    pub fn groups(&self) -> Vec<&str> {
        let mut groups = Vec::new();
        for operation in &self.operations {
            if !groups.contains(&operation.group.as_str()) {
                groups.push(&operation.group);
            }
        }
        groups
    }

    /// Returns what an operation lists if it is paginated: it takes `page` and `page_size`, and its response has a single field
    /// with a page of named objects.
    pub fn listing(&self, operation: &Operation) -> Option<Listing> {
        let takes =
            |name: &str| operation.parameters.iter().any(|parameter| parameter.field.name == name);
        let Response::Json(response) = &operation.success.response else { return None };
        let Kind::Object { fields } = &self.schema(response).kind else { return None };
        let [Field { name: page_field, ty: Type::Named(page), .. }] = fields.as_slice() else {
            return None;
        };
        let Kind::Object { fields } = &self.schema(page).kind else { return None };
        let has = |name: &str| fields.iter().any(|field| field.name == name);
        let results = fields.iter().find(|field| field.name == "results")?;
        let Type::Array(item) = &results.ty else { return None };
        let Type::Named(item) = &**item else { return None };
        let listing = Listing { page_field: page_field.clone(), item: item.clone() };
        (takes("page") && takes("page_size") && has("count") && has("next")).then_some(listing)
    }

    /// Returns the operations of a group.
    pub fn operations_of<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Operation> {
        self.operations.iter().filter(move |operation| operation.group == group)
    }
}

/// What a paginated operation lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The response field that contains the page.
    pub page_field: String,
    /// The schema of the items.
    pub item: String,
}

/// An operation of the API.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The unique operation id, such as `list_datasets`.
    pub id: String,
    /// The resource that has the public method: `datasets`, `datasets.records` or `files`.
    pub group: String,
    /// The name of the public method in snake case, such as `list`.
    pub name: String,
    /// `GET`, `POST`, …
    pub method: String,
    /// The path with `{parameters}`.
    pub path: String,
    /// A one-line summary.
    pub summary: String,
    /// One or more sentences.
    pub description: String,
    /// Path parameters first, then query parameters, each in the order of the document.
    pub parameters: Vec<Parameter>,
    /// The request body.
    pub body: Option<Body>,
    /// The response of a successful call.
    pub success: Success,
    /// Why the method is written by hand in the client and the bindings, or `None` if it is generated.
    pub handwritten: Option<String>,
    /// Example values of arguments, by name.
    pub examples: serde_json::Map<String, serde_json::Value>,
}

impl Operation {
    /// Returns the description with its first sentence as a paragraph of its own, which documentation tools show in overviews.
    pub fn doc(&self) -> String {
        match self.description.split_once(". ") {
            Some((first, rest)) => format!("{first}.\n\n{rest}"),
            None => self.description.clone(),
        }
    }

    /// Returns whether the operation starts a task that continues after the response, as status 202 indicates.
    pub fn starts_task(&self) -> bool {
        self.success.status == 202
    }

    /// Returns the arguments of the public method: required ones first, and within both halves path parameters, query
    /// parameters, then body fields.
    pub fn arguments<'a>(&'a self, model: &'a Model) -> Vec<Argument<'a>> {
        let mut arguments: Vec<Argument> = self
            .parameters
            .iter()
            .map(|parameter| Argument {
                field: &parameter.field,
                place: Place::from(parameter.location),
            })
            .collect();
        if let Some(body) = &self.body
            && let Kind::Object { fields } = &model.schema(&body.schema).kind
        {
            arguments.extend(fields.iter().map(|field| Argument { field, place: Place::Body }));
        }
        // The sort is stable.
        arguments.sort_by_key(|argument| !argument.field.required);
        arguments
    }
}

/// An argument of a public method.
#[derive(Clone, Copy, Debug)]
pub struct Argument<'a> {
    /// Name, type, limits and description.
    pub field: &'a Field,
    /// Its place in the request.
    pub place: Place,
}

/// The place of an argument in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A path parameter.
    Path,
    /// A query parameter.
    Query,
    /// A field of the body.
    Body,
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        match location {
            Location::Path => Self::Path,
            Location::Query => Self::Query,
        }
    }
}

/// A path or query parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Name, type, limits and description.
    pub field: Field,
    /// Path or query.
    pub location: Location,
}

/// The place of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// A path parameter.
    Path,
    /// A query parameter.
    Query,
}

/// A request body.
#[derive(Clone, Debug)]
pub struct Body {
    /// The schema, which is an object with known fields.
    pub schema: String,
    /// The property of the official SDK's requests that has the fields of the body, in snake case, if it is nested.
    pub official_name: Option<String>,
}

/// A successful response.
#[derive(Clone, Debug)]
pub struct Success {
    /// The only status that means success.
    pub status: u16,
    /// The document's description of the response.
    pub description: String,
    /// The response body.
    pub response: Response,
}

/// The body of a successful response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// No body.
    Empty,
    /// JSON of the named schema.
    Json(String),
    /// A stream of bytes.
    Bytes,
}

/// A named schema.
#[derive(Clone, Debug)]
pub struct Schema {
    /// The name in the document, in Pascal case.
    pub name: String,
    /// The document's description.
    pub description: String,
    /// The shape.
    pub kind: Kind,
    /// Whether it is part of responses.
    pub role: Role,
}

/// The direction of a schema, which selects lenient or exact types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Part of at least one response: parsed leniently.
    Response,
    /// Only sent: serialized exactly.
    Request,
}

/// The shape of a named schema.
#[derive(Clone, Debug)]
pub enum Kind {
    /// An object with known fields.
    Object {
        /// The fields in the order of the document.
        fields: Vec<Field>,
    },
    /// An object with arbitrary fields, kept as raw JSON. Some fields may be known.
    FreeObject {
        /// The fields that the document names.
        known: Vec<Field>,
    },
    /// A string enumeration that may gain values.
    OpenEnum {
        /// The known values.
        values: Vec<String>,
    },
    /// One of several scalars.
    Union {
        /// The scalars.
        variants: Vec<Type>,
    },
}

/// A field of an object, or a parameter.
#[derive(Clone, Debug)]
pub struct Field {
    /// The name on the wire, in snake case.
    pub name: String,
    /// The document's description.
    pub description: String,
    /// The type.
    pub ty: Type,
    /// Whether it must be present.
    pub required: bool,
    /// Whether it may be null.
    pub nullable: bool,
    /// The limits on its values.
    pub limits: Limits,
    /// The default value of the server, as JSON.
    pub default: Option<String>,
    /// The accepted values of a string, if the document enumerates them inline.
    pub choices: Vec<String>,
    /// Whether the value grants access, as a presigned URL does, and must not be printed.
    pub secret: bool,
}

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// A string.
    String,
    /// A UUID, as a string.
    Uuid,
    /// An RFC 3339 timestamp, as a string.
    DateTime,
    /// The bytes of a file; only in multipart bodies.
    Binary,
    /// A 64-bit integer.
    Integer,
    /// A floating-point number.
    Number,
    /// A boolean.
    Boolean,
    /// An unnamed object with arbitrary fields.
    FreeObject,
    /// An array.
    Array(Box<Type>),
    /// A named schema.
    Named(String),
}

/// Limits on the values of a request. String lengths are in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The minimum length of a string.
    pub min_length: Option<u64>,
    /// The maximum length of a string.
    pub max_length: Option<u64>,
    /// The minimum number of array items.
    pub min_items: Option<u64>,
    /// The maximum number of array items.
    pub max_items: Option<u64>,
    /// The minimum of a number.
    pub minimum: Option<i64>,
    /// The maximum of a number.
    pub maximum: Option<i64>,
}

impl Limits {
    /// Describes the limits, such as `5 to 50 characters`. Returns `None` if there are none.
    pub fn in_words(&self) -> Option<String> {
        let range = |low: Option<i128>, high: Option<i128>, unit: &str| match (low, high) {
            (Some(low), Some(high)) => Some(format!("{low} to {high}{unit}")),
            (Some(low), None) => Some(format!("at least {low}{unit}")),
            (None, Some(high)) => Some(format!("at most {high}{unit}")),
            (None, None) => None,
        };
        range(self.min_length.map(i128::from), self.max_length.map(i128::from), " characters")
            .or_else(|| {
                range(self.min_items.map(i128::from), self.max_items.map(i128::from), " items")
            })
            .or_else(|| range(self.minimum.map(i128::from), self.maximum.map(i128::from), ""))
    }
}
