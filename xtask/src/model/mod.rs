//! The API model that all emitters read, independent of OpenAPI's syntax.
//!
//! [`read`](read::read) converts the document to a [`Model`], and rejects what the emitters do not support.

mod document;
mod groups;
mod listing;
mod read;
#[cfg(test)]
mod read_tests;
mod union;

pub use groups::last_part;
pub use listing::Listing;
pub use read::read;
pub use union::{ObjectVariant, snake};

/// The API.
#[derive(Clone, Debug)]
pub struct Model {
    /// Operations in the order of the document.
    pub operations: Vec<Operation>,
    /// Schemas in the order of the document.
    pub schemas: Vec<Schema>,
    /// The descriptions of the resource groups, by group.
    pub group_descriptions: Vec<(String, String)>,
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

    /// Returns whether null is accepted as an argument of this type, and is the same as an empty object.
    pub fn accepts_null(&self, ty: &Type) -> bool {
        let Type::Named(name) = ty else { return false };
        self.schema(name).empty_if_null
    }

    /// Returns the operations of a group.
    pub fn operations_of<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Operation> {
        self.operations.iter().filter(move |operation| operation.group == group)
    }
}

/// An operation of the API.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The unique operation id, such as `list_datasets`.
    pub id: String,
    /// The resource that has the public method, such as `datasets` or `datasets.records`.
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
    /// Whether it only reads, so that it can be retried although it is a POST. Always true for GET.
    pub read_only: bool,
    /// The generations of the API that have the operation, such as `g2`. Empty if all have it.
    pub generations: Vec<String>,
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
    /// Whether it is part of responses or requests.
    pub role: Role,
    /// Whether it is a part of a request's body, rather than only a whole body.
    pub nested: bool,
    /// Whether a request may contain null instead, which means an empty object.
    pub empty_if_null: bool,
}

impl Schema {
    /// Returns whether a program reads values of this schema, or passes them as parts of a body. Such values keep unknown
    /// fields. The other schemas are bodies, whose fields are arguments of methods.
    pub fn is_value(&self) -> bool {
        self.role != Role::Request || self.nested
    }
}

/// The direction of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Part of responses only: parsed leniently.
    Response,
    /// Only sent: serialized exactly, without optional fields that are not set.
    Request,
    /// Part of responses and of requests: parsed leniently, and serialized as a request.
    Both,
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
    /// One of several objects.
    ObjectUnion {
        /// The field whose value selects the variant. Without it, the first variant whose required fields are all present is
        /// selected.
        discriminator: Option<String>,
        /// The objects.
        variants: Vec<ObjectVariant>,
    },
}

/// A field of an object, or a parameter.
#[derive(Clone, Debug)]
pub struct Field {
    /// The name on the wire. Usually in snake case, but `AND` in filters.
    pub name: String,
    /// The document's description.
    pub description: String,
    /// The type.
    pub ty: Type,
    /// Whether it must be present, or some generation of the API requires it. In responses, a field that is also nullable may be omitted all the same.
    pub required: bool,
    /// Whether it may be null. A request contains null if a field is also required. Never set for [`Type::Json`], which includes
    /// null.
    pub nullable: bool,
    /// The limits on its values.
    pub limits: Limits,
    /// The default value of the server, as JSON.
    pub default: Option<String>,
    /// The accepted values of a string, if the document enumerates them inline.
    pub choices: Vec<String>,
    /// Whether the value grants access, as a presigned URL does, or is part of a conversation or a prompt. It must not be printed.
    pub secret: bool,
    /// Whether the value is a search expression.
    pub expression: bool,
}

impl Field {
    /// Returns the only value of a string, such as `REGRESSION` for the `type` of a variant of a union. Constructors set it.
    pub fn constant(&self) -> Option<&str> {
        match (&self.ty, self.choices.as_slice()) {
            (Type::String, [only]) if self.required => Some(only),
            _ => None,
        }
    }
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
    /// Any JSON value, including null.
    Json,
    /// An array.
    Array(Box<Type>),
    /// An object with arbitrary keys, whose values have a type.
    Map(Box<Type>),
    /// A value or null; only in arrays and maps. Fields have [`Field::nullable`].
    Nullable(Box<Type>),
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
    /// Whether the minimum itself is not accepted.
    pub exclusive_minimum: bool,
    /// Whether the maximum itself is not accepted.
    pub exclusive_maximum: bool,
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
            .or_else(|| match (self.exclusive_minimum, self.exclusive_maximum) {
                (false, false) => {
                    range(self.minimum.map(i128::from), self.maximum.map(i128::from), "")
                }
                _ => self.number_in_words(),
            })
    }

    /// Describes the limits of a number, at least one of which is exclusive.
    fn number_in_words(&self) -> Option<String> {
        let low = self.minimum.map(|low| match self.exclusive_minimum {
            true => format!("greater than {low}"),
            false => format!("at least {low}"),
        });
        let high = self.maximum.map(|high| match self.exclusive_maximum {
            true => format!("less than {high}"),
            false => format!("at most {high}"),
        });
        let parts: Vec<String> = low.into_iter().chain(high).collect();
        (!parts.is_empty()).then(|| parts.join(" and "))
    }
}
