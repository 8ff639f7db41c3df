//! The members of models: how each kind of value is received, handed out, and given back.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use chrono::{DateTime, Utc};
use mistral_datasets::RawJson;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyMappingProxy, PyString};
use uuid::Uuid;

use crate::free_object::counted;
use crate::json::Json;
use crate::model::Source;

/// A member of a model.
pub trait Member: Sized + Send + Sync + 'static {
    /// What it is on the client's side.
    type Wire;

    /// Takes over what the client received.
    fn receive(source: Source<'_, '_>, wire: Self::Wire) -> PyResult<Self>;

    /// What the client would have received.
    fn wire(&self, py: Python<'_>) -> PyResult<Self::Wire>;

    /// What Python sees.
    fn object<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;

    /// Takes over what Python put into a list of such values.
    fn from_object(value: &Bound<'_, PyAny>) -> PyResult<Self>;

    /// How `repr` shows it: no conversation, and no query of a presigned link.
    fn show(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.object(py)?.repr()?.to_string())
    }
}

/// Members that are the same thing on both sides.
macro_rules! plain_member {
    ($($ty:ty),+) => {
        $(impl Member for $ty {
            type Wire = Self;

            fn receive(_: Source<'_, '_>, wire: Self) -> PyResult<Self> {
                Ok(wire)
            }

            fn wire(&self, _: Python<'_>) -> PyResult<Self> {
                Ok(*self)
            }

            fn object<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                self.into_bound_py_any(py)
            }

            fn from_object(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                value.extract()
            }
        })+
    };
}

plain_member!(i64, f64, bool, DateTime<Utc>);

impl Member for String {
    type Wire = Self;

    fn receive(_: Source<'_, '_>, wire: Self) -> PyResult<Self> {
        Ok(wire)
    }

    fn wire(&self, _: Python<'_>) -> PyResult<Self> {
        Ok(self.clone())
    }

    fn object<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyString::new(py, self).into_any())
    }

    fn from_object(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        value.extract()
    }

    fn show(&self, py: Python<'_>) -> PyResult<String> {
        let shown = match self.split_once('?') {
            // The query of a link may be its signature.
            Some((link, _)) if link.starts_with("http") => format!("{link}?…"),
            _ => self.clone(),
        };
        Ok(PyString::new(py, &shown).repr()?.to_string())
    }
}

/// Uuids are text in Python.
impl Member for Uuid {
    type Wire = Self;

    fn receive(_: Source<'_, '_>, wire: Self) -> PyResult<Self> {
        Ok(wire)
    }

    fn wire(&self, _: Python<'_>) -> PyResult<Self> {
        Ok(*self)
    }

    fn object<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut buffer = Uuid::encode_buffer();
        Ok(PyString::new(py, self.hyphenated().encode_lower(&mut buffer)).into_any())
    }

    fn from_object(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let text: String = value.extract()?;
        Self::try_parse(&text).map_err(|error| PyValueError::new_err(error.to_string()))
    }
}

impl<T: Member> Member for Option<T> {
    type Wire = Option<T::Wire>;

    fn receive(source: Source<'_, '_>, wire: Self::Wire) -> PyResult<Self> {
        wire.map(|wire| T::receive(source, wire)).transpose()
    }

    fn wire(&self, py: Python<'_>) -> PyResult<Self::Wire> {
        self.as_ref().map(|member| member.wire(py)).transpose()
    }

    fn object<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Some(member) => member.object(py),
            None => Ok(py.None().into_bound(py)),
        }
    }

    fn from_object(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if value.is_none() { Ok(None) } else { T::from_object(value).map(Some) }
    }

    fn show(&self, py: Python<'_>) -> PyResult<String> {
        match self {
            Some(member) => member.show(py),
            None => Ok("None".to_owned()),
        }
    }
}

/// A list, which Python may change as any list.
pub struct List<T> {
    list: Py<PyList>,
    items: PhantomData<fn() -> T>,
}

impl<T: Member> Member for List<T> {
    type Wire = Vec<T::Wire>;

