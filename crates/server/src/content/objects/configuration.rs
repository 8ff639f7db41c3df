//! Opens object stores with the credentials and options in the environment.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use ::object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use ::object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use ::object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use ::object_store::local::LocalFileSystem;
use ::object_store::{ClientConfigKey, ObjectStore};
use reqwest::Url;

use super::error::OpenError;
use super::http_client::{Connector, is_true};
use super::limits::RequestLimits;
use super::location::{ObjectLocation, Service};
use crate::private_files;

/// The environment variables that configure object stores: those whose names begin with `AWS_`, `AZURE_` or `GOOGLE_`, and two
/// others. The builders of the crate `object_store` list their names. Options for timeouts are ignored in favour of [`RequestLimits`].
#[derive(Default)]
pub(super) struct Environment(Vec<(String, String)>);

/// Variables without the prefix of their service, and the options that they set.
const ALIASES: [(&str, &str); 2] = [
    // Azure App Service sets it for managed identities.
    ("IDENTITY_ENDPOINT", "AZURE_IDENTITY_ENDPOINT"),
    ("SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT"),
];

impl Environment {
    /// Returns the variables of the process. Those that are empty count as unset.
    pub(super) fn of_process() -> Self {
        Self::new(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }))
    }

    pub(super) fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let alias = |name: &str| ALIASES.iter().find(|(alias, _)| *alias == name);
        let variables = variables.into_iter().filter(|(_, value)| !value.is_empty());
        Self(
            variables
                .map(|(name, value)| match alias(&name) {
                    Some((_, option)) => ((*option).to_owned(), value),
                    None => (name, value),
                })
                .collect(),
        )
    }

    /// Returns the options of one service, without those that it does not have.
    fn options<K: FromStr>(&self, prefix: &str) -> impl Iterator<Item = (K, &String)> {
        self.0.iter().filter_map(move |(name, value)| {
            let name = name.starts_with(prefix).then(|| name.to_ascii_lowercase())?;
            Some((name.parse().ok()?, value))
        })
    }
}

/// Opens a store, without sending a request. A directory is created if it is missing.
pub(super) fn open(
    location: &ObjectLocation,
    environment: &Environment,
    limits: &RequestLimits,
) -> Result<Arc<dyn ObjectStore>, OpenError> {
    let invalid = |error: ::object_store::Error| OpenError::new(location, &error);
    let connector = || Connector::new(limits).map_err(|error| OpenError::new(location, &error));
    let check = |endpoint: Option<String>, allow_http: Option<String>| {
        check_endpoint(endpoint, allow_http).map_err(|error| OpenError::new(location, &error))
    };
    let retry = limits.retry.clone();
    Ok(match location.service() {
        Service::S3 { bucket } => {
            let builder = AmazonS3Builder::new().with_http_connector(connector()?);
            let options = environment.options("AWS_");
            let builder = options.fold(builder, |all, (key, value)| all.with_config(key, value));
            let value = |key| builder.get_config_value(&key);
            let allow_http = value(AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp));
            check(value(AmazonS3ConfigKey::Endpoint), allow_http.clone())?;
            check(value(AmazonS3ConfigKey::S3Endpoint), allow_http)?;
            let builder = builder.with_bucket_name(bucket).with_retry(retry);
            Arc::new(builder.build().map_err(invalid)?)
        }
        Service::Azure { container } => {
            let builder = MicrosoftAzureBuilder::new().with_http_connector(connector()?);
            let options = environment.options("AZURE_");
            let builder = options.fold(builder, |all, (key, value)| all.with_config(key, value));
            let value = |key| builder.get_config_value(&key);
            let allow_http = value(AzureConfigKey::Client(ClientConfigKey::AllowHttp));
            check(value(AzureConfigKey::Endpoint), allow_http)?;
            let builder = builder.with_container_name(container).with_retry(retry);
            Arc::new(builder.build().map_err(invalid)?)
        }
        Service::Google { bucket } => {
            let builder = GoogleCloudStorageBuilder::new().with_http_connector(connector()?);
            let options = environment.options("GOOGLE_");
            let builder = options.fold(builder, |all, (key, value)| all.with_config(key, value));
            let value = |key| builder.get_config_value(&key);
            let allow_http = value(GoogleConfigKey::Client(ClientConfigKey::AllowHttp));
            check(value(GoogleConfigKey::BaseUrl), allow_http)?;
            let builder = builder.with_bucket_name(bucket).with_retry(retry);
            Arc::new(builder.build().map_err(invalid)?)
        }
        Service::Directory(directory) => {
            Arc::new(open_directory(directory).map_err(invalid)?.with_fsync(true))
        }
    })
}

#[derive(Debug, thiserror::Error)]
enum EndpointError {
    #[error("the URL of the endpoint must begin with `https://` or `http://`, and have no query")]
    Url,
    #[error(
        "the connection to the endpoint would not be encrypted; to allow this, set `AWS_ALLOW_HTTP=true` or `AZURE_ALLOW_HTTP=true`"
    )]
    Unencrypted,
}

/// Checks the URL of an endpoint. With an invalid one, every request would panic.
fn check_endpoint(
    endpoint: Option<String>,
    allow_http: Option<String>,
) -> Result<(), EndpointError> {
    let Some(endpoint) = endpoint else { return Ok(()) };
    let url = Url::parse(&endpoint).map_err(|_| EndpointError::Url)?;
    let is_url = matches!(url.scheme(), "http" | "https") && url.has_host();
    if !is_url || url.query().is_some() || url.fragment().is_some() {
        return Err(EndpointError::Url);
    }
    if url.scheme() == "http" && !is_true(allow_http) {
        return Err(EndpointError::Unencrypted);
    }
    Ok(())
}

fn open_directory(directory: &Path) -> ::object_store::Result<LocalFileSystem> {
    // The permissions of an existing directory are left as they are: other servers may run as other users of a group.
    if !directory.exists() {
        private_files::create_directory(directory).map_err(|error| {
            ::object_store::Error::Generic { store: "directory", source: error.into() }
        })?;
    }
    LocalFileSystem::new_with_prefix(directory)
}
