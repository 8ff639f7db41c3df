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
const manifest = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8"));

/** Name and path of the binary that was built for this platform. */
export function localBinary() {
  const file = readdirSync(PACKAGE).find((name) => name.endsWith(".node"));
  if (file === undefined) throw new Error("build the native module first: `npm run build`");
  return { name: file, path: join(PACKAGE, file) };
}

/**
 * Creates a project in a temporary directory in which the packages are installed as published.
 *
 * @param {{ platformPackage?: boolean }} options Whether to install the platform package. Default: true.
 * @returns The directory, and the name of the platform package.
 */
export function createProject({ platformPackage = true } = {}) {
  const directory = mkdtempSync(join(tmpdir(), "published-"));
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
  const modules = join(directory, "node_modules");

  const arguments_ = ["pack", "--json", "--ignore-scripts", "--pack-destination", directory];
  const packed = execFileSync("npm", arguments_, { cwd: PACKAGE, encoding: "utf8" });
  const tarball = join(directory, packedFile(packed));
  mkdirSync(join(modules, manifest.name), { recursive: true });
  const target = join(modules, manifest.name);
  execFileSync("tar", ["-xzf", tarball, "-C", target, "--strip-components=1"]);

  const binary = localBinary();
  const platform = binary.name.slice(`${manifest.name}.`.length, -".node".length);
  const name = `${manifest.name}-${platform}`;
  if (platformPackage) {
    mkdirSync(join(modules, name));
    cpSync(binary.path, join(modules, name, binary.name));
    const platformManifest = { name, version: manifest.version, main: binary.name };
    writeFileSync(join(modules, name, "package.json"), JSON.stringify(platformManifest));
  }
  writeFileSync(
    join(directory, "package.json"),
    JSON.stringify({ name: "project", private: true }),
  );
  return { directory, platformPackage: name, binary: binary.name };
}

/** Returns the file name in the output of `npm pack --json`, which is an array or an object by package name. */
function packedFile(output) {
  return Object.values(JSON.parse(output))[0].filename;
}
