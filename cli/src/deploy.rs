//! Deploys to a person's own AWS account.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};

use crate::args::DeployArgs;
use crate::builder::{self, Profile};
use crate::key_store::KeyStore;
use crate::page;
use crate::playback_keys::{PlaybackKeys, media_host, refuse_parameter};
use crate::process::Task;
use crate::project::Project;
use crate::release;
use crate::sam::{Deployment, Place};
use crate::secret;
use crate::state::StackState;
use crate::tools;

/// `cargo reelrun deploy`.
pub(crate) fn run(project: &Project, args: &DeployArgs) -> Result<u8> {
    project.say.line(&format!(
        "Reelrun: deploying the stack {} to AWS",
        args.stack_name
    ));
    refuse_parameter(&args.parameters)?;
    tools::prepare(project)?;
    let account = look_into_account(project, args)?;
    account.refuse_dead_end(&args.stack_name)?;
    let file = project
        .target()
        .join("deployed")
        .join(format!("{}.{}.json", args.stack_name, account.region));
    let known = StackState::read(&file)
        .ok()
        .and_then(|state| state.api_token);
    let artifacts = builder::prepare(project, args.arch, Profile::Release)?;
    let page = page::build(project)?;

    let mut deployment = Deployment {
        stack_name: &args.stack_name,
        place: Place::Aws {
            region: Some(&account.region),
            confirm: args.confirm,
        },
        logs: project.logs(),
        parameters: vec![("Architecture".to_owned(), args.arch.name().to_owned())],
        secrets: BTreeMap::new(),
    };
    let keys = playback_keys(project, args, &deployment, &account, &file)?;
    let signs = keys.parameter();
    deployment.secrets.insert("PlaybackKeys".to_owned(), signs);
    // A stack that is there keeps the tokens it has, whoever set them, unless new ones are wanted.
    let new_token = match &known {
        _ if args.new_token => Some(secret::new_token()?),
        _ if account.has_stack() => None,
        Some(token) => Some(token.clone()),
        None => Some(secret::new_token()?),
    };
    if let Some(token) = &new_token {
        deployment
            .parameters
            .push(("ApiTokenHashes".to_owned(), secret::sha256_hex(token)));
    }
    deployment
        .parameters
        .extend(args.parameters.iter().cloned());
    release::deploy(project, &mut deployment, account.has_stack())?;
    drop(artifacts);
    // sam calls it a success when the person said no. What AWS was not told must not be written
    // down: the file may hold the only copy of the token that is still in use.
    if args.confirm && !look_into_account(project, args)?.has_changed_since(&account) {
        project
            .say
            .line("Nothing was deployed: the stack is as it was, and so is its token.");
        return Ok(0);
    }

    let outputs = deployment.outputs(project)?;
    let mut state = StackState::new(&outputs, account.region.clone(), args.stack_name.clone())?;
    if let Some(arn) = &outputs.find("PlaybackKeyStoreArn") {
        let store = KeyStore {
            project,
            deployment: &deployment,
            arn,
        };
        store.replace(&keys, media_host(&state.cdn_url, &state.site_url))?;
    }
    state.playback_keys = Some(keys);
    state.api_token = new_token.or(known);
    state.write(&file)?;
    if let Some(page) = page {
        page::publish(project, &deployment, &page, &state)?;
    }
    let file = project.short(&file);
    project.say.line(&format!(
        "Deployed in {}.",
        crate::ui::seconds(project.say.elapsed())
    ));
    project.say.line(&format!("  page      {}", state.site_url));
    project.say.line(&format!("  API       {}", state.api_url));
    project
        .say
        .line(&format!("  playback  {}/videos/…", state.cdn_url));
    if state.api_token.is_some() {
        project.say.line(&format!(
            "  token     in {file}; keep it safe, AWS has only its hash"
        ));
    }
    project.say.line(&format!(
        "See that it works with `cargo reelrun smoke --stack {file}`; upload with \
         `cargo reelrun upload FILE --stack {file}`."
    ));
    if account.has_stack() {
        project.say.line(
            "What is being encoded ends as it began. `cargo reelrun rollback` goes back to the \
             release before.",
        );
    }
    Ok(0)
}

/// The keys that are in use, or the first ones, or a new one before them, as it is asked for.
fn playback_keys(
    project: &Project,
    args: &DeployArgs,
    deployment: &Deployment<'_>,
    account: &Account,
    file: &Path,
) -> Result<PlaybackKeys> {
    let store = if account.has_stack() {
        deployment.outputs(project)?.find("PlaybackKeyStoreArn")
    } else {
        None
    };
    let store = store.as_ref().map(|arn| KeyStore {
        project,
        deployment,
        arn,
    });
    let stored = match &store {
        Some(store) => store.read()?,
        // Without a CDN of its own, a stack has no such store.
        None => StackState::read(file)
            .ok()
            .and_then(|state| state.playback_keys),
    };
    let keys = match stored {
        None => PlaybackKeys::new()?,
        Some(keys) if args.new_playback_key => keys.renewed()?,
        Some(keys) => keys,
    };
    if let Some(store) = store {
        // Before the API signs with it.
        store.announce(&keys)?;
    }
    Ok(keys)
}

