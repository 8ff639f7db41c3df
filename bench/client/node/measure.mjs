// Runs a case of a Node client, and prints the measurements as a line of JSON.

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

/** The argument of a client program; `../python/measure.py` describes its properties. */
export const job = JSON.parse(process.argv[2]);

const WRITE_CASES = ["create", "create_many", "import"];

// The records read so far. They are read before the measurement starts.
let loaded = [];

/** Returns the first records of the file. */
export async function records(count) {
  if (loaded.length < count) {
    const text = await readFile(job.records_file, "utf8");
    loaded = text.split("\n", count).map((line) => JSON.parse(line));
  }
  return loaded.slice(0, count);
}

/** Returns the current and peak resident memory in KiB; only on Linux. */
function memory() {
  const value = (name) => {
    try {
      const status = readFileSync("/proc/self/status", "utf8");
      return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)[1]);
    } catch {
      return null;
    }
  };
  return { rss_kib: value("VmRSS"), peak_rss_kib: value("VmHWM") };
}

/** Starts a measurement. Returns the function that ends it. */
export function start() {
  const [wall, cpu] = [performance.now(), process.cpuUsage()];
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return {
      wall_seconds: (performance.now() - wall) / 1e3,
      cpu_seconds: (user + system) / 1e6,
    };
  };
}

/** Runs the case selected by the command-line argument. A case takes a number of iterations and returns the number of records. */
export async function run(cases) {
  const work = cases[job.case];
  if (WRITE_CASES.includes(job.case)) await records(job.iterations);
  if (job.warmup > 0) await work(job.warmup);
  const stop = start();
  const count = await work(job.iterations);
  const measured = stop();
  globalThis.gc();
  console.log(JSON.stringify({ records: count, ...measured, ...memory() }));
}
