//! Queries that are built at run time, with their parameters.

use tokio_postgres::types::{ToSql, Type};

use super::params::{Param, SqlType};

/// A query that is being built.
#[derive(Default)]
pub(super) struct Query<'a> {
    pub(super) sql: String,
    parameters: Vec<(Box<dyn ToSql + Sync + Send + 'a>, Type)>,
}

impl<'a> Query<'a> {
    pub(super) fn push(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    /// Adds a parameter. Returns how the query refers to it.
    pub(super) fn bind<T: SqlType + ToSql + Sync + Send + 'a>(&mut self, value: T) -> String {
        self.parameters.push((Box::new(value), T::TYPE));
        format!("${}", self.parameters.len())
    }

    /// Returns the parameters, as `query_typed` takes them.
    pub(super) fn parameters(&self) -> Vec<Param<'_>> {
        let parameters = self.parameters.iter();
        parameters
            .map(|(value, sql_type)| (&**value as &(dyn ToSql + Sync), sql_type.clone()))
            .collect()
    }
}

/// Rows that a statement takes as one array for each column.
#[derive(Default)]
pub(super) struct Rows {
    columns: Vec<&'static str>,
    arrays: Vec<String>,
}

impl Rows {
    /// Adds a column with its values.
    pub(super) fn add<'a, T: SqlType + ToSql + Sync + Send + 'a>(
        &mut self,
        query: &mut Query<'a>,
        column: &'static str,
        values: T,
    ) {
        self.columns.push(column);
        self.arrays.push(query.bind(values));
    }

    /// Returns the names of the columns, separated by commas.
    pub(super) fn columns(&self) -> String {
        self.columns.join(", ")
    }

    /// Returns the assignments of an UPDATE that takes all columns so far from a table.
    pub(super) fn assignments(&self, table: &str) -> String {
        let columns = self.columns.iter().map(|column| format!("{column} = {table}.{column}"));
        columns.collect::<Vec<_>>().join(", ")
    }

    /// Returns an item of FROM with the rows, which are in their order.
    pub(super) fn table(&self, name: &str) -> String {
        format!("unnest({}) AS {name} ({})", self.arrays.join(", "), self.columns())
    }
}
