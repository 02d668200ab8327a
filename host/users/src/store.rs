//! The file `users.db`: users and tokens in SQLite.
//!
//! Each call is a transaction of its own; what it has returned is on disk. Several processes may have the file open.

use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jobyard_kernel::{Role, Roles};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::password::PasswordHash;
use crate::token::{Kind, NewToken, Secret, Token, TokenId};

/// The file's name in a data folder.
pub const FILE_NAME: &str = "users.db";

/// Users in a file.
const USERS_MAX: u32 = 10_000;
/// Tokens of one user that have not expired; of sessions the oldest goes.
const TOKENS_MAX: u32 = 100;
/// Unicode scalar values of a user's name, as of the owner of a job, and of a token's note.
const NAME_CHARS_MAX: usize = 80;
/// The version of the tables.
const VERSION: i64 = 1;
/// How long a statement waits for another process.
const BUSY_WAIT: Duration = Duration::from_secs(5);

const TABLES: &str = "
CREATE TABLE user (
    name TEXT PRIMARY KEY,
    roles INTEGER NOT NULL, -- the sum of HPC Pack's flags: 1 User, 2 Administrator, 4 JobAdministrator, 8 JobOperator
    password TEXT, -- argon2id, as a PHC string; none: tokens only
    created INTEGER NOT NULL -- seconds since 1970
) STRICT, WITHOUT ROWID;
CREATE TABLE token (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user TEXT NOT NULL REFERENCES user ON DELETE CASCADE,
    digest BLOB NOT NULL UNIQUE, -- SHA-256 of the secret
    session INTEGER NOT NULL, -- 1: made by a log-in of a browser
    note TEXT NOT NULL,
    roles INTEGER NOT NULL, -- at most these of the user's
    read_only INTEGER NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT;
CREATE INDEX token_of_user ON token (user, id);
";

/// Who there is.
#[derive(Debug)]
pub struct Users {
    path: PathBuf,
    connection: Mutex<Connection>,
}

/// Somebody who may use the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their name; the `owner` of their jobs.
    pub name: String,
    /// What they may do.
    pub roles: Roles,
    /// Whether they have a password, or tokens only.
    pub has_password: bool,
    /// Since when, in seconds since 1970.
    pub created: i64,
}

/// Who has shown a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Their name.
    pub name: String,
    /// What they may do with it.
    pub roles: Roles,
    /// Whether they may only look.
    pub read_only: bool,
    /// Which token it was.
    pub token: TokenId,
    /// When it ends, in seconds since 1970.
    pub expires: i64,
}

