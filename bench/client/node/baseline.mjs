// Measures Node.js and the harness without a client.

import { job, run } from "./harness.mjs";

await run({ [job.case]: async () => 0 });
