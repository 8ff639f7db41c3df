// A local server in a separate process, for tests that need command-line options.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

/** Returns the path of the newest build of the CLI. Builds it if necessary. */
function command() {
  const builds = ["debug", "quick", "release"].map(
    (profile) => `${ROOT}target/${profile}/mistral-datasets`,
  );
  const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const [newest] = builds.sort((one, other) => modified(other) - modified(one));
  if (modified(newest) > 0) return newest;
  const cargo = process.env.CARGO ?? "cargo";
  execFileSync(cargo, ["build", "--quiet", "--package", "mistral-datasets-cli"], { cwd: ROOT });
  return `${ROOT}target/debug/mistral-datasets`;
}

/** Starts `mistral-datasets serve --memory` and returns its URL. It stops after the tests of the file. */
export async function served(...options) {
  const child = spawn(command(), ["serve", "--memory", "--listen", "127.0.0.1:0", ...options], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  after(() => child.kill());
  const [line] = await once(child.stdout.setEncoding("utf8"), "data");
  const [, url] = /^listening on (\S+)/.exec(line) ?? assert.fail(`unexpected output: ${line}`);
  return url;
}
