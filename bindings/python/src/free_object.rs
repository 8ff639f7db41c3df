//! Objects with free members, such as a conversation: a mapping, whose members are attributes too.

use mistral_datasets::RawJson;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyString, PyTuple, PyType};

use crate::error;
use crate::json::{self, Json};
use crate::model;

/// What the classes of objects with free members have in common.
///
/// It is a read-only mapping; the lists and dicts inside are plain ones and may be changed, and what is sent or written
/// is then what they hold.
#[pyclass(frozen, mapping, subclass, module = "mistral_datasets._native")]
pub struct FreeObject {
    json: Json<RawJson>,
}

impl FreeObject {
    /// An object that came as text. Whether it is an object at all is seen when somebody looks.
    pub fn received(text: RawJson) -> Self {
        Self { json: Json::received(text) }
    }

    /// An object of these members.
    pub fn given(members: Bound<'_, PyDict>) -> Self {
        Self { json: Json::Given(members.into_any().unbind()) }
    }

    /// The value as such an object, if it is one.
    pub fn of<'a>(value: &'a Bound<'_, PyAny>) -> Option<&'a Self> {
        value.cast::<Self>().ok().map(Bound::get)
    }

    /// The object as JSON text, verbatim unless something inside was changed.
    pub fn text(&self, py: Python<'_>) -> PyResult<RawJson> {
        self.json.text(py)
    }

    /// The member of that name, if there is one.
    pub fn member<'py>(&self, name: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.json.value(name.py())?.cast::<PyDict>() {
            Ok(members) => members.get_item(name),
            Err(_) => Ok(None),
        }
    }

    /// The member of that name as an attribute, which must be there.
    pub fn attribute<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.get().member(name)?.map(Ok).unwrap_or_else(|| {
            let class = slf.get_type().name()?;
            let message = format!("'{class}' object has no attribute '{name}'");
            Err(PyAttributeError::new_err(message))
        })
    }

    fn members<'a, 'py>(&'a self, py: Python<'py>) -> PyResult<&'a Bound<'py, PyDict>> {
        self.json.value(py)?.cast().map_err(|cause| {
            error::unreadable(py, "expected an object with free members", cause.into())
        })
    }
}

#[pymethods]
impl FreeObject {
    fn __getitem__<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.members(key.py())?.as_any().get_item(key)
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.members(py)?.len())
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.members(py)?.try_iter()
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.members(key.py())?.contains(key)
    }

    /// The names of the members, as a view.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.members(py)?.call_method0("keys")
    }

    /// The members, as a view of pairs.
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.members(py)?.call_method0("items")
    }

    /// The values of the members, as a view.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.members(py)?.call_method0("values")
    }

    /// The member of that name, or the default.
    #[pyo3(signature = (key, default=None, /))]
    fn get<'py>(
        &self,
        key: Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.members(key.py())?.call_method1("get", (key, default))
    }

    fn __getattr__<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Self::attribute(slf, name)
    }

    /// Equal to any mapping of equal members.
    fn __eq__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = other.py();
        match Self::of(other) {
            Some(other) => {
                self.json.value(py)?.rich_compare(other.json.value(py)?, pyo3::basic::CompareOp::Eq)
            }
            None => self.json.value(py)?.rich_compare(other, pyo3::basic::CompareOp::Eq),
        }
    }

    /// The number of messages or members; never what they say.
    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let class = slf.get_type().name()?;
        let value = slf.get().json.value(slf.py()).ok();
        let Some(members) = value.and_then(|value| value.cast::<PyDict>().ok()) else {
            return Ok(format!("{class}(no object)"));
        };
        let messages = members.get_item("messages")?;
        Ok(match messages.as_ref().map(|messages| messages.cast::<PyList>()) {
            Some(Ok(messages)) => format!("{class}({})", counted(messages.len(), "message")),
            _ => format!("{class}({})", counted(members.len(), "member")),
        })
    }

    /// A new dict of the members.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::parse(py, self.text(py)?.get())
    }

    /// The object as JSON text: as it came, where nothing in it was changed.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.text(py)?.get().to_owned())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        model::reduce(slf.as_any(), slf.get().to_json(slf.py())?)
    }
}

/// A number of things, in words that fit it.
pub fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Makes the class a mapping in the eyes of `isinstance` and of pattern matching.
pub fn register(class: &Bound<'_, PyType>) -> PyResult<()> {
    class.py().import("collections.abc")?.getattr("Mapping")?.call_method1("register", (class,))?;
    Ok(())
}

/// Declares the class of a schema whose objects have free members, with attributes for those that one can rely on; its
/// constructor asks for the required ones.
macro_rules! free_object {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident {
            required { $($(#[doc = $required_doc:literal])+ $required:ident,)* }
            optional { $($(#[doc = $optional_doc:literal])+ $optional:ident,)* }
        }
    ) => {
        $(#[doc = $about])+
        #[pyclass(frozen, mapping, extends = FreeObject, module = "mistral_datasets.models")]
        pub struct $name;

        #[pymethods]
        impl $name {
            #[new]
            #[pyo3(signature = (*, $($required,)* **members))]
            fn new<'py>(
                py: Python<'py>,
                $($required: Bound<'py, PyAny>,)*
                members: Option<Bound<'py, PyDict>>,
            ) -> PyResult<PyClassInitializer<Self>> {
                let all = PyDict::new(py);
                $(all.set_item(stringify!($required), $required)?;)*
                if let Some(members) = members {
                    all.update(members.as_mapping())?;
                }
                Ok(PyClassInitializer::from(FreeObject::given(all)).add_subclass(Self))
            }

            $(
                $(#[doc = $required_doc])+
                #[getter]
                fn $required<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
                    FreeObject::attribute(slf.as_super(), pyo3::intern!(slf.py(), stringify!($required)))
                }
            )*

            $(
                $(#[doc = $optional_doc])+
                #[getter]
                fn $optional<'py>(
                    slf: &Bound<'py, Self>,
                ) -> PyResult<Option<Bound<'py, PyAny>>> {
                    slf.as_super().get().member(pyo3::intern!(slf.py(), stringify!($optional)))
                }
            )*

            /// Reads the object from JSON text.
            #[staticmethod]
            #[pyo3(signature = (text, /))]
            fn from_json(py: Python<'_>, text: String) -> PyResult<Py<Self>> {
                Member::receive(Source::unknown(py), model::read::<types::$name>(py, text)?)
            }
        }

        impl Member for Py<$name> {
            type Wire = types::$name;

            fn receive(source: Source<'_, '_>, wire: Self::Wire) -> PyResult<Self> {
                let object = PyClassInitializer::from(FreeObject::received(wire.into()));
                model::untracked(source.py, object.add_subclass($name))
            }

            fn wire(&self, py: Python<'_>) -> PyResult<Self::Wire> {
                Ok(self.bind(py).as_super().get().text(py)?.into())
            }

            fn object<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                Ok(self.bind(py).clone().into_any())
            }

            fn from_object(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                Ok(value.cast::<$name>()?.clone().unbind())
            }
        }
    };
}

pub(crate) use free_object;
