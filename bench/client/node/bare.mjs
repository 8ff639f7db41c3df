// Baseline: the cost of Node.js and of the measurement itself.

import { job, run } from "./measure.mjs";

await run({ [job.row]: async () => 0 });
