//! A CloudFormation template as plain JSON: short forms become long ones, so that `!Ref X` is `{"Ref": "X"}`. Pure;
//! evaluates nothing.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};
use serde_saphyr::Tagged;

/// Reads a template's YAML. Fails when it is none.
pub fn read(text: &str) -> Result<Value, serde_saphyr::Error> {
    serde_saphyr::from_str(text).map(long_form)
}

/// A node of the YAML, with the tags of its children still on them.
enum Node {
    Scalar(Value),
    List(Vec<Tagged<Node>>),
    Map(Vec<(String, Tagged<Node>)>),
}

fn long_form(Tagged(node, tag): Tagged<Node>) -> Value {
    let value = match node {
        Node::Scalar(value) => value,
        Node::List(items) => items.into_iter().map(long_form).collect(),
        Node::Map(entries) => {
            entries.into_iter().map(|(key, node)| (key, long_form(node))).collect::<Map<_, _>>().into()
        }
    };
    match tag.as_deref().and_then(|tag| tag.strip_prefix('!')) {
        None => value,
        Some(name @ ("Ref" | "Condition")) => json!({ name: value }),
        Some(name) => json!({ format!("Fn::{name}"): value }),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a node of a template")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
                Ok(Node::Scalar(value.into()))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
                Ok(Node::Scalar(value.into()))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
                Ok(Node::Scalar(value.into()))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
                Ok(Node::Scalar(value.into()))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
                Ok(Node::Scalar(value.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Node::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
                let mut map = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    map.push(entry);
                }
                Ok(Node::Map(map))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
