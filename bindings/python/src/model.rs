//! Responses as Python objects: frozen classes, one for each schema.

use mistral_datasets::RawJson;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyClass, ffi};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error;
use crate::json;
use crate::member::{Extra, Member};
use crate::session::Session;

/// Where a response comes from: the interpreter that its objects are made in, and the client that asked, if one did.
#[derive(Clone, Copy)]
pub struct Source<'a, 'py> {
    /// The interpreter.
    pub py: Python<'py>,
    /// The client, which objects that can look after themselves keep.
    pub session: Option<&'a Session>,
}

impl<'py> Source<'_, 'py> {
    /// Nobody asked: the text was there already.
    pub fn unknown(py: Python<'py>) -> Self {
        Self { py, session: None }
    }
}

/// The class of a response.
pub trait Model: PyClass<Frozen = pyo3::pyclass::boolean_struct::True> + Send + Sync {
    /// What it is on the client's side.
    type Wire: Serialize + DeserializeOwned + PartialEq;

    /// Takes over what the client received.
    fn receive(source: Source<'_, '_>, wire: Self::Wire) -> PyResult<Self>;

    /// What the client would have received.
    fn wire(&self, py: Python<'_>) -> PyResult<Self::Wire>;

    /// How `repr` shows it.
    fn show(&self, py: Python<'_>) -> PyResult<String>;

    /// The members that the document does not know.
    fn unknown(&self) -> &Extra;
}

impl<T: Model + Into<PyClassInitializer<T>>> Member for Py<T> {
    type Wire = T::Wire;

    fn receive(source: Source<'_, '_>, wire: T::Wire) -> PyResult<Self> {
        untracked(source.py, T::receive(source, wire)?)
    }

    fn wire(&self, py: Python<'_>) -> PyResult<T::Wire> {
        self.get().wire(py)
    }

    fn object<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.bind(py).clone().into_any())
    }

    fn from_object(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(value.cast::<T>()?.clone().unbind())
    }

    fn show(&self, py: Python<'_>) -> PyResult<String> {
        self.get().show(py)
    }
}

/// Makes an object and spares the garbage collector the way to it. None of our classes has a `__traverse__`, so nothing would be
/// found there; but responses are many, and every one that is held would be looked at.
pub fn untracked<T: PyClass>(
    py: Python<'_>,
    value: impl Into<PyClassInitializer<T>>,
) -> PyResult<Py<T>> {
    let object = Py::new(py, value)?;
    // SAFETY: the interpreter is attached, and the object alive and of a class whose instances can be tracked. Untracking it again,
    // as PyO3 does before it frees it, changes nothing.
    #[allow(unsafe_code, reason = "PyO3 has no call of its own for it")]
    unsafe {
        if ffi::PyType_IS_GC(ffi::Py_TYPE(object.as_ptr())) != 0 {
            ffi::PyObject_GC_UnTrack(object.as_ptr().cast());
        }
    }
    Ok(object)
}

/// Reads a response from JSON text.
pub fn read<T: DeserializeOwned>(py: Python<'_>, text: String) -> PyResult<T> {
    serde_json::from_str(&text).map_err(|problem| error::unparsable(py, &problem))
}

/// Writes a response as JSON text, every member included.
pub fn text<T: Model>(model: &T, py: Python<'_>) -> PyResult<String> {
    RawJson::from_value(&model.wire(py)?)
        .map(|text| text.get().to_owned())
        .map_err(|problem| error::unparsable(py, &problem))
}

/// Whether two responses say the same: to the letter, or else as Python's values.
pub fn equal<T: Model>(left: &T, right: &T, py: Python<'_>) -> PyResult<bool> {
    Ok(left.wire(py)? == right.wire(py)?
        || json::parse(py, &text(left, py)?)?.eq(json::parse(py, &text(right, py)?)?)?)
}

/// What a name that is no attribute otherwise stands for.
pub fn attribute<'py, T: Model>(model: &Bound<'py, T>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    match model.get().unknown().get(model.py(), name)? {
        Some(value) => Ok(value),
        None => {
            let message = format!("'{}' object has no attribute '{name}'", T::NAME);
            Err(PyAttributeError::new_err(message))
        }
    }
}

