//! The DNS records of a domain that SES sends from: which they are, how they are written, and whether DNS has them.
//! Pure.

use std::fmt::Write;

use serde::Serialize;

/// Seconds for which resolvers may keep a record: short enough to mend a mistake, long enough for everybody else.
const TTL: u32 = 1_800;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Type {
    Cname,
    Mx,
    Txt,
}

impl Type {
    pub fn name(self) -> &'static str {
        match self {
            Self::Cname => "CNAME",
            Self::Mx => "MX",
            Self::Txt => "TXT",
        }
    }
}

/// What a record is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Verifies the domain, and signs its mail.
    Dkim,
    /// Brings bounces to SES.
    MailFrom,
    /// Lets SES send for the MAIL FROM domain.
    Spf,
    /// Tells receivers what to think of mail that fails both: a suggestion, since any policy will do.
    Dmarc,
}

/// A record, names without a final dot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    #[serde(rename = "type")]
    pub kind: Type,
    pub name: String,
    /// As DNS answers it; of an MX the preference first.
    pub value: String,
    pub purpose: Purpose,
}

/// What DNS says of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Found {
    Right,
    /// Not there, or not visible yet.
    Missing,
    /// There under a name that ends with the domain twice.
    Doubled {
        name: String,
    },
    Wrong {
        values: Vec<String>,
    },
    /// DNS could not be asked.
    Unknown {
        cause: String,
    },
}

/// The records by which a domain is verified, as SES names them: a token each, in the zone that SES publishes keys in.
pub fn dkim<'a>(domain: &str, zone: &str, tokens: impl IntoIterator<Item = &'a str>) -> Vec<Record> {
    let record = |token: &str| Record {
        kind: Type::Cname,
        name: format!("{token}._domainkey.{domain}"),
        value: format!("{token}.{zone}"),
        purpose: Purpose::Dkim,
    };
    tokens.into_iter().map(record).collect()
}

/// The records of a MAIL FROM domain of one's own, without which a bounce goes to a domain of SES's.
pub fn mail_from(mail_from: &str, region: &str) -> [Record; 2] {
    let (mx, spf) = (format!("10 feedback-smtp.{region}.amazonses.com"), "v=spf1 include:amazonses.com ~all");
    [
        Record { kind: Type::Mx, name: mail_from.to_owned(), value: mx, purpose: Purpose::MailFrom },
        Record { kind: Type::Txt, name: mail_from.to_owned(), value: spf.to_owned(), purpose: Purpose::Spf },
    ]
}

/// The policy that large mailbox providers ask every sender for, in its mildest form.
pub fn dmarc(domain: &str) -> Record {
    Record {
        kind: Type::Txt,
        name: format!("_dmarc.{domain}"),
        value: "v=DMARC1; p=none".to_owned(),
        purpose: Purpose::Dmarc,
    }
}

impl Record {
    /// Whether an answer of DNS serves the purpose.
    fn is_served_by(&self, answer: &str) -> bool {
        let words = || answer.split_whitespace();
        match self.purpose {
            Purpose::Dmarc => answer.trim_start().to_ascii_lowercase().starts_with("v=dmarc1"),
            // Others may send for the domain too.
            Purpose::Spf => words().any(|word| word.eq_ignore_ascii_case("include:amazonses.com")),
            // Whatever its preference.
            Purpose::MailFrom => words().next_back().map(host) == self.value.split(' ').next_back().map(host),
            Purpose::Dkim => host(answer) == host(&self.value),
        }
    }

    /// Whether an answer has to do with the purpose at all: TXT records of one name are many things.
    fn is_meant_by(&self, answer: &str) -> bool {
        match self.purpose {
            Purpose::Spf => answer.trim_start().to_ascii_lowercase().starts_with("v=spf1"),
            Purpose::Dmarc => answer.trim_start().to_ascii_lowercase().starts_with("v=dmarc"),
            Purpose::Dkim | Purpose::MailFrom => true,
        }
    }

    /// What is to be thought of DNS's answers for the name.
    pub fn judge(&self, answers: &[String]) -> Found {
        let meant: Vec<&String> = answers.iter().filter(|answer| self.is_meant_by(answer)).collect();
        // Receivers take none of several policies.
        let is_alone = matches!(self.kind, Type::Mx) || meant.len() == 1;
        match meant.as_slice() {
            [] => Found::Missing,
            meant if is_alone && meant.iter().all(|answer| self.is_served_by(answer)) => Found::Right,
            meant => Found::Wrong { values: meant.iter().map(|answer| (*answer).clone()).collect() },
        }
    }

    /// The name under which a provider keeps it that adds the domain to a whole name.
    pub fn doubled(&self, domain: &str) -> String {
        format!("{}.{domain}", self.name)
    }

    /// The line of a zone file (RFC 1035).
    pub fn zone_line(&self) -> String {
        let value = match self.kind {
            Type::Txt => format!("\"{}\"", self.value),
            Type::Cname | Type::Mx => format!("{}.", self.value),
        };
        format!("{}. {TTL} IN {} {value}", self.name, self.kind.name())
    }
}

