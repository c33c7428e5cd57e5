//! Deploys to a person's own AWS account.

use anyhow::{Result, bail};

use crate::args::DeployArgs;
use crate::builder::{self, Profile};
use crate::page;
use crate::process::Task;
use crate::project::Project;
use crate::secret;
use crate::stack::{Deployment, Place, StackState};
use crate::tools;

/// `cargo reelrun deploy`.
pub(crate) fn run(project: &Project, args: &DeployArgs) -> Result<u8> {
    project.say.line(&format!(
        "Reelrun: deploying the stack {} to AWS",
        args.stack_name
    ));
    tools::prepare(project)?;
    let account = look_into_account(project, args)?;
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
        parameters: vec![("Architecture".to_owned(), args.arch.name().to_owned())],
    };
    // A stack that is there keeps the tokens it has, whoever set them, unless new ones are wanted.
    let new_token = match &known {
        _ if args.new_token => Some(secret::new_token()?),
        _ if account.has_stack => None,
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
    deployment.deploy(project)?;
    drop(artifacts);

    let outputs = deployment.outputs(project)?;
    let mut state = StackState::new(&outputs, account.region.clone(), args.stack_name.clone())?;
    state.api_token = new_token.or(known);
    state.write(&file)?;
    if let Some(page) = page {
        page::publish(project, &deployment.place, &page, &state)?;
    }
    let file = project.short(&file);
    project.say.line(&format!(
        "Deployed in {}.",
        crate::narrate::seconds(project.say.elapsed())
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
        "Upload with `cargo reelrun upload FILE --stack {file}`."
    ));
    Ok(0)
}

/// What is already there.
struct Account {
    region: String,
    has_stack: bool,
}

/// Asks AWS who this is and whether the stack exists, before minutes of building rather than after.
fn look_into_account(project: &Project, args: &DeployArgs) -> Result<Account> {
    const ASK: &str = r"
import sys
try:
    import boto3
    session = boto3.Session(region_name=sys.argv[1] or None)
    account = session.client('sts').get_caller_identity()['Account']
    stacks = session.client('cloudformation')
    try:
        stacks.describe_stacks(StackName=sys.argv[2])
        there = 'there'
    except stacks.exceptions.ClientError as error:
        if 'does not exist' not in str(error):
            raise
        there = 'new'
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
    let words: Vec<_> = answer.split_whitespace().collect();
    let [account, region, there] = words[..] else {
        bail!(
            "AWS was asked for the account and answered: {}",
            answer.trim()
        );
    };
    step.done_with(&format!("account {account}, {region}, stack is {there}"));
    Ok(Account {
        region: region.to_owned(),
        has_stack: there == "there",
    })
}
