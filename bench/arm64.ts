// What the arm64 machine layer costs: nanoseconds a word to encode, decode and print, and simulated instructions a second.
// `node dist/bench/arm64.js`. Best of five.
import { decode } from '../src/jit/arm64/decode.ts';
import { enc, LSL, SXTW, UXTW, W, X } from '../src/jit/arm64/encode.ts';
import { moveImmediate } from '../src/jit/arm64/immediates.ts';
import { print } from '../src/jit/arm64/print.ts';
import { cond, LR, ZR } from '../src/jit/arm64/registers.ts';
import { Simulator } from '../src/jit/arm64/simulate.ts';

let sink = 0;

function best(title: string, count: number, run: () => number): void {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    sink ^= run();
    least = Math.min(least, performance.now() - start);
  }
  console.log(
    `${title.padEnd(44)} ${((least * 1e6) / count).toFixed(2).padStart(8)} ns  ${(count / least / 1000).toFixed(0).padStart(6)} M/s`,
  );
}

const COUNT = 4_000_000;
best('encode: six forms in turn', 6 * COUNT, () => {
  let all = 0;
  for (let i = 0; i < COUNT; i++) {
    const r = i & 15;
    all ^= enc.addReg(X, r, 1, 2, LSL, 3);
    all ^= enc.addImm(W, r, 1, i & 0xfff, 0);
    all ^= enc.ldrReg(3, r, 28, 1, UXTW, 0);
    all ^= enc.ldur(2, r, 1, (i & 255) - 128);
    all ^= enc.ubfm(X, r, 1, 3, 17);
    all ^= enc.bcond(r, (i & 0xffff) * 4);
  }
  return all;
});

const out = new Int32Array(4);
best('encode: moves of 64-bit constants', COUNT / 4, () => {
  let all = 0;
  for (let i = 0; i < COUNT / 4; i++) all ^= moveImmediate(X, 1, Math.imul(i, 0x9e3779b1), Math.imul(i, 0x85ebca6b), out);
  return all;
});

// A loop over a small array in the window: what JIT code does most.
const loop = [
  enc.addReg(X, 0, 0, 1, LSL, 0),
  enc.strReg(3, 0, 28, 1, UXTW, 0),
  enc.ldrReg(2, 3, 28, 1, UXTW, 0),
  enc.eorReg(X, 0, 0, 3, LSL, 3),
  enc.addImm(X, 1, 1, 1, 0),
  enc.ubfm(X, 5, 0, 3, 63),
  enc.madd(X, 6, 5, 3, 0),
  enc.andImm(X, 1, 1, 0x1000 | 15),
  enc.addExt(X, 7, 6, 5, SXTW, 2),
  enc.subsImm(X, 2, 2, 1, 0),
];
const words = [enc.movz(X, 2, 200, 1), ...loop, enc.bcond(cond.ne, -4 * loop.length), enc.orrReg(X, 0, ZR, 7, LSL, 0), enc.ret(LR)];

best('decode', words.length * 200_000, () => {
  let all = 0;
  for (let i = 0; i < 200_000; i++) for (const word of words) all += decode(word);
  return all;
});
best('print', words.length * 5_000, () => {
  let all = 0;
  for (let i = 0; i < 5_000; i++) for (const word of words) all += print(word).length;
  return all;
});

const simulator = new Simulator({
  memory: [
    { base: 2 ** 40, bytes: new Uint8Array(1 << 20) },
    { base: 2 ** 41, bytes: new Uint8Array(4096) },
  ],
  code: [{ base: 0x1000_0000, bytes: new Uint8Array(Int32Array.from(words).buffer) }],
  returnAddress: 0x7000,
  hostCall: () => {
    throw new Error('left the code');
  },
});
simulator.setRegister(28, 2 ** 40 + 65536);
simulator.run(0x1000_0000);
const each = simulator.executed;
best('simulate: a loop with memory accesses', each, () => {
  simulator.x.fill(0n, 0, 28);
  return simulator.run(0x1000_0000).kind.length;
});
if (sink === 42) console.log('');
