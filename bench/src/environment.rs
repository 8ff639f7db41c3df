//! Describes the measured build, the date and the machine.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The build and the machine that a benchmark page names.
#[derive(Debug)]
pub struct Environment {
    version: &'static str,
    commit: Option<String>,
    compiler: String,
    date: String,
    cpu: String,
    cores: usize,
    os: String,
    python: String,
    node: String,
}

impl Environment {
    /// Reads the versions of the tools and the description of the machine.
    pub fn detect(root: &Path) -> Self {
        let commit = Command::new("git")
            .args(["describe", "--always", "--dirty", "--exclude=*"])
            .current_dir(root)
            .output();
        let commit = commit.ok().filter(|output| output.status.success());
        Self {
            version: env!("CARGO_PKG_VERSION"),
            commit: commit.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            compiler: version("rustc"),
            date: chrono::Utc::now().format("%Y-%m-%d").to_string(),
            cpu: cpu_model().unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            os: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            python: version("python3"),
            node: version("node").trim_start_matches('v').to_owned(),
        }
    }

    /// Returns a single line for a chart.
    pub fn summary(&self) -> String {
        format!(
            "mistral-datasets {}, release build, {}, {} ({} cores)",
            self.version, self.date, self.cpu, self.cores
        )
    }
}

/// Formats a Markdown list.
impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let commit = self.commit.as_ref().map_or(String::new(), |commit| format!(" ({commit})"));
        writeln!(f, "- Version: mistral-datasets {}{commit}", self.version)?;
        writeln!(f, "- Date: {}", self.date)?;
        writeln!(f, "- Machine: {}, {} cores, {}", self.cpu, self.cores, self.os)?;
        writeln!(
            f,
            "- Build: profile `release` (fat LTO, one codegen unit), {}; {}, Node.js {}",
            self.compiler, self.python, self.node
        )
    }
}

/// Returns the first line that `program --version` prints.
fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.ok()
        .and_then(|text| text.lines().next().map(str::to_owned))
        .unwrap_or_else(|| format!("{program} (unknown version)"))
}

fn cpu_model() -> Option<String> {
    if let Ok(cpuinfo) = fs::read_to_string("/proc/cpuinfo") {
        return model_name(&cpuinfo);
    }
    let output = Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"]).output().ok()?;
    let model = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!model.is_empty()).then_some(model)
}

fn model_name(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    let (_, model) = line.split_once(':')?;
    Some(model.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_cpu_model_from_cpuinfo() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Example  CPU @ 2.00GHz\nflags\t: fpu\n";
        assert_eq!(model_name(cpuinfo).as_deref(), Some("Example CPU @ 2.00GHz"));
        assert_eq!(model_name("processor\t: 0\n"), None);
    }

    #[test]
    fn names_version_date_machine_and_build() {
        let environment = Environment::detect(crate::root()).to_string();
        for part in ["- Version: mistral-datasets", "- Date: 20", "- Machine: ", "- Build: "] {
            assert!(environment.contains(part), "{environment}");
        }
    }
}
