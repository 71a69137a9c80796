//! The registry: one hive in memory, shared by drivers and by what installs them.

pub(crate) mod query;
pub(crate) mod rows;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use crate::kernel::kernel;

pub(crate) use rows::IMPORTS;

/// A value: its type and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// REG_SZ.
    Sz(String),
    /// REG_EXPAND_SZ.
    ExpandSz(String),
    /// REG_BINARY.
    Binary(Vec<u8>),
    /// REG_DWORD.
    Dword(u32),
    /// REG_MULTI_SZ.
    MultiSz(Vec<String>),
    /// REG_QWORD.
    Qword(u64),
    /// Any other type, as bytes.
    Other(u32, Vec<u8>),
}

impl Value {
    /// Number of the type (winnt.h, REG_…).
    pub fn kind(&self) -> u32 {
        match self {
            Self::Sz(_) => 1,
            Self::ExpandSz(_) => 2,
            Self::Binary(_) => 3,
            Self::Dword(_) => 4,
            Self::MultiSz(_) => 7,
            Self::Qword(_) => 11,
            Self::Other(kind, _) => *kind,
        }
    }

    /// The bytes as the registry keeps them.
    pub fn bytes(&self) -> Vec<u8> {
        let wide = |text: &str| {
            text.encode_utf16()
                .chain([0])
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<u8>>()
        };
        match self {
            Self::Sz(text) | Self::ExpandSz(text) => wide(text),
            Self::Binary(bytes) | Self::Other(_, bytes) => bytes.clone(),
            Self::Dword(number) => number.to_le_bytes().to_vec(),
            Self::Qword(number) => number.to_le_bytes().to_vec(),
            Self::MultiSz(texts) => texts
                .iter()
                .flat_map(|text| wide(text))
                .chain([0, 0])
                .collect(),
        }
    }

    /// A value from its type and bytes; bytes that do not fit the type are kept as they are.
    pub fn from_bytes(kind: u32, bytes: &[u8]) -> Self {
        let units = || {
            bytes
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect::<Vec<u16>>()
        };
        let text = || {
            String::from_utf16_lossy(&units())
                .trim_end_matches('\0')
                .to_owned()
        };
        match (kind, bytes.len()) {
            (1, _) => Self::Sz(text()),
            (2, _) => Self::ExpandSz(text()),
            (3, _) => Self::Binary(bytes.to_vec()),
            (4, 4) => Self::Dword(u32::from_le_bytes(bytes.try_into().expect("four bytes"))),
            (7, _) => Self::MultiSz(
                text()
                    .split('\0')
                    .filter(|part| !part.is_empty())
                    .map(str::to_owned)
                    .collect(),
            ),
            (11, 8) => Self::Qword(u64::from_le_bytes(bytes.try_into().expect("eight bytes"))),
            _ => Self::Other(kind, bytes.to_vec()),
        }
    }
}

#[derive(Debug, Default)]
struct Node {
    name: String,
    values: BTreeMap<String, (String, Value)>,
    children: BTreeMap<String, Rc<RefCell<Node>>>,
}

/// A key. Copies of it are the same key.
#[derive(Clone)]
pub struct Key {
    node: Rc<RefCell<Node>>,
    path: String,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// The root of the hive.
#[derive(Debug, Default)]
pub(crate) struct RegistryState {
    root: Rc<RefCell<Node>>,
}

fn upper(name: &str) -> String {
    name.to_uppercase()
}

fn root() -> Key {
    Key {
        node: Rc::clone(&kernel().nt.registry.root),
        path: String::new(),
    }
}

/// The key at a full path such as `\Registry\Machine\System\…`, when there is one.
pub fn open(path: &str) -> Option<Key> {
    root().open(path)
}

/// The key at a full path, made with everything above it when it is missing.
pub fn create(path: &str) -> Key {
    root().create(path)
}

/// Removes the key at a full path with everything below it; `false` when it was not there.
pub fn delete(path: &str) -> bool {
    let path = path.trim_end_matches('\\');
    let (parent, name) = path.rsplit_once('\\').unwrap_or(("", path));
    open(parent).is_some_and(|parent| {
        parent
            .node
            .borrow_mut()
            .children
            .remove(&upper(name))
            .is_some()
    })
}

impl Key {
    /// Its full path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The key at a path below this one.
    pub fn open(&self, path: &str) -> Option<Key> {
        let mut key = self.clone();
        for part in path.split('\\').filter(|part| !part.is_empty()) {
            let child = key.node.borrow().children.get(&upper(part)).cloned()?;
            let path = format!("{}\\{}", key.path, child.borrow().name);
            key = Key { node: child, path };
        }
        Some(key)
    }

