//! Who may use a daemon over the network: users, their roles, passwords and tokens, in `users.db` of a data folder.
//!
//! What it is not: a place that decides what somebody may do. Roles mean what the kernel says (`jobyard_kernel::Role`), and who is
//! asking is found out by `host/server`. Called by the daemon, and by `jobyard user`, which may write while a daemon runs: both
//! open the same file.
//!
//! Of a password there is an argon2id hash (RFC 9106), of a token its SHA-256 (a token is 256 random bits, so nothing slower is needed). Neither can
//! be read back, and nothing of them is in the journal.

mod password;
mod store;
mod token;

pub use password::{PASSWORD_BYTES_MAX, PasswordError, PasswordHash};
pub use store::{FILE_NAME, Identity, User, Users, UsersError};
pub use token::{Kind, NewToken, Secret, Token, TokenId};
