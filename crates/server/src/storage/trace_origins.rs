//! Which spans the columns of a trace's summary were taken from.
//!
//! With them, a column is updated without reading the earlier spans, and its value does not depend on the order in which spans arrive.

use super::NewSpan;

/// The columns, or groups of them, that are taken from one span.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Root,
    Service,
    Environment,
    Conversation,
    Workflow,
    Agent,
    AgentName,
    Error,
    FirstTurn,
    LastTurn,
}

const PARTS: usize = 10;

/// A span's place in an order, encoded so that the bytes have the same order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank([u8; Self::LENGTH]);

impl Rank {
    const LENGTH: usize = 33;

    /// The place after all spans.
    const LAST: Self = Self([u8::MAX; Self::LENGTH]);

    fn new(class: u8, first: u64, second: u64, span_id: &str, flip: u8) -> Self {
        let mut rank = [0; Self::LENGTH];
        rank[0] = class;
        rank[1..9].copy_from_slice(&first.to_be_bytes());
        rank[9..17].copy_from_slice(&second.to_be_bytes());
        for (byte, digit) in rank[17..].iter_mut().zip(span_id.bytes()) {
            *byte = digit ^ flip;
        }
        Self(rank)
    }

    fn of(part: Part, span: &NewSpan) -> Self {
        let (start, end) = (span.start_time.cast_unsigned(), span.end_time.cast_unsigned());
        match part {
            Part::Error | Part::FirstTurn => Self::new(0, start, end, &span.span_id, 0),
            Part::LastTurn => Self::new(0, !start, !end, &span.span_id, 0xff),
            // Spans without a parent come first. Of those that start at the same time, the longest contains the others.
            _ => {
                Self::new(u8::from(!span.parent_span_id.is_empty()), start, !end, &span.span_id, 0)
            }
        }
    }
}

/// The spans that the parts of a summary were taken from.
#[derive(Clone)]
pub(crate) struct Origins([Rank; PARTS]);

impl Default for Origins {
    fn default() -> Self {
        Self([Rank::LAST; PARTS])
    }
}

impl Origins {
    /// The number of bytes that are stored.
    pub(crate) const BYTES: usize = PARTS * Rank::LENGTH;

    /// Returns whether a part is to be taken from a span, and remembers that it was.
    pub(super) fn take(&mut self, part: Part, span: &NewSpan) -> bool {
        let (rank, current) = (Rank::of(part, span), &mut self.0[part as usize]);
        let precedes = rank < *current;
        if precedes {
            *current = rank;
        }
        precedes
    }

    /// Returns the bytes to store.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|rank| rank.0).collect()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) returned. Returns `None` if the bytes have another length.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Self::BYTES {
            return None;
        }
        let mut origins = Self::default();
        for (rank, bytes) in origins.0.iter_mut().zip(bytes.chunks(Rank::LENGTH)) {
            rank.0.copy_from_slice(bytes);
        }
        Some(origins)
    }
}
