//! The configuration of a daemon: `jobyard.toml`, of which `examples/jobyard.toml` explains every key.
//!
//! A file says what the options of `jobyard serve` say, and which nodes there are. An option on the command line goes before the
//! file. Relative paths are below the file's folder. A key that is not known is an error: a site that wrote it wanted something.

pub(crate) mod check;
pub(crate) mod http;
mod nodes;
pub(crate) mod tasks;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use http::Http;
use nodes::THIS_MACHINE;
pub(crate) use nodes::{Node, Wanted, differing, regroup, wanted};
pub(crate) use tasks::Tasks;

use crate::args::{Common, Serve};
use crate::failure::Failure;
use crate::serve::log::Log;
use crate::serve::telemetry::{self, Telemetry};

/// All that a file can say.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Where jobs are kept.
    pub(crate) data: Option<PathBuf>,
    /// Where compiled components are kept.
    pub(crate) cache: Option<PathBuf>,
    /// Whose members may use the daemon.
    pub(crate) group: Option<String>,
    /// Whose members are job operators.
    pub(crate) operators: Option<String>,
    /// Who decides.
    pub(crate) policy: Option<Component>,
    /// Who looks at jobs, in this order.
    pub(crate) filter: Vec<Component>,
    /// The pool; this machine where there is none.
    pub(crate) node: Vec<Node>,
    /// What is said while it runs.
    pub(crate) log: Log,
    /// Where it listens on the network.
    pub(crate) http: Http,
    /// As whom tasks run.
    pub(crate) tasks: Tasks,
    /// Who is told of requests.
    pub(crate) telemetry: Telemetry,
}

/// A component and what it is told.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Component {
    /// A built-in one by name, or a file.
    #[serde(rename = "use")]
    pub(crate) component: String,
    #[serde(default)]
    pub(crate) settings: BTreeMap<String, Setting>,
}

/// Components take texts; a number need not be put into quotes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Setting {
    Text(String),
    Whole(i64),
    Number(f64),
    Switch(bool),
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Text(text) => f.write_str(text),
            Setting::Whole(number) => number.fmt(f),
            Setting::Number(number) => number.fmt(f),
            Setting::Switch(on) => on.fmt(f),
        }
    }
}

