//! Which way data flows, and what a change of the permitted values then breaks.

use super::report::Breaks;

/// Which way the data of a schema flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// From us to the service: parameters and bodies of requests.
    Request,
    /// From the service to us: bodies of responses.
    Response,
}

/// How the values that their schema permits relate to those that ours permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Theirs permits less.
    Narrowed,
    /// Theirs permits more.
    Widened,
    /// Each permits something that the other does not, or it cannot be told.
    Different,
}

impl Flow {
    /// Who a change breaks: writers if something they may send is no longer permitted, readers if
    /// something may come that they were told never comes.
    pub fn breaks(self, change: Change) -> Option<Breaks> {
        match (self, change) {
            (Self::Request, Change::Narrowed | Change::Different) => Some(Breaks::Writers),
            (Self::Response, Change::Widened | Change::Different) => Some(Breaks::Readers),
            (Self::Request, Change::Widened) | (Self::Response, Change::Narrowed) => None,
        }
    }

    /// Who a change of a limit or of an enumeration breaks.
    ///
    /// Writers obey both. Readers check no limit, and their enumerations are open, so a response
    /// outside of what our document says still reads.
    pub fn breaks_by_check(self, change: Change) -> Option<Breaks> {
        match self {
            Self::Request => self.breaks(change),
            Self::Response => None,
        }
    }
}
