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
 * Creates a project in a temporary directory in which the packages are installed as published: those that the variables
 * `PACKED_PACKAGE` and `PACKED_PLATFORM_PACKAGE` name, or else packed from this checkout.
 *
 * @param {{ platformPackage?: boolean }} options Whether to install the platform package. Default: true.
 * @returns The directory, and the name of the platform package.
 */
export function createProject({ platformPackage = true } = {}) {
  const directory = mkdtempSync(join(tmpdir(), "published-"));
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
  const modules = join(directory, "node_modules");

  const { PACKED_PACKAGE, PACKED_PLATFORM_PACKAGE } = process.env;
  extract(PACKED_PACKAGE ?? pack(directory), join(modules, manifest.name));
  writeFileSync(
    join(directory, "package.json"),
    JSON.stringify({ name: "project", private: true }),
  );
  if (PACKED_PLATFORM_PACKAGE !== undefined) {
    const unpacked = join(directory, "platform");
    extract(PACKED_PLATFORM_PACKAGE, unpacked);
    const { name, main } = JSON.parse(readFileSync(join(unpacked, "package.json"), "utf8"));
    if (platformPackage) cpSync(unpacked, join(modules, name), { recursive: true });
    rmSync(unpacked, { recursive: true });
    return { directory, platformPackage: name, binary: main };
  }

  const binary = localBinary();
  const platform = binary.name.slice(`${manifest.name}.`.length, -".node".length);
  const name = `${manifest.name}-${platform}`;
  if (platformPackage) {
    mkdirSync(join(modules, name));
    cpSync(binary.path, join(modules, name, binary.name));
    const platformManifest = { name, version: manifest.version, main: binary.name };
    writeFileSync(join(modules, name, "package.json"), JSON.stringify(platformManifest));
  }
  return { directory, platformPackage: name, binary: binary.name };
}

/** Packs the main package of this checkout, and returns the path of the file. */
function pack(directory) {
  const arguments_ = ["pack", "--json", "--ignore-scripts", "--pack-destination", directory];
  const packed = execFileSync("npm", arguments_, { cwd: PACKAGE, encoding: "utf8" });
  return join(directory, packedFile(packed));
}

function extract(tarball, target) {
  mkdirSync(target, { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "-C", target, "--strip-components=1"]);
}

/** Returns the file name in the output of `npm pack --json`, which is an array or an object by package name. */
function packedFile(output) {
  return Object.values(JSON.parse(output))[0].filename;
}
