//! Forms of every kind, and submissions that fit them or nearly do.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::string::string_regex;
use serde_json::{Map, Value, json};
use signup_service::config::{Bound, Field, FieldType, Form};

/// Patterns as operators write them, in Rust's syntax. The last three cannot be said in every engine's.
pub const PATTERNS: &[&str] = &[
    "[A-Z]{2}[0-9]{4}",
    "red|green|blue",
    "[a-zé]+( [a-zé]+)*",
    r"\d{3}",
    r"\p{Greek}+",
    "(?i)straße",
    ".{2,5}",
    " ?a ?",
    "[^x]*",
    r"a\nb|c",
    r"\w+\s\w+",
    "(?s)a.?.?b?",
    r"[\u{1F600}-\u{1F64F}]+",
    r"(a|b){2}[^\d\s]?",
    r"^a+$",
    r"\bab\b",
    "(?m)^x$",
];

/// What may stand around or inside a text: white space of several kinds, what cannot be seen, what deceives,
/// what controls, what needs two units in UTF-16.
const ODD: &[&str] = &[
    " ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "\u{a0}",
    "\u{2003}",
    "\u{85}",
    "\u{feff}",
    "\u{200b}",
    "\u{200d}",
    "\u{202e}",
    "\u{ad}",
    "\u{3164}",
    "\u{e0001}",
    "\0",
    "\u{7f}",
    "\u{9f}",
    "𝒳",
    "é",
    "-",
    "x",
];

/// A form with an address and up to five other fields of any type, with or without consent.
pub fn any_form() -> impl Strategy<Value = Form> {
    (vec(any_field(), 0..6), any::<bool>()).prop_map(|(fields, consent)| {
        let mut fields: Vec<Value> = fields.into_iter().enumerate().map(|(at, field)| named(field, at)).collect();
        fields.push(json!({ "name": "email", "type": "email" }));
        let mut form = json!({ "title": "Join us", "fields": fields });
        if consent {
            form["consent"] = json!({ "text": "I agree." });
        }
        serde_json::from_value(form).expect("a form")
    })
}

fn named(mut field: Value, at: usize) -> Value {
    field["name"] = format!("field_{at}").into();
    field
}

fn any_field() -> impl Strategy<Value = Value> {
    let kinds = select(vec![
        "text",
        "text",
        "textarea",
        "integer",
        "number",
        "date",
        "choice",
        "multi_choice",
        "country",
        "phone",
        "url",
        "checkbox",
    ]);
    let lengths = (proptest::option::of(0_u32..6), proptest::option::of(6_u32..12));
    let bounds = (proptest::option::of(-20_i32..20), proptest::option::of(20_i32..60));
    let dates = (proptest::option::of(date(1900..1970)), proptest::option::of(date(1970..2030)));
    let patterns = proptest::option::weighted(0.4, select(PATTERNS));
    (kinds, any::<bool>(), lengths, bounds, dates, patterns).prop_map(
        |(kind, required, length, bound, date, pattern)| {
            let mut field = json!({ "type": kind, "required": required });
            let mut set = |key: &str, value: Option<Value>| {
                if let Some(value) = value {
                    field[key] = value;
                }
            };
            match kind {
                "text" | "textarea" => {
                    set("min_length", length.0.map(Value::from));
                    set("max_length", length.1.map(Value::from));
                    set("pattern", pattern.map(Value::from));
                }
                "phone" | "url" => set("min_length", length.0.map(|least| json!(least + 8))),
                "integer" => {
                    set("min", bound.0.map(Value::from));
                    set("max", bound.1.map(Value::from));
                }
                "number" => {
                    set("min", bound.0.map(|bound| json!(f64::from(bound) / 10.0)));
                    set("max", bound.1.map(|bound| json!(f64::from(bound) / 10.0)));
                }
                "date" => {
                    set("min", date.0.map(Value::from));
                    set("max", date.1.map(Value::from));
                }
                "choice" | "multi_choice" => {
                    set("options", Some(json!(["north", "north-east", " south ", "Süd\u{ad}en"])))
                }
                _ => {}
            }
            field
        },
    )
}

fn date(years: std::ops::Range<u32>) -> impl Strategy<Value = String> {
    (years, 1_u32..13, 1_u32..29).prop_map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}"))
}

