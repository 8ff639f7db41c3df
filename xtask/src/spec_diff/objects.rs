//! Compares the fields of objects.

use std::collections::BTreeSet;

use super::error::Error;
use super::flow::{Change, Flow};
use super::place::Place;
use super::report::Breaks;
use super::schemas::Comparison;
use super::shape::{AdditionalFields, Facets, Node, Shape};

impl<'a> Comparison<'_, 'a> {
    /// Compares the named fields, then additional fields.
    pub(super) fn object(
        &mut self,
        place: &Place,
        ours: &Facets<'a>,
        theirs: &Facets<'a>,
    ) -> Result<(), Error> {
        let names: BTreeSet<&str> = ours.names().union(&theirs.names()).copied().collect();
        for name in names {
            let place = place.field(name);
            let is_required = ours.required.contains(name);
            let is_required_in_theirs = theirs.required.contains(name);
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
                    self.removed(&place, is_required, theirs);
                    // It may now be one of their additional fields.
                    if let AdditionalFields::Schema(schema) = &theirs.additional {
                        self.nodes(&place, &our_field, schema, is_required)?;
                    }
                }
                (None, Some(their_field)) => {
                    self.added(&place, is_required_in_theirs);
                    // It was one of our additional fields.
                    if let AdditionalFields::Schema(schema) = &ours.additional {
                        self.nodes(&place, schema, &their_field, true)?;
                    }
                }
                (Some(our_field), Some(their_field)) => {
                    self.presence(&place, is_required, is_required_in_theirs);
                    self.nodes(&place, &our_field, &their_field, is_required)?;
                }
            }
        }
        self.additional(place, ours, theirs)
    }

    /// Returns whether a field occurs in this direction.
    fn occurs(&self, field: &Shape<'a>) -> bool {
        match self.flow {
            Flow::Request => !field.read_only,
            Flow::Response => !field.write_only,
        }
    }

    fn removed(&mut self, place: &Place, is_required: bool, theirs: &Facets<'a>) {
        match self.flow {
            // The service rejects or drops the field.
            Flow::Request if !theirs.accepts_custom_fields() => {
                self.report(place, "field removed", Some(Breaks::Writers));
            }
            Flow::Request => {
                self.report(place, "field removed, additional fields allowed", None);
            }
            Flow::Response => {
                let breaks = is_required.then_some(Breaks::Readers);
                self.report(place, "field removed", breaks);
            }
        }
    }

    fn added(&mut self, place: &Place, is_required_in_theirs: bool) {
        match self.flow {
            Flow::Request if is_required_in_theirs => {
                self.report(place, "required field added", Some(Breaks::Writers));
            }
            Flow::Request => self.report(place, "optional field added", None),
            Flow::Response => self.report(place, "field added", None),
        }
    }

    fn presence(&mut self, place: &Place, is_required: bool, is_required_in_theirs: bool) {
        match (is_required, is_required_in_theirs) {
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

    fn additional(
        &mut self,
        place: &Place,
        ours: &Facets<'a>,
        theirs: &Facets<'a>,
    ) -> Result<(), Error> {
        let place = place.additional();
        match (&ours.additional, &theirs.additional) {
            (AdditionalFields::Rejected, AdditionalFields::Rejected) => Ok(()),
            (AdditionalFields::Rejected, _) => {
                // Readers keep unknown fields.
                self.report(&place, "additional fields rejected → allowed", None);
                Ok(())
            }
            (_, AdditionalFields::Rejected) => {
                // Writers only send additional fields if our document is meant for them.
                let breaks = if ours.accepts_custom_fields() {
                    self.flow.breaks(Change::Narrowed)
                } else {
                    None
                };
                self.report(&place, "additional fields allowed → rejected", breaks);
                Ok(())
            }
            (AdditionalFields::Schema(our_schema), AdditionalFields::Schema(their_schema)) => {
                self.nodes(&place, our_schema, their_schema, true)
            }
            (AdditionalFields::Schema(our_schema), _) => {
                self.nodes(&place, our_schema, &Node::default(), true)
            }
            (_, AdditionalFields::Schema(their_schema)) if ours.accepts_custom_fields() => {
                self.nodes(&place, &Node::default(), their_schema, true)
            }
            (_, _) => Ok(()),
        }
    }
}