/// Why something of users could not be done.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// The name is taken.
    #[error("there is a user {0:?} already: remove it first, or change it with `jobyard user set`")]
    Exists(String),
    /// There is nobody of that name.
    #[error("there is no user {0:?}: `jobyard user list` names all")]
    Unknown(String),
    /// The user has no such token.
    #[error("user {user:?} has no token {token}")]
    UnknownToken {
        /// Whose.
        user: String,
        /// Its number.
        token: TokenId,
    },
    /// A name that nobody can have.
    #[error(
        "{0:?} is no name for a user: 1 to {NAME_CHARS_MAX} characters, no control characters, no `:`, no space at either end"
    )]
    BadName(String),
    /// A note that no token can have.
    #[error("the note has {0} characters, at most {NAME_CHARS_MAX} are possible")]
    LongNote(usize),
    /// No roles at all.
    #[error("a user needs a role: User, JobOperator, JobAdministrator or Administrator")]
    NoRole,
    /// 10,000 users.
    #[error("there are {USERS_MAX} users, and can be no more")]
    TooMany,
    /// 100 tokens of one user that have not expired.
    #[error("{0:?} has {TOKENS_MAX} tokens, and can have no more: revoke some")]
    TooManyTokens(String),
    /// Of a version that this program does not know.
    #[error("{}: its version is {found}, this program knows {VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: i64,
    },
    /// The system has no randomness.
    #[error("a token can not be made: {0}")]
    NoRandomness(getrandom::Error),
    /// The system, or SQLite, refuses.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What it says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Users {
    /// Opens the file in a data folder, and makes it where there is none: for the folder's owner alone (0600).
    ///
    /// # Errors
    /// It is of a later version or no such file, or the system says no.
    pub fn open(folder: &Path) -> Result<Users, UsersError> {
        let path = folder.join(FILE_NAME);
        make(folder, &path).map_err(|source| failed(&path, source))?;
        let open = || -> Result<(Connection, i64), rusqlite::Error> {
            let mut connection = Connection::open(&path)?;
            connection.busy_timeout(BUSY_WAIT)?;
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "foreign_keys", true)?;
            // Two may come first at once.
            let change =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let version = change.pragma_query_value(None, "user_version", |row| row.get(0))?;
            if version == 0 {
                change.execute_batch(TABLES)?;
                change.pragma_update(None, "user_version", VERSION)?;
            }
            change.commit()?;
            Ok((connection, if version == 0 { VERSION } else { version }))
        };
        let (connection, found) = open().map_err(|source| failed(&path, source))?;
        if found != VERSION {
            return Err(UsersError::Version { path, found });
        }
        Ok(Users {
            path,
            connection: Mutex::new(connection),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All of them, by name.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn list(&self) -> Result<Vec<User>, UsersError> {
        let text = "SELECT name, roles, password IS NOT NULL, created FROM user ORDER BY name";
        self.with(|db| db.prepare_cached(text)?.query_map([], user)?.collect())
    }

    /// The user of this name.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn get(&self, name: &str) -> Result<Option<User>, UsersError> {
        let text = "SELECT name, roles, password IS NOT NULL, created FROM user WHERE name = ?1";
        self.with(|db| db.prepare_cached(text)?.query_row([name], user).optional())
    }

    /// One more; without a password they can use tokens only.
    ///
    /// # Errors
    /// The name is taken or none, there are no roles, or the file cannot be written.
    pub fn add(
        &self,
        name: &str,
        roles: Roles,
        password: Option<&PasswordHash>,
        now: i64,
    ) -> Result<(), UsersError> {
        check_name(name)?;
        check_roles(roles)?;
        let count = "SELECT COUNT(*) FROM user";
        if self.with(|db| db.query_row(count, [], |row| row.get::<_, u32>(0)))? >= USERS_MAX {
            return Err(UsersError::TooMany);
        }
        let text = "INSERT INTO user (name, roles, password, created) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
        let password = password.map(PasswordHash::text);
        let added = self.with(|db| db.execute(text, params![name, roles.bits(), password, now]))?;
        match added {
            0 => Err(UsersError::Exists(name.into())),
            _ => Ok(()),
        }
    }

    /// Other roles. Tokens keep at most these.
    ///
    /// # Errors
    /// There is no such user, there are no roles, or the file cannot be written.
    pub fn set_roles(&self, name: &str, roles: Roles) -> Result<(), UsersError> {
        check_roles(roles)?;
        let text = "UPDATE user SET roles = ?2 WHERE name = ?1";
        self.change(name, |db| db.execute(text, params![name, roles.bits()]))
    }

    /// Another password, or none. Sessions end; tokens stay.
    ///
    /// # Errors
    /// There is no such user, or the file cannot be written.
    pub fn set_password(
        &self,
        name: &str,
        password: Option<&PasswordHash>,
    ) -> Result<(), UsersError> {
        let text = "UPDATE user SET password = ?2 WHERE name = ?1";
        let password = password.map(PasswordHash::text);
        self.change(name, |db| {
            db.execute("DELETE FROM token WHERE user = ?1 AND session", [name])?;
            db.execute(text, params![name, password])
        })
    }

    /// Takes a user away, with all tokens. Their jobs stay.
    ///
    /// # Errors
    /// There is no such user, or the file cannot be written.
    pub fn remove(&self, name: &str) -> Result<(), UsersError> {
        self.change(name, |db| {
            db.execute("DELETE FROM user WHERE name = ?1", [name])
        })
    }

    /// The roles of somebody with a password, and its hash.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn password(&self, name: &str) -> Result<Option<(Roles, PasswordHash)>, UsersError> {
        let text = "SELECT roles, password FROM user WHERE name = ?1 AND password IS NOT NULL";
        let row = |row: &Row<'_>| Ok((roles(row.get(0)?), PasswordHash::from_text(row.get(1)?)));
        self.with(|db| db.prepare_cached(text)?.query_row([name], row).optional())
    }

    /// A token for somebody, and the secret that it takes to use it.
    ///
    /// # Errors
    /// There is no such user, they have too many, or the file cannot be written.
    pub fn new_token(
        &self,
        user: &str,
        token: &NewToken,
        now: i64,
    ) -> Result<(TokenId, Secret), UsersError> {
        let chars = token.note.chars().count();
        if chars > NAME_CHARS_MAX {
            return Err(UsersError::LongNote(chars));
        }
        if self.get(user)?.is_none() {
            return Err(UsersError::Unknown(user.into()));
        }
        let secret = Secret::new().map_err(UsersError::NoRandomness)?;
        let (digest, session) = (secret.digest(), token.kind == Kind::Session);
        let insert = "INSERT INTO token (user, digest, session, note, roles, read_only, created, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let made = self.with(|db| {
            let change = db.unchecked_transaction()?;
            change.execute("DELETE FROM token WHERE expires <= ?1", [now])?;
            let count = "SELECT COUNT(*) FROM token WHERE user = ?1 AND session = ?2";
            let have: u32 = change.query_row(count, params![user, session], |row| row.get(0))?;
            match (have >= TOKENS_MAX, token.kind) {
                (true, Kind::Token) => return Ok(None),
                (true, Kind::Session) => {
                    let oldest = "DELETE FROM token WHERE id = (SELECT MIN(id) FROM token WHERE user = ?1 AND session)";
                    change.execute(oldest, [user])?;
                }
                (false, _) => {}
            }
            let row = params![user, digest, session, token.note, token.roles.bits(), token.read_only, now, token.expires];
            change.execute(insert, row)?;
            let id = change.last_insert_rowid();
            change.commit()?;
            Ok(Some(id))
        })?;
        let id = made.ok_or_else(|| UsersError::TooManyTokens(user.into()))?;
        Ok((id, secret))
    }

    /// The tokens of somebody that have not expired; sessions are none of them.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn tokens(&self, user: &str, now: i64) -> Result<Vec<Token>, UsersError> {
        let text = "SELECT id, note, roles, read_only, created, expires FROM token WHERE user = ?1 AND NOT session AND expires > ?2 ORDER BY id";
        let token = |row: &Row<'_>| {
            Ok(Token {
                id: row.get(0)?,
                note: row.get(1)?,
                roles: roles(row.get(2)?),
                read_only: row.get(3)?,
                created: row.get(4)?,
                expires: row.get(5)?,
            })
        };
        self.with(|db| {
            let mut all = db.prepare_cached(text)?;
            all.query_map(params![user, now], token)?.collect()
        })
    }

    /// Ends a token, or a session.
    ///
    /// # Errors
    /// The user has no such token, or the file cannot be written.
    pub fn revoke(&self, user: &str, token: TokenId) -> Result<(), UsersError> {
        let text = "DELETE FROM token WHERE id = ?1 AND user = ?2";
        match self.with(|db| db.execute(text, params![token, user]))? {
            0 => Err(UsersError::UnknownToken {
                user: user.into(),
                token,
            }),
            _ => Ok(()),
        }
    }

    /// Who has this secret, if it is of a token that has not expired.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn identify(&self, secret: &Secret, now: i64) -> Result<Option<Identity>, UsersError> {
        let text = "SELECT user.name, user.roles & token.roles, token.read_only, token.id, token.expires FROM token JOIN user ON user.name = token.user WHERE token.digest = ?1 AND token.expires > ?2";
        let identity = |row: &Row<'_>| {
            Ok(Identity {
                name: row.get(0)?,
                roles: roles(row.get(1)?),
                read_only: row.get(2)?,
                token: row.get(3)?,
                expires: row.get(4)?,
            })
        };
        self.with(|db| {
            let mut found = db.prepare_cached(text)?;
            found
                .query_row(params![secret.digest(), now], identity)
                .optional()
        })
    }

    /// Whether a token is there and has not expired.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn holds(&self, token: TokenId, now: i64) -> Result<bool, UsersError> {
        let text = "SELECT 1 FROM token WHERE id = ?1 AND expires > ?2";
        self.with(|db| db.prepare_cached(text)?.exists(params![token, now]))
    }

    fn with<T>(
        &self,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, UsersError> {
        // A thread that panicked has not left anything half done: that is SQLite's.
        let db: MutexGuard<'_, Connection> = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        ask(&db).map_err(|source| failed(&self.path, source))
    }

    /// Changes that user; an error if nobody was changed.
    fn change(
        &self,
        name: &str,
        change: impl FnOnce(&Connection) -> rusqlite::Result<usize>,
    ) -> Result<(), UsersError> {
        let changed = self.with(|db| {
            let whole = db.unchecked_transaction()?;
            let changed = change(&whole)?;
            whole.commit().map(|()| changed)
        })?;
        match changed {
            0 => Err(UsersError::Unknown(name.into())),
            _ => Ok(()),
        }
    }
}

