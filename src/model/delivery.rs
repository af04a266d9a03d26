//! Which delivery or command this is, as its sender numbers them.

use core::fmt;

use sha2::{Digest, Sha256};

/// One delivery or command: half of SHA-256 over who counts and the id they gave.
///
/// A sender chooses its ids freely, so a weaker hash would let one choose an id that passes for
/// another's. Sixteen bytes keep a million of them small.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub [u8; 16]);

impl DeliveryId {
    /// Returns the identity of what `scope` (a source, a person) sent under `id`.
    pub fn of(scope: &str, id: &str) -> Self {
        let mut hash = Sha256::new();
        // The length keeps `ab` + `c` and `a` + `bc` apart.
        hash.update(scope.len().to_be_bytes());
        hash.update(scope);
        hash.update(id);
        let mut half = [0; 16];
        half.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
        Self(half)
    }
}

impl fmt::Debug for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scope_and_id_are_kept_apart_and_the_hash_stays_as_it_is() {
        let of = |scope, id| format!("{:?}", DeliveryId::of(scope, id));
        assert_ne!(of("ab", "c"), of("a", "bc"));
        assert_ne!(of("a", "1"), of("b", "1"));
        assert_eq!(of("native", "1"), "50a55bd2b3f44c1ffb8967f4c8c3cbb0");
    }
}
