//! Connection strings, completed from the environment as by PostgreSQL's own programs.

use std::env;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::OpenError;

/// Parses a connection string. What it lacks is taken from the variables that `libpq` reads.
pub(super) fn parse(text: &str) -> Result<Config, OpenError> {
    complete(text, |name| env::var(name).ok().filter(|value| !value.is_empty()))
}

fn complete(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Config, OpenError> {
    // Certificates are always verified, so these are the same as `require`.
    let text = &text
        .replace("sslmode=verify-full", "sslmode=require")
        .replace("sslmode=verify-ca", "sslmode=require");
    let mut config: Config = text.parse().map_err(|_| OpenError::ConnectionString)?;
    if config.get_hosts().is_empty() {
        config.host(variable("PGHOST").as_deref().unwrap_or("localhost"));
    }
    if let (true, Some(port)) = (config.get_ports().is_empty(), variable("PGPORT")) {
        config.port(port.parse().map_err(|_| OpenError::Variable("PGPORT"))?);
    }
    if let (None, Some(name)) = (config.get_dbname(), variable("PGDATABASE")) {
        config.dbname(name);
    }
    if let (None, Some(user)) = (config.get_user(), variable("PGUSER")) {
        config.user(user);
    }
    if let (None, Some(password)) = (config.get_password(), variable("PGPASSWORD")) {
        config.password(password);
    }
    if let (false, Some(mode)) = (text.contains("sslmode="), variable("PGSSLMODE")) {
        config.ssl_mode(match mode.as_str() {
            "disable" => SslMode::Disable,
            "allow" | "prefer" => SslMode::Prefer,
            "require" | "verify-ca" | "verify-full" => SslMode::Require,
            _ => return Err(OpenError::Variable("PGSSLMODE")),
        });
    }
    if config.get_application_name().is_none() {
        config.application_name("mistral-datasets");
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::Host;

    use super::*;

    fn environment(name: &str) -> Option<String> {
        let value = match name {
            "PGHOST" => "db.example",
            "PGPORT" => "5433",
            "PGUSER" => "someone",
            "PGPASSWORD" => "secret",
            "PGDATABASE" => "datasets",
            "PGSSLMODE" => "verify-full",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn what_the_string_lacks_is_read_from_the_environment() {
        let config = complete("postgres://", environment).unwrap();
        assert_eq!(config.get_hosts(), [Host::Tcp("db.example".to_owned())]);
        assert_eq!(config.get_ports(), [5433]);
        assert_eq!((config.get_user(), config.get_dbname()), (Some("someone"), Some("datasets")));
        assert_eq!(config.get_password(), Some(&b"secret"[..]));
        assert_eq!(config.get_ssl_mode(), SslMode::Require);

        let given = "postgres://other:word@host:1/name?sslmode=disable&application_name=mine";
        let config = complete(given, environment).unwrap();
        assert_eq!(config.get_hosts(), [Host::Tcp("host".to_owned())]);
        assert_eq!(config.get_ports(), [1]);
        assert_eq!((config.get_user(), config.get_dbname()), (Some("other"), Some("name")));
        assert_eq!(config.get_ssl_mode(), SslMode::Disable);
        assert_eq!(config.get_application_name(), Some("mine"));

        let config = complete("postgres://h/n?sslmode=verify-full", environment).unwrap();
        assert_eq!(config.get_ssl_mode(), SslMode::Require);
        let config = complete("host=h user=u", |_| None).unwrap();
        assert_eq!(config.get_hosts(), [Host::Tcp("h".to_owned())]);
        assert_eq!(config.get_application_name(), Some("mistral-datasets"));
    }

    #[test]
    fn an_invalid_string_is_not_shown() {
        let error = complete("postgres://someone:secret@host:port/name", |_| None).unwrap_err();
        assert!(!error.to_string().contains("secret"));
    }
}
