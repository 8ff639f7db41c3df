//! Decodes response bodies.

use mistral_datasets_types::decode;
use progenitor_client::{Error, ResponseValue};
use reqwest::Response;
use serde::de::DeserializeOwned;

/// A response extension that makes raw JSON values borrow from the response body instead of copying it.
///
/// This saves an allocation per value, but every value keeps the whole body in memory. Only the Node binding uses it, because
/// it copies each response to JavaScript as a whole.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct SharedBody;

/// Reads and decodes a response body. Generated operations call this instead of `ResponseValue::from_response`.
pub(crate) async fn read<T: DeserializeOwned, E>(
    mut response: Response,
) -> Result<ResponseValue<T>, Error<E>> {
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    let shared = response.extensions().get::<SharedBody>().is_some();
    let body = response.bytes().await.map_err(Error::ResponseBodyError)?;
    let value = if shared { decode::from_shared_body(&body) } else { decode::from_body(&body) };
    match value {
        Ok(value) => Ok(ResponseValue::new(value, status, headers)),
        Err(error) => Err(Error::InvalidResponsePayload(body, error)),
    }
}
