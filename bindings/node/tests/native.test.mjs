// Loading the native module: the platforms, and the errors when their packages are missing or broken.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const here = fileURLToPath(new URL("..", import.meta.url));
const manifest = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
const run = promisify(execFile);

const ARCHITECTURES = { x86_64: "x64", aarch64: "arm64" };

/** Returns napi-rs's name of a Rust target, such as `linux-x64-gnu`. */
function platformName(target) {
  const [arch, , system, abi] = target.split("-");
  const parts = [system === "windows" ? "win32" : system, ARCHITECTURES[arch], abi];
  return parts.filter((part) => part !== undefined).join("-");
}

/** Copies the package without its binary, and returns the message of its error on loading. */
async function failureWithout(t, { prelude = "", packages = {} } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "package-"));
  t.after(() => rm(folder, { recursive: true }));
  await cp(join(here, "lib"), join(folder, "lib"), { recursive: true });
  await cp(join(here, "package.json"), join(folder, "package.json"));
  for (const [name, code] of Object.entries(packages)) {
    await mkdir(join(folder, "node_modules", name), { recursive: true });
    await writeFile(join(folder, "node_modules", name, "index.js"), code);
  }
  const code = `${prelude}; require(${JSON.stringify(folder)})`;
  const { stderr } = await run(process.execPath, ["-e", code]).then(
    () => assert.fail("the module was loaded"),
    (error) => error,
  );
  return stderr;
}

/** Code that pretends to run on another platform. */
const pretend = (platform, arch) =>
  `Object.defineProperty(process, "platform", { value: "${platform}" });` +
  `Object.defineProperty(process, "arch", { value: "${arch}" })`;

test("the loader requires the package of every target literally", () => {
  const source = readFileSync(join(here, "lib/native.js"), "utf8");
  const cases = [
    ...source.matchAll(/case "([^"]+)":\s+return \{ native: require\("([^"]+)"\) \};/g),
  ];
  const expected = manifest.napi.targets.map(platformName);
  assert.deepEqual(
    cases.map(([, platform]) => platform),
    expected,
  );
  assert.deepEqual(
    cases.map(([, , name]) => name),
    expected.map((platform) => `${manifest.name}-${platform}`),
  );
});

test("the error for a missing binary names the package and the remedies", async (t) => {
  const message = await failureWithout(t, { prelude: pretend("darwin", "arm64") });
  assert.match(message, /the package `mistral-datasets-darwin-arm64` is not installed/);
  assert.match(message, /--omit=optional/);
  assert.match(
    message,
    new RegExp(`\`npm install mistral-datasets-darwin-arm64@${manifest.version}\``),
  );
  const here = await failureWithout(t);
  assert.match(here, new RegExp(`mistral-datasets-${process.platform}-${process.arch}`));
});

test("the error for an unsupported platform says how to build", async (t) => {
  const message = await failureWithout(t, { prelude: pretend("freebsd", "x64") });
  assert.match(message, /on freebsd x64: this platform has no prebuilt binary/);
  assert.match(message, /npm ci && npm run build/);
});

test("the error for a binary that does not load has the reason", async (t) => {
  const packages = { "mistral-datasets-win32-x64-msvc": 'throw new Error("DLL not found")' };
  const message = await failureWithout(t, { prelude: pretend("win32", "x64"), packages });
  assert.match(message, /`mistral-datasets-win32-x64-msvc` failed to load: DLL not found/);
});
