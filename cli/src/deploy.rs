//! Deploys to a person's own AWS account.

use anyhow::{Result, anyhow};

use crate::args::DeployArgs;
use crate::builder;
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
    let region = args.region.clone().or_else(region_of_environment);
    let file = project.target().join("deployed").join(format!(
        "{}.{}.json",
        args.stack_name,
        region.as_deref().unwrap_or("default")
    ));
    let known = StackState::read(&file).ok();
    tools::prepare(project)?;
    check_credentials(project, region.as_deref())?;
    let artifacts = builder::prepare(project, args.arch)?;

    let mut deployment = Deployment {
        stack_name: &args.stack_name,
        place: Place::Aws {
            region: region.as_deref(),
            confirm: args.confirm,
        },
        parameters: vec![("Architecture".to_owned(), args.arch.name().to_owned())],
    };
    let token = match known.and_then(|state| state.api_token) {
        Some(token) if !args.new_token => Some(token),
        // A stack this checkout has no token of keeps the one it has.
        None if !args.new_token && deployment.outputs(project).is_ok() => None,
        _ => Some(secret::new_token()?),
    };
    if let Some(token) = &token {
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
    let api_url = outputs.get("ApiUrl")?;
    let region = region.or_else(|| region_of_api(&api_url)).ok_or_else(|| {
        anyhow!(
            "the stack is deployed, but its region is unknown; run the command again with --region"
        )
    })?;
    let mut state = StackState::new(&outputs, region, args.stack_name.clone())?;
    state.api_token = token;
    state.write(&file)?;
    let file = project.short(&file);
    project.say.line(&format!(
        "Deployed in {}.",
        crate::narrate::seconds(project.say.elapsed())
    ));
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

/// Asks AWS who this is, before minutes of building rather than after.
fn check_credentials(project: &Project, region: Option<&str>) -> Result<()> {
    const ASK: &str = r"
import sys
try:
    import boto3
    session = boto3.Session(region_name=sys.argv[1] or None)
    print(session.client('sts').get_caller_identity()['Account'], session.region_name)
except Exception as error:
    sys.exit(str(error))
";
    let step = project.say.begin("Checking your AWS credentials");
    let answer = Task::new(project, "credentials check", project.tool("python"))
        .args(["-c", ASK, region.unwrap_or_default()])
        .way_out(
            "Configure AWS credentials (`aws configure sso`, or AWS_PROFILE, or \
             AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) and a region (--region), then run the \
             command again.",
        )
        .output()?;
    let (account, region) = answer.trim().split_once(' ').unwrap_or((answer.trim(), ""));
    step.done_with(&format!("account {account}, {region}"));
    Ok(())
}

fn region_of_environment() -> Option<String> {
    ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok())
        .filter(|region| !region.is_empty())
}

/// `https://<id>.execute-api.<region>.amazonaws.com`.
fn region_of_api(api_url: &str) -> Option<String> {
    let after = api_url.split_once(".execute-api.")?.1;
    Some(after.split_once('.')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_apis_own_address_names_its_region() {
        let region = region_of_api("https://ab12.execute-api.eu-west-1.amazonaws.com");
        assert_eq!(region.as_deref(), Some("eu-west-1"));
        assert_eq!(region_of_api("https://api.example.com"), None);
    }
}
