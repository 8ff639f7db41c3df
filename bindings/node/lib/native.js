// Loads the native module: a local build, or the optional package for this platform.

"use strict";

const fs = require("node:fs");
const { createRequire } = require("node:module");
const path = require("node:path");

const { version } = require("../package.json");

/**
 * Loads the package of a platform, if there is one. Bundlers and file tracers find the packages because each name is a
 * literal, and accept that most are not installed because the calls are in a `try` block. A test compares the list with
 * `napi.targets` of package.json.
 */
function requirePackage(platform) {
  try {
    switch (platform) {
      case "linux-x64-gnu":
        return { native: require("mistral-datasets-linux-x64-gnu") };
      case "linux-arm64-gnu":
        return { native: require("mistral-datasets-linux-arm64-gnu") };
      case "linux-x64-musl":
        return { native: require("mistral-datasets-linux-x64-musl") };
      case "linux-arm64-musl":
        return { native: require("mistral-datasets-linux-arm64-musl") };
      case "darwin-x64":
        return { native: require("mistral-datasets-darwin-x64") };
      case "darwin-arm64":
        return { native: require("mistral-datasets-darwin-arm64") };
      case "win32-x64-msvc":
        return { native: require("mistral-datasets-win32-x64-msvc") };
      default:
        return {};
    }
  } catch (error) {
    return { error };
  }
}

/** Loads the file that `npm run build` creates for a platform, if it exists. */
function requireLocalBuild(platform) {
  const file = path.join(__dirname, "..", `mistral-datasets.${platform}.node`);
  if (!fs.existsSync(file)) return undefined;
  try {
    // Not a `require`, so that bundlers do not look for a file that only a checkout of the repository has.
    return { native: createRequire(__filename)(file) };
  } catch (error) {
    return { error };
  }
}

/** Candidate platforms, the likeliest first. On Linux, a module for the wrong libc fails to load. */
function platforms() {
  const { platform, arch } = process;
  if (platform === "linux") return [`linux-${arch}-gnu`, `linux-${arch}-musl`];
  if (platform === "win32") return [`win32-${arch}-msvc`];
  return [`${platform}-${arch}`];
}

function load() {
  const failures = [];
  for (const platform of platforms()) {
    const { native, error } = requireLocalBuild(platform) ?? requirePackage(platform);
    if (native !== undefined) return native;
    if (error !== undefined) failures.push({ platform, error });
  }
  throw loadError(failures);
}

/** Returns the error for a native module that is missing or does not load, with the remedy. */
function loadError(failures) {
  const where = `Node.js ${process.version} on ${process.platform} ${process.arch}`;
  const start = `cannot load the native module of mistral-datasets ${version} for ${where}`;
  const broken = failures.find(({ error }) => !isMissing(error));
  if (broken !== undefined) {
    const name = `mistral-datasets-${broken.platform}`;
    return new Error(
      `${start}: \`${name}\` failed to load: ${broken.error.message}\n` +
        `Reinstall it: \`npm install ${name}@${version}\``,
      { cause: broken.error },
    );
  }
  if (failures.length === 0) {
    return new Error(
      `${start}: this platform has no prebuilt binary\n` +
        "Build it from a checkout of the repository: `npm ci && npm run build` in bindings/node",
    );
  }
  const name = `mistral-datasets-${platforms()[isMusl() ? 1 : 0]}`;
  return new Error(
    `${start}: the package \`${name}\` is not installed\n` +
      "It is an optional dependency. npm skips it with `--omit=optional`, and if the lock file or `node_modules` comes from " +
      `another platform. Install again without them, or run \`npm install ${name}@${version}\`.\n` +
      `If the code is bundled, keep \`mistral-datasets\` external, or copy \`${name}\` next to the bundle.`,
    { cause: failures[0].error },
  );
}

/** Whether an error says that a module does not exist. */
function isMissing(error) {
  return /MODULE_NOT_FOUND/.test(error?.code ?? "");
}

/** Whether this is a Linux system with musl as its libc. */
function isMusl() {
  return (
    process.platform === "linux" &&
    process.report?.getReport().header.glibcVersionRuntime === undefined
  );
}

module.exports = load();
