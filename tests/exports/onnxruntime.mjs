// SPDX-License-Identifier: LGPL-2.1-or-later
//
//   node onnxruntime.mjs FOLDER_OF_NODE_MODULES MODEL.onnx SAMPLES.safetensors
//
// Runs the model in ONNX Runtime on the pictures of the samples, which `hepar export --samples`
// writes, all in one batch and one by one. Prints JSON: for each result the largest difference from
// the samples', relative to the result's largest magnitude, or to 1 where that is less.
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {join, resolve} from 'node:path';

const [modules, model, samplesFile] = process.argv.slice(2);
if (!samplesFile) {
  console.error('usage: node onnxruntime.mjs FOLDER_OF_NODE_MODULES MODEL.onnx SAMPLES.safetensors');
  process.exit(2);
}
const ort = createRequire(join(resolve(modules), 'index.js'))('onnxruntime-node');

function readSafetensors(path) {
  const file = readFileSync(path);
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.subarray(8, 8 + length).toString());
  const tensors = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const [begin, end] = entry.data_offsets;
    // A copy, which is aligned.
    const bytes = new Uint8Array(file.subarray(8 + length + begin, 8 + length + end));
    tensors[name] = {dims: entry.shape, data: new Float32Array(bytes.buffer)};
  }
  return tensors;
}

function relativeDifference(got, expected) {
  if (got.length !== expected.length) return Infinity;
  let difference = 0;
  let magnitude = 1;
  for (let i = 0; i < got.length; ++i) {
    const d = Math.abs(got[i] - expected[i]);
    if (!(d <= difference)) difference = d;  // Also what is no number.
    magnitude = Math.max(magnitude, Math.abs(expected[i]));
  }
  return difference / magnitude;
}

const {picture, ...expected} = readSafetensors(samplesFile);
const session = await ort.InferenceSession.create(model, {
  executionProviders: ['cpu'],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
});
const [batch, ...shape] = picture.dims;
const size = picture.data.length / batch;
const run = (data, count) =>
  session.run({picture: new ort.Tensor('float32', data, [count, ...shape])});

const together = await run(picture.data, batch);
const alone = [];
for (let i = 0; i < batch; ++i) {
  alone.push(await run(picture.data.slice(i * size, (i + 1) * size), 1));
}
const differences = {};
for (const [name, {data}] of Object.entries(expected)) {
  if (!(name in together)) throw new Error(`${model} has no output ${name}`);
  const joined = alone.flatMap((results) => [...results[name].data]);
  differences[name] = Math.max(
    relativeDifference(together[name].data, data),
    relativeDifference(joined, data),
  );
}
// JSON has no word for what is no number.
console.log(JSON.stringify(differences, (_, v) => (Number.isNaN(v) ? 'nan' : v)));