/// The file belongs to whom the folder belongs to: root may add users for a daemon that is not root's.
fn make(folder: &Path, path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(path)?;
    let (folder, own) = (folder.metadata()?, file.metadata()?);
    if folder.uid() != own.uid() && rustix::process::geteuid().is_root() {
        std::os::unix::fs::fchown(&file, Some(folder.uid()), Some(folder.gid()))?;
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), UsersError> {
    let fits = (1..=NAME_CHARS_MAX).contains(&name.chars().count());
    let odd = |c: char| c.is_control() || c == ':';
    match fits && !name.contains(odd) && name.trim() == name {
        true => Ok(()),
        false => Err(UsersError::BadName(name.into())),
    }
}

fn check_roles(roles: Roles) -> Result<(), UsersError> {
    match roles == Roles::NONE {
        true => Err(UsersError::NoRole),
        false => Ok(()),
    }
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        name: row.get(0)?,
        roles: roles(row.get(1)?),
        has_password: row.get(2)?,
        created: row.get(3)?,
    })
}

fn roles(bits: u8) -> Roles {
    Role::ALL
        .into_iter()
        .filter(|&role| bits & role as u8 != 0)
        .collect()
}

fn failed(path: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> UsersError {
    UsersError::File {
        path: path.into(),
        source: source.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> (tempfile::TempDir, Users) {
        let folder = tempfile::tempdir().unwrap();
        let users = Users::open(folder.path()).unwrap();
        (folder, users)
    }

    fn token(roles: Roles, expires: i64) -> NewToken {
        NewToken {
            kind: Kind::Token,
            note: "build".into(),
            roles,
            read_only: true,
            expires,
        }
    }

    #[test]
    fn who_was_added_is_there_for_another_process_too() {
        let (folder, users) = users();
        let hash = PasswordHash::of("pw").unwrap();
        let both = Roles::from(Role::User).with(Role::JobOperator);
        users.add("ann", both, Some(&hash), 5).unwrap();
        let again = Users::open(folder.path()).unwrap();
        let ann = User {
            name: "ann".into(),
            roles: both,
            has_password: true,
            created: 5,
        };
        assert_eq!(again.list().unwrap(), [ann]);
        assert_eq!(again.password("ann").unwrap(), Some((both, hash)));
        let taken = again.add("ann", both, None, 6).unwrap_err();
        assert!(matches!(taken, UsersError::Exists(_)), "{taken}");
        again.remove("ann").unwrap();
        assert_eq!(users.get("ann").unwrap(), None);
        assert!(matches!(users.remove("ann"), Err(UsersError::Unknown(_))));
        let file = folder.path().join(FILE_NAME).metadata().unwrap();
        assert_eq!(file.mode() & 0o777, 0o600);
    }

    #[test]
    fn names_and_roles_that_cannot_be_are_refused() {
        let (_folder, users) = users();
        for name in ["", " ann", "a:b", "a\nb", &"x".repeat(81)] {
            let refused = users.add(name, Role::User.into(), None, 0).unwrap_err();
            assert!(matches!(refused, UsersError::BadName(_)), "{refused}");
        }
        users.add("CORP\\ann", Role::User.into(), None, 0).unwrap();
        let refused = users.add("bob", Roles::NONE, None, 0).unwrap_err();
        assert!(matches!(refused, UsersError::NoRole), "{refused}");
    }

    #[test]
    fn a_token_is_good_until_it_ends_and_for_no_more_than_its_user() {
        let (_folder, users) = users();
        let both = Roles::from(Role::User).with(Role::Administrator);
        users.add("ann", both, None, 0).unwrap();
        let (id, secret) = users.new_token("ann", &token(both, 100), 10).unwrap();
        let identity = Identity {
            name: "ann".into(),
            roles: both,
            read_only: true,
            token: id,
            expires: 100,
        };
        assert_eq!(users.identify(&secret, 99).unwrap(), Some(identity.clone()));
        assert_eq!(users.identify(&secret, 100).unwrap(), None);
        users.set_roles("ann", Role::User.into()).unwrap();
        let less = Identity {
            roles: Role::User.into(),
            ..identity
        };
        assert_eq!(users.identify(&secret, 99).unwrap(), Some(less));
        assert_eq!(users.tokens("ann", 50).unwrap().len(), 1);
        assert!(users.holds(id, 99).unwrap() && !users.holds(id, 100).unwrap());
        users.revoke("ann", id).unwrap();
        assert_eq!(users.identify(&secret, 50).unwrap(), None);
        assert!(matches!(
            users.revoke("ann", id),
            Err(UsersError::UnknownToken { .. })
        ));
        let other = Secret::new().unwrap();
        assert_eq!(users.identify(&other, 50).unwrap(), None);
    }

    #[test]
    fn there_is_nothing_to_read_back() {
        let (folder, users) = users();
        let hash = PasswordHash::of("a password that is seen nowhere").unwrap();
        users.add("ann", Role::User.into(), Some(&hash), 0).unwrap();
        let (_, secret) = users
            .new_token("ann", &token(Role::User.into(), 100), 10)
            .unwrap();
        assert_eq!(format!("{secret:?}"), "Secret");
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            for text in ["a password that", &secret.reveal()[3..]] {
                let found = bytes
                    .windows(text.len())
                    .any(|part| part == text.as_bytes());
                assert!(!found, "{text}");
            }
        }
    }

    #[test]
    fn a_password_that_changes_ends_sessions_and_leaves_tokens() {
        let (_folder, users) = users();
        users.add("ann", Role::User.into(), None, 0).unwrap();
        let (_, kept) = users
            .new_token("ann", &token(Role::User.into(), 100), 10)
            .unwrap();
        let session = NewToken {
            kind: Kind::Session,
            ..token(Role::User.into(), 100)
        };
        let (_, ended) = users.new_token("ann", &session, 10).unwrap();
        users
            .set_password("ann", Some(&PasswordHash::of("new").unwrap()))
            .unwrap();
        assert!(users.identify(&kept, 50).unwrap().is_some());
        assert!(users.identify(&ended, 50).unwrap().is_none());
        // Of sessions the oldest goes, of tokens none.
        for _ in 0..TOKENS_MAX {
            users.new_token("ann", &session, 10).unwrap();
        }
        let (_, newest) = users.new_token("ann", &session, 10).unwrap();
        assert!(users.identify(&newest, 50).unwrap().is_some());
        for _ in 1..TOKENS_MAX {
            users
                .new_token("ann", &token(Role::User.into(), 100), 10)
                .unwrap();
        }
        let refused = users
            .new_token("ann", &token(Role::User.into(), 100), 10)
            .unwrap_err();
        assert!(matches!(refused, UsersError::TooManyTokens(_)), "{refused}");
        // What has expired makes room.
        users
            .new_token("ann", &token(Role::User.into(), 300), 200)
            .unwrap();
    }
}
