//! Compiled expressions, part of which is evaluated here.

use tokio_postgres::Row;

use crate::storage::StorageError;

/// A test of a text.
pub(super) type TextTest = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// A compiled expression. It is never null.
pub(super) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    /// A condition.
    Sql(String),
    Text(TextNode),
}

/// A test that the database cannot evaluate.
pub(super) struct TextNode {
    /// An expression for the text, which is null if it is missing, or for an array of texts, of which any has to pass the test.
    pub(super) value: String,
    pub(super) is_array: bool,
    /// A condition that is the result as far as the database knows it, or else null.
    pub(super) known: String,
    pub(super) test: TextTest,
}

impl Node {
    /// Returns whether the database evaluates it alone.
    pub(super) fn is_sql(&self) -> bool {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().all(Self::is_sql),
            Self::Not(node) => node.is_sql(),
            Self::Sql(_) => true,
            Self::Text(_) => false,
        }
    }

    /// Returns a condition that is null where the database does not know the result.
    pub(super) fn sql(&self) -> String {
        match self {
            Self::All(nodes) => joined(nodes, " AND "),
            Self::Any(nodes) => joined(nodes, " OR "),
            Self::Not(node) => format!("NOT {}", node.sql()),
            Self::Sql(sql) => format!("({sql})"),
            Self::Text(text) => format!("({})", text.known),
        }
    }

    /// Converts to a check of rows. Appends the columns that it needs.
    pub(super) fn into_check(self, columns: &mut Vec<String>) -> Check {
        if self.is_sql() {
            return Check::Boolean(add(columns, self.sql()));
        }
        let mut all =
            |nodes: Vec<Self>| nodes.into_iter().map(|node| node.into_check(columns)).collect();
        match self {
            Self::All(nodes) => Check::All(all(nodes)),
            Self::Any(nodes) => Check::Any(all(nodes)),
            Self::Not(node) => Check::Not(node.into_check(columns).into()),
            Self::Sql(sql) => Check::Boolean(add(columns, sql)),
            Self::Text(TextNode { value, is_array, test, .. }) => {
                let column = add(columns, value);
                if is_array { Check::Texts(column, test) } else { Check::Text(column, test) }
            }
        }
    }
}

/// Adds a column. Returns its number.
fn add(columns: &mut Vec<String>, sql: String) -> usize {
    columns.push(sql);
    columns.len() - 1
}

fn joined(nodes: &[Node], separator: &str) -> String {
    format!("({})", nodes.iter().map(Node::sql).collect::<Vec<_>>().join(separator))
}

/// A check of rows that were read, with the numbers of the columns that it needs.
pub(super) enum Check {
    All(Vec<Check>),
    Any(Vec<Check>),
    Not(Box<Check>),
    Boolean(usize),
    Text(usize, TextTest),
    Texts(usize, TextTest),
}

impl Check {
    /// Returns whether a row passes, whose columns for checks start at `first`.
    pub(super) fn holds(&self, row: &Row, first: usize) -> Result<bool, StorageError> {
        Ok(match self {
            Self::All(checks) => {
                for check in checks {
                    if !check.holds(row, first)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Any(checks) => {
                for check in checks {
                    if check.holds(row, first)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Not(check) => !check.holds(row, first)?,
            Self::Boolean(column) => row.try_get(first + column)?,
            Self::Text(column, test) => {
                row.try_get::<_, Option<&str>>(first + column)?.is_some_and(test)
            }
            Self::Texts(column, test) => {
                row.try_get::<_, Vec<Option<&str>>>(first + column)?.into_iter().flatten().any(test)
            }
        })
    }
}
