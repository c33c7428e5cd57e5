//! Releases: what is deployed at one time, a version of each function. The alias `live` points at the
//! versions that answer, `previous` at those that did before; nothing else says what a rollback goes
//! back to, and neither of them can be deleted.
//!
//! `CloudFormation` moves `live` when it publishes versions. All else is done here, and decided from a
//! [`Survey`]. `release.py` asks and acts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::builder;
use crate::process::Task;
use crate::project::Project;
use crate::sam::{Deployment, Place};
use crate::secret::sha256_hex;

const SCRIPT: &str = include_str!("release.py");

/// The alias that all calls are for, but those of a run. The template names it as well.
pub(crate) const LIVE: &str = "live";

/// The alias of the versions that were live before.
const PREVIOUS: &str = "previous";

/// How long a version that is live no more may still plan a run: an invocation lasts a quarter of an
/// hour at most, and what is asked of AWS may be a little old.
const STILL_PLANNING_SECONDS: i64 = 3600;

/// What there is of a stack's functions.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Survey {
    functions: BTreeMap<String, Function>,
    /// The versions that running executions call, as `name:version`.
    running: BTreeSet<String>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
struct Function {
    /// What `CloudFormation` published last.
    deployed: Option<u64>,
    versions: Vec<Version>,
    aliases: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Version {
    number: u64,
    age_seconds: i64,
    release: String,
}

/// What is to be done, in this order.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Steps {
    point: Vec<Point>,
    delete: Vec<Delete>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Point {
    function: String,
    alias: &'static str,
    version: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Delete {
    function: String,
    version: u64,
}

impl Function {
    fn alias(&self, name: &str) -> Option<u64> {
        self.aliases.get(name).copied()
    }

    /// What a version is called: its number and its release.
    fn describe(&self, version: u64) -> String {
        let known = self.versions.iter().find(|one| one.number == version);
        let release = known.map_or("", |one| one.release.as_str());
        format!("version {version} (release {release})")
    }

    /// Versions that nobody calls any more.
    fn unused(&self, name: &str, running: &BTreeSet<String>, kept: &[u64]) -> Vec<u64> {
        let mut versions: Vec<_> = self.versions.iter().collect();
        versions.sort_by_key(|one| one.number);
        let successors = versions.iter().skip(1);
        let superseded = versions.iter().zip(successors).filter(|(_, successor)| {
            // It was live, if ever, until then.
            successor.age_seconds > STILL_PLANNING_SECONDS
        });
        superseded
            .map(|(one, _)| one.number)
            .filter(|version| {
                let is_called = running.contains(&format!("{name}:{version}"));
                let is_named = self.aliases.values().any(|named| named == version);
                !is_called && !is_named && !kept.contains(version)
            })
            .collect()
    }
}

impl Steps {
    fn point(&mut self, function: &str, alias: &'static str, version: u64) {
        self.point.push(Point {
            function: function.to_owned(),
            alias,
            version,
        });
    }

    fn is_empty(&self) -> bool {
        self.point.is_empty() && self.delete.is_empty()
    }
}

impl Survey {
    /// After a deployment that succeeded: what it published is live, what was before is the previous
    /// release, and what nothing needs any more goes.
    ///
    /// `live` is moved here only if it was rolled back and there was nothing new to deploy: then
    /// `CloudFormation`, which does not know of the rollback, has changed nothing.
    fn after_deployment(&self, before: &Self) -> Steps {
        let mut steps = Steps::default();
        let goes_live = |function: &Function| function.deployed.or(function.alias(LIVE));
        let was_live = |name: &str| {
            before
                .functions
                .get(name)
                .and_then(|function| function.alias(LIVE))
        };
        let is_new = |(name, function): (&String, &Function)| {
            was_live(name).is_some_and(|was| goes_live(function) != Some(was))
        };
        let is_a_release = self.functions.iter().any(is_new);
        for (name, function) in &self.functions {
            let mut kept = Vec::new();
            if let Some(version) = goes_live(function) {
                kept.push(version);
                if function.alias(LIVE) != Some(version) {
                    steps.point(name, LIVE, version);
                }
            }
            if let Some(version) = was_live(name).filter(|_| is_a_release) {
                kept.push(version);
                if function.alias(PREVIOUS) != Some(version) {
                    steps.point(name, PREVIOUS, version);
                }
            }
            let unused = function.unused(name, &self.running, &kept);
            steps
                .delete
                .extend(unused.into_iter().map(|version| Delete {
                    function: name.clone(),
                    version,
                }));
        }
        steps
    }

    /// After a deployment that failed: the stack is as it was before, and so should the aliases be.
    /// Where they had been rolled back, `CloudFormation` does not know that.
    fn after_failure(&self, before: &Self) -> Steps {
        let mut steps = Steps::default();
        for (name, function) in &self.functions {
            let was = before.functions.get(name).and_then(|then| then.alias(LIVE));
            if let Some(version) = was.filter(|&was| function.alias(LIVE) != Some(was)) {
                steps.point(name, LIVE, version);
            }
        }
        steps
    }

    fn published_nothing_since(&self, before: &Self) -> bool {
        let deployed = |survey: &Self| -> Vec<_> {
            let functions = survey.functions.values();
            functions.map(|function| function.deployed).collect()
        };
        deployed(self) == deployed(before)
    }

    /// The previous release is live again, and the present one is the previous.
    pub(crate) fn rollback(&self) -> Result<Steps> {
        let mut steps = Steps::default();
        for (name, function) in &self.functions {
            let (live, previous) = (function.alias(LIVE), function.alias(PREVIOUS));
            if let (Some(live), Some(previous)) = (live, previous)
                && live != previous
            {
                steps.point(name, LIVE, previous);
                steps.point(name, PREVIOUS, live);
            }
        }
        if steps.is_empty() {
            bail!(
                "there is no previous release to go back to: this stack has had one release with \
                 versions, or is not there; to return to older code, check it out and deploy it"
            );
        }
        Ok(steps)
    }

    /// What steps mean for those who call the functions, a line each.
    pub(crate) fn describe(&self, steps: &Steps) -> Vec<String> {
        let moved = steps.point.iter().filter(|point| point.alias == LIVE);
        moved
            .filter_map(|point| {
                let function = self.functions.get(&point.function)?;
                let from = function.alias(LIVE).map(|live| function.describe(live));
                Some(format!(
                    "{}: {} instead of {}",
                    point.function,
                    function.describe(point.version),
                    from.unwrap_or_else(|| "none".into()),
                ))
            })
            .collect()
    }
}

/// Deploys a release, to a new stack or to one that is there, so that a rollback finds its way back.
pub(crate) fn deploy(
    project: &Project,
    deployment: &mut Deployment<'_>,
    is_there: bool,
) -> Result<()> {
    const RELEASE: &str = "Release";
    if !deployment
        .parameters
        .iter()
        .any(|(name, _)| name == RELEASE)
    {
        let name = name(project, deployment)?;
        deployment.parameters.push((RELEASE.to_owned(), name));
    }
    if !is_there {
        return deployment.deploy(project);
    }
    let place = &deployment.place;
    let logs = deployment.logs.as_path();
    let survey = || survey(project, place, logs, deployment.stack_name);
    let before = survey()?;
    let deployed = deployment.deploy(project);
    let now = survey();
    match deployed {
        // sam calls it a success when the person said no.
        Ok(())
            if place.asks_first()
                && now
                    .as_ref()
                    .is_ok_and(|now| now.published_nothing_since(&before)) =>
        {
            Ok(())
        }
        Ok(()) => apply(project, place, logs, &now?.after_deployment(&before)),
        Err(why) => {
            let restored =
                now.and_then(|now| apply(project, place, logs, &now.after_failure(&before)));
            // What is told in the end is why the deployment failed.
            if let Err(error) = restored {
                let line = format!("The aliases could not be set right after that: {error:#}");
                project.say.line(&line);
            }
            Err(why)
        }
    }
}

/// Asks what there is.
pub(crate) fn survey(
    project: &Project,
    place: &Place<'_>,
    logs: &Path,
    stack_name: &str,
) -> Result<Survey> {
    let answer = script(project, place, logs, "version survey")
        .args(["survey", stack_name])
        .output()?;
    serde_json::from_str(&answer).context("the survey of the functions' versions")
}

/// Does it.
pub(crate) fn apply(
    project: &Project,
    place: &Place<'_>,
    logs: &Path,
    steps: &Steps,
) -> Result<()> {
    if steps.is_empty() {
        return Ok(());
    }
    script(project, place, logs, "version change")
        .arg("apply")
        .arg(serde_json::to_string(steps)?)
        .run()
}

/// A name for what is about to be deployed: a hash of it all.
fn name(project: &Project, deployment: &Deployment<'_>) -> Result<String> {
    // With the secrets, or a new one would reach no function. Nobody finds a key by its hash.
    let (parameters, secrets) = (&deployment.parameters, &deployment.secrets);
    let settings = sha256_hex(format!("{parameters:?} {secrets:?}"));
    let name = script(project, &deployment.place, &deployment.logs, "release name")
        .args(["name", &settings])
        .arg(project.root().join("infra/template.yaml"))
        .arg(project.target().join("layer/current.zip"))
        .args(builder::bootstraps(project))
        .output()?;
    Ok(name.trim().to_owned())
}

fn script<'a>(project: &'a Project, place: &Place<'_>, logs: &Path, what: &str) -> Task<'a> {
    let log = logs.join(format!("{}.log", what.replace(' ', "-")));
    let task = Task::new(project, what, project.tool("python")).log(log);
    place.environment(task).args(["-c", SCRIPT]).way_out(
        "Check your AWS credentials and the stack's name and region, then run the command again.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: i64 = STILL_PLANNING_SECONDS + 1;

    /// A stack with one function, its versions' ages, and its aliases.
    fn stack(deployed: u64, ages: &[i64], aliases: &[(&str, u64)], running: &[&str]) -> Survey {
        let versions = (1..).zip(ages).map(|(number, &age_seconds)| Version {
            number,
            age_seconds,
            release: format!("r{number}"),
        });
        let function = Function {
            deployed: Some(deployed),
            versions: versions.collect(),
            aliases: aliases
                .iter()
                .map(|&(name, version)| (name.to_owned(), version))
                .collect(),
        };
        Survey {
            functions: [("films-transcode".to_owned(), function)].into(),
            running: running.iter().map(|&one| one.to_owned()).collect(),
        }
    }

    fn pointed(steps: &Steps) -> Vec<(&str, u64)> {
        let points = steps.point.iter();
        points.map(|point| (point.alias, point.version)).collect()
    }

    fn deleted(steps: &Steps) -> Vec<u64> {
        steps.delete.iter().map(|delete| delete.version).collect()
    }

    #[test]
    fn what_was_live_before_a_deployment_is_what_a_rollback_goes_back_to() {
        let before = stack(1, &[OLD], &[("live", 1)], &[]);
        let now = stack(2, &[OLD, 1], &[("live", 2)], &[]);
        let steps = now.after_deployment(&before);
        assert_eq!(pointed(&steps), [("previous", 1)]);
        assert_eq!(deleted(&steps), [0; 0]);

        let back = stack(2, &[OLD, 1], &[("live", 2), ("previous", 1)], &[]);
        let steps = back.rollback().expect("a way back");
        assert_eq!(pointed(&steps), [("live", 1), ("previous", 2)]);
        assert_eq!(
            back.describe(&steps),
            ["films-transcode: version 1 (release r1) instead of version 2 (release r2)"]
        );
        // And forward again.
        let again = stack(2, &[OLD, 1], &[("live", 1), ("previous", 2)], &[]);
        let steps = again.rollback().expect("a way forward");
        assert_eq!(pointed(&steps), [("live", 2), ("previous", 1)]);
    }

    #[test]
    fn a_deployment_of_nothing_new_ends_a_rollback_and_changes_nothing_else() {
        let same = stack(2, &[OLD, OLD], &[("live", 2), ("previous", 1)], &[]);
        assert!(same.after_deployment(&same).is_empty());
        let rolled_back = stack(2, &[OLD, OLD], &[("live", 1), ("previous", 2)], &[]);
        let steps = rolled_back.after_deployment(&rolled_back);
        assert_eq!(pointed(&steps), [("live", 2), ("previous", 1)]);
    }

    #[test]
    fn a_failed_deployment_leaves_a_rollback_as_it_was() {
        let before = stack(2, &[OLD, OLD], &[("live", 1), ("previous", 2)], &[]);
        // CloudFormation undoes its own change, to what it knows of.
        let now = stack(2, &[OLD, OLD, 1], &[("live", 2), ("previous", 2)], &[]);
        assert_eq!(pointed(&now.after_failure(&before)), [("live", 1)]);
        assert!(before.after_failure(&before).is_empty());
    }

    #[test]
    fn versions_go_that_nothing_uses() {
        let ages = [OLD, OLD, OLD, OLD, OLD, OLD, 1];
        let aliases = [("live", 7), ("previous", 5), ("mine", 2)];
        let running = [
            "films-transcode:3",
            "films-transcode:99",
            "other-transcode:4",
        ];
        let before = stack(6, &ages[..6], &[("live", 6), ("previous", 5)], &[]);
        let now = stack(7, &ages, &aliases, &running);
        let steps = now.after_deployment(&before);
        // 7 is live, 6 becomes the previous, 3 is called by a run, somebody's alias names 2; and 5 is
        // named for as long as the aliases have not been moved.
        assert_eq!(pointed(&steps), [("previous", 6)]);
        assert_eq!(deleted(&steps), [1, 4]);
        // One that was live a moment ago may be planning a run.
        let soon = stack(4, &[OLD, OLD, 2, 1], &[("live", 4), ("previous", 3)], &[]);
        assert_eq!(deleted(&soon.after_deployment(&soon)), [1]);
    }

    #[test]
    fn without_a_previous_release_there_is_nothing_to_go_back_to() {
        let first = stack(1, &[OLD], &[("live", 1)], &[]);
        assert!(first.rollback().is_err() && Survey::default().rollback().is_err());
    }
}
