//! Goes back to the release that was live before, without building or deploying anything.

use anyhow::Result;

use crate::args::RollbackArgs;
use crate::project::Project;
use crate::release;
use crate::sam::Place;
use crate::tools;

/// `cargo reelrun rollback`.
pub(crate) fn run(project: &Project, args: &RollbackArgs) -> Result<u8> {
    project.say.line(&format!(
        "Reelrun: the stack {} goes back to its previous release",
        args.stack_name
    ));
    tools::prepare(project)?;
    let place = Place::Aws {
        region: args.region.as_deref(),
        confirm: false,
    };
    let survey = release::survey(project, &place, &project.logs(), &args.stack_name)?;
    let steps = survey.rollback()?;
    release::apply(project, &place, &project.logs(), &steps)?;
    for line in survey.describe(&steps) {
        project.say.line(&format!("  {line}"));
    }
    project.say.line(
        "This is the functions' code and settings; the rest of the stack is as it was deployed, and \
         runs end as they began. The same command goes forward again, and so does a deployment.",
    );
    Ok(0)
}
