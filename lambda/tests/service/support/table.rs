//! A table of the contract's schema on the emulator, under a name of its own.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, StreamSpecification, StreamViewType,
};
use signup_service::aws::{Peers, http};

/// Where the emulator answers.
///
/// # Panics
/// When `SIGNUPCTL_TEST_ENDPOINT` is not set: a suite that skips itself proves nothing.
pub fn endpoint() -> String {
    std::env::var("SIGNUPCTL_TEST_ENDPOINT").ok().filter(|url| !url.is_empty()).expect(
        "SIGNUPCTL_TEST_ENDPOINT names no emulator; run `make test`, or start one and set it, such as http://127.0.0.1:4566",
    )
}

pub fn client() -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint())
        .http_client(http::client(Peers::at(&endpoint())).expect("a client"))
        .build();
    Client::from_conf(config)
}

/// Creates an empty table and gives its name.
pub async fn create(client: &Client) -> String {
    let mut random = [0; 8];
    getrandom::fill(&mut random).expect("random bytes");
    let name = format!("test-{:016x}", u64::from_be_bytes(random));
    let attribute = |name: &str, kind| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().expect("complete")
    };
    let key =
        |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("complete");
    let index = |name: &str, hash: &str, range: &str, projection: Projection| {
        GlobalSecondaryIndex::builder()
            .index_name(name)
            .key_schema(key(hash, KeyType::Hash))
            .key_schema(key(range, KeyType::Range))
            .projection(projection)
            .build()
            .expect("complete")
    };
    let keys_only = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
    let indexes = [
        ("by-time", "in_time", "at"),
        ("by-state", "in_state", "at"),
        ("by-country", "in_country", "at"),
        ("by-address", "in_address", "address_key"),
        ("by-name", "in_name", "name_key"),
        ("due", "due", "due_at"),
    ];
    let names: BTreeSet<&str> =
        indexes.iter().flat_map(|(_, hash, range)| [*hash, *range]).chain(["pk", "sk"]).collect();
    let kind = |name| if name == "due_at" { ScalarAttributeType::N } else { ScalarAttributeType::S };
    let definitions = names.into_iter().map(|name| attribute(name, kind(name))).collect();
    let indexes = indexes.map(|(name, hash, range)| index(name, hash, range, keys_only.clone())).to_vec();
    let stream =
        StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewAndOldImages).build();
    client
        .create_table()
        .table_name(&name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(definitions))
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .set_global_secondary_indexes(Some(indexes))
        .stream_specification(stream.expect("complete"))
        .send()
        .await
        .expect("the emulator makes a table");
    name
}
