//! The files that a spec names: languages, mail templates, the logo.
//!
//! Reads what stands beside the spec and nothing else. What is wrong with the name of a file is a mistake of the
//! spec; what is wrong inside is shown in the file itself.

mod form;
mod languages;
mod logo;
mod templates;

use std::fs;
use std::path::Path as FilePath;

use signup_service::config::MailTemplate;
use signup_service::words::Language;

use super::Spec;
use super::check::Problem;
use super::report::{Mistake, Sheet};
use super::tree::Path;

/// What the files hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Files {
    pub languages: Vec<Language>,
    pub templates: Vec<MailTemplate>,
    pub logo: Option<Logo>,
}

/// The operator's logo, as it goes into the bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    pub media_type: &'static str,
    pub bytes: Vec<u8>,
}

/// Everything that is wrong: in the spec, and in the files.
#[derive(Debug, Default)]
pub(super) struct Wrong {
    pub(super) problems: Vec<Problem>,
    pub(super) sheets: Vec<Sheet>,
}

impl Wrong {
    fn add(&mut self, path: &Path, message: impl Into<String>, hint: impl Into<String>) {
        let (message, hint) = (message.into(), hint.into());
        let hint = (!hint.is_empty()).then_some(hint);
        self.problems.push(Problem { path: path.clone(), at_key: false, message, hint });
    }

    /// Mistakes inside a file, if there are any.
    fn sheet(&mut self, name: &str, source: String, mistakes: Vec<Mistake>) {
        if !mistakes.is_empty() {
            self.sheets.push(Sheet { name: name.to_owned(), source, mistakes });
        }
    }
}

/// Reads every file that `spec` names, as seen from `folder`.
pub(super) fn read(spec: &Spec, folder: &FilePath) -> (Files, Wrong) {
    let mut wrong = Wrong::default();
    let languages = languages::read(spec, folder, &mut wrong);
    let templates = templates::read(spec, &languages, folder, &mut wrong);
    let logo = logo::read(spec, folder, &mut wrong);
    (Files { languages, templates, logo }, wrong)
}

/// The bytes of a file of at most `limit` bytes; what is wrong with it is told at `path` of the spec.
fn bytes(folder: &FilePath, name: &str, limit: u64, path: &Path, wrong: &mut Wrong) -> Option<Vec<u8>> {
    let file = folder.join(name);
    let unreadable = match fs::metadata(&file) {
        Ok(metadata) if metadata.is_dir() => "it is a directory".to_owned(),
        Ok(metadata) if metadata.len() > limit => {
            let message = format!("`{name}` has {} bytes; at most {limit} are possible", metadata.len());
            wrong.add(path, message, "make it smaller");
            return None;
        }
        Ok(_) => match fs::read(&file) {
            Ok(bytes) => return Some(bytes),
            Err(error) => error.to_string(),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        Err(error) => error.to_string(),
    };
    wrong.add(path, format!("`{name}` cannot be read: {unreadable}"), "the path starts where the spec is");
    None
}

/// The same as text.
fn text(folder: &FilePath, name: &str, limit: u64, path: &Path, wrong: &mut Wrong) -> Option<String> {
    let bytes = bytes(folder, name, limit, path, wrong)?;
    let text = String::from_utf8(bytes);
    text.map_err(|error| {
        wrong.add(path, format!("`{name}` is no text: byte {} is not UTF-8", error.utf8_error().valid_up_to()), "");
    })
    .ok()
}

#[cfg(test)]
mod tests {
    use signup_service::config::{MailKind, TextTemplate};

    use crate::spec::load;

    const SPEC: &str = "service: demo\nemail: {from: a@example.com, templates: mail/}\nbranding: {logo: logo.png}\n\
        languages: [fr.yaml, nl.json, de]\nform: {title: Demo, fields: [{name: email, type: email}]}\n";

    #[test]
    fn what_the_files_hold_travels_with_the_service() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        std::fs::create_dir(folder.path().join("mail")).expect("made");
        write("signup.yaml", SPEC);
        std::fs::write(folder.path().join("logo.png"), b"\x89PNG\r\n\x1a\n\0").expect("written");
        write("fr.yaml", "code: fr\nwords: {form: {submit: Envoyer}}\nform: {fields: {email: {label: Courriel}}}\n");
        let english = include_str!("../../../lambda/languages/en.json");
        write("nl.json", &english.replacen("\"code\": \"en\"", "\"code\": \"nl\"", 1).replace("English", "Nederlands"));
        write("mail/confirmation.txt", "Subject: Bonjour {{brand}}\r\n\r\nAppuyez\r\n{{ link }}\r\n");
        write("mail/confirmation.html", "<p>{{link}} {{unsubscribe}}</p>");
        write("mail/welcome.nl.html", "<p>{{brand}} {{unsubscribe}}</p>");
        write("mail/.DS_Store", "x");
        let spec = load(&folder.path().join("signup.yaml"), None, false).map_err(|failure| failure.report);
        let config = spec.expect("valid").service_config();
        let [french, dutch, german] = config.languages.as_slice() else { panic!("three languages") };
        assert_eq!((french.words.form.submit.as_str(), french.words.form.wait.as_str()), ("Envoyer", "Un instant…"));
        assert_eq!(french.form.fields["email"].label.as_deref(), Some("Courriel"));
        assert_eq!((french.countries["DE"].as_str(), german.name.as_str()), ("Allemagne", "Deutsch"));
        assert_eq!((dutch.code.as_str(), dutch.name.as_str()), ("nl", "Nederlands"));
        assert_eq!(config.branding.logo.as_ref().map(|logo| logo.media_type.as_str()), Some("image/png"));
        let [confirmation, welcome] = config.email.templates.as_slice() else { panic!("two templates") };
        assert_eq!((confirmation.kind, confirmation.language.as_str()), (MailKind::Confirmation, "fr"));
        let text = TextTemplate { subject: "Bonjour {{brand}}".into(), body: "\nAppuyez\n{{ link }}\n".into() };
        assert_eq!(
            (confirmation.text.clone(), confirmation.html.as_deref()),
            (Some(text), Some("<p>{{link}} {{unsubscribe}}</p>"))
        );
        assert_eq!((welcome.kind, welcome.language.as_str(), &welcome.text), (MailKind::Welcome, "nl", &None));
        let json = serde_json::to_string(&config).expect("JSON");
        assert_eq!(serde_json::from_str::<signup_service::config::ServiceConfig>(&json).expect("reads back"), config);
    }
}
