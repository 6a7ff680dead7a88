//! YAML text as a tree that remembers where every key and value stands.
//!
//! The first step of reading a spec: overlays are merged here, before types are known, so that an
//! error found later still points at the line that caused it. Never reads a file or an environment.

use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::Spanned;

/// A value and the bytes of the source that hold it.
#[derive(Clone, Debug)]
pub struct Node {
    pub value: Tree,
    pub span: Range<usize>,
}

/// A key with its place, and its value.
type Entry = (String, Range<usize>, Node);

#[derive(Clone, Debug)]
pub enum Tree {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One step from a node to a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Key(String),
    Index(usize),
}

/// The way from the root to a value, written `form.fields[2].max`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(pub Vec<Step>);

impl Path {
    pub fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.into()))
    }

    pub fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    fn with(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if position == 0 => write!(f, "{key}")?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Parses one YAML document.
///
/// Limits keep a hostile file cheap: 1 MiB of scalars, 20,000 nodes, 32 levels, few aliases.
/// Duplicate keys are errors, and so are merge keys, custom tags and several documents.
pub fn parse(text: &str) -> Result<Node, serde_saphyr::Error> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 32,
            max_nodes: 20_000,
            max_events: 80_000,
            max_total_scalar_bytes: 1024 * 1024,
            max_aliases: 100,
            max_anchors: 100,
            max_recorded_anchor_events: 20_000,
            max_documents: 1,
        },
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<Spanned<Tree>>(text, options).map(Node::from)
}

impl From<Spanned<Tree>> for Node {
    fn from(spanned: Spanned<Tree>) -> Self {
        Self { span: bytes(&spanned), value: spanned.value }
    }
}

