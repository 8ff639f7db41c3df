//! Signed links: they give access to one file until they expire, without an API key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::time::Timestamp;

/// Signs and verifies links.
pub(crate) struct LinkSigner {
    key: Hmac<Sha256>,
}

/// The reason a link is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkError {
    /// It was not signed by this server, or was modified.
    Invalid,
    /// It has expired.
    Expired,
}

impl LinkSigner {
    pub(crate) fn new(secret: &[u8]) -> Self {
        let key = Hmac::new_from_slice(secret).expect("HMAC accepts keys of any length");
        Self { key }
    }

    /// Returns path and query of a link to a file. `expires` is truncated to seconds.
    pub(crate) fn link(&self, file: Uuid, expires: Timestamp) -> String {
        let expires = expires.seconds();
        let signature = URL_SAFE_NO_PAD.encode(self.mac(file, expires).finalize().into_bytes());
        format!("/files/{file}?expires={expires}&signature={signature}")
    }

    /// Verifies the parts of a link. The signature is compared in constant time.
    pub(crate) fn verify(
        &self,
        file: Uuid,
        expires: i64,
        signature: &str,
        now: Timestamp,
    ) -> Result<(), LinkError> {
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| LinkError::Invalid)?;
        self.mac(file, expires).verify_slice(&signature).map_err(|_| LinkError::Invalid)?;
        if now >= Timestamp::from_seconds(expires) {
            return Err(LinkError::Expired);
        }
        Ok(())
    }

    fn mac(&self, file: Uuid, expires: i64) -> Hmac<Sha256> {
        let mut mac = self.key.clone();
        mac.update(b"read file ");
        mac.update(file.as_bytes());
        mac.update(&expires.to_be_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Returns the expiry time and the signature of a link.
    fn parts(link: &str) -> (i64, String) {
        let (_, query) = link.split_once("?expires=").unwrap();
        let (expires, signature) = query.split_once("&signature=").unwrap();
        (expires.parse().unwrap(), signature.to_owned())
    }

    #[test]
    fn a_link_is_valid_until_it_expires() {
        let signer = LinkSigner::new(b"secret");
        let (file, now) = (Uuid::now_v7(), Timestamp::now());
        let (expires, signature) = parts(&signer.link(file, now.plus(Duration::from_secs(60))));
        let check = |now| signer.verify(file, expires, &signature, now);
        assert_eq!(check(now), Ok(()));
        assert_eq!(check(now.plus(Duration::from_secs(58))), Ok(()));
        assert_eq!(check(now.plus(Duration::from_secs(60))), Err(LinkError::Expired));
    }

    #[test]
    fn a_modified_link_is_rejected() {
        let signer = LinkSigner::new(b"secret");
        let (file, now) = (Uuid::now_v7(), Timestamp::now());
        let (expires, signature) = parts(&signer.link(file, now.plus(Duration::from_secs(60))));
        let invalid = Err(LinkError::Invalid);
        assert_eq!(signer.verify(Uuid::now_v7(), expires, &signature, now), invalid);
        assert_eq!(signer.verify(file, expires + 1, &signature, now), invalid);
        assert_eq!(signer.verify(file, expires, "", now), invalid);
        assert_eq!(signer.verify(file, expires, "%%", now), invalid);
        assert_eq!(signer.verify(file, expires, &signature[..20], now), invalid);
        assert_eq!(LinkSigner::new(b"other").verify(file, expires, &signature, now), invalid);
    }
}
