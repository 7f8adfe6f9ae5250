//! The caller's live list or dict as a body of the engine.

use std::any::Any;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use headroom_core::conversation::{self, Body, Conversation, Edit, Segment, Value};
use headroom_core::{Error, ErrorKind, Result};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::error;
use crate::node::PyNode;
use crate::structure::is_same;
use crate::value::{self, type_name};

/// A list of messages or a request body of live Python objects. They are never changed: an edit copies the lists and
/// dicts on the way to its text, and everything else stays the caller's own object.
pub(crate) struct PyBody {
    root: Py<PyAny>,
    messages: Option<Value>,
    payload: Option<Value>,
    tools: Option<Value>,
}

/// Where the list stands from the root.
struct Layout<'py> {
    /// The dict that has the list, when the caller gave no bare list.
    body: Option<Bound<'py, PyAny>>,
    list: Option<Bound<'py, PyAny>>,
    keys: Vec<&'static str>,
}

impl<'py> Layout<'py> {
    fn of(root: &Bound<'py, PyAny>) -> Result<Self> {
        let found = conversation::locate(&PyNode::root(root.clone()))?;
        let mut keys = Vec::new();
        keys.extend(found.is_wrapped.then_some("response"));
        keys.extend(found.list_key);
        let node = |node: PyNode<'py>| node.value().clone();
        Ok(Self { body: found.body.map(node), list: found.list.map(node), keys })
    }

    /// The list as extensions see it; items of Responses bodies are part of the payload only.
    fn messages(&self) -> Option<&Bound<'py, PyAny>> {
        self.list.as_ref().filter(|_| self.keys.last() != Some(&"input"))
    }
}

impl PyBody {
    /// Wraps a list or dict that nobody else changes while it is here.
    pub(crate) fn new(root: &Bound<'_, PyAny>) -> Self {
        let layout = Layout::of(root).ok();
        let tools = || layout.as_ref()?.body.as_ref()?.cast::<PyDict>().ok()?.get_item("tools").ok().flatten();
        Self {
            root: root.clone().unbind(),
            messages: layout.as_ref().and_then(Layout::messages).cloned().map(value::host),
            payload: root.is_instance_of::<PyDict>().then(|| value::host(root.clone())),
            tools: tools().map(value::host),
        }
    }

    /// The list or dict.
    pub(crate) fn root(&self) -> &Py<PyAny> {
        &self.root
    }

    fn change(&self, change: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<Result<Self>>) -> Result<Arc<dyn Body>> {
        Python::attach(|py| match change(self.root.bind(py)) {
            Ok(changed) => changed.map(|body| Arc::new(body) as Arc<dyn Body>),
            Err(raised) => Err(error::from_python(py, ErrorKind::Compression, raised)),
        })
    }

    /// This body with another list, checked to be a conversation.
    fn with_list(root: &Bound<'_, PyAny>, keys: &[&'static str], list: Bound<'_, PyAny>) -> PyResult<Result<Self>> {
        let Some((last, way)) = keys.split_last() else { return Ok(Self::checked(&list)) };
        let changed = shallow_copy(root)?;
        let mut place = changed.clone();
        for key in way {
            let copied = shallow_copy(&place.get_item(key)?)?;
            place.set_item(key, &copied)?;
            place = copied;
        }
        place.set_item(last, list)?;
        Ok(Self::checked(&changed))
    }

    fn checked(root: &Bound<'_, PyAny>) -> Result<Self> {
        conversation::read(&PyNode::root(root.clone())).map(|_| Self::new(root))
    }
}

impl Body for PyBody {
    fn conversation(&self) -> Result<Conversation> {
        Python::attach(|py| conversation::read(&PyNode::root(self.root.bind(py).clone())))
    }

    fn with_edits(&self, conversation: &Conversation, edits: &[Edit]) -> Result<Arc<dyn Body>> {
        self.change(|root| {
            let changed = shallow_copy(root)?;
            let mut own = HashSet::from([changed.as_ptr() as usize]);
            for edit in edits {
                let Some(block) = conversation.blocks.get(edit.block) else { continue };
                if !replace(&changed, &block.path.0, &edit.text, &mut own)? {
                    let sentence = "edit: expected a path to a string, found something else there";
                    let path = block.path.to_string();
                    return Ok(Err(Error::new(ErrorKind::Compression, sentence).with("path", path)));
                }
            }
            Ok(Ok(Self::new(&changed)))
        })
    }

    fn messages(&self) -> Option<Value> {
        self.messages.clone()
    }

    fn payload(&self) -> Option<Value> {
        self.payload.clone()
    }

