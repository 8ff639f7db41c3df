//! File uploads and downloads. They are streamed, which the generated operations cannot do.

mod atomic_file;
mod download;
mod resumable_download;
mod upload;

use reqwest::Url;

use crate::argument::IntoId;
use crate::calls::Files;
use crate::checks::Checks;
use crate::error::Error;
use crate::transport::Auth;

#[doc(hidden)]
pub use atomic_file::AtomicFile;
pub(crate) use atomic_file::Target;
pub use download::Download;
pub(crate) use download::parse_link;
pub(crate) use resumable_download::{DownloadEvent, ResumableDownload, restarted};
pub(crate) use upload::MAX_FILE_BYTES;
pub use upload::{Upload, UploadFile};

impl Files {
    /// Uploads a file of at most 512 MB (536,870,912 bytes), which can then be imported. Files and streams are not held in
    /// memory.
    ///
    /// Sends `POST /v1/files`. The upload is retried only if it was certainly not carried out, and never if its content is a
    /// stream.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// use mistral_datasets::Upload;
    ///
    /// let file = client.files().upload(Upload::path("records.jsonl").await?).await?;
    /// println!("{} is {}", file.filename, file.id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Validation`](crate::ErrorKind::Validation), before anything is sent, if the file has no name or is known to be too
    /// large; and the errors that any call can return.
    pub fn upload(&self, upload: Upload) -> UploadFile {
        UploadFile::new(self.client.clone(), upload)
    }

    /// Downloads the content of an uploaded file.
    ///
    /// Sends `GET /v1/files/{file_id}/content`.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// let download = client.files().download("a file's id").await?;
    /// println!("{} bytes", download.to_path("records.jsonl").await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if the file does not exist, and the errors that any call can return.
    pub async fn download(&self, file_id: impl IntoId) -> Result<Download, Error> {
        const OPERATION: &str = "download_file";
        let file_id = file_id.into_id();
        Checks::new(OPERATION).segment("file_id", &file_id)?;
        let mut url = Url::parse(self.client.server_url()).expect("the server URL was validated");
        url.path_segments_mut()
            .expect("an http URL has a path")
            .extend(["v1", "files", &file_id, "content"]);
        let transport = self.client.transport()?.clone();
        let file = ResumableDownload::new(OPERATION, transport, url, Auth::ApiKey);
        Download::open(self.client.clone(), OPERATION, file).await
    }
}