    /// The key at a path below this one, made when it is missing.
    pub fn create(&self, path: &str) -> Key {
        let mut key = self.clone();
        for part in path.split('\\').filter(|part| !part.is_empty()) {
            let child = {
                let mut node = key.node.borrow_mut();
                let fresh = || {
                    Rc::new(RefCell::new(Node {
                        name: part.to_owned(),
                        ..Node::default()
                    }))
                };
                Rc::clone(node.children.entry(upper(part)).or_insert_with(fresh))
            };
            let path = format!("{}\\{}", key.path, child.borrow().name);
            key = Key { node: child, path };
        }
        key
    }

    /// Sets a value; the empty name is the key's default value.
    pub fn set(&self, name: &str, value: Value) {
        self.node
            .borrow_mut()
            .values
            .insert(upper(name), (name.to_owned(), value));
    }

    /// A value.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.node
            .borrow()
            .values
            .get(&upper(name))
            .map(|(_, value)| value.clone())
    }

    /// Removes a value; `false` when it was not there.
    pub fn remove(&self, name: &str) -> bool {
        self.node.borrow_mut().values.remove(&upper(name)).is_some()
    }

    /// Names and values, in order of the names.
    pub fn values(&self) -> Vec<(String, Value)> {
        self.node.borrow().values.values().cloned().collect()
    }

    /// Names of the keys right below, in order.
    pub fn subkeys(&self) -> Vec<String> {
        self.node
            .borrow()
            .children
            .values()
            .map(|child| child.borrow().name.clone())
            .collect()
    }
}

/// Every key and value below a path as text, one line each: to show that an uninstalled driver leaves nothing.
pub fn dump(path: &str) -> Vec<String> {
    let Some(key) = open(path) else {
        return Vec::new();
    };
    let mut lines: Vec<String> = key
        .values()
        .iter()
        .map(|(name, value)| format!("{}\\\\{name} = {value:?}", key.path))
        .collect();
    for child in key.subkeys() {
        let path = format!("{}\\{child}", key.path);
        lines.push(path.clone());
        lines.extend(dump(&path));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    #[test]
    fn keys_are_found_without_regard_to_case_and_keep_their_spelling() {
        Kernel::boot(Options::default());
        create("\\Registry\\Machine\\System\\Test").set("Name", Value::Dword(7));
        let key = open("\\REGISTRY\\machine\\system\\TEST").expect("it is there");
        assert_eq!(key.path(), "\\Registry\\Machine\\System\\Test");
        assert_eq!(key.get("NAME"), Some(Value::Dword(7)));
        assert!(open("\\Registry\\Machine\\Other").is_none());
        assert_eq!(dump("\\Registry\\Machine\\System").len(), 2);
        assert!(
            delete("\\Registry\\Machine\\System\\Test")
                && !delete("\\Registry\\Machine\\System\\Test")
        );
        assert!(open("\\Registry\\Machine\\System\\Test").is_none());
    }

    #[test]
    fn values_survive_the_way_through_bytes() {
        for value in [
            Value::Sz("text".to_owned()),
            Value::ExpandSz("%SystemRoot%".to_owned()),
            Value::Binary(vec![1, 2, 3]),
            Value::Dword(0x1234_5678),
            Value::MultiSz(vec!["a".to_owned(), "bc".to_owned()]),
            Value::Qword(u64::MAX),
            Value::Other(4, vec![1]),
        ] {
            assert_eq!(Value::from_bytes(value.kind(), &value.bytes()), value);
        }
    }
}
