//! Lists and dicts.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::OnceLock;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyMapping, PyTuple};

use super::{Field, located, wrong_type};
use crate::convert::ConvertContext;
use crate::json_object::counted;

/// A Python list that the program may modify.
pub struct List<T> {
    list: Py<PyList>,
    items: PhantomData<fn() -> T>,
}

impl<T: Field> Field for List<T> {
    type Wire = Vec<T::Wire>;
    type Json = Vec<T::Json>;

    fn from_wire(context: ConvertContext<'_, '_>, wire: Self::Wire) -> PyResult<Self> {
        let items = wire
            .into_iter()
            .map(|item| T::from_wire(context, item)?.to_python(context.py))
            .collect::<PyResult<Vec<_>>>()?;
        Ok(Self { list: PyList::new(context.py, items)?.unbind(), items: PhantomData })
    }

    fn to_json(&self, py: Python<'_>) -> PyResult<Self::Json> {
        let items = self.list.bind(py).iter();
        let converted =
            items.enumerate().map(|(index, item)| Self::item(index, &item)?.to_json(py));
        converted.collect()
    }

    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.list.bind(py).clone().into_any())
    }

    fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if !value.is_instance_of::<PyList>() && !value.is_instance_of::<PyTuple>() {
            return Err(wrong_type("a list", value));
        }
        let py = value.py();
        let items = value.try_iter()?.enumerate();
        let items = items.map(|(index, item)| Self::item(index, &item?)?.to_python(py));
        let list = PyList::new(py, items.collect::<PyResult<Vec<_>>>()?)?;
        Ok(Self { list: list.unbind(), items: PhantomData })
    }

    fn absent(py: Python<'_>) -> Option<Self> {
        Some(Self { list: PyList::empty(py).unbind(), items: PhantomData })
    }

    fn repr(&self, py: Python<'_>) -> PyResult<String> {
        let list = self.list.bind(py);
        let mut items = Vec::with_capacity(REPR_ITEMS + 1);
        for (index, item) in list.iter().take(REPR_ITEMS).enumerate() {
            // The program may have added anything to the list.
            items.push(match Self::item(index, &item) {
                Ok(item) => item.repr(py)?,
                Err(_) => item.repr()?.to_string(),
            });
        }
        if let Some(more @ 1..) = list.len().checked_sub(REPR_ITEMS) {
            items.push(format!("… {more} more"));
        }
        Ok(format!("[{}]", items.join(", ")))
    }
}

impl<T: Field> List<T> {
    /// Returns the Python list.
    pub fn list<'a, 'py>(&'a self, py: Python<'py>) -> &'a Bound<'py, PyList> {
        self.list.bind(py)
    }

    fn item(index: usize, item: &Bound<'_, PyAny>) -> PyResult<T> {
        T::from_python(item).map_err(|error| located(item.py(), &format!("[{index}]"), error))
    }
}

/// The maximum number of list items in a `repr`.
const REPR_ITEMS: usize = 3;

/// A Python dict with keys of the user, which the program may modify. What was received is converted on first access.
pub struct Map<T: Field> {
    received: BTreeMap<String, T::Wire>,
    dict: OnceLock<Py<PyDict>>,
}

impl<T> Field for Map<T>
where
    T: Field,
    T::Wire: Clone + Send + Sync,
{
    type Wire = BTreeMap<String, T::Wire>;
    type Json = BTreeMap<String, T::Json>;

    fn from_wire(_: ConvertContext<'_, '_>, wire: Self::Wire) -> PyResult<Self> {
        Ok(Self { received: wire, dict: OnceLock::new() })
    }

    fn to_json(&self, py: Python<'_>) -> PyResult<Self::Json> {
        let Some(dict) = self.dict.get() else {
            let context = ConvertContext::detached(py);
            let values = self.received.iter();
            return values
                .map(|(key, value)| {
                    Ok((key.clone(), T::from_wire(context, value.clone())?.to_json(py)?))
                })
                .collect();
        };
        // The program may have added anything to the dict.
        let items = dict.bind(py).iter().map(|(key, value)| {
            let (key, value) = Self::item(&key, &value)?;
            Ok((key, value.to_json(py)?))
        });
        items.collect()
    }

    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(dict) = self.dict.get() {
            return Ok(dict.bind(py).clone().into_any());
        }
        let dict = PyDict::new(py);
        let context = ConvertContext::detached(py);
        for (key, value) in &self.received {
            dict.set_item(key, T::from_wire(context, value.clone())?.to_python(py)?)?;
        }
        // The first dict wins, if another thread reads the field at the same time.
        Ok(self.dict.get_or_init(|| dict.unbind()).bind(py).clone().into_any())
    }

    fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = value.py();
        let mapping = value.cast::<PyMapping>().map_err(|_| wrong_type("a dict", value))?;
        let (given, dict) = (PyDict::new(py), PyDict::new(py));
        given.update(mapping)?;
        for (key, value) in given {
            let (name, value) = Self::item(&key, &value)?;
            dict.set_item(name, value.to_python(py)?)?;
        }
        Ok(Self { received: BTreeMap::new(), dict: dict.unbind().into() })
    }

    fn absent(_: Python<'_>) -> Option<Self> {
        Some(Self { received: BTreeMap::new(), dict: OnceLock::new() })
    }

    fn repr(&self, py: Python<'_>) -> PyResult<String> {
        let count = self.dict.get().map_or(self.received.len(), |dict| dict.bind(py).len());
        Ok(format!("<{}>", counted(count, "key")))
    }
}

impl<T: Field> Map<T> {
    fn item(key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<(String, T)> {
        let name: String = key.extract().map_err(|_| wrong_type("a str as key", key))?;
        let value = T::from_python(value)
            .map_err(|error| located(key.py(), &format!("[{name:?}]"), error))?;
        Ok((name, value))
    }
}
