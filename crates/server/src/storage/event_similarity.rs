//! How similar the last user messages of events are.

use super::fold_case;

/// How many of the newest events are compared with one to find similar events.
pub(crate) const COMPARED_EVENTS: u32 = 2_000;

/// How many characters of a message are compared.
pub(crate) const COMPARED_CHARACTERS: usize = 1_000;

/// The events that are similar to one.
pub(crate) struct SimilarEvents {
    message: String,
    /// The similarity and the row of each event.
    found: Vec<(f64, i64)>,
}

impl SimilarEvents {
    /// Starts a comparison with a message.
    pub(crate) fn to(message: &str) -> Self {
        Self { message: compared(message), found: Vec::new() }
    }

    /// Compares the message of an event. Newer events must be compared before older ones.
    pub(crate) fn compare(&mut self, row: i64, message: &str) {
        let similarity = strsim::sorensen_dice(&self.message, &compared(message));
        if similarity > 0.0 {
            self.found.push((similarity, row));
        }
    }

    /// Returns the rows of the most similar events. Newer events precede older ones that are equally similar.
    pub(crate) fn rows(mut self, limit: usize) -> Vec<i64> {
        self.found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        self.found.into_iter().take(limit).map(|(_, row)| row).collect()
    }
}

/// Returns what is compared of a message.
fn compared(message: &str) -> String {
    let end = message.char_indices().nth(COMPARED_CHARACTERS).map_or(message.len(), |(end, _)| end);
    fold_case(&message[..end])
}
