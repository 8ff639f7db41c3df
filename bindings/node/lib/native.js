// Loads the native module: the one built in this folder, or the one of the package for this platform.

"use strict";

const fs = require("node:fs");
const path = require("node:path");

/** The platforms whose modules may run here, the likelier first. Which libc Linux has shows when one does not load. */
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
    for (const [what, found] of candidates) {
      if (found === undefined) {
        problems.push(`${what} is missing`);
        continue;
      }
      try {
        return require(found);
      } catch (error) {
        problems.push(`${what} does not load: ${error.message}`);
        cause ??= error;
      }
    }
  }
  const version = `Node.js ${process.version} on ${process.platform} ${process.arch}`;
  throw new Error(
    `mistral-datasets has no native module for ${version}:\n` +
      problems.map((problem) => `  - ${problem}\n`).join("") +
      "Install the package again with its optional dependencies (npm leaves them out under `--omit=optional` " +
      "or with a lock file from another platform), or build it: `npm ci && npm run build` in bindings/node.",
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
