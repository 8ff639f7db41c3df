//! Unions of objects. In Python, a value is an instance of the class of its variant.

use mistral_datasets::RawJson;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyType};

use super::wrong_type;
use crate::json::{JsonType, LazyJson};
use crate::json_object;

/// A union of objects.
pub trait ObjectUnion {
    /// Returns whether a value is an instance of the class of a variant.
    fn is_variant(value: &Bound<'_, PyAny>) -> bool;
}

/// A variant of a union of objects.
pub struct Variant {
    /// The name of its class.
    pub class: &'static str,
    /// The value of the discriminator that selects it, if there is a discriminator.
    pub tag: &'static str,
    /// The fields that it requires.
    pub required: &'static [&'static str],
    /// All of its fields.
    pub known: &'static [&'static str],
}

/// Returns the class of the variant to which the fields of a program belong, or `None` if the discriminator has an unknown value.
///
/// # Errors
/// Returns an error if there is no discriminator, and the fields belong to no variant: a filter without the keys of a filter would
/// match everything.
pub fn select(
    discriminator: &str,
    variants: &[Variant],
    fields: &Bound<'_, PyDict>,
) -> PyResult<Option<&'static str>> {
    if !discriminator.is_empty() {
        let tag = fields.get_item(discriminator)?;
        let tag = tag.and_then(|tag| tag.extract::<String>().ok());
        let selected = variants.iter().find(|variant| Some(variant.tag) == tag.as_deref());
        return Ok(selected.map(|variant| variant.class));
    }
    let has = |name: &&'static str| has_field(fields, name);
    for variant in variants {
        if !variant.required.iter().all(has) {
            continue;
        }
        if !variant.required.is_empty() || fields.is_empty() || variant.known.iter().any(has) {
            return Ok(Some(variant.class));
        }
    }
    let forms: Vec<String> = variants
        .iter()
        .map(|variant| format!("{} (with {})", variant.class, variant.known.join(", ")))
        .collect();
    Err(wrong_type(&forms.join(" or "), fields.as_any()))
}

/// Returns whether a field is given by its name in JSON, or by that of the attribute.
fn has_field(fields: &Bound<'_, PyDict>, name: &str) -> bool {
    let attribute = format!("{}_", name.to_lowercase());
    fields.contains(name).unwrap_or(false) || fields.contains(attribute).unwrap_or(false)
}

/// A variant that this version does not know, or a value that is not an object. Objects are instances of `models.UnknownObject`.
pub struct UnknownObject(RawJson);

impl From<RawJson> for UnknownObject {
    fn from(raw: RawJson) -> Self {
        Self(raw)
    }
}

impl From<UnknownObject> for RawJson {
    fn from(unknown: UnknownObject) -> Self {
        unknown.0
    }
}

fn unknown_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "mistral_datasets._object", "UnknownObject")
}

impl JsonType for UnknownObject {
    fn from_parsed<'py>(value: Bound<'py, PyAny>, raw: &RawJson) -> PyResult<Bound<'py, PyAny>> {
        match value.is_instance_of::<PyDict>() {
            true => json_object::from_parsed(unknown_class(value.py())?, value, raw),
            false => Ok(value),
        }
    }

    fn is_instance(value: &Bound<'_, PyAny>) -> PyResult<bool> {
        value.is_instance(unknown_class(value.py())?)
    }
}

impl UnknownObject {
    /// Formats a value for `repr`, without its contents.
    pub fn repr(value: &LazyJson<Self>, py: Python<'_>) -> PyResult<String> {
        let value = value.value(py)?;
        match value.is_instance_of::<PyString>() {
            true => Ok("<str>".to_owned()),
            false => Ok(value.repr()?.to_string()),
        }
    }
}

/// Declares a union of objects and implements `Field` for it.
macro_rules! object_union {
    ($name:ident by $discriminator:literal {
        $($variant:ident($class:ident): tag $tag:literal, required $required:expr, known $known:expr,)+
    }) => {
        pub enum $name {
            $($variant(Py<$class>),)+
            Other(LazyJson<UnknownObject>),
        }

        impl $name {
            const VARIANTS: &[Variant] = &[
                $(Variant {
                    class: stringify!($class), tag: $tag, required: &$required, known: &$known,
                },)+
            ];
        }

        impl ObjectUnion for $name {
            fn is_variant(value: &Bound<'_, PyAny>) -> bool {
                $(value.is_instance_of::<$class>())||+
            }
        }

        impl Field for $name {
            type Wire = types::$name;
            type Json = RawJson;

            fn from_wire(context: ConvertContext<'_, '_>, wire: Self::Wire) -> PyResult<Self> {
                match wire {
                    $(types::$name::$variant(value) => {
                        <Py<$class> as Field>::from_wire(context, value).map(Self::$variant)
                    })+
                    types::$name::Other(json) => Ok(Self::Other(LazyJson::received(json))),
                    _ => unreachable!("the variants are those of the client"),
                }
            }

            fn to_json(&self, py: Python<'_>) -> PyResult<RawJson> {
                match self {
                    $(Self::$variant(value) => value.to_json(py),)+
                    Self::Other(value) => value.to_raw(py),
                }
            }

            fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                match self {
                    $(Self::$variant(value) => Field::to_python(value, py),)+
                    Self::Other(value) => value.value(py).cloned(),
                }
            }

            fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                $(if let Ok(object) = value.cast::<$class>() {
                    return Ok(Self::$variant(object.clone().unbind()));
                })+
                let fields = model::fields_of(value, &[$(stringify!($class)),+].join(", "))?;
                match select($discriminator, Self::VARIANTS, &fields)? {
                    $(Some(stringify!($class)) => {
                        <Py<$class> as Field>::from_python(fields.as_any()).map(Self::$variant)
                    })+
                    _ => {
                        let raw = json_object::serialize(fields.as_any())?;
                        LazyJson::created(value, raw).map(Self::Other)
                    }
                }
            }

            fn repr(&self, py: Python<'_>) -> PyResult<String> {
                match self {
                    $(Self::$variant(value) => Field::repr(value, py),)+
                    Self::Other(value) => UnknownObject::repr(value, py),
                }
            }
        }
    };
}

pub(crate) use object_union;
