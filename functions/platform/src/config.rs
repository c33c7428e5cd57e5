//! Configuration from the environment, with errors that name the variable.

use std::{env, fmt::Display, str::FromStr, time::Duration};

/// A variable that is missing or wrong. The template sets them all.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not set.
    #[error("the environment variable {0} is not set; infra/template.yaml sets it")]
    Missing(&'static str),
    /// Set to something else than was expected.
    #[error("the environment variable {name} is wrong: {why}")]
    Wrong {
        /// Its name.
        name: &'static str,
        /// What is wrong with its value.
        why: String,
    },
}

/// A variable's value.
pub fn text(name: &'static str) -> Result<String, ConfigError> {
    match env::var(name) {
        Ok(value) if !value.is_empty() => Ok(value),
        _ => Err(ConfigError::Missing(name)),
    }
}

/// The value of a variable that may be left out.
pub fn optional(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// A variable's value, parsed.
pub fn parsed<T: FromStr<Err: Display>>(name: &'static str) -> Result<T, ConfigError> {
    text(name)?
        .parse()
        .map_err(|why: T::Err| ConfigError::Wrong {
            name,
            why: why.to_string(),
        })
}

/// A length of time, in seconds; also a part of one.
pub fn seconds(name: &'static str) -> Result<Duration, ConfigError> {
    Duration::try_from_secs_f64(parsed(name)?).map_err(|why| ConfigError::Wrong {
        name,
        why: why.to_string(),
    })
}

/// A base URL, without the slash at its end.
pub fn base_url(name: &'static str) -> Result<String, ConfigError> {
    let url = text(name)?;
    if url.starts_with("https://") || url.starts_with("http://") {
        Ok(url.trim_end_matches('/').into())
    } else {
        Err(ConfigError::Wrong {
            name,
            why: "it must start with https:// or http://".into(),
        })
    }
}
