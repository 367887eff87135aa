// The objects of a file as plain ApiObjects, by cdk8s in its own language.
import { readFileSync } from 'node:fs';
import { ApiObject, App, Chart } from 'cdk8s';

const [file, outdir] = process.argv.slice(2);
const charts: Record<string, any[]> = JSON.parse(readFileSync(file, 'utf8'));
const app = new App({ outdir });
for (const [name, objects] of Object.entries(charts)) {
  const chart = new Chart(app, name, { disableResourceNameHashes: true });
  objects.forEach((each, index) => new ApiObject(chart, String(index), each));
}
app.synth();
