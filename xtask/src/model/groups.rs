//! Resource groups: the handles that have the public methods.

use super::Model;

impl Model {
    /// Returns the resource groups in the order of the document, such as `datasets`, `datasets.records`, `files`. The parents of
    /// a group come before it, even if they have no operations.
    pub fn groups(&self) -> Vec<&str> {
        let mut groups = Vec::new();
        for operation in &self.operations {
            let group = operation.group.as_str();
            let ends = group.match_indices('.').map(|(end, _)| end).chain([group.len()]);
            for path in ends.map(|end| &group[..end]) {
                if !groups.contains(&path) {
                    groups.push(path);
                }
            }
        }
        groups
    }

    /// Returns the groups that are nested directly in a group, or the top-level groups.
    pub fn groups_in(&self, parent: Option<&str>) -> Vec<&str> {
        let mut groups = self.groups();
        groups.retain(|group| group.rsplit_once('.').map(|(parent, _)| parent) == parent);
        groups
    }

    /// Returns the name of a group in snake case, for modules and types: its last part, such as `records` for
    /// `datasets.records`, or all parts if another group has the same last part.
    pub fn group_name(&self, group: &str) -> String {
        let last = last_part(group);
        let is_unique = self.groups().iter().filter(|other| last_part(other) == last).count() == 1;
        if is_unique { last.to_owned() } else { group.replace('.', "_") }
    }

    /// Returns the document's description of a group, if it has one.
    pub fn group_description(&self, group: &str) -> Option<&str> {
        let described = self.group_descriptions.iter().find(|(name, _)| name == group);
        described.map(|(_, description)| description.as_str())
    }
}

/// Returns the name of the property or method of the parent that returns the group's handle, such as `records` for
/// `datasets.records`.
pub fn last_part(group: &str) -> &str {
    group.rsplit('.').next().expect("a split has at least one part")
}
