//! Where things are. Everything the command makes lives under `target/`, so `cargo clean` undoes it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

use crate::arch::Arch;
use crate::ui::Ui;

/// The checkout and the voice that says what is done with it.
pub(crate) struct Project {
    root: PathBuf,
    pub(crate) say: Ui,
}

impl Project {
    /// Finds the checkout: from cargo when started as `cargo reelrun`, else from the working directory up.
    pub(crate) fn find(say: Ui) -> Result<Self> {
        let from_cargo = env::var_os("CARGO_MANIFEST_DIR")
            .and_then(|cli| Path::new(&cli).parent().map(Path::to_owned));
        let here = env::current_dir().context("the working directory is gone")?;
        from_cargo
            .iter()
            .map(PathBuf::as_path)
            .chain(here.ancestors())
            .find(|folder| folder.join("infra/template.yaml").is_file())
            .map(|root| Self {
                root: root.to_owned(),
                say,
            })
            .ok_or_else(|| {
                anyhow!(
                    "this is not a Reelrun checkout (no infra/template.yaml); run it inside one"
                )
            })
    }

    /// The same checkout, which reports elsewhere.
    pub(crate) fn with_ui(&self, say: Ui) -> Self {
        Self {
            root: self.root.clone(),
            say,
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// `target/reelrun`. The template names paths in here, so `CARGO_TARGET_DIR` does not move it.
    pub(crate) fn target(&self) -> PathBuf {
        self.root.join("target/reelrun")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.target().join("logs")
    }

    pub(crate) fn venv(&self) -> PathBuf {
        self.target().join("tools/venv")
    }

    /// What a `LocalStack` is made of that is started here.
    pub(crate) fn localstack(&self) -> PathBuf {
        self.target().join("tools/localstack")
    }

    /// A program of the tools' virtual environment.
    pub(crate) fn tool(&self, name: &str) -> PathBuf {
        self.venv().join("bin").join(name)
    }

    /// Where programs installed by cargo for this project go.
    pub(crate) fn cargo_tools(&self) -> PathBuf {
        self.target().join("tools/cargo")
    }

    /// The unpacked ffmpeg layer; Lambda shows this folder as `/opt`.
    pub(crate) fn layer(&self, arch: Arch) -> PathBuf {
        self.target().join("layer").join(arch.name())
    }

    /// Where the template looks for the functions.
    pub(crate) fn lambda(&self) -> PathBuf {
        self.root.join("target/lambda")
    }

    /// `PATH` with `first` in front of what it was.
    pub(crate) fn path_with(first: &[PathBuf]) -> Result<OsString> {
        let rest = env::var_os("PATH").unwrap_or_default();
        Self::joined(first.iter().cloned().chain(env::split_paths(&rest)))
    }

    /// Paths in one variable, as `PATH` has them.
    pub(crate) fn joined(paths: impl Iterator<Item = PathBuf>) -> Result<OsString> {
        env::join_paths(paths)
            .context("a folder's name contains a colon, which PATH cannot hold; move the checkout")
    }

    /// A path as a person types it: relative to the checkout where possible.
    pub(crate) fn short<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}

/// Creates a folder and those above it.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

/// Removes a folder with all it holds, if it is there.
pub(crate) fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
