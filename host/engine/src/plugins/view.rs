//! Components as people see them: plain data.

use std::collections::BTreeMap;

use jobyard_plugin::{Limits, Manifest};
use serde::{Deserialize, Serialize};

use super::{Found, PluginError};

/// A component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PluginView {
    /// What people call it.
    pub name: String,
    /// What it is: a world of `wit/worlds.wit`; `unknown` where no manifest says it.
    pub world: String,
    /// `built in`, `kept` with the journal, or `file`.
    pub origin: String,
    /// Its own version; none where nothing says it.
    pub version: Option<String>,
    /// SHA-256 of its bytes.
    pub digest: String,
    /// Its length.
    pub bytes: u64,
    /// For people, one line; may be empty.
    pub description: String,
    /// What can be set, and what each setting is without.
    pub settings: BTreeMap<String, Option<String>>,
    /// The same as a JSON Schema (draft 2020-12); none where no manifest says it: then the component itself judges its settings.
    #[schema(value_type = Option<Object>)]
    pub settings_schema: Option<serde_json::Value>,
    /// Columns that it is told.
    pub columns: Vec<String>,
    /// What it claims.
    pub claims: Vec<String>,
    /// Programs that it may start.
    pub programs: Vec<String>,
    /// Folders that it may use beside those of the work.
    pub folders: Vec<String>,
    /// The limits of its calls; none where its world is not known.
    pub limits: Option<LimitsView>,
    /// What it says of itself: the text of its manifest.
    pub manifest: Option<String>,
}

/// The limits of a component's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LimitsView {
    /// Memory of an instance, in bytes.
    pub memory_bytes_max: u64,
    /// How long a call may compute, in milliseconds. Of a filter the cluster's parameters say it.
    pub deadline_ms: u64,
    /// What one call may log, in bytes.
    pub log_bytes_max: u64,
}

/// Whether a component takes settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SettingsCheck {
    /// It fits its world and its manifest, and takes these settings.
    pub taken: bool,
    /// Why not; empty where it does.
    pub why: String,
}

impl PluginView {
    /// Of a component that is not loaded.
    ///
    /// # Errors
    /// Its manifest cannot be read.
    pub fn of(found: &Found) -> Result<PluginView, PluginError> {
        Ok(PluginView::with(found, found.manifest()?))
    }

    /// The same for a list: where its manifest cannot be read, as by another version than took it, the description says so.
    pub fn listed(found: &Found) -> PluginView {
        PluginView::of(found).unwrap_or_else(|error| PluginView {
            description: error.to_string(),
            ..PluginView::with(found, None)
        })
    }

    fn with(found: &Found, manifest: Option<Manifest>) -> PluginView {
        let limits = found.world.map(|world| match &manifest {
            Some(manifest) => manifest.limits(world),
            None => Limits::for_world(world),
        });
        let bare = PluginView {
            name: found.name.clone(),
            world: found
                .world
                .map_or_else(|| "unknown".into(), |world| world.to_string()),
            origin: found.origin.to_string(),
            version: None,
            digest: found.bytes.digest(),
            bytes: found.bytes.count(),
            description: String::new(),
            settings: BTreeMap::new(),
            settings_schema: None,
            columns: Vec::new(),
            claims: Vec::new(),
            programs: Vec::new(),
            folders: Vec::new(),
            limits: limits.map(LimitsView::of),
            manifest: found.manifest.clone(),
        };
        match &manifest {
            Some(manifest) => bare.and(manifest),
            None => bare,
        }
    }

    fn and(self, manifest: &Manifest) -> PluginView {
        let defaults: BTreeMap<_, _> = manifest.settings.defaults().into_iter().collect();
        let names = manifest.settings.names();
        let setting = |name: &str| (name.to_string(), defaults.get(name).cloned());
        PluginView {
            version: Some(manifest.version.clone()),
            description: manifest.description.clone(),
            settings: names.map(setting).collect(),
            settings_schema: Some(manifest.settings.document().clone()),
            columns: manifest.columns.names().map(|n| n.to_string()).collect(),
            claims: manifest.claims.clone(),
            programs: manifest.programs.clone(),
            folders: manifest.folders.clone(),
            ..self
        }
    }
}

impl LimitsView {
    pub(super) fn of(limits: Limits) -> LimitsView {
        LimitsView {
            memory_bytes_max: limits.memory_bytes_max as u64,
            deadline_ms: u64::try_from(limits.deadline.as_millis()).unwrap_or(u64::MAX),
            log_bytes_max: limits.log_bytes_max as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin;

    #[test]
    fn a_manifest_that_cannot_be_read_hides_nothing_in_a_list() {
        let mut found = Found::built_in(&builtin::POLICY_FIFO);
        let whole = PluginView::of(&found).unwrap();
        assert_eq!(PluginView::listed(&found), whole);
        found.manifest = Some("colour = 1".into());
        let error = PluginView::of(&found).unwrap_err().to_string();
        let listed = PluginView::listed(&found);
        assert_eq!((listed.name, listed.digest), (whole.name, whole.digest));
        assert!(
            listed.description == error && error.contains("colour"),
            "{error}"
        );
    }
}
