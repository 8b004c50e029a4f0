// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The inference engine against ONNX Runtime on the same weights: one thread, one picture at a time,
// in turns. `./run bench-onnx` installs npm's onnxruntime-node and calls this.
//
//   node onnxruntime.mjs FOLDER_OF_NODE_MODULES [size ...]
//
// For each size of model (live, paper) `hepar bench` keeps the network that it measures and `hepar
// export` writes it as ONNX; then ONNX Runtime and `hepar bench` run in turns, BENCH_ROUNDS times
// (5). Prints the medians over all rounds and their ratio.
import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';

const [modules, ...wished] = process.argv.slice(2);
if (!modules) {
  console.error('usage: node onnxruntime.mjs FOLDER_OF_NODE_MODULES [size ...]');
  process.exit(2);
}
const sizes = wished.length ? wished : ['live', 'paper'];
const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const side = 224;
const repeats = {nano: 40, live: 30, paper: 6};
const ort = createRequire(join(resolve(modules), 'index.js'))('onnxruntime-node');

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

// Every value of the picture is known to both sides of a comparison, and no two are alike.
function testPicture(dims) {
  const picture = new Float32Array(dims.reduce((a, b) => a * b));
  for (let i = 0; i < picture.length; ++i) picture[i] = ((i * 7919) % 10007) / 10006;
  return new ort.Tensor('float32', picture, dims);
}

function hepar(...args) {
  return execFileSync('hepar', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {...process.env, OMP_NUM_THREADS: '1'},
  });
}

function engineMs(size, ...args) {
  const text = hepar('bench', '--engine-only', '--size', size, '--json', '-', '--repeat',
    String(repeats[size]), ...args);
  return JSON.parse(text).engine_fp32_ms;
}

async function timeRuntime(session, picture, repeat) {
  const times = [];
  for (let i = 0; i < repeat + 2; ++i) {
    const start = process.hrtime.bigint();
    await session.run({picture});
    // The first two runs lay out memory.
    if (i >= 2) times.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  return times;
}

const work = mkdtempSync(join(tmpdir(), 'hepar-onnx-'));
try {
  console.log('| size | input | engine fp32, ms | ONNX Runtime, ms | engine is faster by |');
  console.log('|---|---|---|---|---|');
  for (const size of sizes) {
    const bundle = join(work, `${size}.hepar`);
    const file = join(work, `${size}.onnx`);
    engineMs(size, '--input-size', String(side), '--save', bundle);
    hepar('export', '--model', bundle, '--format', 'onnx', '--out', file);
    const session = await ort.InferenceSession.create(file, {
      executionProviders: ['cpu'],
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
    });
    const picture = testPicture([1, 1, side, side]);
    const ours = [];
    const theirs = [];
    for (let round = 0; round < rounds; ++round) {
      theirs.push(...(await timeRuntime(session, picture, repeats[size])));
      ours.push(engineMs(size, '--input-size', String(side)));
    }
    const a = median(ours);
    const b = median(theirs);
    console.log(`| ${size} | ${side} | ${a.toFixed(2)} | ${b.toFixed(2)} | ${(b / a).toFixed(2)} |`);
  }
} finally {
  rmSync(work, {recursive: true});
}
