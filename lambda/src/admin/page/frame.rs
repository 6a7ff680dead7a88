//! What surrounds every page: who is signed in, where the others are.

use crate::admin::Role;
use crate::page::Site;

/// The admin who is signed in.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// As typed when the admin was added.
    pub email: &'a str,
    pub role: Role,
    /// The token that every form of this session sends back as `csrf`.
    pub csrf: &'a str,
}

impl Account<'_> {
    pub(super) fn is_owner(&self) -> bool {
        self.role == Role::Owner
    }
}

/// A part of the admin's pages, as the navigation offers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Dashboard,
    Users,
    Export,
    Audit,
    Security,
}

impl Section {
    const ALL: [Self; 5] = [Self::Dashboard, Self::Users, Self::Export, Self::Audit, Self::Security];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Dashboard => "Dashboard",
            Self::Users => "Users",
            Self::Export => "Export",
            Self::Audit => "Audit",
            Self::Security => "Security",
        }
    }

    /// From the service's root.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Dashboard => "admin/dashboard",
            Self::Users => "admin/users",
            Self::Export => "admin/export",
            Self::Audit => "admin/audit",
            Self::Security => "admin/security",
        }
    }
}

/// What the frame of a page needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) site: &'a Site<'a>,
    /// `None` before the sign-in: no navigation, and the page is a single card.
    pub(super) me: Option<&'a Account<'a>>,
    /// Where the page belongs, if it belongs anywhere.
    pub(super) section: Option<Section>,
    /// Whether it is the very page that the navigation leads to.
    pub(super) exact: bool,
}

impl<'a> Frame<'a> {
    /// Of the page of a section.
    pub(super) fn new(site: &'a Site<'a>, me: &'a Account<'a>, section: Section) -> Self {
        Self { site, me: Some(me), section: Some(section), exact: true }
    }

    /// Of a page below that of a section.
    pub(super) fn below(site: &'a Site<'a>, me: &'a Account<'a>, section: Section) -> Self {
        Self { exact: false, ..Self::new(site, me, section) }
    }

    /// Of a page that belongs to no section, for whoever comes.
    pub(super) fn apart(site: &'a Site<'a>, me: Option<&'a Account<'a>>) -> Self {
        Self { site, me, section: None, exact: false }
    }

    /// The parts that the navigation offers.
    pub(super) fn sections(&self) -> Vec<Section> {
        let owner = self.me.is_some_and(Account::is_owner);
        Section::ALL.into_iter().filter(|section| owner || *section != Section::Export).collect()
    }

    /// From the page to a place below `admin/`.
    pub(super) fn to(self, place: &str) -> String {
        format!("{}admin/{place}", self.site.root)
    }

    /// The same with a query.
    pub(super) fn to_with(self, place: &str, pairs: &[(&str, &str)]) -> String {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{mark}{query}", self.to(place))
    }
}
