//! The generator's own view of the API: what every emitter reads, and nothing of OpenAPI's spelling.
//!
//! [`read`](read::read) turns the document into a [`Model`] and refuses, naming the place, what no emitter can express.

mod read;
#[cfg(test)]
mod read_tests;

pub use read::read;

/// Everything the emitters know.
#[derive(Clone, Debug)]
pub struct Model {
    /// Operations in the order of the document.
    pub operations: Vec<Operation>,
    /// Schemas in the order of the document.
    pub schemas: Vec<Schema>,
}

impl Model {
    /// The schema of that name. The reader has resolved every reference, so that a miss is a defect of the caller.
    pub fn schema(&self, name: &str) -> &Schema {
        self.schemas
            .iter()
            .find(|schema| schema.name == name)
            .unwrap_or_else(|| panic!("schema `{name}` was resolved by the reader"))
    }

    /// The resource groups in the order of the document, such as `datasets`, `datasets.records`, `files`.
    pub fn groups(&self) -> Vec<&str> {
        let mut groups = Vec::new();
        for operation in &self.operations {
            if !groups.contains(&operation.group.as_str()) {
                groups.push(&operation.group);
            }
        }
        groups
    }

    /// What an operation lists, if it is a listing in pages: it takes `page` and `page_size`, and its response has one member,
    /// which is a page of objects with ids.
    pub fn listing(&self, operation: &Operation) -> Option<Listing> {
        let takes =
            |name: &str| operation.parameters.iter().any(|parameter| parameter.field.name == name);
        let Response::Json(response) = &operation.success.response else { return None };
        let Kind::Object { fields } = &self.schema(response).kind else { return None };
        let [Field { name: member, ty: Type::Named(page), .. }] = fields.as_slice() else {
            return None;
        };
        let Kind::Object { fields } = &self.schema(page).kind else { return None };
        let has = |name: &str| fields.iter().any(|field| field.name == name);
        let results = fields.iter().find(|field| field.name == "results")?;
        let Type::Array(item) = &results.ty else { return None };
        let Type::Named(item) = &**item else { return None };
        let listing = Listing { member: member.clone(), item: item.clone() };
        (takes("page") && takes("page_size") && has("count") && has("next")).then_some(listing)
    }

    /// The operations of one group.
    pub fn operations_of<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Operation> {
        self.operations.iter().filter(move |operation| operation.group == group)
    }
}

/// What a listing lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The member of the response that holds the page.
    pub member: String,
    /// The name of the schema of its results.
    pub item: String,
}

/// One call of the API.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The document's operation id, unique: `list_datasets`.
    pub id: String,
    /// Where the public method hangs: `datasets`, `datasets.records` or `files`.
    pub group: String,
    /// What the public method is called, in snake case: `list`.
    pub name: String,
    /// `GET`, `POST`, …
    pub method: String,
    /// The path with `{parameters}`.
    pub path: String,
    /// One line.
    pub summary: String,
    /// A sentence or more.
    pub description: String,
    /// Path parameters first, then query parameters, each in the order of the document.
    pub parameters: Vec<Parameter>,
    /// The body of the request, if it takes one.
    pub body: Option<Body>,
    /// What comes back when all is well.
    pub success: Success,
    /// Why the method is written by hand in the client and the bindings, if it is.
    pub handwritten: Option<String>,
}

impl Operation {
    /// Whether it starts a task that goes on after the response, as 202 says.
    pub fn starts_task(&self) -> bool {
        self.success.status == 202
    }

    /// The arguments of the public method as one flat list: path, query, then the members of the body; within that the
    /// required ones first, as every language wants them.
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
        // A stable sort keeps the order within both halves.
        arguments.sort_by_key(|argument| !argument.field.required);
        arguments
    }
}

/// One argument of a public method.
#[derive(Clone, Copy, Debug)]
pub struct Argument<'a> {
    /// Name, type, limits and description.
    pub field: &'a Field,
    /// Where it travels.
    pub place: Place,
}

/// Where an argument travels in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// As a member of the body.
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

/// A parameter of the path or the query.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Name, type, limits and description.
    pub field: Field,
    /// Path or query.
    pub location: Location,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the path.
    Path,
    /// In the query.
    Query,
}

/// The body of a request.
#[derive(Clone, Debug)]
pub struct Body {
    /// The name of its schema, always an object with members.
    pub schema: String,
}

/// What a successful call answers.
#[derive(Clone, Debug)]
pub struct Success {
    /// The one status that means success.
    pub status: u16,
    /// What the response says, in the document's words.
    pub description: String,
    /// What the response holds.
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
    /// Its name in the document, in Pascal case.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Its shape.
    pub kind: Kind,
    /// Which way it travels.
    pub role: Role,
}

/// Which way a schema travels; it decides between lenient and exact types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is part of some response: read leniently.
    Response,
    /// It is sent only: written exactly.
    Request,
}

/// The shape of a named schema.
#[derive(Clone, Debug)]
pub enum Kind {
    /// An object with known members.
    Object {
        /// The members in the order of the document.
        fields: Vec<Field>,
    },
    /// An object with free members, which stays the JSON text it came as; some members may be known.
    FreeObject {
        /// The members one can rely on.
        known: Vec<Field>,
    },
    /// Text out of a list that may grow.
    OpenEnum {
        /// The values known today.
        values: Vec<String>,
    },
    /// One of several scalars.
    Union {
        /// The scalars.
        variants: Vec<Type>,
    },
}

/// A member of an object, or a parameter.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name on the wire, in snake case.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Its type.
    pub ty: Type,
    /// Whether it must be there.
    pub required: bool,
    /// Whether it may be null.
    pub nullable: bool,
    /// What its values must keep to.
    pub limits: Limits,
    /// The value the server takes where none is given, as JSON text.
    pub default: Option<String>,
    /// The values that a text may have, where the document lists them beside its type.
    pub choices: Vec<String>,
    /// Whether the value opens something by itself, as a presigned link does, and must not be printed.
    pub secret: bool,
}

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text.
    String,
    /// A uuid as text.
    Uuid,
    /// A time as RFC 3339 text.
    DateTime,
    /// The bytes of a file; only in multipart bodies.
    Binary,
    /// A whole number of 64 bits.
    Integer,
    /// A floating-point number.
    Number,
    /// True or false.
    Boolean,
    /// An object with free members that has no name.
    FreeObject,
    /// A list.
    Array(Box<Type>),
    /// A named schema.
    Named(String),
}

/// Limits a request must keep to. Lengths of text count characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The fewest characters of a text.
    pub min_length: Option<u64>,
    /// The most characters of a text.
    pub max_length: Option<u64>,
    /// The fewest items of a list.
    pub min_items: Option<u64>,
    /// The most items of a list.
    pub max_items: Option<u64>,
    /// The least number.
    pub minimum: Option<i64>,
    /// The greatest number.
    pub maximum: Option<i64>,
}

impl Limits {
    /// The limits in words, such as `5 to 50 characters`, if there are any.
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
