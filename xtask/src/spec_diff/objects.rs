//! The fields of two objects.

use std::collections::BTreeSet;

use super::error::Error;
use super::flow::{Change, Flow};
use super::place::Place;
use super::report::Breaks;
use super::schemas::Comparison;
use super::shape::{Facets, Further, Node, Shape};

impl<'a> Comparison<'_, 'a> {
    /// Compares the named fields, then what is said about others.
    pub(super) fn object(
        &mut self,
        place: &Place,
        ours: &Facets<'a>,
        theirs: &Facets<'a>,
    ) -> Result<(), Error> {
        let names: BTreeSet<&str> = ours.names().union(&theirs.names()).copied().collect();
        for name in names {
            let place = place.field(name);
            let must_be = ours.required.contains(name);
            let their_must = theirs.required.contains(name);
            let our_field = match ours.field(name) {
                Some(node) if self.occurs(&self.ours.shape(&node)?) => Some(node),
                _ => None,
            };
            let their_field = match theirs.field(name) {
                Some(node) if self.occurs(&self.theirs.shape(&node)?) => Some(node),
                _ => None,
            };
            match (our_field, their_field) {
                (None, None) => {}
                (Some(our_field), None) => {
                    self.removed(&place, must_be, theirs);
                    // Under this name there may now be one of their further fields.
                    if let Further::Each(form) = &theirs.further {
                        self.nodes(&place, &our_field, form, must_be)?;
                    }
                }
                (None, Some(their_field)) => {
                    self.added(&place, their_must);
                    // So far it was one of our further fields.
                    if let Further::Each(form) = &ours.further {
                        self.nodes(&place, form, &their_field, true)?;
                    }
                }
                (Some(our_field), Some(their_field)) => {
                    self.presence(&place, must_be, their_must);
                    self.nodes(&place, &our_field, &their_field, must_be)?;
                }
            }
        }
        self.further(place, ours, theirs)
    }

    /// Whether a field occurs in messages that flow this way.
    fn occurs(&self, field: &Shape<'a>) -> bool {
        match self.flow {
            Flow::Request => !field.read_only,
            Flow::Response => !field.write_only,
        }
    }

    fn removed(&mut self, place: &Place, must_be: bool, theirs: &Facets<'a>) {
        match self.flow {
            // Refused or silently dropped: in either case what the caller gave is lost.
            Flow::Request if !theirs.is_free() => {
                self.report(place, "field removed", Some(Breaks::Writers));
            }
            Flow::Request => {
                self.report(place, "field removed, any field is taken", None);
            }
            Flow::Response => {
                let breaks = must_be.then_some(Breaks::Readers);
                self.report(place, "field removed", breaks);
            }
        }
    }

    fn added(&mut self, place: &Place, their_must: bool) {
        match self.flow {
            Flow::Request if their_must => {
                self.report(place, "required field added", Some(Breaks::Writers));
            }
            Flow::Request => self.report(place, "optional field added", None),
            Flow::Response => self.report(place, "field added", None),
        }
    }

    fn presence(&mut self, place: &Place, must_be: bool, their_must: bool) {
        match (must_be, their_must) {
            (false, true) => {
                let breaks = self.flow.breaks(Change::Narrowed);
                self.report(place, "optional → required", breaks);
            }
            (true, false) => {
                let breaks = self.flow.breaks(Change::Widened);
                self.report(place, "required → optional", breaks);
            }
            (false, false) | (true, true) => {}
        }
    }

    fn further(
        &mut self,
        place: &Place,
        ours: &Facets<'a>,
        theirs: &Facets<'a>,
    ) -> Result<(), Error> {
        let place = place.further();
        match (&ours.further, &theirs.further) {
            (Further::Refused, Further::Refused) => Ok(()),
            (Further::Refused, _) => {
                // Readers keep fields that they do not know.
                self.report(&place, "further fields refused → allowed", None);
                Ok(())
            }
            (_, Further::Refused) => {
                // Writers only send fields of their own choice where our document invites them to.
                let breaks = if ours.is_free() { self.flow.breaks(Change::Narrowed) } else { None };
                self.report(&place, "further fields allowed → refused", breaks);
                Ok(())
            }
            (Further::Each(our_form), Further::Each(their_form)) => {
                self.nodes(&place, our_form, their_form, true)
            }
            (Further::Each(our_form), _) => self.nodes(&place, our_form, &Node::default(), true),
            (_, Further::Each(their_form)) if ours.is_free() => {
                self.nodes(&place, &Node::default(), their_form, true)
            }
            (_, _) => Ok(()),
        }
    }
}
