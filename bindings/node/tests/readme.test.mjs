// Runs the JavaScript examples of the READMEs and the testing guide.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const here = fileURLToPath(new URL("..", import.meta.url));
const root = fileURLToPath(new URL("../../..", import.meta.url));

for (const [name, path] of [
  ["the project README", join(root, "README.md")],
  ["the package README", join(here, "README.md")],
  ["the testing guide", join(root, "docs", "testing.md")],
]) {
  test(`examples of ${name}`, async (t) => {
    const text = await readFile(path, "utf8");
    const blocks = [...text.matchAll(/```js\n(.*?)```/gs)].map((match) => match[1]);
    assert.ok(blocks.length > 0);
    // Inside the package, so that the examples can import it by name.
    const folder = await mkdtemp(join(here, "tests", "quick-start-"));
    t.after(() => rm(folder, { recursive: true }));
    for (const [index, block] of blocks.entries()) {
      const extension = block.includes("require(") ? "cjs" : "mjs";
      const file = join(folder, `${index}.${extension}`);
      await writeFile(file, block);
      const { stdout } = await run(process.execPath, [file], { cwd: folder, timeout: 60_000 });
      assert.notEqual(stdout.trim(), "", "the example prints something");
    }
  });
}

test("TypeScript examples of the package README compile", async (t) => {
  const text = await readFile(join(here, "README.md"), "utf8");
  const blocks = [...text.matchAll(/```ts\n(.*?)```/gs)].map((match) => match[1]);
  assert.ok(blocks.length > 0);
  const folder = await mkdtemp(join(here, "tests", "types", "readme-"));
  t.after(() => rm(folder, { recursive: true }));
  for (const [index, block] of blocks.entries()) {
    await writeFile(join(folder, `${index}.mts`), `declare const datasetId: string;\n${block}`);
  }
  const config = { extends: "../consumer/tsconfig.json", include: ["*.mts"] };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(here, "node_modules", "typescript", "bin", "tsc");
  await run(process.execPath, [tsc, "--project", folder]).catch(({ stdout }) =>
    assert.fail(stdout),
  );
});