/// What pickle keeps of an object: its class and its JSON text.
pub fn reduce<'py>(object: &Bound<'py, PyAny>, text: String) -> PyResult<Bound<'py, PyTuple>> {
    let py = object.py();
    let restore = py.import("mistral_datasets._native")?.getattr("restore")?;
    (restore, (object.get_type(), text)).into_pyobject(py)
}

/// Makes an object again of what pickle kept.
#[pyfunction]
#[pyo3(signature = (class, text, /))]
pub fn restore<'py>(class: &Bound<'py, PyAny>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    class.call_method1("from_json", (text,))
}

/// Declares the class of a response. With an `id` in parentheses it can be hashed, by that member. With a `session` its objects keep
/// the client that they came from, for the methods that follow.
macro_rules! model {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident $(($id:ident))? { $($(#[doc = $doc:literal])+ $field:ident: $ty:ty,)+ }
        $(with $session:ident { $($methods:tt)+ })?
    ) => {
        $(#[doc = $about])+
        #[pyclass(frozen, module = "mistral_datasets.models")]
        pub struct $name {
            $($field: $ty,)+
            extra: Extra,
            $($session: Option<Session>,)?
        }

        impl Model for $name {
            type Wire = types::$name;

            fn receive(source: Source<'_, '_>, wire: types::$name) -> PyResult<Self> {
                Ok(Self {
                    $($field: Member::receive(source, wire.$field)?,)+
                    extra: Extra::receive(wire.extra),
                    $($session: source.session.cloned(),)?
                })
            }

            fn wire(&self, py: Python<'_>) -> PyResult<types::$name> {
                Ok(types::$name { $($field: self.$field.wire(py)?,)+ extra: self.extra.wire(py)? })
            }

            fn show(&self, py: Python<'_>) -> PyResult<String> {
                let mut members = vec![
                    $(format!("{}={}", stringify!($field).trim_start_matches("r#"), self.$field.show(py)?),)+
                ];
                members.extend(self.extra.show().map(|extra| format!("extra={extra}")));
                Ok(format!("{}({})", stringify!($name), members.join(", ")))
            }

            fn unknown(&self) -> &Extra {
                &self.extra
            }
        }

        impl Response for types::$name {
            fn into_object(self, source: Source<'_, '_>) -> PyResult<Py<PyAny>> {
                Ok(<Py<$name> as Member>::receive(source, self)?.into_any())
            }
        }

        #[pymethods]
        impl $name {
            $(
                $(#[doc = $doc])+
                #[getter]
                fn $field<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                    self.$field.object(py)
                }
            )+

            $($($methods)+)?

            /// Members of the response that this version does not know, by name. They are attributes too.
            #[getter]
            fn extra<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyMappingProxy>> {
                self.extra.view(py)
            }

            /// Reads a response from JSON text, as leniently as one that comes from a server.
            #[staticmethod]
            #[pyo3(signature = (text, /))]
            fn from_json(py: Python<'_>, text: String) -> PyResult<Self> {
                Self::receive(Source::unknown(py), model::read(py, text)?)
            }

            /// The response as JSON text, by the names of the API; payload and properties stand in it as they came.
            fn to_json(&self, py: Python<'_>) -> PyResult<String> {
                model::text(self, py)
            }

            /// The response as a new dict of what JSON can hold, by the names of the API: ids and times are text.
            fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                json::parse(py, &model::text(self, py)?)
            }

            fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Bound<'py, PyAny>> {
                model::attribute(slf, name)
            }

            fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
                let py = other.py();
                match other.cast::<Self>() {
                    Ok(other) => model::equal(self, other.get(), py)?.into_py_any(py),
                    Err(_) => Ok(py.NotImplemented()),
                }
            }

            $(
                fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
                    self.$id.object(py)?.hash()
                }
            )?

            fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
                self.show(py)
            }

            fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
                model::reduce(slf.as_any(), slf.get().to_json(slf.py())?)
            }
        }
    };
}

pub(crate) use model;
