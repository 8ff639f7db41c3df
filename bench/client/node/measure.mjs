// Shared by all Node benchmarks: reads the job, runs it, and prints its cost as one line of JSON.

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

/** The job written by `cargo xtask bench client`. See `Job` in `measure.py` for the properties. */
export const job = JSON.parse(process.argv[2]);

// The records read by `lines`. They are read before the clock starts.
let cachedLines = [];

// The benchmarks that write records.
const WRITING = ["create", "bulk_in", "bulk_file"];

/** Returns the first `count` records of the file. */
export async function lines(count) {
  if (cachedLines.length < count) {
    const text = await readFile(job.records, "utf8");
    cachedLines = text.split("\n", count).map((line) => JSON.parse(line));
  }
  return cachedLines.slice(0, count);
}

/** Returns the current and peak resident memory in KiB, or `null` where `/proc` is not available. */
export function memory() {
  const value = (name) => {
    try {
      const status = readFileSync("/proc/self/status", "utf8");
      return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)[1]);
    } catch {
      return null;
    }
  };
  return { held_kib: value("VmRSS"), peak_kib: value("VmHWM") };
}

/** Starts the clock and returns a function that stops it. */
export function clock() {
  const [wall, cpu] = [performance.now(), process.cpuUsage()];
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return {
      wall_seconds: (performance.now() - wall) / 1e3,
      cpu_seconds: (user + system) / 1e6,
    };
  };
}

/** Runs the job. Each benchmark takes a number of units and resolves to the number of records processed. */
export async function run(rows) {
  const work = rows[job.row];
  if (WRITING.includes(job.row)) await lines(job.units);
  if (job.warm_up > 0) await work(job.warm_up);
  const stop = clock();
  const records = await work(job.units);
  const measured = stop();
  globalThis.gc();
  console.log(JSON.stringify({ records, ...measured, ...memory() }));
}
