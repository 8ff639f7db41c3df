// Measures how long a new process takes to import a client and create it.
//
//     node startup.mjs baseline | official | plain | ours  SERVER_URL API_KEY
//
// Nothing else is imported before the measurement starts.

const [client, serverURL, apiKey] = process.argv.slice(2);
const [wall, cpu] = [performance.now(), process.cpuUsage()];
let call;
if (client === "official") {
  const { createRequire } = await import("node:module");
  const require = createRequire(
    new URL("../../../tests/official/node/package.json", import.meta.url),
  );
  const { Mistral } = await import(require.resolve("@mistralai/mistralai"));
  const { datasets } = new Mistral({ apiKey, serverURL }).beta.observability;
  call = () => datasets.list({});
} else if (client === "ours") {
  const { Mistral } = await import("../../../bindings/node/lib/index.mjs");
  const { datasets } = new Mistral({ apiKey, serverURL }).beta.observability;
  call = () => datasets.list({});
} else if (client === "plain") {
  const headers = { authorization: `Bearer ${apiKey}` };
  call = async () => (await fetch(`${serverURL}/v1/observability/datasets`, { headers })).json();
} else {
  call = async () => null;
}
const { user, system } = process.cpuUsage(cpu);
const measured = {
  wall_seconds: (performance.now() - wall) / 1e3,
  cpu_seconds: (user + system) / 1e6,
};
// The client must work; this call is not measured.
await call();
console.log(JSON.stringify({ records: 0, ...measured, rss_kib: null, peak_rss_kib: null }));
process.exit();