/// So many submissions of a form: each is mostly right, and one or two of its values may be anything.
pub fn submissions(form: &Form, count: usize) -> impl Strategy<Value = Vec<Map<String, Value>>> + use<> {
    let right: Vec<_> = form.fields.iter().map(|field| (Just(field.name.clone()), right(field))).collect();
    let keys: Vec<_> = form.fields.iter().map(|field| (Just(field.name.clone()), wrong(field)).boxed()).collect();
    let consent = (Just("consent".to_owned()), prop_oneof![Just(json!(true)), Just(json!(false)), anything()]).boxed();
    let unknown = (Just("no_such_field".to_owned()), anything()).boxed();
    let missing = select(form.fields.iter().map(|field| field.name.clone()).collect::<Vec<_>>());
    let changes = vec(proptest::strategy::Union::new(keys.into_iter().chain([consent, unknown])), 0..3);
    let consents = form.consent.is_some();
    let one = (right, changes, proptest::option::weighted(0.1, missing)).prop_map(move |(right, changes, missing)| {
        let mut body: Map<String, Value> = right.into_iter().collect();
        if consents {
            body.insert("consent".into(), json!(true));
        }
        body.extend(changes);
        if let Some(missing) = missing {
            body.remove(&missing);
        }
        body
    });
    vec(one, count)
}

/// Values that the server takes, or nearly always takes.
fn right(field: &Field) -> BoxedStrategy<Value> {
    let number = |bound: &Option<Bound>, otherwise: f64| match bound {
        Some(Bound::Number(number)) => *number,
        _ => otherwise,
    };
    let date_of = |bound: &Option<Bound>, otherwise: &str| match bound {
        Some(Bound::Date(date)) => date.clone(),
        _ => otherwise.to_owned(),
    };
    let options: Vec<String> = field.options.iter().map(|option| option.value.clone()).collect();
    match field.kind {
        FieldType::Text | FieldType::Textarea => match field.pattern.as_deref().map(string_regex) {
            Some(Ok(matching)) => matching.prop_map(Value::from).boxed(),
            Some(Err(_)) => select(vec!["a", "aa", "ab", "x"]).prop_map(Value::from).boxed(),
            None => {
                let (least, most) = (field.min_length.unwrap_or(1).max(1), field.length_limit());
                let lengths = prop_oneof![Just(least), Just(most), least..=most.min(least + 5)];
                (select(vec!["a", "é", "𝒳"]), lengths)
                    .prop_map(|(letter, length)| letter.repeat(length as usize).into())
                    .boxed()
            }
        },
        FieldType::Email => "[a-zA-Z0-9]{1,10}([.+_'-][a-z0-9]{1,5})?@([a-z][a-z0-9-]{0,8}[a-z0-9]\\.){1,2}[a-z]{2,6}"
            .prop_map(Value::from)
            .boxed(),
        FieldType::Url => {
            "(https?|HTTPS)://([a-z]{2,8}\\.){1,2}[a-z]{3}(:8080)?(/[a-z0-9%._~-]{0,8}){0,2}(\\?q=[a-z]{1,4})?"
                .prop_map(Value::from)
                .boxed()
        }
        FieldType::Phone => "\\+?[0-9]{2}[ ./-]?\\(?[0-9]{3}\\)? ?[0-9]{4,8}".prop_map(Value::from).boxed(),
        FieldType::Integer => {
            let (least, most) = (number(&field.min, -1e6), number(&field.max, 1e6));
            (least..=most).prop_map(|number| json!(number.trunc())).boxed()
        }
        FieldType::Number => (number(&field.min, -1e15)..=number(&field.max, 1e15)).prop_map(Value::from).boxed(),
        FieldType::Date => {
            let bounds =
                vec![date_of(&field.min, "1969-02-28"), date_of(&field.max, "1972-02-29"), "1970-01-01".into()];
            select(bounds).prop_map(Value::from).boxed()
        }
        FieldType::Choice => select(options).prop_map(Value::from).boxed(),
        FieldType::MultiChoice => subsequence(options, 1..=4).prop_map(Value::from).boxed(),
        FieldType::Country => select(vec!["GB", "FR", "AX"]).prop_map(Value::from).boxed(),
        FieldType::Checkbox => Just(json!(true)).boxed(),
    }
}

/// Values that are nearly right, and some that are anything but.
fn wrong(field: &Field) -> BoxedStrategy<Value> {
    let near = match field.kind {
        FieldType::Integer | FieldType::Number => numbers(field),
        FieldType::MultiChoice => vec(
            prop_oneof![4 => select(vec!["north", "south", " south ", "nowhere", ""]).prop_map(Value::from), 1 => anything()],
            0..4,
        )
        .prop_map(Value::from)
        .boxed(),
        FieldType::Email => prop_oneof![2 => padded(field), 1 => select(BAD_ADDRESSES).prop_map(Value::from)].boxed(),
        FieldType::Url => prop_oneof![2 => padded(field), 1 => select(BAD_URLS).prop_map(Value::from)].boxed(),
        FieldType::Date => prop_oneof![
            1 => padded(field),
            2 => "(1969|19[0-9]{2}|2000|0000|9999)-(0[0-9]|1[0-3])-(0[0-9]|[12][0-9]|3[0-2])".prop_map(Value::from),
            1 => select(vec!["20000229", "29/02/2000", "2000-2-9", "+002000-01-01", "2000-01-01T00:00:00Z", ""])
                .prop_map(Value::from),
        ]
        .boxed(),
        FieldType::Text | FieldType::Textarea => {
            let odd = vec(select(ODD), 0..8).prop_map(|parts| parts.concat().into());
            let edge = edges(field);
            prop_oneof![padded(field), odd, edge].boxed()
        }
        FieldType::Phone => {
            prop_oneof![padded(field), "\\+? ?[0-9 ]{3,20}[-/.()]{0,2}\\+?".prop_map(Value::from)].boxed()
        }
        FieldType::Choice | FieldType::Country | FieldType::Checkbox => padded(field),
    };
    prop_oneof![5 => near, 1 => blank(), 1 => anything()].boxed()
}

