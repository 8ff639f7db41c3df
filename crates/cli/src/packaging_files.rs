//! `mistral-datasets packaging-files`, which is hidden: writes the shell completions and man pages for packages of the command.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use clap_complete::Shell;

use crate::error::CliError;

/// The name of the command, after which the files are named.
const NAME: &str = "mistral-datasets";

/// Write shell completions and man pages to a directory
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub struct PackagingFiles {
    /// The directory, which gets the directories `completions` and `man`
    directory: PathBuf,
}

impl PackagingFiles {
    /// Writes the files.
    pub fn run(self, mut command: clap::Command) -> Result<(), CliError> {
        let completions = self.directory.join("completions");
        let man = self.directory.join("man");
        write(&mut command, &completions, &man).map_err(CliError::file(&self.directory))
    }
}

fn write(command: &mut clap::Command, completions: &Path, man: &Path) -> io::Result<()> {
    // Generating completions adds the `help` commands.
    let documented = without_help(command.clone());
    fs::create_dir_all(completions)?;
    fs::create_dir_all(man)?;
    for shell in Shell::value_variants() {
        clap_complete::generate_to(*shell, command, NAME, completions)?;
    }
    clap_mangen::generate_to(documented, man)
}

/// Removes the `help` commands, which would double the number of man pages.
fn without_help(command: clap::Command) -> clap::Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
}
