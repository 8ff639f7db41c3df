//! Enumerations, unions of scalars and constants.

use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Implements `Field` for an open enum, which is a class of `mistral_datasets.enums` in Python.
macro_rules! open_enum {
    ($name:ident) => {
        impl Field for types::$name {
            type Wire = Self;
            type Json = Self;

            fn from_wire(_: ConvertContext<'_, '_>, wire: Self) -> PyResult<Self> {
                Ok(wire)
            }

            fn to_json(&self, _: Python<'_>) -> PyResult<Self> {
                Ok(self.clone())
            }

            fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                static MEMBERS: PyOnceLock<EnumMembers> = PyOnceLock::new();
                let members = MEMBERS
                    .get_or_try_init(py, || EnumMembers::new(py, stringify!($name), Self::KNOWN))?;
                members.get(py, self.as_str())
            }

            fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                Ok(String::from_python(value)?.into())
            }

            fn repr(&self, py: Python<'_>) -> PyResult<String> {
                self.as_str().to_owned().repr(py)
            }
        }
    };
}

/// The class of an open enum, and its members by value.
pub struct EnumMembers {
    class: Py<PyAny>,
    members: Py<PyDict>,
}

impl EnumMembers {
    /// Imports a class of `mistral_datasets.enums`.
    pub fn new(py: Python<'_>, name: &str, values: &[&str]) -> PyResult<Self> {
        let class = py.import("mistral_datasets.enums")?.getattr(name)?;
        let members = PyDict::new(py);
        for value in values {
            members.set_item(value, class.call1((value,))?)?;
        }
        Ok(Self { class: class.unbind(), members: members.unbind() })
    }

    /// Returns the member with a value. The class creates one for a value that it does not know.
    pub fn get<'py>(&self, py: Python<'py>, value: &str) -> PyResult<Bound<'py, PyAny>> {
        match self.members.bind(py).get_item(value)? {
            Some(member) => Ok(member),
            None => self.class.bind(py).call1((value,)),
        }
    }
}

/// Implements `Field` for a union of scalars.
macro_rules! union {
    ($ty:ty = $expected:literal { $($variant:ident: $inner:ty,)+ }) => {
        impl Field for $ty {
            type Wire = Self;
            type Json = Self;

            fn from_wire(_: ConvertContext<'_, '_>, wire: Self) -> PyResult<Self> {
                Ok(wire)
            }

            fn to_json(&self, _: Python<'_>) -> PyResult<Self> {
                Ok(self.clone())
            }

            fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                match self {
                    $(Self::$variant(value) => value.to_python(py),)+
                }
            }

            fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                $(if let Ok(value) = <$inner>::from_python(value) {
                    return Ok(Self::$variant(value));
                })+
                Err(wrong_type($expected, value))
            }
        }
    };
}

/// Declares a field type for a string with a single value, such as the type of a variant of a union. Programs need not give it.
macro_rules! constant {
    ($name:ident = $value:literal) => {
        pub struct $name(String);

        impl Field for $name {
            type Wire = String;
            type Json = String;

            // A response may have another value.
            fn from_wire(_: ConvertContext<'_, '_>, wire: String) -> PyResult<Self> {
                Ok(Self(wire))
            }

            fn to_json(&self, _: Python<'_>) -> PyResult<String> {
                Ok(self.0.clone())
            }

            fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                self.0.to_python(py)
            }

            fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                match value.extract::<String>() {
                    Ok(text) if text == $value => Ok(Self(text)),
                    _ => Err(wrong_type(concat!("'", $value, "'"), value)),
                }
            }

            fn absent(_: Python<'_>) -> Option<Self> {
                Some(Self($value.to_owned()))
            }
        }
    };
}

pub(crate) use {constant, open_enum, union};
