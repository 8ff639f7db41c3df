// Loads the package in its published layout: with file tracers, bundlers and other runtimes.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { nodeFileTrace } from "@vercel/nft";
import * as esbuild from "esbuild";
import webpack from "webpack";

import { createProject } from "./layout.mjs";

const run = promisify(execFile);
const here = fileURLToPath(new URL(".", import.meta.url));

/** Uses the binary: a request to an embedded server, an error class, and a record. */
const USE = `
  (async () => {
    const mistral = await Mistral.local();
    const { id: datasetId } = await mistral.datasets.create({ name: "Refund requests", description: "" });
    const payload = { messages: [{ role: "user", content: "Hello" }] };
    const record = await mistral.datasets.createRecord({ datasetId, payload, properties: {} });
    const error = await mistral.datasets.records.fetch({ datasetRecordId: datasetId }).catch((error) => error);
    console.log({ ...record }.payload.messages[0].content, error instanceof NotFoundError);
    await mistral.close();
  })();
`;
const COMMONJS = `const { Mistral, NotFoundError } = require("mistral-datasets");${USE}`;
const MODULE = `import { Mistral, NotFoundError } from "mistral-datasets";${USE}`;
const PRINTED = "Hello true";

const project = createProject();

/** Writes a file in the project and returns its path. */
function file(name, text) {
  const path = join(project.directory, name);
  writeFileSync(path, text);
  return path;
}

/** Creates an empty directory outside the project, so that nothing is found by accident. */
function outputDirectory() {
  const directory = mkdtempSync(join(tmpdir(), "bundle-"));
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Runs a program and returns what it prints. */
async function printed(program, ...options) {
  const { stdout } = await run(program, options, { cwd: dirname(options.at(-1)), timeout: 60_000 });
  return stdout.trim();
}

async function bundleWithWebpack(entry, options) {
  const compiler = webpack({
    mode: "production",
    target: "node20",
    entry,
    context: project.directory,
    output: { path: outputDirectory(), filename: "bundle.cjs" },
    optimization: { minimize: false },
    ...options,
  });
  const stats = await promisify(compiler.run.bind(compiler))();
  await promisify(compiler.close.bind(compiler))();
  assert.deepEqual(stats.toJson().errors, []);
  return join(compiler.options.output.path, "bundle.cjs");
}

test("node loads the published layout with require and import", async () => {
  assert.equal(await printed(process.execPath, file("use.cjs", COMMONJS)), PRINTED);
  assert.equal(await printed(process.execPath, file("use.mjs", MODULE)), PRINTED);
});

test("nft traces the binary", async () => {
  for (const entry of [file("traced.cjs", COMMONJS), file("traced.mjs", MODULE)]) {
    const { fileList } = await nodeFileTrace([entry], { base: project.directory });
    const binary = join("node_modules", project.platformPackage, project.binary);
    assert.ok(fileList.has(binary), [...fileList].join("\n"));
    // What a deployment to a serverless platform copies is enough to run.
    const copy = outputDirectory();
    for (const name of fileList) cpSync(join(project.directory, name), join(copy, name));
    assert.equal(await printed(process.execPath, join(copy, entry.split("/").at(-1))), PRINTED);
  }
});

test("esbuild bundles the code and leaves the binary external", async () => {
  const { warnings } = await esbuild.build({
    entryPoints: [file("external.mjs", MODULE)],
    bundle: true,
    platform: "node",
    external: ["mistral-datasets-*"],
    outfile: join(project.directory, "bundle.cjs"),
    logLevel: "silent",
  });
  assert.deepEqual(warnings, []);
  assert.equal(await printed(process.execPath, join(project.directory, "bundle.cjs")), PRINTED);
});

test("esbuild copies the binary with the copy loader", async () => {
  const outdir = outputDirectory();
  await esbuild.build({
    entryPoints: [file("copied.mjs", MODULE)],
    bundle: true,
    platform: "node",
    loader: { ".node": "copy" },
    outdir,
    logLevel: "silent",
  });
  assert.equal(await printed(process.execPath, join(outdir, "copied.js")), PRINTED);
});

test("webpack finds the binary and bundles it with node-loader", async () => {
  const module = { rules: [{ test: /\.node$/, loader: "node-loader" }] };
  const resolveLoader = { modules: [join(here, "node_modules")] };
  const output = { path: outputDirectory(), filename: "bundle.cjs" };
  const entry = file("webpack.mjs", MODULE);
  const bundle = await bundleWithWebpack(entry, { module, resolveLoader, output });
  assert.equal(await printed(process.execPath, bundle), PRINTED);
});

test("webpack leaves the package external", async () => {
  const externals = { "mistral-datasets": "commonjs mistral-datasets" };
  const output = { path: project.directory, filename: "external-bundle.cjs" };
  const entry = file("webpack-external.mjs", MODULE);
  const bundle = await bundleWithWebpack(entry, { externals, output });
  assert.ok(existsSync(join(project.directory, "external-bundle.cjs")));
  assert.equal(
    await printed(process.execPath, join(project.directory, "external-bundle.cjs")),
    PRINTED,
    bundle,
  );
});

test("Bun loads the published layout", async () => {
  const bun = join(here, "node_modules/.bin/bun");
  assert.equal(await printed(bun, file("bun.mjs", MODULE)), PRINTED);
  assert.equal(await printed(bun, file("bun.cjs", COMMONJS)), PRINTED);
});

test("Deno loads the published layout", async () => {
  const deno = join(here, "node_modules/.bin/deno");
  const options = ["run", "--allow-all", "--no-lock", "--node-modules-dir=manual"];
  assert.equal(await printed(deno, ...options, file("deno.mjs", MODULE)), PRINTED);
  assert.equal(await printed(deno, ...options, file("deno.cjs", COMMONJS)), PRINTED);
});

test("without the platform package, the error of a bundle names it", async () => {
  const { directory, platformPackage } = createProject({ platformPackage: false });
  const entry = join(directory, "missing.mjs");
  writeFileSync(entry, MODULE);
  const bundle = await bundleWithWebpack(entry, { context: directory });
  const { stderr } = await run(process.execPath, [bundle]).then(
    () => assert.fail("the module was loaded"),
    (error) => error,
  );
  assert.match(stderr, new RegExp(`the package \`${platformPackage}\` is not installed`));
});