    fn with_messages(&self, messages: &Value) -> Result<Arc<dyn Body>> {
        self.change(|root| {
            let layout = match Layout::of(root) {
                Ok(layout) => layout,
                Err(failed) => return Ok(Err(failed)),
            };
            let new = value::object_of(root.py(), messages)?;
            let Ok(new) = new.cast::<PyList>() else { return Ok(Err(expected("messages", "a list", &new))) };
            let kept = keep_equal(layout.list.as_ref(), new)?;
            Self::with_list(root, &layout.keys, kept.into_any())
        })
    }

    fn with_payload(&self, payload: &Value) -> Result<Arc<dyn Body>> {
        self.change(|root| {
            let new = value::object_of(root.py(), payload)?;
            let (Ok(new), Ok(old)) = (new.cast::<PyDict>(), root.cast::<PyDict>()) else {
                return Ok(Err(expected("payload", "a request body", &new)));
            };
            let changed = new.copy()?;
            for (key, before) in old.iter() {
                let Some(now) = new.get_item(&key)? else { continue };
                if is_same(&before, &now)? {
                    changed.set_item(&key, before)?;
                } else if let (Ok(_), Ok(now)) = (before.cast::<PyList>(), now.cast::<PyList>()) {
                    changed.set_item(&key, keep_equal(Some(&before), now)?)?;
                }
            }
            Ok(Self::checked(changed.as_any()))
        })
    }

    fn tools(&self) -> Option<Value> {
        self.tools.clone()
    }

    fn with_tools(&self, tools: &Value) -> Result<Arc<dyn Body>> {
        self.change(|root| {
            let new = value::object_of(root.py(), tools)?;
            let Ok(new) = new.cast::<PyList>() else { return Ok(Err(expected("tools", "a list", &new))) };
            let mut keys = match Layout::of(root) {
                Ok(Layout { body: Some(_), keys, .. }) => keys,
                Ok(_) => return Ok(Err(expected("tools", "a request body to put them in", root))),
                Err(failed) => return Ok(Err(failed)),
            };
            keys.pop();
            keys.push("tools");
            let before = self.tools.as_ref().map(|tools| value::object_of(root.py(), tools)).transpose()?;
            Self::with_list(root, &keys, keep_equal(before.as_ref(), new)?.into_any())
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl fmt::Debug for PyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

fn expected(name: &str, what: &str, found: &Bound<'_, PyAny>) -> Error {
    let found = type_name(found);
    Error::new(ErrorKind::InvalidInput, format!("{name}: expected {what}, found a value of type {found}"))
}

/// A new list or dict of the same class with the same items.
pub(crate) fn shallow_copy<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if let Ok(dict) = value.cast_exact::<PyDict>() {
        return Ok(dict.copy()?.into_any());
    }
    if let Ok(list) = value.cast_exact::<PyList>() {
        return Ok(list.get_slice(0, list.len()).into_any());
    }
    value.py().import("copy")?.getattr("copy")?.call1((value,))
}

/// Replaces the string at a path; lists and dicts on the way that are not our own copies are copied first.
fn replace(root: &Bound<'_, PyAny>, path: &[Segment], text: &str, own: &mut HashSet<usize>) -> PyResult<bool> {
    let Some((last, way)) = path.split_last() else { return Ok(false) };
    let py = root.py();
    let key = |segment: &Segment| -> PyResult<Py<PyAny>> {
        Ok(match segment {
            Segment::Key(key) => PyString::intern(py, key).into_any().unbind(),
            Segment::Index(index) => index.into_pyobject(py)?.into_any().unbind(),
        })
    };
    let mut place = root.clone();
    for segment in way {
        let key = key(segment)?;
        let next = place.get_item(&key)?;
        place = if own.contains(&(next.as_ptr() as usize)) {
            next
        } else {
            let copied = shallow_copy(&next)?;
            own.insert(copied.as_ptr() as usize);
            place.set_item(key, &copied)?;
            copied
        };
    }
    let key = key(last)?;
    let is_text = place.get_item(&key)?.is_instance_of::<PyString>();
    if is_text {
        place.set_item(key, text)?;
    }
    Ok(is_text)
}

/// A list with the items of `new`, in which an item that equals its counterpart in `old` is that one. Counterparts are
/// counted from the front, and behind the first difference from the end.
fn keep_equal<'py>(old: Option<&Bound<'py, PyAny>>, new: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyList>> {
    let kept = new.get_slice(0, new.len());
    let Some(old) = old.and_then(|old| old.cast::<PyList>().ok()) else { return Ok(kept) };
    let mut front = 0;
    while front < old.len().min(kept.len()) && is_same(&old.get_item(front)?, &kept.get_item(front)?)? {
        kept.set_item(front, old.get_item(front)?)?;
        front += 1;
    }
    let (rest_old, rest_new) = (old.len() - front, kept.len() - front);
    for back in 1..=rest_old.min(rest_new) {
        let before = old.get_item(old.len() - back)?;
        let at = kept.len() - back;
        if is_same(&before, &kept.get_item(at)?)? {
            kept.set_item(at, before)?;
        }
    }
    Ok(kept)
}
