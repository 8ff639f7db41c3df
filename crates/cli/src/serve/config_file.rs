//! The configuration file of `serve`.
//!
//! The file is a TOML table whose keys are the names of the options. Its values are appended to the command line as options, so that
//! the options are defined once, and are parsed and validated in one way. Options on the command line and environment variables take
//! precedence, so values of the file are only appended for options that have neither.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

#[cfg(unix)]
use crate::terminal;

/// The maximum size of a file in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The name of the subcommand.
const SERVE: &str = "serve";

/// The option that names the file.
const CONFIG: &str = "config";

/// The option whose values are secrets.
const API_KEY: &str = "api-key";

/// A configuration file that cannot be used.
#[derive(Debug)]
pub struct ConfigError {
    path: PathBuf,
    line: Option<usize>,
    message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Parses the command line of the process, and the configuration file if one is given. Ends the process if the command line is
/// invalid.
pub fn parse(command: &Command, arguments: Vec<OsString>) -> Result<ArgMatches, ConfigError> {
    let matches = command.clone().get_matches_from(&arguments);
    let Some((SERVE, given)) = matches.subcommand() else { return Ok(matches) };
    let Some(path) = given.get_one::<PathBuf>(CONFIG) else { return Ok(matches) };
    let file = ConfigFile { path, text: read(path)?, command };
    let added = file.options(given)?;
    // Options after `--` would not be options.
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    let (before, after) = arguments.split_at(end);
    let all = [before, &added, after].concat();
    command.clone().try_get_matches_from(all).map_err(|error| file.error(None, message(&error)))
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let read = || {
        let mut text = String::new();
        let size = File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
        if size as u64 > MAX_BYTES {
            return Err(io::Error::other(format!("larger than {MAX_BYTES} bytes")));
        }
        Ok(text)
    };
    read().map_err(|error| ConfigError {
        path: path.to_owned(),
        line: None,
        message: error.to_string(),
    })
}

struct ConfigFile<'a> {
    path: &'a Path,
    text: String,
    command: &'a Command,
}

