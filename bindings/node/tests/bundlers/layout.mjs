// The published layout: the main package as npm packs it, and the package of this platform with its binary.

import { execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));

/** A directory of packed packages (`NAME-VERSION.tgz`) to use instead of the checkout. */
const PACKED = process.env.PACKED_PACKAGES;

const { name: NAME, version: VERSION } = readManifest(PACKAGE);

function readManifest(directory) {
  return JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
}

/**
 * Creates a project in a temporary directory in which the packages are installed as published.
 *
 * @param {{ platformPackage?: boolean }} options Whether to install the platform package. Default: true.
 * @returns The directory, and the names of the platform package and of the binary in it.
 */
export function createProject({ platformPackage = true } = {}) {
  const directory = mkdtempSync(join(tmpdir(), "published-"));
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(join(directory, "package.json"), '{ "name": "project", "private": true }');
  unpack(PACKED === undefined ? pack(directory) : packed(NAME), installed(directory, NAME));
  const platform = PACKED === undefined ? localBinary().platform : packedPlatform();
  const name = `${NAME}-${platform}`;
  if (platformPackage) {
    if (PACKED === undefined) installLocalBinary(directory, name);
    else unpack(packed(name), installed(directory, name));
  }
  return { directory, platformPackage: name, binary: `${NAME}.${platform}.node` };
}

/** Packs the main package of the checkout and returns the file. */
function pack(directory) {
  const options = ["pack", "--json", "--ignore-scripts", "--pack-destination", directory];
  const output = execFileSync("npm", options, { cwd: PACKAGE, encoding: "utf8" });
  // An array, or in later versions of npm an object by package name.
  return join(directory, Object.values(JSON.parse(output))[0].filename);
}

function unpack(file, target) {
  execFileSync("tar", ["-xzf", file, "-C", target, "--strip-components=1"]);
}

/** Creates the directory of an installed package. */
function installed(directory, name) {
  const target = join(directory, "node_modules", name);
  mkdirSync(target, { recursive: true });
  return target;
}

function packed(name) {
  return join(PACKED, `${name}-${VERSION}.tgz`);
}

/** Returns the platform of the packed packages that is this one. */
function packedPlatform() {
  const start = `${NAME}-${process.platform}-${process.arch}`;
  const files = readdirSync(PACKED).filter((file) => file.startsWith(start));
  // On Linux, the package for glibc.
  const file = files.find((file) => !file.includes("musl"));
  if (file === undefined) throw new Error(`${PACKED} has no package for this platform`);
  return file.slice(NAME.length + 1, -`-${VERSION}.tgz`.length);
}

/** Returns the binary that was built in the checkout. */
function localBinary() {
  const file = readdirSync(PACKAGE).find((file) => file.endsWith(".node"));
  if (file === undefined) throw new Error("build the native module first: `npm run build`");
  return { file, platform: file.slice(NAME.length + 1, -".node".length) };
}

function installLocalBinary(directory, name) {
  const { file } = localBinary();
  const target = installed(directory, name);
  cpSync(join(PACKAGE, file), join(target, file));
  writeFileSync(
    join(target, "package.json"),
    JSON.stringify({ name, version: VERSION, main: file }),
  );
}