impl Config {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Config, Failure> {
        let bad = |error: &dyn fmt::Display| Failure::Input(format!("{}: {error}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| bad(&error))?;
        let mut config: Config = toml::from_str(&text).map_err(|error| {
            let (line, said) = located(&error, &text);
            Failure::Input(format!("{}:{line}: {said}", path.display()))
        })?;
        http::check(&config.http).map_err(|error| bad(&error))?;
        telemetry::check(&config.telemetry).map_err(|error| bad(&error))?;
        nodes::check(&config.node).map_err(|error| bad(&error))?;
        let folder = std::path::absolute(path).map_err(|error| bad(&error))?;
        config.below(folder.parent().unwrap_or(Path::new("/")));
        Ok(config)
    }

    /// Relative paths are below this folder.
    fn below(&mut self, folder: &Path) {
        let http = &mut self.http;
        let paths = [
            &mut self.data,
            &mut self.cache,
            &mut http.certificate,
            &mut http.key,
        ];
        for path in paths.into_iter().flatten() {
            *path = folder.join(&path);
        }
        for component in self.policy.iter_mut().chain(&mut self.filter) {
            component.below(folder);
        }
    }

    /// What is to be served: what the command line says, and the file where that says nothing.
    pub(crate) fn under(&self, mut args: Serve, common: Common) -> (Serve, Common) {
        args.data.data = args.data.data.or_else(|| self.data.clone());
        args.group = args.group.or_else(|| self.group.clone());
        args.operators = args.operators.or_else(|| self.operators.clone());
        if let Some(policy) = &self.policy
            && args.policy.policy.is_none()
        {
            args.policy.policy = Some(policy.component.clone());
            let settings = policy.settings.iter();
            let settings = settings.map(|(name, value)| (name.clone(), value.to_string()));
            // What is said later counts.
            args.policy.settings.splice(0..0, settings);
        }
        if args.filters.filters.is_empty() {
            for filter in &self.filter {
                let file = PathBuf::from(&filter.component);
                let name = crate::filters::name_of(&file);
                let settings = filter.settings.iter();
                let settings = settings
                    .map(|(setting, value)| (format!("{name}.{setting}"), value.to_string()));
                args.filters.filter_settings.splice(0..0, settings);
                args.filters.filters.push(file);
            }
        }
        args.listen = args.listen.or_else(|| self.http.listen.clone());
        args.root_tasks |= self.tasks.root;
        let cache = common.cache.or_else(|| self.cache.clone());
        (args, Common { cache })
    }

    /// The nodes that there are to be: this machine where the file has none.
    fn pool(&self) -> &[Node] {
        match &self.node[..] {
            [] => &[THIS_MACHINE],
            nodes => nodes,
        }
    }

    /// The keys that differ from those of another file, but for the groups of nodes.
    pub(crate) fn differs_from(&self, other: &Config) -> Vec<&'static str> {
        let nodes = |config: &Config| -> Vec<Node> {
            let bare = |node: &Node| Node {
                groups: None,
                ..node.clone()
            };
            config.node.iter().map(bare).collect()
        };
        let keys = [
            ("data", self.data != other.data),
            ("cache", self.cache != other.cache),
            ("group", self.group != other.group),
            ("operators", self.operators != other.operators),
            ("policy", self.policy != other.policy),
            ("filter", self.filter != other.filter),
            ("node", nodes(self) != nodes(other)),
            ("log", self.log != other.log),
            ("http", self.http != other.http),
            ("tasks", self.tasks != other.tasks),
            ("telemetry", self.telemetry != other.telemetry),
        ];
        let differing = keys.into_iter().filter(|(_, differs)| *differs);
        differing.map(|(key, _)| key).collect()
    }
}

impl Component {
    /// A path is below this folder; a name, or two with a plus between, is one.
    fn below(&mut self, folder: &Path) {
        let parts = self.component.split('+').map(|part| {
            let path = Path::new(part);
            match part.contains('/') || path.extension().is_some() {
                true => folder.join(path).to_string_lossy().into_owned(),
                false => part.to_string(),
            }
        });
        self.component = parts.collect::<Vec<_>>().join("+");
    }
}

/// The number of the line, and what is wrong there, on one line.
fn located(error: &toml::de::Error, text: &str) -> (usize, String) {
    let begins = error.span().map_or(0, |span| span.start);
    let before = text.get(..begins).unwrap_or(text);
    let said = error.message().replace('\n', "; ");
    (before.matches('\n').count() + 1, said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, (usize, String)> {
        toml::from_str(text).map_err(|error| located(&error, text))
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let table = [
            (
                "data = \"a\"\ndta = \"b\"",
                2,
                "unknown field `dta`, expected",
            ),
            ("[policy]\nuse = 1", 2, "invalid type: integer `1`"),
            ("[policy]\nsettings = {}", 1, "missing field `use`"),
            ("[[node]]\ncores = -1", 2, "invalid value: integer `-1`"),
            (
                "[[node]]\nname = \"a\"\ncpus = 1",
                3,
                "unknown field `cpus`",
            ),
            ("data = ", 1, ""),
        ];
        for (text, line, said) in table {
            let error = parse(text).unwrap_err();
            assert_eq!(error.0, line, "{text:?}: {error:?}");
            assert!(error.1.starts_with(said), "{text:?}: {error:?}");
        }
    }

    #[test]
    fn paths_are_below_the_file_and_names_are_names() {
        let text = "data = \"d\"\ncache = \"/c\"\n[policy]\nuse = \"own/p.wasm+fairshare\"\n[[filter]]\nuse = \"filter-licences\"";
        let mut config = parse(text).unwrap();
        config.below(Path::new("/etc/jobyard"));
        assert_eq!(config.data.as_deref(), Some(Path::new("/etc/jobyard/d")));
        assert_eq!(config.cache.as_deref(), Some(Path::new("/c")));
        let policy = &config.policy.as_ref().unwrap().component;
        assert_eq!(policy, "/etc/jobyard/own/p.wasm+fairshare");
        assert_eq!(config.filter[0].component, "filter-licences");
    }

    #[test]
    fn keys_that_differ_are_named_and_groups_of_nodes_are_not() {
        let old = parse("data = \"d\"\n[[node]]\nname = \"a\"\ngroups = [\"x\"]").unwrap();
        let new = parse("group = \"g\"\n[[node]]\nname = \"a\"\ngroups = [\"y\"]").unwrap();
        assert_eq!(new.differs_from(&old), ["data", "group"]);
        let more = parse("data = \"d\"\n[[node]]\nname = \"a\"\ncores = 2").unwrap();
        assert_eq!(more.differs_from(&old), ["node"]);
        assert_eq!(old.differs_from(&old), [""; 0]);
    }
}
