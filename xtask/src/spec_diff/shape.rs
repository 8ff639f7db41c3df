//! A schema in a form that can be compared: the accepted kinds of values, with the constraints for each kind.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ptr;

use serde_json::Value;

use super::limits::Limits;

/// A schema that is not resolved yet: a list of schemas that all apply.
///
/// Usually there is one. A field that two elements of an `allOf` describe has two. An empty list accepts any value.
#[derive(Clone, Default)]
pub struct Node<'a>(pub Vec<&'a Value>);

/// Compares addresses, not contents, which detects circular references.
impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|(left, right)| ptr::eq(*left, *right))
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The schemas may contain large parts of the document.
        write!(f, "Node({} places)", self.0.len())
    }
}

/// The values that a schema accepts.
#[derive(Clone, Debug)]
pub struct Shape<'a> {
    /// Whether `null` is accepted.
    pub nullable: bool,
    /// The alternatives except null. A union has several, which may be of the same kind.
    pub variants: Vec<Variant<'a>>,
    /// The default value.
    pub default: Option<&'a Value>,
    /// Whether the value only occurs in responses.
    pub read_only: bool,
    /// Whether the value only occurs in requests.
    pub write_only: bool,
}

impl Shape<'_> {
    /// Returns whether every value is accepted.
    pub fn is_any(&self) -> bool {
        self.variants.iter().any(|variant| variant.kind == Kind::Any)
    }
}

/// An alternative of a shape, with values of one kind.
#[derive(Clone, Debug)]
pub struct Variant<'a> {
    /// The kind of value.
    pub kind: Kind,
    /// The constraints.
    pub facets: Facets<'a>,
}

/// The kinds of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Null.
    Null,
    /// A boolean.
    Boolean,
    /// An integer.
    Integer,
    /// Any number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
    /// Any value.
    Any,
}

impl Kind {
    /// Returns the kind that `type` names.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::Null,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "string" => Self::String,
            "array" => Self::Array,
            "object" => Self::Object,
            _ => return None,
        })
    }

    /// Returns the kind of a value.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if number.is_f64() => Self::Number,
            Value::Number(_) => Self::Integer,
            Value::String(_) => Self::String,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }

    /// Returns the kind of the values that both kinds have in common. Integers are numbers.
    pub fn intersect(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Integer, Self::Number) | (Self::Number, Self::Integer) => Some(Self::Integer),
            _ => (self == other).then_some(self),
        }
    }

    /// Returns the name that `type` uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
            Self::Any => "any",
        }
    }
}

/// The constraints on values of a kind. Constraints for other kinds have no effect.
#[derive(Clone, Debug, Default)]
pub struct Facets<'a> {
    /// The format of a string or number.
    pub format: Option<&'a str>,
    /// The accepted values of an enumeration.
    pub values: Option<Vec<&'a Value>>,
    /// Bounds, patterns and similar limits.
    pub limits: Limits<'a>,
    /// The schema of array items.
    pub items: Node<'a>,
    /// The named fields of an object.
    pub properties: BTreeMap<&'a str, Node<'a>>,
    /// The required fields of an object.
    pub required: BTreeSet<&'a str>,
    /// The additional fields of an object.
    pub additional: AdditionalFields<'a>,
}

/// The fields of an object that the schema does not name.
#[derive(Clone, Debug, Default)]
pub enum AdditionalFields<'a> {
    /// Not specified, which allows them; our writers do not send any.
    #[default]
    Unspecified,
    /// Allowed, with any value.
    Any,
    /// Allowed, with this schema.
    Schema(Node<'a>),
    /// Not allowed.
    Rejected,
}

impl AdditionalFields<'_> {
    /// Combines two schemas that both apply.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Rejected, _) | (_, Self::Rejected) => Self::Rejected,
            (Self::Schema(mut node), Self::Schema(more)) => {
                node.0.extend(more.0);
                Self::Schema(node)
            }
            (Self::Schema(node), _) | (_, Self::Schema(node)) => Self::Schema(node),
            (Self::Any, _) | (_, Self::Any) => Self::Any,
            (Self::Unspecified, Self::Unspecified) => Self::Unspecified,
        }
    }
}

impl<'a> Facets<'a> {
    /// Returns the schema of a named field. A field that is only listed as required accepts any value.
    pub fn field(&self, name: &str) -> Option<Node<'a>> {
        match self.properties.get(name) {
            Some(node) => Some(node.clone()),
            None => self.required.contains(name).then(Node::default),
        }
    }

    /// Returns the named fields in alphabetical order.
    pub fn names(&self) -> BTreeSet<&'a str> {
        self.properties.keys().chain(&self.required).copied().collect()
    }

    /// Returns whether an object is meant to have fields that the writer chooses.
    pub fn accepts_custom_fields(&self) -> bool {
        match self.additional {
            AdditionalFields::Any | AdditionalFields::Schema(_) => true,
            AdditionalFields::Unspecified => self.properties.is_empty() && self.required.is_empty(),
            AdditionalFields::Rejected => false,
        }
    }
}
