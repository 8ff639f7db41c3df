// Temporary directories.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Creates a directory that is deleted after the test. */
export async function temporaryDirectory(t) {
  const path = await mkdtemp(join(tmpdir(), "mistral-datasets-"));
  t.after(() => rm(path, { recursive: true }));
  return path;
}
