//! The only file that asks for chance: names that nobody can guess or take twice.

/// Makes a random UUID of version 4 (RFC 9562, section 5.4), as a number.
///
/// # Errors
/// When the system has no random numbers to give.
pub fn uuid() -> Result<u128, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(version_4(u128::from_be_bytes(bytes)))
}

/// Puts version and variant into the six bits that hold them.
fn version_4(random: u128) -> u128 {
    (random & !(0xF << 76) & !(0b11 << 62)) | (0x4 << 76) | (0b10 << 62)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::silence::SilenceId;

    #[test]
    fn a_random_uuid_says_that_it_is_one() {
        for (random, text) in [
            (0, "00000000-0000-4000-8000-000000000000"),
            (u128::MAX, "ffffffff-ffff-4fff-bfff-ffffffffffff"),
        ] {
            assert_eq!(SilenceId(version_4(random)).to_string(), text);
        }
        assert_ne!(uuid().unwrap(), uuid().unwrap());
    }
}
