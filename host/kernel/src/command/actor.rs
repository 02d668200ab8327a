//! Who asks, and in which roles. What each role may do is in `decide/roles.rs`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a person may do, as HPC Pack's roles (`UserRoles`, which are flags); a person with several has the union.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Role {
    /// Owns jobs.
    User = 1,
    /// Everything.
    Administrator = 2,
    /// Does to any job what its owner may.
    JobAdministrator = 4,
    /// Cancels, finishes and requeues any job.
    JobOperator = 8,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 4] = [
        Role::User,
        Role::JobOperator,
        Role::JobAdministrator,
        Role::Administrator,
    ];
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Role::User => "User",
            Role::Administrator => "Administrator",
            Role::JobAdministrator => "JobAdministrator",
            Role::JobOperator => "JobOperator",
        })
    }
}

/// A set of roles; empty is HPC Pack's AccessDenied.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Roles(u8);

impl Roles {
    /// No role: may look at nothing and do nothing.
    pub const NONE: Roles = Roles(0);

    /// These and one more.
    #[must_use]
    pub const fn with(self, role: Role) -> Self {
        Roles(self.0 | role as u8)
    }

    /// Whether that role is among them.
    pub const fn has(self, role: Role) -> bool {
        self.0 & role as u8 != 0
    }

    /// HPC Pack's number: the sum of the roles' flags.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |&role| self.has(role))
    }
}

impl From<Role> for Roles {
    fn from(role: Role) -> Self {
        Roles::NONE.with(role)
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        roles.into_iter().fold(Roles::NONE, Roles::with)
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Their name, as it stands in `owner`.
    pub name: String,
    /// What they may do.
    pub roles: Roles,
}

impl Actor {
    /// Somebody in one role, or in several: `Actor::new("ann", Role::User)`.
    pub fn new(name: impl Into<String>, roles: impl Into<Roles>) -> Self {
        Actor {
            name: name.into(),
            roles: roles.into(),
        }
    }

    /// An administrator of that name.
    pub fn administrator(name: impl Into<String>) -> Self {
        Actor::new(name, Role::Administrator)
    }

    /// A user of that name.
    pub fn user(name: impl Into<String>) -> Self {
        Actor::new(name, Role::User)
    }

    /// Whether they have that role.
    pub fn is(&self, role: Role) -> bool {
        self.roles.has(role)
    }
}
