//! The URL of an object store.

use std::fmt;
use std::path::PathBuf;

use ::object_store::path::Path;
use reqwest::Url;

/// Where contents are stored: a bucket or container with a prefix, or a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectLocation {
    service: Service,
    prefix: Path,
}

/// What kind of store it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Service {
    S3 { bucket: String },
    Azure { container: String },
    Google { bucket: String },
    Directory(PathBuf),
}

/// The reason a URL is rejected. Its text never contains the URL, which may contain credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LocationError {
    /// It cannot be parsed.
    #[error("the URL of the object store is invalid")]
    Invalid,
    /// It is the URL of something else.
    #[error("the URL of the object store must begin with `s3://`, `az://`, `gs://` or `file:///`")]
    Scheme,
    /// It has no host.
    #[error(
        "the URL of the object store must name a bucket or container, as in `s3://bucket/prefix`"
    )]
    NoBucket,
    /// The name of the bucket has other characters than buckets can have.
    #[error(
        "the name of a bucket may only contain letters, digits, hyphens, underscores and periods"
    )]
    BucketName,
    /// It has a user name or a password.
    #[error(
        "the URL of the object store must not contain credentials; set them in the environment, as in `AWS_ACCESS_KEY_ID`"
    )]
    Credentials,
    /// It has a query or a fragment.
    #[error("the URL of the object store must not have a query or a fragment")]
    Query,
    /// It has a port.
    #[error(
        "the URL of the object store must not have a port; set the endpoint in the environment, as in `AWS_ENDPOINT_URL`"
    )]
    Port,
    /// The prefix is not a valid path of an object.
    #[error("the prefix of the object store must not contain empty segments or control characters")]
    Prefix,
    /// The directory is not absolute, or on another host.
    #[error(
        "the directory of the object store must be absolute and on this host, as in `file:///srv/contents`"
    )]
    Directory,
}

impl ObjectLocation {
    /// Parses the URL of a store: `s3://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`, `gs://BUCKET/PREFIX` or `file:///DIRECTORY`.
    ///
    /// A prefix is optional. Percent escapes in it are decoded.
    pub(crate) fn parse(url: &str) -> Result<Self, LocationError> {
        let url = Url::parse(url).map_err(|_| LocationError::Invalid)?;
        if !matches!(url.scheme(), "s3" | "az" | "gs" | "file") {
            return Err(LocationError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(LocationError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(LocationError::Query);
        }
        if url.port().is_some() {
            return Err(LocationError::Port);
        }
        if url.scheme() == "file" {
            let directory = url.to_file_path().map_err(|()| LocationError::Directory)?;
            return Ok(Self { service: Service::Directory(directory), prefix: Path::default() });
        }
        let bucket = bucket(&url)?;
        let service = match url.scheme() {
            "s3" => Service::S3 { bucket },
            "az" => Service::Azure { container: bucket },
            _ => Service::Google { bucket },
        };
        let prefix = Path::from_url_path(url.path()).map_err(|_| LocationError::Prefix)?;
        Ok(Self { service, prefix })
    }

    pub(super) fn service(&self) -> &Service {
        &self.service
    }

    /// The path of the contents below the bucket or directory.
    pub(super) fn prefix(&self) -> &Path {
        &self.prefix
    }
}

fn bucket(url: &Url) -> Result<String, LocationError> {
    let bucket = url.host_str().filter(|host| !host.is_empty()).ok_or(LocationError::NoBucket)?;
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if bucket.chars().all(is_allowed) {
        Ok(bucket.to_owned())
    } else {
        Err(LocationError::BucketName)
    }
}

/// Writes the URL, for messages.
impl fmt::Display for ObjectLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, bucket) = match &self.service {
            Service::S3 { bucket } => ("s3", bucket),
            Service::Azure { container } => ("az", container),
            Service::Google { bucket } => ("gs", bucket),
            Service::Directory(directory) => return write!(f, "file://{}", directory.display()),
        };
        write!(f, "{scheme}://{bucket}/{}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_bucket_and_a_prefix() {
        for (url, shown) in [
            ("s3://bucket", "s3://bucket/"),
            ("s3://my.Bucket_1/", "s3://my.Bucket_1/"),
            ("s3://bucket/a/b/", "s3://bucket/a/b"),
            ("s3://bucket/a%20b", "s3://bucket/a b"),
            ("az://container/prefix", "az://container/prefix"),
            ("gs://bucket/prefix", "gs://bucket/prefix"),
            ("file:///srv/contents", "file:///srv/contents"),
        ] {
            assert_eq!(ObjectLocation::parse(url).unwrap().to_string(), shown);
        }
        let location = ObjectLocation::parse("az://container/a/b").unwrap();
        assert_eq!(location.service(), &Service::Azure { container: "container".to_owned() });
        assert_eq!(location.prefix().as_ref(), "a/b");
    }

    #[test]
    fn other_urls_are_rejected_without_repeating_them() {
        for (url, error) in [
            ("", LocationError::Invalid),
            ("/srv/SECRET", LocationError::Invalid),
            ("https://bucket.s3.amazonaws.com/SECRET", LocationError::Scheme),
            ("s3:///SECRET", LocationError::NoBucket),
            ("s3:SECRET", LocationError::NoBucket),
            ("s3://key:SECRET@bucket", LocationError::Credentials),
            ("az://SECRET@account.blob.core.windows.net/", LocationError::Credentials),
            ("az://container/?sig=SECRET", LocationError::Query),
            ("s3://bucket/#SECRET", LocationError::Query),
            ("s3://localhost:9000/SECRET", LocationError::Port),
            ("s3://b%C3%BCcket/SECRET", LocationError::BucketName),
            ("s3://bucket/a//SECRET", LocationError::Prefix),
            ("s3://bucket/%00SECRET", LocationError::Prefix),
            ("file://host/SECRET", LocationError::Directory),
        ] {
            assert_eq!(ObjectLocation::parse(url), Err(error), "{url}");
            assert!(!error.to_string().contains("SECRET"));
        }
    }
}
