// Measures Node.js and the measuring code without a client.

import { job, run } from "./measure.mjs";

await run({ [job.case]: async () => 0 });
