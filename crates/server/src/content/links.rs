//! Links that open one file until a time, whoever has them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::time::Timestamp;

/// Signs links and checks them.
pub(crate) struct LinkSigner {
    key: Hmac<Sha256>,
}

/// Why a link does not open its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkError {
    /// It was not signed here, or something of it was altered.
    Forged,
    /// Its time is over.
    Expired,
}

impl LinkSigner {
    pub(crate) fn new(secret: &[u8]) -> Self {
        let key = Hmac::new_from_slice(secret).expect("a key of this method may have any length");
        Self { key }
    }

    /// Path and query of a link to a file. The time is cut to whole seconds.
    pub(crate) fn link(&self, file: Uuid, expires: Timestamp) -> String {
        let expires = expires.seconds();
        let signature = URL_SAFE_NO_PAD.encode(self.signed(file, expires).finalize().into_bytes());
        format!("/files/{file}?expires={expires}&signature={signature}")
    }

    /// Checks a link's parts. How long it takes says nothing about the right signature.
    pub(crate) fn check(
        &self,
        file: Uuid,
        expires: i64,
        signature: &str,
        now: Timestamp,
    ) -> Result<(), LinkError> {
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| LinkError::Forged)?;
        self.signed(file, expires).verify_slice(&signature).map_err(|_| LinkError::Forged)?;
        if now >= Timestamp::from_seconds(expires) {
            return Err(LinkError::Expired);
        }
        Ok(())
    }

    fn signed(&self, file: Uuid, expires: i64) -> Hmac<Sha256> {
        let mut signed = self.key.clone();
        signed.update(b"read file ");
        signed.update(file.as_bytes());
        signed.update(&expires.to_be_bytes());
        signed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The time and the signature of a link.
    fn parts(link: &str) -> (i64, String) {
        let (_, query) = link.split_once("?expires=").unwrap();
        let (expires, signature) = query.split_once("&signature=").unwrap();
        (expires.parse().unwrap(), signature.to_owned())
    }

    #[test]
    fn a_link_opens_its_file_until_its_time() {
        let signer = LinkSigner::new(b"secret");
        let (file, now) = (Uuid::now_v7(), Timestamp::now());
        let (expires, signature) = parts(&signer.link(file, now.plus(Duration::from_secs(60))));
        let check = |now| signer.check(file, expires, &signature, now);
        assert_eq!(check(now), Ok(()));
        assert_eq!(check(now.plus(Duration::from_secs(58))), Ok(()));
        assert_eq!(check(now.plus(Duration::from_secs(60))), Err(LinkError::Expired));
    }

    #[test]
    fn an_altered_link_opens_nothing() {
        let signer = LinkSigner::new(b"secret");
        let (file, now) = (Uuid::now_v7(), Timestamp::now());
        let (expires, signature) = parts(&signer.link(file, now.plus(Duration::from_secs(60))));
        let forged = Err(LinkError::Forged);
        assert_eq!(signer.check(Uuid::now_v7(), expires, &signature, now), forged);
        assert_eq!(signer.check(file, expires + 1, &signature, now), forged);
        assert_eq!(signer.check(file, expires, "", now), forged);
        assert_eq!(signer.check(file, expires, "%%", now), forged);
        assert_eq!(signer.check(file, expires, &signature[..20], now), forged);
        assert_eq!(LinkSigner::new(b"other").check(file, expires, &signature, now), forged);
    }
}
