//! What every page knows: whose it is, where its links lead, and in which language it speaks.

use form_urlencoded::Serializer;

use crate::config::{Logo, ServiceConfig};
use crate::words::{LangOf, Language, Words};

/// Whose page it is, and how it links to the others.
#[derive(Clone, Debug)]
pub struct Site<'a> {
    /// The name a person knows the operator by.
    pub brand: String,
    /// Way from the page to the service's root: empty, or `../` as often as the page is deep.
    pub root: String,
    /// Version of the style sheet and the scripts, so that they can be cached for good.
    pub release: &'a str,
    pub language: &'a Language,
    /// Every language on offer, this one among them.
    pub languages: &'a [Language],
    /// The language was asked for in the address (`?lang=`), and every link keeps it.
    pub chosen: bool,
    pub logo: Option<&'a Logo>,
    /// In an iframe of another site: no header, and every link says so (`?embed=1`).
    pub embedded: bool,
}

/// A language to read the page in.
pub(super) struct LanguageLink<'a> {
    pub(super) language: &'a Language,
    /// `None` for the page's own.
    pub(super) target: Option<String>,
}

impl<'a> Site<'a> {
    /// A page at the root, in the default language.
    pub fn new(config: &'a ServiceConfig, release: &'a str) -> Self {
        Self {
            brand: config.brand(),
            root: String::new(),
            release,
            language: config.default_language(),
            languages: &config.languages,
            chosen: false,
            logo: config.branding.logo.as_ref(),
            embedded: false,
        }
    }

    /// The same for a page at this path, however deep.
    pub fn at(mut self, path: &str) -> Self {
        self.root = "../".repeat(path.trim_start_matches('/').matches('/').count());
        self
    }

    /// The same in another language. `chosen` says that it was asked for in the address.
    pub fn speaking(mut self, language: &'a Language, chosen: bool) -> Self {
        (self.language, self.chosen) = (language, chosen);
        self
    }

    /// The same for an iframe.
    pub fn embedded(mut self) -> Self {
        self.embedded = true;
        self
    }

    pub(super) fn words(&self) -> &'a Words {
        &self.language.words
    }

    /// What marks a text of the operator's as one in the language that the form is declared in; nothing where it
    /// was translated, or where the page speaks that language.
    pub(super) fn own(&self, translated: bool) -> LangOf<'a> {
        let declared = self.languages.first().filter(|_| !translated);
        declared.map_or_else(LangOf::default, |declared| LangOf::new(declared, self.language))
    }

    /// From the page to another of the service, with what every link keeps.
    pub fn link(&self, target: &str) -> String {
        self.link_with(target, &[])
    }

    /// The same with a query of its own in front.
    pub fn link_with(&self, target: &str, keep: &[(&str, &str)]) -> String {
        self.target(target, keep, self.chosen.then_some(self.language))
    }

    /// From the page to the form.
    pub fn home(&self) -> String {
        self.link(self.form())
    }

    /// The form's own place, where an iframe has another one.
    pub(super) fn form(&self) -> &'static str {
        if self.embedded { EMBEDDED_FORM } else { "./" }
    }

    /// The languages of the page at `here`, which is called with the query `keep`; none unless there are several.
    pub(super) fn menu(&self, here: &str, keep: &[(&str, &str)]) -> Vec<LanguageLink<'a>> {
        if self.languages.len() < 2 {
            return Vec::new();
        }
        let link = |language: &'a Language| {
            let own = language.code == self.language.code;
            LanguageLink { language, target: (!own).then(|| self.target(here, keep, Some(language))) }
        };
        self.languages.iter().map(link).collect()
    }

    fn target(&self, target: &str, keep: &[(&str, &str)], language: Option<&Language>) -> String {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(keep);
        if let Some(language) = language {
            query.append_pair("lang", &language.code);
        }
        if self.embedded && target != EMBEDDED_FORM {
            query.append_pair("embed", "1");
        }
        let query = query.finish();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{target}{mark}{query}", self.root)
    }
}

/// Where the form for an iframe is.
const EMBEDDED_FORM: &str = "embed";
