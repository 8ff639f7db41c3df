//! Decides whom a change of the accepted values breaks, depending on the direction of the data.

use super::report::Breaks;

/// The direction of the data that a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// To the service: parameters and request bodies.
    Request,
    /// From the service: response bodies.
    Response,
}

/// How their accepted values relate to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Theirs accepts fewer values.
    Narrowed,
    /// Theirs accepts more values.
    Widened,
    /// Each accepts values that the other does not, or the relation is unknown.
    Different,
}

impl Flow {
    /// Returns whom a change breaks: writers if a value is no longer accepted, readers if a new value may occur.
    pub fn breaks(self, change: Change) -> Option<Breaks> {
        match (self, change) {
            (Self::Request, Change::Narrowed | Change::Different) => Some(Breaks::Writers),
            (Self::Response, Change::Widened | Change::Different) => Some(Breaks::Readers),
            (Self::Request, Change::Widened) | (Self::Response, Change::Narrowed) => None,
        }
    }

    /// Returns whom a change of a limit or enumeration breaks.
    ///
    /// Only writers: readers do not check limits, and their enumerations are open.
    pub fn breaks_by_check(self, change: Change) -> Option<Breaks> {
        match self {
            Self::Request => self.breaks(change),
            Self::Response => None,
        }
    }
}