/// What is already there.
#[derive(Debug, PartialEq, Eq)]
struct Account {
    id: String,
    region: String,
    /// `CloudFormation`'s word for how the stack is; [`NO_STACK`] if there is none.
    stack_status: String,
    /// When the stack was last changed, or made.
    changed_at: String,
}

const NO_STACK: &str = "new";

impl Account {
    fn parse(answer: &str) -> Result<Self> {
        let words: Vec<_> = answer.split_whitespace().collect();
        let [id, region, stack_status, changed_at] = words[..] else {
            bail!(
                "AWS was asked for the account and answered: {}",
                answer.trim()
            );
        };
        Ok(Self {
            id: id.into(),
            region: region.into(),
            stack_status: stack_status.into(),
            changed_at: changed_at.into(),
        })
    }

    /// Whether there is a stack to update. One whose first change set was never executed is none.
    fn has_stack(&self) -> bool {
        ![NO_STACK, "REVIEW_IN_PROGRESS"].contains(&self.stack_status.as_str())
    }

    fn has_changed_since(&self, earlier: &Self) -> bool {
        self.has_stack() && (!earlier.has_stack() || self.changed_at != earlier.changed_at)
    }

    /// An error if `CloudFormation` takes no update of the stack any more.
    fn refuse_dead_end(&self, name: &str) -> Result<()> {
        if ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"]
            .contains(&self.stack_status.as_str())
        {
            bail!(
                "the stack {name} is in the state {}: its first deployment failed, or its deletion \
                 did, and CloudFormation takes no other. See what failed (`aws cloudformation \
                 describe-stack-events --stack-name {name} --region {region}`), delete it (`aws \
                 cloudformation delete-stack --stack-name {name} --region {region}`), then run the \
                 command again",
                self.stack_status,
                region = self.region,
            );
        }
        Ok(())
    }
}

/// Asks AWS who this is and how the stack is, before minutes of building rather than after.
fn look_into_account(project: &Project, args: &DeployArgs) -> Result<Account> {
    const ASK: &str = r"
import sys
try:
    import boto3
    session = boto3.Session(region_name=sys.argv[1] or None)
    account = session.client('sts').get_caller_identity()['Account']
    stacks = session.client('cloudformation')
    try:
        [stack] = stacks.describe_stacks(StackName=sys.argv[2])['Stacks']
        changed = stack.get('LastUpdatedTime') or stack['CreationTime']
        there = stack['StackStatus'] + ' ' + changed.isoformat()
    except stacks.exceptions.ClientError as error:
        if 'does not exist' not in str(error):
            raise
        there = 'new never'
    print(account, session.region_name, there)
except Exception as error:
    sys.exit(str(error))
";
    let step = project.say.begin("Checking your AWS account");
    let answer = Task::new(project, "account check", project.tool("python"))
        .args(["-c", ASK, args.region.as_deref().unwrap_or_default()])
        .arg(&args.stack_name)
        .way_out(
            "Configure AWS credentials (`aws configure sso`, or AWS_PROFILE, or \
             AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) and a region (--region), then run the \
             command again.",
        )
        .output()?;
    let account = Account::parse(&answer)?;
    step.done_with(&format!(
        "account {}, {}, stack is {}",
        account.id, account.region, account.stack_status
    ));
    Ok(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(stack: &str) -> Account {
        Account::parse(&format!("123456789012 eu-west-1 {stack}\n")).expect("four words")
    }

    #[test]
    fn a_change_set_that_was_declined_changes_nothing() {
        let before = account("UPDATE_COMPLETE 2026-01-02T03:04:05+00:00");
        let after = account("UPDATE_COMPLETE 2026-01-02T03:14:05+00:00");
        assert!(after.has_changed_since(&before) && !before.has_changed_since(&before));
        let new = account("new never");
        let declined = account("REVIEW_IN_PROGRESS 2026-01-02T03:04:05+00:00");
        assert!(!declined.has_stack() && !declined.has_changed_since(&new));
        let made = account("CREATE_COMPLETE 2026-01-02T03:04:05+00:00");
        assert!(made.has_changed_since(&new) && made.has_changed_since(&declined));
        assert!(Account::parse("nonsense").is_err());
    }

    #[test]
    fn what_takes_no_update_is_refused_with_a_way_out() {
        let refused = account("ROLLBACK_COMPLETE now").refuse_dead_end("films");
        let why = refused.expect_err("a dead end").to_string();
        assert!(
            why.contains("delete-stack --stack-name films --region eu-west-1"),
            "{why}"
        );
        for alive in [
            "new never",
            "UPDATE_ROLLBACK_COMPLETE now",
            "REVIEW_IN_PROGRESS now",
        ] {
            assert!(account(alive).refuse_dead_end("films").is_ok());
        }
    }
}
