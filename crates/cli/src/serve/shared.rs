//! The options of `serve` for data that several servers share.

use std::fmt;

use clap::Args;
use mistral_datasets_server::SharedData;

use crate::error::CliError;

/// The environment variable for the connection string, since arguments are visible in the process list.
const DATABASE_VARIABLE: &str = "MISTRAL_DATASETS_SERVE_DATABASE";

/// Where servers share data.
#[derive(Args)]
#[command(next_help_heading = "Several servers")]
pub struct SharedOptions {
    /// Store the data in a PostgreSQL database, which other servers can use at the same time
    ///
    /// A connection string such as `postgres://datasets@db.example/datasets`. What it lacks is taken from `PGHOST`, `PGPORT`,
    /// `PGDATABASE`, `PGUSER`, `PGPASSWORD` and `PGSSLMODE`. Arguments are visible in the process list: give passwords in an environment
    /// variable. Needs `--objects`.
    #[arg(
        long,
        value_name = "URL",
        env = DATABASE_VARIABLE,
        hide_env_values = true,
        conflicts_with_all = ["data", "memory"]
    )]
    database: Option<String>,
    /// Store the contents of files in an object store
    ///
    /// `s3://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`, `gs://BUCKET/PREFIX` or `file:///DIRECTORY`. Credentials and endpoints are read
    /// from the variables that the store's own tools use, such as `AWS_ACCESS_KEY_ID` and `AWS_ENDPOINT_URL`. Needs `--database`.
    #[arg(long, value_name = "URL")]
    objects: Option<String>,
}

// Connection strings can contain passwords.
impl fmt::Debug for SharedOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedOptions")
            .field("database", &self.database.is_some())
            .field("objects", &self.objects.is_some())
            .finish()
    }
}

impl SharedOptions {
    /// Returns where the data is, if it is shared.
    pub fn location(self) -> Result<Option<SharedData>, CliError> {
        // Not `requires` of clap, because each option of a configuration file is also validated on its own.
        match (self.database, self.objects) {
            (Some(database), Some(objects)) => Ok(Some(SharedData::new(database, objects))),
            (None, None) => Ok(None),
            _ => Err(CliError::Argument("`--database` and `--objects` need each other".to_owned())),
        }
    }
}
