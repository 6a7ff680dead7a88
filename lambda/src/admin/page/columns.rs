//! Which columns the table of users has.

use super::filter;
use super::time::When;
use super::value;
use crate::census::country_field;
use crate::config::{Field, FieldType, ServiceConfig};
use crate::user::User;

/// What a column shows beside the address, which every row has.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Column<'a> {
    SignedUp,
    State,
    ConfirmedAt,
    Language,
    Field(&'a Field),
}

/// Names of the columns that are no fields. With a hyphen, which no field's name has.
const SIGNED_UP: &str = "signed-up";
const STATE: &str = "state-of-user";
const CONFIRMED_AT: &str = "confirmed-at";
const LANGUAGE: &str = "page-language";

impl Column<'_> {
    fn name(&self) -> &str {
        match self {
            Self::SignedUp => SIGNED_UP,
            Self::State => STATE,
            Self::ConfirmedAt => CONFIRMED_AT,
            Self::Language => LANGUAGE,
            Self::Field(field) => &field.name,
        }
    }

    fn label(&self) -> String {
        match self {
            Self::SignedUp => "Signed up".into(),
            Self::State => "State".into(),
            Self::ConfirmedAt => "Confirmed".into(),
            Self::Language => "Language".into(),
            Self::Field(field) => field.label(),
        }
    }

    fn cell(&self, user: &User) -> Cell {
        match self {
            Self::SignedUp => Cell::Time(When(user.created_at)),
            Self::State => Cell::State { name: user.state.name(), label: filter::label(user.state) },
            Self::ConfirmedAt => user.confirmed_at.map_or(Cell::Empty, |at| Cell::Time(When(at))),
            Self::Language => user.answers.language.clone().map_or(Cell::Empty, Cell::Exact),
            Self::Field(field) => {
                let exact = matches!(field.kind, FieldType::Phone | FieldType::Url);
                let cell = if exact { Cell::Exact } else { Cell::Text };
                value::shown(field, &user.answers.fields).map_or(Cell::Empty, cell)
            }
        }
    }
}

/// One value of the table.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    Empty,
    Text(String),
    /// Written from left to right in every script.
    Exact(String),
    Time(When),
    State {
        name: &'static str,
        label: &'static str,
    },
}

/// A column as offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) chosen: bool,
}

/// The columns of the table, in the order in which the form asks.
#[derive(Clone, Debug)]
pub struct Columns<'a> {
    all: Vec<Column<'a>>,
    chosen: Vec<Column<'a>>,
    /// They were asked for in the address, and every link keeps them.
    asked: bool,
}

impl<'a> Columns<'a> {
    /// Those whose names the query holds as `col`; unknown ones are passed over. The usual ones where none is left:
    /// what the person is called, when they signed up, where they are from, and their state.
    pub fn new<'b>(config: &'a ServiceConfig, asked: impl IntoIterator<Item = &'b str>) -> Self {
        let fields = config.form.fields.iter().filter(|field| field.kind != FieldType::Email).map(Column::Field);
        let (names, others): (Vec<_>, Vec<_>) = fields.partition(|column| is_name(column));
        let meta = [Column::ConfirmedAt, Column::Language];
        let all: Vec<Column<'a>> =
            names.into_iter().chain([Column::SignedUp]).chain(others).chain([Column::State]).chain(meta).collect();
        let asked: Vec<&str> = asked.into_iter().collect();
        let chosen: Vec<Column<'a>> = all.iter().filter(|column| asked.contains(&column.name())).copied().collect();
        if !chosen.is_empty() {
            return Self { all, chosen, asked: true };
        }
        let country = country_field(config);
        let usual = |column: &&Column<'a>| match column {
            Column::SignedUp | Column::State => true,
            Column::Field(field) => is_name(column) || country == Some(field.name.as_str()),
            Column::ConfirmedAt | Column::Language => false,
        };
        let chosen = all.iter().filter(usual).copied().collect();
        Self { all, chosen, asked: false }
    }

    pub(super) fn labels(&self) -> Vec<String> {
        self.chosen.iter().map(Column::label).collect()
    }

    /// The cells of a user, each with the label of its column.
    pub(super) fn cells(&self, user: &User) -> Vec<(String, Cell)> {
        self.chosen.iter().map(|column| (column.label(), column.cell(user))).collect()
    }

    pub(super) fn offers(&self) -> Vec<Offer> {
        let offer = |column: &Column<'a>| Offer {
            name: column.name().to_owned(),
            label: column.label(),
            chosen: self.chosen.contains(column),
        };
        self.all.iter().map(offer).collect()
    }

    /// What a link has to hold to keep them.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let asked = self.chosen.iter().filter(|_| self.asked);
        asked.map(|column| ("col", column.name().to_owned())).collect()
    }
}

fn is_name(column: &Column<'_>) -> bool {
    const NAMES: [&str; 7] = ["full_name", "name", "first_name", "given_name", "last_name", "family_name", "surname"];
    matches!(column, Column::Field(field) if field.kind == FieldType::Text && NAMES.contains(&field.name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::page::tests::sample;

    #[test]
    fn the_usual_columns_say_who_when_whence_and_how_far() {
        let config = sample::config();
        let columns = Columns::new(&config, []);
        assert_eq!(columns.labels(), ["Full name", "Signed up", "Nationality", "State"]);
        assert!(columns.pairs().is_empty());
        assert_eq!(columns.offers().iter().filter(|offer| offer.chosen).count(), 4);
        assert!(columns.offers().iter().all(|offer| offer.name != "email"), "which every row has");
    }

    #[test]
    fn any_field_can_be_a_column_and_links_keep_it() {
        let config = sample::config();
        let columns = Columns::new(&config, ["topics", "nothing", "age"]);
        assert_eq!(columns.labels(), ["Age", "Topics"]);
        assert_eq!(columns.pairs(), [("col", "age".to_owned()), ("col", "topics".to_owned())]);
        assert!(!Columns::new(&config, ["nothing"]).asked);
    }
}
