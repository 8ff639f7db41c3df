// The measuring side of every Node runner: reads its job, runs it, and prints what it cost as one line of JSON.

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

/** What the runner is asked to do, as `cargo xtask bench client` writes it; measure.py says what each member means. */
export const job = JSON.parse(process.argv[2]);

// What `lines` has read, so that it is read before the clock starts.
let known = [];

// The rows that write.
const WRITING = ["create", "bulk_in", "bulk_file"];

/** The first records of the file. */
export async function lines(count) {
  if (known.length < count) {
    const text = await readFile(job.records, "utf8");
    known = text.split("\n", count).map((line) => JSON.parse(line));
  }
  return known.slice(0, count);
}

/** What the process holds now and held at most, in KiB; only Linux says it without the parent's share. */
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

/** Starts the clock. What it returns stops it. */
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

/** Does what the argument asks for. A row's work takes a number of units, and resolves to how many records it saw. */
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