    fn receive(source: Source<'_, '_>, wire: Self::Wire) -> PyResult<Self> {
        let items = wire
            .into_iter()
            .map(|item| T::receive(source, item)?.object(source.py))
            .collect::<PyResult<Vec<_>>>()?;
        Ok(Self { list: PyList::new(source.py, items)?.unbind(), items: PhantomData })
    }

    fn wire(&self, py: Python<'_>) -> PyResult<Self::Wire> {
        self.list.bind(py).iter().map(|item| T::from_object(&item)?.wire(py)).collect()
    }

    fn object<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.list.bind(py).clone().into_any())
    }

    fn from_object(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { list: value.cast::<PyList>()?.clone().unbind(), items: PhantomData })
    }
}

impl<W> Member for Json<W>
where
    W: From<RawJson> + Into<RawJson> + 'static,
{
    type Wire = W;

    fn receive(_: Source<'_, '_>, wire: W) -> PyResult<Self> {
        Ok(Self::received(wire.into()))
    }

    fn wire(&self, py: Python<'_>) -> PyResult<W> {
        Ok(self.text(py)?.into())
    }

    fn object<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.value(py).cloned()
    }

    fn from_object(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self::Given(value.clone().unbind()))
    }

    fn show(&self, py: Python<'_>) -> PyResult<String> {
        Ok(match self.value(py)?.cast::<PyDict>() {
            Ok(members) => format!("<{}>", counted(members.len(), "member")),
            Err(_) => "<no object>".to_owned(),
        })
    }
}

/// The members of a response that the document does not know.
pub struct Extra {
    members: BTreeMap<String, Json<RawJson>>,
    view: PyOnceLock<Py<PyMappingProxy>>,
}

impl Extra {
    /// Takes over what the client received.
    pub fn receive(wire: mistral_datasets::Extra) -> Self {
        let members = wire.into_iter().map(|(name, text)| (name, Json::received(text))).collect();
        Self { members, view: PyOnceLock::new() }
    }

    /// What the client would have received.
    pub fn wire(&self, py: Python<'_>) -> PyResult<mistral_datasets::Extra> {
        self.members.iter().map(|(name, value)| Ok((name.clone(), value.text(py)?))).collect()
    }

    /// The member of that name.
    pub fn get<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.members.get(name).map(|value| value.value(py).cloned()).transpose()
    }

    /// All of them, as a read-only mapping.
    pub fn view<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyMappingProxy>> {
        let view = self.view.get_or_try_init(py, || {
            let members = PyDict::new(py);
            for (name, value) in &self.members {
                members.set_item(name, value.value(py)?)?;
            }
            Ok::<_, PyErr>(PyMappingProxy::new(py, members.as_mapping()).unbind())
        })?;
        Ok(view.bind(py).clone())
    }

    /// How many there are, for `repr`.
    pub fn show(&self) -> Option<String> {
        let number = self.members.len();
        (number > 0).then(|| format!("<{}>", counted(number, "member")))
    }
}

/// Texts out of a list that may grow are plain text in Python.
macro_rules! open_enum {
    ($ty:ty) => {
        impl Member for $ty {
            type Wire = Self;

            fn receive(_: Source<'_, '_>, wire: Self) -> PyResult<Self> {
                Ok(wire)
            }

            fn wire(&self, _: Python<'_>) -> PyResult<Self> {
                Ok(self.clone())
            }

            fn object<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                self.as_str().into_bound_py_any(py)
            }

            fn from_object(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                Ok(value.extract::<String>()?.into())
            }
        }
    };
}

/// One of several scalars, each of which Python sees as itself.
macro_rules! union {
    ($ty:ty { $($variant:ident: $inner:ty,)+ }) => {
        impl Member for $ty {
            type Wire = Self;

            fn receive(_: Source<'_, '_>, wire: Self) -> PyResult<Self> {
                Ok(wire)
            }

            fn wire(&self, _: Python<'_>) -> PyResult<Self> {
                Ok(self.clone())
            }

            fn object<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                match self {
                    $(Self::$variant(value) => value.object(py),)+
                }
            }

            fn from_object(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                $(if let Ok(value) = <$inner>::from_object(value) {
                    return Ok(Self::$variant(value));
                })+
                Err(PyTypeError::new_err(concat!("no variant of ", stringify!($ty))))
            }
        }
    };
}

pub(crate) use {open_enum, union};
