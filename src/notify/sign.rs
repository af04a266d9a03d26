//! Signatures of webhooks, as Standard Webhooks 1.0.0 has them ("Signature scheme"). Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::settings::signing::SigningKey;

/// Returns the value of `webhook-signature`: one `v1,…` for each key, so that a receiver may know
/// the old or the new one while they are exchanged.
pub(super) fn signatures(keys: &[SigningKey], id: &str, at_s: i64, body: &[u8]) -> String {
    let signed = |key: &SigningKey| {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
        let mut mac =
            Hmac::<Sha256>::new_from_slice(key.0.reveal()).expect("a key of any length is taken");
        mac.update(format!("{id}.{at_s}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    };
    keys.iter().map(signed).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_specification() {
        // The example of the reference libraries.
        let key = SigningKey::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", br#"{"test": 2432232314}"#);
        let one = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signatures(core::slice::from_ref(&key), id, 1_614_265_330, body), one);
        let other = SigningKey::read(&"AAAA".repeat(8)).unwrap();
        let both = signatures(&[key, other], id, 1_614_265_330, body);
        assert!(both.starts_with(&format!("{one} v1,")), "{both}");
        assert_eq!(both.split(' ').count(), 2);
    }
}
