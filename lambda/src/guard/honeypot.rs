//! A field that no person sees and many programs fill.
//!
//! The page hides it from eyes, keyboards, screen readers and the browser's own filling. Which name it has
//! follows from the form alone, so that every instance agrees on it.

use crate::config::Form;

/// Names that programs like and browsers do not fill in by themselves, best first.
const TEMPTING: [&str; 6] = ["website", "company_url", "homepage", "fax", "backlink", "referral_url"];

/// Never declared by a form: the name of a field holds no hyphen.
const LAST_RESORT: &str = "web-site";

/// The name of the trap: the most tempting one that the form has not given to a field.
pub fn honeypot(form: &Form) -> &'static str {
    let free = |name: &&str| form.fields.iter().all(|field| field.name != **name);
    TEMPTING.into_iter().find(free).unwrap_or(LAST_RESORT)
}

/// Whether something was written into the field of this name. Blanks count: nobody sent them by hand.
pub fn is_filled(pairs: &[(String, String)], name: &str) -> bool {
    pairs.iter().any(|(key, value)| key == name && !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(names: &[&str]) -> Form {
        let fields: Vec<_> = names.iter().map(|name| serde_json::json!({ "name": name, "type": "text" })).collect();
        serde_json::from_value(serde_json::json!({ "title": "Join", "fields": fields })).expect("a form")
    }

    #[test]
    fn the_trap_is_never_a_field_of_the_form() {
        assert_eq!(honeypot(&form(&["email"])), "website");
        assert_eq!(honeypot(&form(&["website", "email", "company_url"])), "homepage");
        assert_eq!(honeypot(&form(&TEMPTING)), LAST_RESORT);
    }

    #[test]
    fn only_a_filled_trap_has_caught() {
        let pairs = |value: &str| vec![("name".to_owned(), "Ada".to_owned()), ("website".to_owned(), value.to_owned())];
        assert!(is_filled(&pairs("http://example.com"), "website"));
        assert!(!is_filled(&pairs(""), "website"));
        assert!(!is_filled(&pairs("http://example.com"), "fax"));
        assert!(!is_filled(&[], "website"));
        let twice = [pairs(""), pairs("x")].concat();
        assert!(is_filled(&twice, "website"));
    }
}
