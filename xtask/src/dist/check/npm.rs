//! Installs the npm packages into an empty project and uses them from ES modules, CommonJS and TypeScript.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::{Build, licenses, npm};
use super::{readme, workflows};
use crate::bundlers;
use crate::packages;
use crate::step::{self, Step};
use crate::test::report::Report;
use crate::toolchain::npm as npm_program;

/// The READMEs whose examples are run.
const READMES: [&str; 2] = ["README.md", "bindings/node/README.md"];

/// A program for CommonJS. It prints the number of records.
const COMMON_JS: &str = r#"
const { Mistral } = require("mistral-datasets");
const testing = require("mistral-datasets/testing");
(async () => {
  if (typeof testing !== "object") throw new Error("no testing module");
  const mistral = await Mistral.local();
  const { id: datasetId } = await mistral.datasets.create({ name: "Refund requests", description: "" });
  await mistral.datasets.createRecord({ datasetId, payload: { messages: [] }, properties: {} });
  console.log(await mistral.datasets.iterRecords({ datasetId }).count());
  await mistral.close();
})();
"#;

/// A program whose types are checked. It uses nothing of Node.js, whose types are not installed.
const TYPESCRIPT: &str = r#"
import { Mistral, NotFoundError } from "mistral-datasets";

export async function contents(mistral: Mistral, datasetId: string): Promise<string[]> {
  const contents: string[] = [];
  try {
    for await (const record of mistral.datasets.iterRecords({ datasetId })) contents.push(JSON.stringify(record.payload));
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    contents.push(String(error.status));
  }
  // @ts-expect-error: the argument has another name, so the declarations were found.
  await mistral.datasets.fetch({ dataset_id: datasetId });
  return contents;
}
"#;

const TYPESCRIPT_CONFIG: &str = r#"{
  "compilerOptions": {
    "strict": true, "noEmit": true, "skipLibCheck": false, "types": [],
    "target": "es2022", "lib": ["es2022", "dom"], "module": "nodenext", "moduleResolution": "nodenext"
  },
  "files": ["use.ts", "use.cts"]
}"#;

/// Checks the packages in `dist/`.
pub fn check(build: &Build, report: &mut Report) {
    let main = build.output.join(npm::file_name(npm::NAME, &build.version));
    let platform = npm::file_name(&npm::platform_package(&build.target), &build.version);
    let platform = build.output.join(platform);
    report.checked(use_packages(build));
    report.checked(bundlers::test_packed(build.root, &main, &platform));
    let tools = build.root.join(workflows::NODE_TOOLS);
    if !report.succeeded(packages::install_npm_packages(&tools)) {
        return;
    }
    for file in [&main, &platform] {
        report.check(
            Step::new("publint", npm_program())
                .args(["exec", "--no", "--", "publint", "run", "--strict"])
                .arg(file)
                .current_dir(&tools),
        );
    }
    report.check(
        Step::new("@arethetypeswrong/cli", npm_program())
            .args(["exec", "--no", "--", "attw", "--profile", "node16"])
            .arg(&main)
            .current_dir(&tools),
    );
}

/// Packs the packages with the module that the tests built, and checks them.
///
/// # Errors
/// Returns the output of the step that failed.
pub fn check_quick(build: &Build, module: &Path) -> Result<(), String> {
    fs::create_dir_all(&build.output)
        .map_err(|error| format!("{}: {error}", build.output.display()))?;
    npm::pack_main(build)?;
    npm::pack_platform(build, module)?;
    use_packages(build)
}

fn use_packages(build: &Build) -> Result<(), String> {
    let directory = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    let project = directory.path();
    let write = |name: &str, content: &str| {
        fs::write(project.join(name), content).map_err(|error| format!("{name}: {error}"))
    };
    write("package.json", r#"{"name": "project", "private": true}"#)?;
    let packed = |package: &str| build.output.join(npm::file_name(package, &build.version));
    step::run(
        Step::new("install the npm packages", npm_program())
            .args(["install", "--no-audit", "--no-fund", "--ignore-scripts"])
            .arg(packed(npm::NAME))
            .arg(packed(&npm::platform_package(&build.target)))
            .current_dir(project),
    )?;
    let installed = project.join("node_modules");
    check_main_contents(&installed.join(npm::NAME))?;
    let platform = installed.join(npm::platform_package(&build.target));
    check_contents(&platform, &[&npm::module_file(&build.target)])?;

    write("use.cjs", COMMON_JS)?;
    let count = step::run(Step::new("use CommonJS", "node").arg("use.cjs").current_dir(project))?;
    if count.trim() != "1" {
        return Err(format!("the CommonJS program printed `{}` instead of 1", count.trim()));
    }
    for file in READMES {
        let blocks = readme::blocks(build.root, file, "js")?;
        let needs_more =
            |block: &str| block.contains("require(") || block.contains("new Mistral()");
        let examples: Vec<_> =
            blocks.iter().enumerate().filter(|(_, block)| !needs_more(block)).collect();
        if examples.is_empty() {
            return Err(format!("{file} has no example that runs without an account"));
        }
        for (number, block) in examples {
            let name = format!("example_{number}.mjs");
            write(&name, block)?;
            step::run(
                Step::new(format!("{file}, example {}", number + 1), "node")
                    .arg(&name)
                    .current_dir(project),
            )?;
        }
    }
    write("use.ts", TYPESCRIPT)?;
    write("use.cts", TYPESCRIPT)?;
    write("tsconfig.json", TYPESCRIPT_CONFIG)?;
    // The compiler of the package's own tests.
    packages::install_npm_packages(&build.root.join("bindings/node"))?;
    let compiler = build.root.join("bindings/node/node_modules/typescript/bin/tsc");
    step::run(
        Step::new("tsc --strict without @types/node", "node")
            .arg(compiler)
            .args(["--project", "."])
            .current_dir(project),
    )
    .map(drop)
}

/// Checks that the main package contains the JavaScript code, and no native module.
fn check_main_contents(package: &Path) -> Result<(), String> {
    check_contents(package, &["lib/index.js", "lib/index.d.ts", "lib/testing.js"])?;
    match find_module(package).map_err(|error| format!("{}: {error}", package.display()))? {
        Some(module) => Err(format!("{} contains {}", npm::NAME, module.display())),
        None => Ok(()),
    }
}

/// Checks that a package contains the given files, its README and the licenses.
fn check_contents(package: &Path, files: &[&str]) -> Result<(), String> {
    for file in files.iter().chain(&licenses::FILES).chain(&["README.md"]) {
        if !package.join(file).is_file() {
            return Err(format!("{} does not contain {file}", package.display()));
        }
    }
    Ok(())
}

/// Returns a native module in a directory or below, if there is one.
fn find_module(directory: &Path) -> std::io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if let Some(module) = find_module(&path)? {
                return Ok(Some(module));
            }
        } else if path.extension().is_some_and(|end| end == "node") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_files_and_native_modules_are_found() {
        let directory = tempfile::tempdir().unwrap();
        let package = directory.path();
        fs::create_dir(package.join("lib")).unwrap();
        let files = ["lib/index.js", "lib/index.d.ts", "lib/testing.js"];
        for file in files.iter().chain(&licenses::FILES).chain(&["README.md"]) {
            let error = check_main_contents(package).unwrap_err();
            assert!(error.ends_with(&format!("does not contain {file}")), "{error}");
            fs::write(package.join(file), "").unwrap();
        }
        check_main_contents(package).unwrap();
        fs::write(package.join("lib/module.node"), "").unwrap();
        assert!(check_main_contents(package).unwrap_err().ends_with("module.node"));
    }
}
