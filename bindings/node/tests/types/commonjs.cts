// Checks that the declarations work with `require`.

import datasets = require("mistral-datasets");

const mistral: datasets.Mistral = new datasets.Mistral({ apiKey: "key" });
export const names: Promise<string[]> = mistral.datasets
  .list()
  .then(({ datasets }) => datasets.results.map(({ name }) => name));