impl Found {
    /// What to do about it, to follow the record; nothing when it is right.
    pub fn advice(&self, record: &Record, domain: &str) -> Option<String> {
        match self {
            Self::Right => None,
            Self::Missing => Some("not there, or not visible yet".into()),
            Self::Doubled { name } => {
                let short = record.name.strip_suffix(domain).unwrap_or(&record.name).trim_end_matches('.');
                Some(format!("is at `{name}`: the provider adds the domain by itself, so enter `{short}` as the name"))
            }
            Self::Wrong { values } => {
                let found = values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
                let target = record.value.split(' ').next_back().unwrap_or_default();
                let adds = format!("{target}.{domain}");
                match values.iter().any(|value| value.split(' ').next_back().map(host) == Some(host(&adds))) {
                    true => Some(format!(
                        "leads to {found}: the provider adds the domain by itself, so end the value with a dot"
                    )),
                    false => Some(format!("is {found} instead")),
                }
            }
            Self::Unknown { cause } => Some(format!("cannot be looked up: {cause}")),
        }
    }
}

/// A host name as DNS compares it.
fn host(name: &str) -> String {
    name.trim().trim_end_matches('.').to_ascii_lowercase()
}

/// The records as a table and their state, for people.
pub fn table(records: &[(Record, Found)], domain: &str, sign: impl Fn(&Found) -> String) -> String {
    let width = records.iter().map(|(record, _)| record.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (record, found) in records {
        let optional = if record.purpose == Purpose::Dmarc { "  (a suggestion)" } else { "" };
        _ = writeln!(
            text,
            "  {} {:5} {:width$}  {}{optional}",
            sign(found),
            record.kind.name(),
            record.name,
            record.value
        );
        if let Some(advice) = found.advice(record, domain) {
            _ = writeln!(text, "          {advice}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Record {
        dkim("example.com", "dkim.amazonses.com", ["abc"]).remove(0)
    }

    fn judged(record: &Record, answers: &[&str]) -> Found {
        record.judge(&answers.iter().map(|answer| (*answer).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn records_are_written_as_zone_lines() {
        let [mx, spf] = mail_from("bounce.example.com", "eu-west-1");
        let lines: Vec<String> = [key(), mx, spf, dmarc("example.com")].iter().map(Record::zone_line).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        abc._domainkey.example.com. 1800 IN CNAME abc.dkim.amazonses.com.
        bounce.example.com. 1800 IN MX 10 feedback-smtp.eu-west-1.amazonses.com.
        bounce.example.com. 1800 IN TXT "v=spf1 include:amazonses.com ~all"
        _dmarc.example.com. 1800 IN TXT "v=DMARC1; p=none"
        "#);
    }

    #[test]
    fn an_answer_is_right_in_any_way_of_writing() {
        assert_eq!(judged(&key(), &["ABC.dkim.amazonses.com."]), Found::Right);
        let [mx, spf] = mail_from("bounce.example.com", "eu-west-1");
        assert_eq!(judged(&mx, &["5 feedback-smtp.eu-west-1.amazonses.com."]), Found::Right);
        assert_eq!(judged(&spf, &["site=1", "v=spf1 include:other.org include:amazonses.com -all"]), Found::Right);
        assert_eq!(judged(&dmarc("example.com"), &["v=DMARC1; p=reject; rua=mailto:a@b.c"]), Found::Right);
    }

    #[test]
    fn a_wrong_answer_is_told_with_the_way_out() {
        let told = |record: &Record, answers: &[&str]| judged(record, answers).advice(record, "example.com");
        assert_eq!(told(&key(), &[]).as_deref(), Some("not there, or not visible yet"));
        assert_eq!(told(&key(), &["old.example.net."]).as_deref(), Some("is `old.example.net.` instead"));
        let appended = told(&key(), &["abc.dkim.amazonses.com.example.com."]).expect("wrong");
        assert!(appended.ends_with("so end the value with a dot"), "{appended}");
        let doubled = Found::Doubled { name: key().doubled("example.com") };
        assert_eq!(
            doubled.advice(&key(), "example.com").as_deref(),
            Some(
                "is at `abc._domainkey.example.com.example.com`: the provider adds the domain by itself, so enter \
                 `abc._domainkey` as the name"
            )
        );
        // Two policies are none.
        let [mx, spf] = mail_from("bounce.example.com", "eu-west-1");
        let two = ["v=spf1 include:amazonses.com ~all", "v=spf1 -all"];
        assert!(matches!(judged(&spf, &two), Found::Wrong { .. }));
        assert_eq!(judged(&spf, &["site=1"]), Found::Missing);
        // Bounces would go astray.
        let also = ["10 feedback-smtp.eu-west-1.amazonses.com.", "20 mx.example.com."];
        assert!(matches!(judged(&mx, &also), Found::Wrong { .. }));
    }
}