impl ConfigFile<'_> {
    fn error(&self, span: Option<Range<usize>>, message: String) -> ConfigError {
        let before = span.and_then(|span| self.text.get(..span.start));
        let line = before.map(|before| before.matches('\n').count() + 1);
        ConfigError { path: self.path.to_owned(), line, message }
    }

    fn serve(&self) -> &Command {
        self.command.find_subcommand(SERVE).expect("the subcommand exists")
    }

    /// Finds an option by its name without dashes.
    fn option(&self, name: &str) -> Option<&Arg> {
        let mut options = self.serve().get_arguments();
        options.find(|option| option.get_long() == Some(name) && name != CONFIG)
    }

    /// Returns the options in the file that neither the command line nor the environment overrides, as arguments. All options are
    /// validated.
    fn options(&self, given: &ArgMatches) -> Result<Vec<OsString>, ConfigError> {
        // The error's `Display` quotes the line, which may contain a key.
        let table = DeTable::parse(&self.text)
            .map_err(|error| self.error(error.span(), error.message().to_owned()))?;
        let mut all = Vec::new();
        for (key, value) in table.get_ref() {
            let Some(option) = self.option(key.get_ref()) else {
                return Err(self.error(Some(key.span()), self.unknown(key.get_ref())));
            };
            if key.get_ref() == API_KEY {
                self.check_access()?;
            }
            let arguments = self.arguments(key.get_ref(), option, value)?;
            self.validate(&arguments, value.span())?;
            if !self.is_overridden(option, given) {
                all.extend(arguments);
            }
        }
        Ok(all)
    }

    /// Returns whether an option, or one that conflicts with it, is set on the command line or in the environment.
    fn is_overridden(&self, option: &Arg, given: &ArgMatches) -> bool {
        let serve = self.serve();
        let is_given = |option: &Arg| {
            let source = given.value_source(option.get_id().as_str());
            matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
        };
        let conflicts = |one: &Arg, other: &Arg| {
            serve.get_arg_conflicts_with(one).iter().any(|found| found.get_id() == other.get_id())
        };
        serve.get_arguments().filter(|other| is_given(other)).any(|other| {
            other.get_id() == option.get_id()
                || conflicts(option, other)
                || conflicts(other, option)
        })
    }

    /// Converts a value to arguments.
    fn arguments(
        &self,
        name: &str,
        option: &Arg,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Vec<OsString>, ConfigError> {
        let wrong_type = |value: &Spanned<DeValue<'_>>, expected: &str| {
            let found = value.get_ref().type_str();
            self.error(Some(value.span()), format!("`{name}`: expected {expected}, found {found}"))
        };
        let scalar = |value: &Spanned<DeValue<'_>>, expected: &str| {
            let text = match value.get_ref() {
                DeValue::String(text) => text.clone().into_owned(),
                DeValue::Integer(number) => {
                    let parsed = i64::from_str_radix(number.as_str(), number.radix());
                    parsed.map_err(|_| wrong_type(value, expected))?.to_string()
                }
                _ => return Err(wrong_type(value, expected)),
            };
            Ok(OsString::from(format!("--{name}={text}")))
        };
        match (option.get_action(), value.get_ref()) {
            (ArgAction::SetTrue, DeValue::Boolean(true)) => Ok(vec![format!("--{name}").into()]),
            (ArgAction::SetTrue, DeValue::Boolean(false)) => Ok(Vec::new()),
            (ArgAction::SetTrue, _) => Err(wrong_type(value, "`true` or `false`")),
            (ArgAction::Append, DeValue::Array(values)) => {
                values.iter().map(|value| scalar(value, "a string")).collect()
            }
            (ArgAction::Append, _) => scalar(value, "an array of strings").map(|one| vec![one]),
            _ => scalar(value, "a string or an integer").map(|one| vec![one]),
        }
    }

    /// Parses arguments, so that an error names their line.
    fn validate(&self, arguments: &[OsString], span: Range<usize>) -> Result<(), ConfigError> {
        let start = ["mistral-datasets", SERVE].map(OsString::from);
        let all = start.into_iter().chain(arguments.iter().cloned());
        match self.command.clone().try_get_matches_from(all) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.error(Some(span), message(&error))),
        }
    }

    /// Describes a key that is not an option, with the most similar option.
    fn unknown(&self, key: &str) -> String {
        let argument = format!("--{key}=");
        let parsed =
            self.command.clone().try_get_matches_from(["mistral-datasets", SERVE, &argument]);
        let similar = parsed.err().filter(|error| error.kind() == ErrorKind::UnknownArgument);
        let similar = similar.and_then(|error| match error.get(ContextKind::SuggestedArg) {
            Some(ContextValue::String(text)) => Some(text.trim_start_matches('-').to_owned()),
            _ => None,
        });
        match similar.filter(|name| self.option(name).is_some()) {
            Some(name) => format!("unknown option `{key}`; did you mean `{name}`?"),
            None => {
                format!("unknown option `{key}`; `mistral-datasets serve --help` lists the options")
            }
        }
    }

    /// Rejects a file with API keys that every user can write to, and warns if every user can read it, as for key files.
    #[cfg(unix)]
    fn check_access(&self) -> Result<(), ConfigError> {
        use std::os::unix::fs::PermissionsExt;

        let Ok(metadata) = std::fs::metadata(self.path) else { return Ok(()) };
        let mode = metadata.permissions().mode();
        if metadata.is_file() && mode & 0o002 != 0 {
            let message = "contains API keys, and every user of this machine can write to it; run `chmod o-w` on it";
            return Err(self.error(None, message.to_owned()));
        }
        if metadata.is_file() && mode & 0o004 != 0 {
            let path = self.path.display();
            terminal::message(format_args!(
                "warning: every user of this machine can read the API keys in `{path}`; run `chmod o-r` on it"
            ));
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn check_access(&self) -> Result<(), ConfigError> {
        Ok(())
    }
}

/// Returns the first paragraph of clap's message on one line.
fn message(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim);
    let message = lines.collect::<Vec<_>>().join(" ");
    message.strip_prefix("error: ").unwrap_or(&message).to_owned()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches};

    use super::*;
    use crate::{Arguments, Command as Subcommand};

    /// Parses a command line after `serve`, and returns the options as text.
    fn parse_serve(arguments: &[&str]) -> Result<String, String> {
        let all = ["mistral-datasets", "serve"].iter().chain(arguments).map(OsString::from);
        let matches =
            parse(&Arguments::command(), all.collect()).map_err(|error| error.to_string())?;
        match Arguments::from_arg_matches(&matches).unwrap().command {
            Subcommand::Serve(mut serve) => {
                serve.config = None;
                Ok(format!("{serve:?}"))
            }
            _ => panic!("the command is `serve`"),
        }
    }

    /// Writes a file, and parses a command line that names it.
    fn parse_file(text: &str, arguments: &[&str]) -> Result<String, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("serve.toml");
        std::fs::write(&path, text).unwrap();
        parse_serve(&[&["--config", path.to_str().unwrap()], arguments].concat())
            .map_err(|error| error.replace(directory.path().to_str().unwrap(), ""))
    }

    /// Returns a valid value that differs from the default.
    fn sample(option: &Arg) -> String {
        let possible = option.get_possible_values();
        if let Some(last) = possible.last() {
            return last.get_name().to_owned();
        }
        let name =
            option.get_value_names().and_then(|names| names.first()).map(|name| name.as_str());
        match name.unwrap_or_default() {
            "SIZE" => "3MiB",
            "TIME" => "3s",
            "COUNT" | "LEVELS" | "NUMBER" | "N" => "7",
            "PERCENT" => "7",
            "ADDRESS" => "127.0.0.1:3",
            "LEVEL" => "debug",
            "URL" | "ORIGIN" => "http://localhost:3",
            "CIDR" | "NETWORK" | "IP" => "127.0.0.3",
            _ => "value",
        }
        .to_owned()
    }

    #[test]
    fn every_option_can_be_set_in_a_file() {
        let command = Arguments::command();
        let serve = command.find_subcommand(SERVE).unwrap();
        let options = serve.get_arguments().filter_map(|option| Some((option.get_long()?, option)));
        let options: Vec<_> =
            options.filter(|(name, _)| !["help", "version", CONFIG].contains(name)).collect();
        assert!(options.len() > 20);
        let defaults = parse_serve(&[]).unwrap();
        for (name, option) in options {
            let value = sample(option);
            let (toml, arguments) = match option.get_action() {
                ArgAction::SetTrue => ("true".to_owned(), vec![format!("--{name}")]),
                ArgAction::Append => (
                    format!("[\"{value}\", \"{value}2\"]"),
                    vec![format!("--{name}={value}"), format!("--{name}={value}2")],
                ),
                _ => (format!("\"{value}\""), vec![format!("--{name}={value}")]),
            };
            let expected = parse_serve(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
            let expected = expected.unwrap();
            assert_ne!(expected, defaults, "{name}");
            assert_eq!(parse_file(&format!("{name} = {toml}"), &[]).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn the_command_line_takes_precedence() {
        let text = "max-requests = 5\nmax-connections = 0x10\ncors = [\"http://a\"]\ndata = \"d\"";
        let parsed = parse_file(text, &["--max-requests", "9", "--cors", "http://b"]).unwrap();
        let expected = ["--max-requests=9", "--max-connections=16", "--cors=http://b", "--data=d"];
        assert_eq!(parsed, parse_serve(&expected).unwrap());
        // `--memory` conflicts with `data`.
        assert_eq!(
            parse_file("data = \"d\"", &["--memory"]).unwrap(),
            parse_serve(&["--memory"]).unwrap()
        );
        assert_eq!(
            parse_file("memory = true", &["--data=d"]).unwrap(),
            parse_serve(&["--data=d"]).unwrap()
        );
        assert_eq!(
            parse_file("memory = false\ncors = []", &[]).unwrap(),
            parse_serve(&[]).unwrap()
        );
    }

    #[test]
    fn errors_name_the_line_and_contain_no_secret() {
        for (text, expected) in [
            (
                "\nmax-requets = 5",
                "`/serve.toml`, line 2: unknown option `max-requets`; did you mean `max-requests`?",
            ),
            ("config = \"x\"", "`/serve.toml`, line 1: unknown option `config`; "),
            ("json = true", "`/serve.toml`, line 1: unknown option `json`; "),
            ("[serve]\nmemory = true", "`/serve.toml`, line 1: unknown option `serve`; "),
            (
                "memory = \"yes\"",
                "`/serve.toml`, line 1: `memory`: expected `true` or `false`, found string",
            ),
            (
                "\n\nmax-requests = true",
                "line 3: `max-requests`: expected a string or an integer, found boolean",
            ),
            ("seed = [\"a\"]", "line 1: `seed`: expected a string or an integer, found array"),
            ("cors = [\n1.5]", "line 2: `cors`: expected a string, found float"),
            ("api-key = {a = 1}", "line 1: `api-key`: expected an array of strings, found table"),
            ("max-body = \"much\"", "line 1: invalid value 'much' for '--max-body <SIZE>'"),
            ("max-requests = 0", "line 1: invalid value '0' for '--max-requests <COUNT>'"),
            (
                "generation = \"g9\"",
                "line 1: invalid value 'g9' for '--generation <GENERATION>' [possible values: any, g1, g2, g3]",
            ),
            ("memory = true\ndata = \"d\"", "' cannot be used with '--"),
            ("memory = true\nmemory = true", "line 2: duplicate key"),
            ("api-key = [\"secret", "line 1: "),
        ] {
            let error = parse_file(text, &[]).unwrap_err();
            assert!(error.contains(expected), "{expected}\n{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let missing = parse_serve(&["--config", "/missing/file"]).unwrap_err();
        assert!(missing.starts_with("`/missing/file`: "), "{missing}");
    }
}