/// Addresses that are clearly none.
const BAD_ADDRESSES: &[&str] = &[
    "ada",
    "@example.com",
    "ada@",
    "ada@localhost",
    "ada@127.0.0.1",
    "ada@[127.0.0.1]",
    "ada@example..com",
    "a@-b.com",
    "ada@b-.com",
    "ada@exa_mple.com",
    "ada@example.com.",
    ".ada@example.com",
    "a..da@example.com",
    "a da@example.com",
    "\"a da\"@example.com",
    "Ada <ada@example.com>",
    "ada@example.com, bob@example.com",
    "ädä@example.com",
    "a@b@c.de",
];

/// Texts that are clearly no web address.
const BAD_URLS: &[&str] = &[
    "example.com",
    "//example.com",
    "javascript:alert(1)",
    "ftp://example.com",
    "https://",
    "https:///example.com",
    "https:example.com",
    "https:/example.com",
    "https://exa mple.com",
    "https://example.com/\u{a0}a",
    "http://?q",
    "http",
    "xhttps://example.com",
    "https:\\\\example.com",
    "mailto:ada@example.com?x=://",
    "https://#a",
];

/// A right value with something odd before or after it, when it is a text.
fn padded(field: &Field) -> BoxedStrategy<Value> {
    // Within an address of the mail or the web, what cannot be seen is judged by the rules of domains.
    (right(field), vec(select(ODD), 0..3), vec(select(&ODD[..18]), 0..3))
        .prop_map(|(value, before, after)| match value {
            Value::String(text) if text.starts_with("http") => format!("{}{text}", pad(&before)).into(),
            Value::String(text) if text.contains('@') => format!("{}{text}{}", pad(&before), pad(&after)).into(),
            Value::String(text) => format!("{}{text}{}", before.concat(), after.concat()).into(),
            other => other,
        })
        .boxed()
}

/// What of the odd parts is neither a letter nor told apart by the rules of domains.
fn pad(parts: &[&str]) -> String {
    parts
        .iter()
        .filter(|part| !["é", "𝒳", "x", "-", "\u{200d}", "\u{3164}", "\u{e0001}"].contains(part))
        .copied()
        .collect()
}

/// Texts about as long as the least and the greatest length, counted with and without what is around them.
fn edges(field: &Field) -> BoxedStrategy<Value> {
    let (least, most) = (field.min_length.unwrap_or(1), field.length_limit());
    let lengths = vec![least.saturating_sub(1), least, least + 1, most - 1, most, most + 1];
    (select(lengths), select(vec!["b", "ß", "𝒳"]), select(vec!["", " ", "\u{2003}\n", "\r\n"]))
        .prop_map(|(length, letter, around)| format!("{}{around}", letter.repeat(length as usize)).into())
        .boxed()
}

fn numbers(field: &Field) -> BoxedStrategy<Value> {
    let mut edges = vec![0.0, -0.0, 3.0, 3.5, 5e-324, 1e-16, 1e-15, 1e15, 1.1e15, 1e308, 9_007_199_254_740_992.0];
    for bound in [&field.min, &field.max].into_iter().flatten() {
        if let Bound::Number(number) = bound {
            edges.extend([*number, number + 1.0, number - 1.0, number.next_up(), number.next_down()]);
        }
    }
    let odd =
        vec![json!(u64::MAX), json!(i64::MIN), json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_991_u64)];
    prop_oneof![
        3 => select(edges).prop_map(Value::from),
        1 => select(odd),
        1 => any::<f64>().prop_map(Value::from),
        1 => (-100_i64..100).prop_map(Value::from),
    ]
    .boxed()
}

fn blank() -> BoxedStrategy<Value> {
    vec(select(&ODD[..15]), 0..4).prop_map(|parts| parts.concat().into()).boxed()
}

fn anything() -> BoxedStrategy<Value> {
    let values =
        [json!(null), json!(true), json!(false), json!(0), json!(1.5), json!(""), json!("x"), json!([]), json!({})];
    select(values.to_vec()).boxed()
}
