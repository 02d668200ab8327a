//! Passwords: hashed with argon2id, checked against a hash.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, SaltString};

/// Bytes of a password: more would only be work for the hash.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// Bytes of a salt.
const SALT_BYTES: usize = 16;

/// What is kept of a password: argon2id with 19 MiB, two passes and one lane, a PHC string. Takes some 30 ms of a core to make or
/// to check, so it is nothing for a thread that serves others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

/// Why something is no password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// There is none.
    #[error("the password is empty")]
    Empty,
    /// Longer than [`PASSWORD_BYTES_MAX`].
    #[error("the password has {0} bytes, at most {PASSWORD_BYTES_MAX} are possible")]
    TooLong(usize),
    /// The system has no randomness, or no memory.
    #[error("the password can not be hashed: {0}")]
    Failed(String),
}

impl PasswordHash {
    /// Hashes a password with a salt of its own.
    ///
    /// # Errors
    /// It is empty or too long, or the system refuses.
    pub fn of(password: &str) -> Result<PasswordHash, PasswordError> {
        match password.len() {
            0 => return Err(PasswordError::Empty),
            bytes if bytes > PASSWORD_BYTES_MAX => return Err(PasswordError::TooLong(bytes)),
            _ => {}
        }
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(failed)?;
        let salt = SaltString::encode_b64(&salt).map_err(failed)?;
        let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
        Ok(PasswordHash(hash.map_err(failed)?.to_string()))
    }

    /// Whether it is of this password.
    pub fn matches(&self, password: &str) -> bool {
        let Ok(hash) = argon2::PasswordHash::new(&self.0) else {
            return false;
        };
        password.len() <= PASSWORD_BYTES_MAX
            && Argon2::default()
                .verify_password(password.as_bytes(), &hash)
                .is_ok()
    }

    /// What is checked in the place of the hash of somebody who has none, so that the time tells nobody who there is.
    pub fn of_nobody() -> PasswordHash {
        // The hash of 32 random bytes that were thrown away.
        let hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IG9mIG5vYg$1nGjnBzTpJnWTPCPCKDz8gf1fkBRWvLHT5bRkq1CrUY";
        PasswordHash(hash.into())
    }

    pub(crate) fn from_text(text: String) -> PasswordHash {
        PasswordHash(text)
    }

    /// The PHC string.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

fn failed(error: impl std::fmt::Display) -> PasswordError {
    PasswordError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let hash = PasswordHash::of("correct horse").unwrap();
        assert!(hash.text().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(hash.matches("correct horse"));
        assert!(!hash.matches("correct horse "));
        assert_ne!(hash, PasswordHash::of("correct horse").unwrap(), "salted");
        assert!(argon2::PasswordHash::new(PasswordHash::of_nobody().text()).is_ok());
        assert!(!PasswordHash::of_nobody().matches(""));
        assert!(!PasswordHash::from_text("plain".into()).matches("plain"));
    }

    #[test]
    fn what_is_no_password_is_refused() {
        assert!(matches!(PasswordHash::of(""), Err(PasswordError::Empty)));
        let long = "x".repeat(PASSWORD_BYTES_MAX + 1);
        let refused = PasswordHash::of(&long).unwrap_err().to_string();
        assert!(refused.contains("1025 bytes"), "{refused}");
    }
}
