//! An HTTP client, and what it says when it fails.

use std::time::Duration;

use ureq::Agent;

/// An HTTP client. Answers of any status are answers; `local` ones never go through a proxy.
pub(crate) fn agent(patience: Duration, local: bool) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(patience))
        .user_agent(concat!("reelrun-cli/", env!("CARGO_PKG_VERSION")));
    if local {
        config = config.proxy(None);
    }
    config.build().into()
}

/// An error's reason without what was asked for.
pub(crate) fn cause(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Timeout(_) => "it took too long".to_owned(),
        ureq::Error::HostNotFound => "its host name is unknown".to_owned(),
        ureq::Error::ConnectionFailed => "no connection".to_owned(),
        other => other.to_string(),
    }
}
