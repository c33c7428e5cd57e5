//! `cargo reelrun share`: a private video, for those who get the address.

use anyhow::Result;

use crate::api::Api;
use crate::args::ShareArgs;
use crate::project::Project;
use crate::stack;

/// `cargo reelrun share`.
pub(crate) fn run(project: &Project, args: &ShareArgs) -> Result<u8> {
    let stack = stack::chosen(project, args.stack.as_deref())?;
    let api = Api::of(&stack)?;
    let granted = api.create_token(&args.id, args.valid_for, args.original, &args.referrers)?;
    if args.json {
        println!("{}", granted.json);
        return Ok(0);
    }
    project.say.line(&format!(
        "Whoever has these addresses may watch until {}:",
        granted.expires_at
    ));
    let playback = &granted.playback;
    for (name, url) in [
        ("HLS", &playback.hls),
        ("DASH", &playback.dash),
        ("original", &playback.original),
    ] {
        if let Some(url) = url {
            project.say.line(&format!("  {name:<11} {url}"));
        }
    }
    if playback.hls.is_none() && playback.original.is_none() {
        project
            .say
            .line("  There is nothing to play yet; the token is good for what will be.");
    }
    project
        .say
        .line(&format!("  token       {}", granted.token));
    Ok(0)
}
