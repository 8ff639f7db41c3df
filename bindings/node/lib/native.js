// Loads the native module: a local build, or the optional package for this platform.

"use strict";

const fs = require("node:fs");
const path = require("node:path");

/** Candidate platforms, the likeliest first. On Linux, a module for the wrong libc fails to load. */
function platforms() {
  const { platform, arch } = process;
  if (platform === "linux") return [`linux-${arch}-gnu`, `linux-${arch}-musl`];
  if (platform === "win32") return [`win32-${arch}-msvc`];
  return [`${platform}-${arch}`];
}

function load() {
  const problems = [];
  let cause;
  for (const platform of platforms()) {
    const file = path.join(__dirname, "..", `mistral-datasets.${platform}.node`);
    const name = `mistral-datasets-${platform}`;
    const candidates = [
      [`the file ${path.basename(file)}`, fs.existsSync(file) ? file : undefined],
      [`the package ${name}`, resolve(name)],
    ];
    for (const [what, resolved] of candidates) {
      if (resolved === undefined) {
        problems.push(`${what} is missing`);
        continue;
      }
      try {
        return require(resolved);
      } catch (error) {
        problems.push(`${what} failed to load: ${error.message}`);
        cause ??= error;
      }
    }
  }
  const version = `Node.js ${process.version} on ${process.platform} ${process.arch}`;
  throw new Error(
    `cannot load the native module of mistral-datasets for ${version}:\n` +
      problems.map((problem) => `  - ${problem}\n`).join("") +
      "Reinstall the package with its optional dependencies (npm skips them with `--omit=optional` or a lock file from " +
      "another platform), or build it: `npm ci && npm run build` in bindings/node.",
    { cause },
  );
}

function resolve(name) {
  try {
    return require.resolve(name);
  } catch {
    return undefined;
  }
}

module.exports = load();
