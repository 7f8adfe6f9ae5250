//! Copies and compares lists and dicts without recursion, so that no depth and no cycle can hurt.

use std::collections::{HashMap, HashSet};

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};

/// Copies lists and dicts all the way down; what cannot change is shared.
///
/// An object of another kind is copied as `copy.deepcopy` does when the copy equals it; else it is shared, since nobody
/// could tell later whether it was changed.
pub(crate) fn deep_copy<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    let mut copies: HashMap<usize, Bound<'py, PyAny>> = HashMap::new();
    let mut waiting: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)> = Vec::new();
    let mut copy_of = |value: &Bound<'py, PyAny>, waiting: &mut Vec<_>| -> PyResult<Bound<'py, PyAny>> {
        if is_plain(value) {
            return Ok(value.clone());
        }
        let id = value.as_ptr() as usize;
        if let Some(copy) = copies.get(&id) {
            return Ok(copy.clone());
        }
        let copy = if value.cast_exact::<PyDict>().is_ok() {
            let copy = PyDict::new(py).into_any();
            waiting.push((value.clone(), copy.clone()));
            copy
        } else if value.cast_exact::<PyList>().is_ok() {
            let copy = PyList::empty(py).into_any();
            waiting.push((value.clone(), copy.clone()));
            copy
        } else {
            copy_of_other(value)?
        };
        copies.insert(id, copy.clone());
        Ok(copy)
    };
    let whole = copy_of(value, &mut waiting)?;
    while let Some((from, to)) = waiting.pop() {
        if let (Ok(from), Ok(to)) = (from.cast_exact::<PyDict>(), to.cast_exact::<PyDict>()) {
            for (key, item) in from.copy()?.iter() {
                to.set_item(key, copy_of(&item, &mut waiting)?)?;
            }
        } else if let (Ok(from), Ok(to)) = (from.cast_exact::<PyList>(), to.cast_exact::<PyList>()) {
            for item in from.iter() {
                to.append(copy_of(&item, &mut waiting)?)?;
            }
        }
    }
    Ok(whole)
}

fn copy_of_other<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let deepcopy = value.py().import("copy")?.getattr("deepcopy")?;
    match deepcopy.call1((value,)) {
        Ok(copy) if copy.eq(value).unwrap_or(false) => Ok(copy),
        _ => Ok(value.clone()),
    }
}

/// Whether two values have the same structure, the same types and equal leaves. `1`, `1.0` and `True` differ.
pub(crate) fn is_same(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>) -> PyResult<bool> {
    let mut seen: HashSet<(usize, usize)> = HashSet::new();
    let mut waiting = vec![(a.clone(), b.clone())];
    while let Some((a, b)) = waiting.pop() {
        if a.is(&b) {
            continue;
        }
        if !a.get_type().is(b.get_type()) {
            return Ok(false);
        }
        if let (Ok(a), Ok(b)) = (a.cast_exact::<PyDict>(), b.cast_exact::<PyDict>()) {
            if !seen.insert((a.as_ptr() as usize, b.as_ptr() as usize)) {
                continue;
            }
            if a.len() != b.len() {
                return Ok(false);
            }
            for (key, item) in a.copy()?.iter() {
                let Some(other) = b.get_item(key)? else { return Ok(false) };
                waiting.push((item, other));
            }
        } else if let (Ok(a), Ok(b)) = (a.cast_exact::<PyList>(), b.cast_exact::<PyList>()) {
            if !seen.insert((a.as_ptr() as usize, b.as_ptr() as usize)) {
                continue;
            }
            if a.len() != b.len() {
                return Ok(false);
            }
            waiting.extend(a.iter().zip(b.iter()));
        } else if !a.eq(&b).unwrap_or(false) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Values that cannot change and hold nothing that can.
fn is_plain(value: &Bound<'_, PyAny>) -> bool {
    value.is_none()
        || value.cast_exact::<PyString>().is_ok()
        || value.cast_exact::<PyInt>().is_ok()
        || value.cast_exact::<PyFloat>().is_ok()
        || value.cast_exact::<PyBool>().is_ok()
}
