// What Node.js and the measuring itself cost.

import { job, run } from "./measure.mjs";

await run({ [job.row]: async () => 0 });
