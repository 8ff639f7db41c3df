//! A schema in a form that can be compared: which kinds of value it permits, and for each kind
//! what else it says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ptr;

use serde_json::Value;

use super::limits::Limits;

/// A schema that has not been looked at yet: the places in the document that state it, all of
/// which hold at once.
///
/// Usually that is one place; a field that two members of an `allOf` describe has two. No place
/// at all permits anything.
#[derive(Clone, Default)]
pub struct Node<'a>(pub Vec<&'a Value>);

/// Nodes are the same if they are the same places, whatever stands there: this is what makes out a
/// circle of references.
impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|(left, right)| ptr::eq(*left, *right))
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values below a node can be half a document.
        write!(f, "Node({} places)", self.0.len())
    }
}

/// What a schema permits.
#[derive(Clone, Debug)]
pub struct Shape<'a> {
    /// Whether `null` is permitted.
    pub nullable: bool,
    /// The alternatives beside null. A union has several, also of the same kind.
    pub variants: Vec<Variant<'a>>,
    /// What the service takes when nothing is given.
    pub default: Option<&'a Value>,
    /// Whether the value only occurs in responses.
    pub read_only: bool,
    /// Whether the value only occurs in requests.
    pub write_only: bool,
}

impl Shape<'_> {
    /// Whether every value is permitted.
    pub fn is_any(&self) -> bool {
        self.variants.iter().any(|variant| variant.kind == Kind::Any)
    }
}

/// One alternative of a shape: values of one kind.
#[derive(Clone, Debug)]
pub struct Variant<'a> {
    /// The kind of value.
    pub kind: Kind,
    /// What else is said about it.
    pub facets: Facets<'a>,
}

/// The kinds of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Only null.
    Null,
    /// True or false.
    Boolean,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// Text.
    String,
    /// A list.
    Array,
    /// Fields with names.
    Object,
    /// Nothing is said about the kind.
    Any,
}

impl Kind {
    /// The kind that a schema's `type` names.
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

    /// The kind of a value.
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

    /// The values that are of both kinds: whole numbers are numbers too.
    pub fn meet(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Integer, Self::Number) | (Self::Number, Self::Integer) => Some(Self::Integer),
            _ => (self == other).then_some(self),
        }
    }

    /// The kind in lower case, as a schema's `type` has it.
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

/// What a schema says about values of a kind. Only what fits the kind means anything.
#[derive(Clone, Debug, Default)]
pub struct Facets<'a> {
    /// How text or a number is to be read.
    pub format: Option<&'a str>,
    /// The values permitted, if they are enumerated.
    pub values: Option<Vec<&'a Value>>,
    /// Bounds and the like.
    pub limits: Limits<'a>,
    /// What the items of an array are.
    pub items: Node<'a>,
    /// The fields that an object names.
    pub properties: BTreeMap<&'a str, Node<'a>>,
    /// The fields that an object must have.
    pub required: BTreeSet<&'a str>,
    /// What is said about fields that are not named.
    pub further: Further<'a>,
}

/// What a schema says about the fields of an object that it does not name.
#[derive(Clone, Debug, Default)]
pub enum Further<'a> {
    /// Nothing, which permits them; yet our writers then send none.
    #[default]
    Unsaid,
    /// There may be any.
    Anything,
    /// There may be some of this form.
    Each(Node<'a>),
    /// There are none.
    Refused,
}

impl Further<'_> {
    /// What two schemas say that hold at once.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Refused, _) | (_, Self::Refused) => Self::Refused,
            (Self::Each(mut node), Self::Each(more)) => {
                node.0.extend(more.0);
                Self::Each(node)
            }
            (Self::Each(node), _) | (_, Self::Each(node)) => Self::Each(node),
            (Self::Anything, _) | (_, Self::Anything) => Self::Anything,
            (Self::Unsaid, Self::Unsaid) => Self::Unsaid,
        }
    }
}

impl<'a> Facets<'a> {
    /// The schema of a named field; a field that is only listed as required has none.
    pub fn field(&self, name: &str) -> Option<Node<'a>> {
        match self.properties.get(name) {
            Some(node) => Some(node.clone()),
            None => self.required.contains(name).then(Node::default),
        }
    }

    /// All fields that are named, in alphabetical order.
    pub fn names(&self) -> BTreeSet<&'a str> {
        self.properties.keys().chain(&self.required).copied().collect()
    }

    /// Whether an object is there to carry fields of the writer's own choice.
    pub fn is_free(&self) -> bool {
        match self.further {
            Further::Anything | Further::Each(_) => true,
            Further::Unsaid => self.properties.is_empty() && self.required.is_empty(),
            Further::Refused => false,
        }
    }
}