fn bytes<T>(spanned: &Spanned<T>) -> Range<usize> {
    let span = spanned.referenced.span();
    let start = span.byte_offset().unwrap_or(0) as usize;
    start..start + span.byte_len().unwrap_or(0) as usize
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;
        impl<'de> Visitor<'de> for AnyValue {
            type Value = Tree;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a YAML value")
            }

            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Scalar(Value::Null))
            }

            fn visit_none<E>(self) -> Result<Tree, E> {
                Ok(Tree::Scalar(Value::Null))
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
                Tree::deserialize(deserializer)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Scalar(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Scalar(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Scalar(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
                Ok(Tree::Scalar(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
                Ok(Tree::Scalar(value.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
                let mut nodes = Vec::new();
                while let Some(node) = list.next_element::<Spanned<Tree>>()? {
                    nodes.push(node.into());
                }
                Ok(Tree::List(nodes))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, node)) = map.next_entry::<Spanned<String>, Spanned<Tree>>()? {
                    entries.push((key.value.clone(), bytes(&key), node.into()));
                }
                Ok(Tree::Map(entries))
            }
        }
        deserializer.deserialize_any(AnyValue)
    }
}

impl Node {
    /// The child under `key`, when this is a map that has one.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, _, node)| node)
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Tree::Map(entries) => entries.iter().find(|(name, _, _)| name == key),
            _ => None,
        }
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.value {
            Tree::Map(entries) => entries.iter_mut().find(|(name, _, _)| name == key).map(|(_, _, node)| node),
            _ => None,
        }
    }

    /// Takes the child under `key` out of the map.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        match &mut self.value {
            Tree::Map(entries) => {
                let position = entries.iter().position(|(name, _, _)| name == key)?;
                Some(entries.remove(position).2)
            }
            _ => None,
        }
    }

    /// The keys of a map, in the order of the file.
    pub fn keys(&self) -> Vec<&str> {
        match &self.value {
            Tree::Map(entries) => entries.iter().map(|(key, _, _)| key.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// Lays `overlay` over this node: maps are merged key by key, anything else is replaced whole.
    pub fn merge(&mut self, overlay: Node) {
        match (&mut self.value, overlay) {
            (Tree::Map(entries), Node { value: Tree::Map(overlays), .. }) => {
                for (key, span, node) in overlays {
                    match entries.iter_mut().find(|(name, _, _)| *name == key) {
                        Some(entry) => {
                            entry.1 = span;
                            entry.2.merge(node);
                        }
                        None => entries.push((key, span, node)),
                    }
                }
            }
            (_, overlay) => *self = overlay,
        }
    }

    /// The same tree without places. An absent value (`key:` with nothing behind it) is left out, so
    /// that it means the default.
    pub fn to_value(&self) -> Value {
        match &self.value {
            Tree::Scalar(value) => value.clone(),
            Tree::List(nodes) => nodes.iter().map(Node::to_value).collect(),
            Tree::Map(entries) => entries
                .iter()
                .filter(|(_, _, node)| !matches!(node.value, Tree::Scalar(Value::Null)))
                .map(|(key, _, node)| (key.clone(), node.to_value()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    /// The bytes to point at for `path`: a scalar's own, a container's key, or those of the nearest
    /// ancestor that exists.
    pub fn locate(&self, path: &Path) -> Range<usize> {
        let mut node = self;
        let mut place = self.first_key();
        for step in &path.0 {
            let (span, child) = match (step, &node.value) {
                (Step::Key(key), Tree::Map(_)) => match node.entry(key) {
                    Some((_, span, child)) => (span.clone(), child),
                    None => return place,
                },
                (Step::Index(index), Tree::List(nodes)) => match nodes.get(*index) {
                    Some(child) => (child.first_key(), child),
                    None => return place,
                },
                _ => return place,
            };
            place = match &child.value {
                Tree::Scalar(value) if !value.is_null() && !child.span.is_empty() => child.span.clone(),
                _ => span,
            };
            node = child;
        }
        place
    }

    /// The place of `key` itself rather than of its value, for a key that should not be there.
    pub fn locate_key(&self, path: &Path) -> Range<usize> {
        let Some((Step::Key(key), parents)) = path.0.split_last() else { return self.locate(path) };
        let mut node = self;
        for step in parents {
            node = match (step, &node.value) {
                (Step::Key(key), _) => match node.get(key) {
                    Some(child) => child,
                    None => return self.locate(path),
                },
                (Step::Index(index), Tree::List(nodes)) if *index < nodes.len() => &nodes[*index],
                _ => return self.locate(path),
            };
        }
        node.entry(key).map_or_else(|| self.locate(path), |(_, span, _)| span.clone())
    }

    fn first_key(&self) -> Range<usize> {
        match &self.value {
            Tree::Map(entries) => entries.first().map_or(self.span.clone(), |(_, span, _)| span.clone()),
            Tree::List(nodes) => nodes.first().map_or(self.span.clone(), Node::first_key),
            Tree::Scalar(_) => self.span.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "service: demo\nform:\n  title: Hi\n  fields:\n    - name: email\n      type: email\n";

    fn at<'a>(text: &'a str, node: &Node, path: &Path) -> &'a str {
        &text[node.locate(path)]
    }

    #[test]
    fn a_path_leads_to_the_bytes_it_names() {
        let node = parse(TEXT).expect("valid YAML");
        let field = Path::default().key("form").key("fields").index(0);
        assert_eq!(at(TEXT, &node, &Path::default().key("service")), "demo");
        assert_eq!(at(TEXT, &node, &field.key("type")), "email");
        assert_eq!(at(TEXT, &node, &field.key("max")), "name");
        assert_eq!(&TEXT[node.locate_key(&field.key("type"))], "type");
        assert_eq!(field.key("type").to_string(), "form.fields[0].type");
    }

    #[test]
    fn an_overlay_replaces_lists_and_merges_maps() {
        let mut base = parse("a: {x: 1, y: [1, 2]}\nb: 1\n").expect("valid YAML");
        base.merge(parse("a: {y: [3], z: 2}\n").expect("valid YAML"));
        assert_eq!(base.to_value(), serde_json::json!({"a": {"x": 1, "y": [3], "z": 2}, "b": 1}));
    }

    #[test]
    fn words_stay_words() {
        let node = parse("a: no\nb: on\nc: true\nd: 1.10\ne: '1'\nf: ~\n").expect("valid YAML");
        assert_eq!(node.to_value(), serde_json::json!({"a": "no", "b": "on", "c": true, "d": 1.1, "e": "1"}));
    }
}
