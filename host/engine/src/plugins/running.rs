//! The components that an engine has: those built in, the policies that are kept, and those that it was given to run with.

use jobyard_kernel::Rejection;
use jobyard_plugin::{Limits, Plugin};

use super::{
    Bytes, Found, LimitsView, Origin, PluginError, PluginView, Ready, SettingsCheck, built_in,
};
use crate::policies::DIGEST_PREFIX_MIN;
use crate::{Engine, EngineError, builtin};

/// A component that the engine runs with and that is neither built in nor a policy: a filter, or one for work on nodes.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    /// As jobs, templates and parameters call it.
    name: String,
    plugin: Plugin,
    limits: Limits,
}

impl Running {
    pub(crate) fn new(name: &str, plugin: &Plugin, limits: Limits) -> Running {
        Running {
            name: name.into(),
            plugin: plugin.clone(),
            limits,
        }
    }

    fn view(&self) -> PluginView {
        let manifest = self.plugin.manifest();
        let found = Found {
            name: self.name.clone(),
            origin: Origin::File,
            world: Some(self.plugin.world()),
            bytes: Bytes::There {
                count: self.plugin.bytes(),
                digest: self.plugin.digest().into(),
            },
            manifest: manifest.and_then(|manifest| manifest.text().ok()),
        };
        PluginView {
            limits: Some(LimitsView::of(self.limits)),
            ..PluginView::listed(&found)
        }
    }
}

/// One of them.
enum One {
    Found(Found),
    Running(Running),
}

impl Engine {
    /// All components that this engine has: those built in, those that it was given, and the policies that are kept.
    ///
    /// # Errors
    /// The engine has stopped.
    pub async fn plugins(&self) -> Result<Vec<PluginView>, EngineError> {
        let kept = self.policies().await?.policies;
        let running = self.running().to_vec();
        let views = move || {
            let built_in = builtin::ALL.iter().map(Found::built_in);
            let built_in = built_in.map(|found| PluginView::listed(&found));
            let running = running.iter().map(Running::view);
            let kept = kept.into_iter().map(Found::kept);
            let kept = kept.map(|found| PluginView::listed(&found));
            built_in.chain(running).chain(kept).collect()
        };
        self.beside(views).await
    }

    /// One of them: by its name, digest, the beginning of one, or the end of a built-in one's name where no other has that.
    ///
    /// # Errors
    /// There is none, or several are meant.
    pub async fn plugin(&self, named: &str) -> Result<PluginView, PluginError> {
        let one = self.named(named).await?;
        let view = move || match one {
            One::Found(found) => PluginView::listed(&found),
            One::Running(running) => running.view(),
        };
        Ok(self.beside(view).await?)
    }

    /// Whether a component could be used with these settings, all of them: it is compiled, and an instance of it takes them. Nothing of it is
    /// kept.
    ///
    /// # Errors
    /// There is no such component.
    pub async fn check_plugin(
        &self,
        named: &str,
        settings: Vec<(String, String)>,
    ) -> Result<SettingsCheck, PluginError> {
        let mut one = self.named(named).await?;
        if let One::Found(Found { bytes, .. }) = &mut one
            && let Bytes::There { digest, .. } = bytes
        {
            let kept = self.component(digest).await?;
            let kept = kept.ok_or_else(|| Rejection::UnknownPolicy(digest.clone()));
            *bytes = Bytes::Here(kept.map_err(EngineError::from)?.into());
        }
        let host = self.plugin_host();
        let check = move || {
            let ready = match one {
                One::Found(found) => found.ready(&host)?,
                One::Running(running) => Ready::of(running.plugin),
            };
            ready.takes(settings)
        };
        let checked = self.beside(check).await?;
        Ok(SettingsCheck {
            taken: checked.is_ok(),
            why: checked.err().map_or(String::new(), |e| e.to_string()),
        })
    }

    async fn named(&self, named: &str) -> Result<One, PluginError> {
        let mut components = builtin::ALL.iter();
        if let Some(component) = components.find(|component| component.name == named) {
            return Ok(One::Found(Found::built_in(component)));
        }
        let is_digest =
            |digest: &str| named.len() >= DIGEST_PREFIX_MIN && digest.starts_with(named);
        let is_meant = |one: &&Running| one.name == named || is_digest(one.plugin.digest());
        if let Some(running) = self.running().iter().find(is_meant) {
            return Ok(One::Running(running.clone()));
        }
        match self.stored_policy(named).await {
            Ok(policy) => return Ok(One::Found(Found::kept(policy))),
            Err(EngineError::Rejected(Rejection::UnknownPolicy(_))) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(component) = built_in(named)? {
            return Ok(One::Found(Found::built_in(component)));
        }
        let mut all = builtin::ALL.iter().map(Found::built_in);
        let found = all.find(|found| is_digest(&found.bytes.digest()));
        let unknown = || PluginError::Unknown(named.into());
        found.map(One::Found).ok_or_else(unknown)
    }
}
