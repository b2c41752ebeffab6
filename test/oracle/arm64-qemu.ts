// The simulator against real execution: one static program with thousands of cases, run once by qemu-aarch64. A case loads all registers and flags,
// executes a few words, and stores registers, flags and whether a branch was taken; the simulator executes the same words at the same addresses.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FIELDS } from '../../src/jit/arm64/decode.ts';
import { enc } from '../../src/jit/arm64/encode.ts';
import { FORMS, type Form, type FormName } from '../../src/jit/arm64/forms.ts';
import { print } from '../../src/jit/arm64/print.ts';
import { cond, SP, ZR } from '../../src/jit/arm64/registers.ts';
import { Simulator } from '../../src/jit/arm64/simulate.ts';
import { randomWords, wordsOf } from './arm64-words.ts';

export const QEMU = 'qemu-aarch64';

const BASE = 0x1000_0000;
const HEADER = 120; // ELF header and one program header; the file is loaded from its start.
const VARIABLES = BASE + HEADER; // Current record, end of records.
const DRIVER = VARIABLES + 24;
/** Record: x0 to x30, nzcv, sp, entry; then what came out: x0 to x30, nzcv, sp, taken. */
const STATE = 34 * 8;
const RECORD = 2 * STATE;
const NZCV = 31;
const STACK = 32;
const LAST = 33;
const SCRATCH = 128;
const CENTRE = 64;

// Not forms of ours.
const SVC = 0xd4000001;
const msrNzcv = (register: number): number => 0xd51b4200 | register;
const mrsNzcv = (register: number): number => 0xd53b4200 | register;
const msrThread = (register: number): number => 0xd51bd040 | register;

interface Case {
  readonly words: readonly number[];
  readonly state: BigUint64Array;
}

/** Forms that stop the program, need the operating system, or make authentication codes. */
const EXCLUDED: ReadonlySet<FormName> = new Set(['brk', 'hlt', 'udf', 'mrsTpidr', 'retaa', 'paciasp', 'autiasp']);
const TAKEN = 8; // Every branch goes two words ahead.

function randomValue(random: () => number): bigint {
  const wide = (BigInt(random() >>> 0) << 32n) | BigInt(random() >>> 0);
  const edges = [
    0n,
    1n,
    2n,
    0x7fn,
    0x80n,
    0xffn,
    0x7fff_ffffn,
    0x8000_0000n,
    0xffff_ffffn,
    0x1_0000_0000n,
    2n ** 63n - 1n,
    2n ** 63n,
    2n ** 64n - 1n,
  ];
  switch ((random() >>> 5) & 7) {
    case 0:
    case 1:
      return edges[(random() >>> 3) % edges.length]!;
    case 2:
      return wide & 0xffff_ffffn;
    case 3:
      return BigInt.asUintN(64, BigInt.asIntN(32, wide));
    case 4:
      return wide & 0x7fn;
    default:
      return wide;
  }
}

/** The form's word with another value in a field, by way of its encoder. */
function withField(form: Form, word: number, name: string, value: number): number {
  const fields = FIELDS[FORMS.indexOf(form)]!;
  const encode = enc[form.name] as (...operands: number[]) => number;
  return encode(...form.operands.map((operand) => (operand === name ? value : fields[operand]!(word))));
}

const WRITE_BACK = /P(ost|re)$/;

/** A case for one word of a form; undefined where the word's effect is unpredictable. `scratch` and `code` are the addresses it will have. */
function makeCase(form: Form, original: number, random: () => number, scratch: number, code: number): Case | undefined {
  const fields = FIELDS[FORMS.indexOf(form)]!;
  let word = original;
  const state = new BigUint64Array(STATE / 8);
  for (let i = 0; i <= 30; i++) state[i] = randomValue(random);
  state[NZCV] = BigInt((random() >>> 7) & 15) << 28n;
  state[STACK] = BigInt(scratch + CENTRE);
  const set = (register: number, value: bigint): void => {
    if (register === SP) state[STACK] = value & ~15n;
    else state[register] = value;
  };
  const read = (name: string): number => fields[name]!(word);
  const displacement = form.operands.find((name) => /^imm(14|19|26)$/.test(name));
  if (displacement !== undefined) {
    word = withField(form, word, displacement, form.name === 'ldrLit' ? -4 * ((random() >>> 9) & 7) : TAKEN);
    return { words: [word], state };
  }
  if (['br', 'blr', 'ret'].includes(form.name)) {
    if (read('Rn') === ZR) return undefined;
    set(read('Rn'), BigInt(code + TAKEN));
    return { words: [word], state };
  }
  if (!form.text.includes('[')) return { words: [word], state };

  const [Rn, Rt, Rs] = [read('Rn'), read('Rt'), fields['Rs'] === undefined ? -1 : read('Rs')];
  const Rt2 = fields['Rt2'] === undefined ? -1 : read('Rt2');
  const pair = form.name.startsWith('ldp');
  if (pair && Rt === Rt2) return undefined;
  if (WRITE_BACK.test(form.name) && Rn !== SP && (Rn === Rt || Rn === Rt2)) return undefined;
  let address = scratch + CENTRE + ((random() >>> 6) & 7);
  const ordered = form.operands.join(' ') === 'size Rt Rn' || Rs >= 0;
  if (ordered) address = scratch + CENTRE + ((((random() >>> 6) & 15) >> read('size')) << read('size'));
  if (fields['Rm'] !== undefined) {
    const [Rm, option] = [read('Rm'), read('option')];
    if (Rm === Rn) return undefined;
    const value = Rm === ZR ? 0n : state[Rm]!;
    const index = option === 2 ? BigInt.asUintN(32, value) : option === 6 ? BigInt.asIntN(32, value) : value;
    set(Rn, BigInt.asUintN(64, BigInt(address) - (index << BigInt(read('S') * read('size')))));
    // SP must stay aligned: such an index would take the access elsewhere.
    if (Rn === SP && ((BigInt(address) - (index << BigInt(read('S') * read('size')))) & 15n) !== 0n) return undefined;
    return { words: [word], state };
  }
  const offset = ['imm12', 'imm9', 'imm7'].find((name) => fields[name] !== undefined);
  const before = form.name.endsWith('Post') || offset === undefined ? 0 : read(offset);
  set(Rn, BigInt(address - before));
  if (Rs >= 0 && Rs !== Rn && Rs !== Rt && form.name === 'cas' && (random() & 16) !== 0) {
    return { words: [enc.ldrImm(read('size'), Rs, Rn, 0), word], state };
  }
  if (form.name === 'stxr' || form.name === 'stlxr') {
    if (Rs === Rt || (Rs === Rn && Rn !== SP)) return undefined;
    const load = (random() & 64) === 0 ? enc.ldxr : enc.ldaxr;
    return { words: (random() & 48) === 0 ? [word] : [load(read('size'), ZR, Rn), word], state };
  }
  return { words: [word], state };
}

/** Code of a case: load the state, the words, and two ways out. */
function caseCode(words: readonly number[], at: number, save: number, saveTaken: number): number[] {
  const code: number[] = [];
  for (let i = 0; i < 30; i += 2) code.push(enc.ldp(1, i, i + 1, 30, 8 * i));
  code.push(enc.ldrImm(3, 30, 30, 240), ...words);
  code.push(enc.b(save - (at + 4 * code.length)));
  code.push(enc.b(saveTaken - (at + 4 * code.length)));
  return code;
}

const LOADS = 16;

export function compareWithQemu(perForm: number): { compared: number; forms: number; differences: string[] } {
  const random = randomWords(4711);
  const chosen = FORMS.filter(({ name }) => !EXCLUDED.has(name));
  const candidates = chosen.flatMap((form) =>
    wordsOf(form, random, perForm)
      .filter((_, i, list) => i % Math.max(1, Math.floor(list.length / perForm)) === 0)
      .map((word) => [form, word] as const),
  );

  const driver: number[] = [];
  const here = (): number => DRIVER + 4 * driver.length;
  const stride = 4 * (LOADS + 2 + 2);
  const align = (value: number): number => Math.ceil(value / 64) * 64;
  const codeAt = align(DRIVER + 4 * 64);
  const recordsAt = align(codeAt + stride * candidates.length);
  const scratchAt = align(recordsAt + RECORD * candidates.length);
  const end = scratchAt + SCRATCH * candidates.length;

  // Start: the variables are in the image already. `next`:
  const toVariables = (register: number): number => enc.adr(register, VARIABLES - here());
  driver.push(toVariables(30), enc.ldp(1, 30, 1, 30, 0), enc.subsReg(1, ZR, 30, 1, 0, 0));
  const finishBranch = driver.length;
  driver.push(0);
  driver.push(enc.ldrImm(3, 0, 30, 8 * NZCV), msrNzcv(0), enc.ldrImm(3, 0, 30, 8 * STACK), enc.addImm(1, SP, 0, 0, 0), enc.clrex(15));
  driver.push(enc.ldrImm(3, 29, 30, 8 * LAST), enc.br(29));
  const save = here();
  driver.push(msrThread(30));
  driver.push(toVariables(30), enc.ldrImm(3, 30, 30, 0), enc.nop());
  const saveTaken = here();
  driver.push(msrThread(30));
  driver.push(toVariables(30));
  driver.push(enc.ldrImm(3, 30, 30, 0));
  driver[driver.length - 4] = enc.b(20);
  driver.push(enc.strImm(3, 30, 30, STATE + 8 * LAST));
  driver.push(enc.addImm(1, 30, 30, STATE, 0));
  for (let i = 0; i < 30; i += 2) driver.push(enc.stp(1, i, i + 1, 30, 8 * i));
  driver.push(enc.mrsTpidr(0), enc.strImm(3, 0, 30, 240), mrsNzcv(0), enc.strImm(3, 0, 30, 8 * NZCV), enc.addImm(1, 0, SP, 0, 0));
  driver.push(enc.strImm(3, 0, 30, 8 * STACK));
  driver.push(toVariables(1));
  driver.push(enc.ldrImm(3, 0, 1, 0), enc.addImm(1, 0, 0, RECORD, 0), enc.strImm(3, 0, 1, 0));
  driver.push(enc.b(DRIVER - here()));
  // Finish: write records and scratch to standard output, exit.
  driver[finishBranch] = enc.bcond(cond.eq, here() - (DRIVER + 4 * finishBranch));
  const constant = (register: number, value: number): void => {
    driver.push(enc.movz(1, register, value & 0xffff, 0), enc.movk(1, register, (value >>> 16) & 0xffff, 1));
  };
  constant(19, recordsAt);
  constant(20, end);
  const loop = here();
  driver.push(enc.movz(1, 0, 1, 0), enc.orrReg(1, 1, ZR, 19, 0, 0), enc.subReg(1, 2, 20, 19, 0, 0), enc.movz(1, 8, 64, 0), SVC);
  driver.push(enc.addReg(1, 19, 19, 0, 0, 0), enc.subsReg(1, ZR, 19, 20, 0, 0));
  driver.push(enc.bcond(cond.ne, loop - here()));
  driver.push(enc.movz(1, 0, 0, 0), enc.movz(1, 8, 93, 0), SVC);

  const image = new Uint8Array(end - BASE);
  const view = new DataView(image.buffer);
  const put = (address: number, words: readonly number[]): void =>
    words.forEach((word, i) => void view.setInt32(address - BASE + 4 * i, word, true));
  put(DRIVER, driver);
  const cases: (Case & { form: Form; code: number; at: number })[] = [];
  for (const [form, word] of candidates) {
    const i = cases.length;
    const code = codeAt + stride * i;
    const one = makeCase(form, word, random, scratchAt + SCRATCH * i, code + 4 * LOADS);
    if (one === undefined) continue;
    one.state[LAST] = BigInt(code);
    put(code, caseCode(one.words, code, save, saveTaken));
    one.state.forEach((value, k) => void view.setBigUint64(recordsAt - BASE + RECORD * i + 8 * k, value, true));
    for (let k = 0; k < SCRATCH; k++) image[scratchAt - BASE + SCRATCH * i + k] = random();
    cases.push({ ...one, form, code: code + 4 * LOADS, at: i });
  }
  view.setBigUint64(VARIABLES - BASE, BigInt(recordsAt), true);
  view.setBigUint64(VARIABLES - BASE + 8, BigInt(recordsAt + RECORD * cases.length), true);
  writeHeader(view, image.length);

  const output = runQemu(image);
  const expectedLength = end - recordsAt;
  if (output.length !== expectedLength) throw new Error(`qemu wrote ${output.length} bytes, expected ${expectedLength}`);
  const real = new DataView(output.buffer, output.byteOffset, output.byteLength);

  const scratch = image.slice(scratchAt - BASE);
  const simulator = new Simulator({
    memory: [
      { base: scratchAt, bytes: scratch },
      { base: BASE, bytes: image.slice(0, recordsAt - BASE), writable: false },
    ],
    code: [{ base: BASE + HEADER, bytes: image.slice(HEADER, recordsAt - BASE) }],
    returnAddress: 0x1000,
    hostCall: () => {
      throw new Error('left the code');
    },
  });
  const differences: string[] = [];
  const tested = new Set<FormName>();
  for (const { words, state, form, code, at } of cases) {
    tested.add(form.name);
    for (let i = 0; i <= 30; i++) simulator.x[i] = state[i]!;
    simulator.x[31] = state[STACK]!;
    simulator.nzcv = Number(state[NZCV]! >> 28n);
    const stop = simulator.resume(code, words.length);
    const text = words.map((word) => print(word)).join('; ');
    const wrong = (what: string): void => void differences.push(`${text}: ${what}`);
    if (stop.kind !== 'limit') {
      wrong(`stopped: ${JSON.stringify(stop)}`);
      continue;
    }
    const out = RECORD * at + STATE;
    for (let i = 0; i <= 30; i++) compare(`x${i}`, simulator.x[i]!, real.getBigUint64(out + 8 * i, true), wrong);
    compare('sp', simulator.x[31]!, real.getBigUint64(out + 8 * STACK, true), wrong);
    compare('nzcv', BigInt(simulator.nzcv) << 28n, real.getBigUint64(out + 8 * NZCV, true), wrong);
    const taken = stop.pc !== code + 4 * words.length;
    if (taken !== (real.getBigUint64(out + 8 * LAST, true) !== 0n)) wrong(`ours ${taken ? 'is' : 'is not'} taken`);
    const from = SCRATCH * at;
    const theirs = output.subarray(scratchAt - recordsAt + from, scratchAt - recordsAt + from + SCRATCH);
    const ours = scratch.subarray(from, from + SCRATCH);
    if (!ours.every((byte, i) => byte === theirs[i])) wrong('memory differs');
  }
  for (const { name } of chosen) if (!tested.has(name)) differences.push(`${name}: no case`);
  return { compared: cases.length, forms: tested.size, differences };
}

function compare(name: string, ours: bigint, theirs: bigint, wrong: (what: string) => void): void {
  if (ours !== theirs) wrong(`${name}: ours 0x${ours.toString(16)}, real 0x${theirs.toString(16)}`);
}

/** [ELF "ELF header"]: a static executable with one segment that may be read, written and executed. */
function writeHeader(view: DataView, size: number): void {
  [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1].forEach((byte, i) => void view.setUint8(i, byte));
  view.setUint16(16, 2, true);
  view.setUint16(18, 183, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(DRIVER), true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 1, true);
  view.setUint32(64, 1, true);
  view.setUint32(68, 7, true);
  view.setBigUint64(80, BigInt(BASE), true);
  view.setBigUint64(88, BigInt(BASE), true);
  view.setBigUint64(96, BigInt(size), true);
  view.setBigUint64(104, BigInt(size), true);
  view.setBigUint64(112, 0x1000n, true);
}

function runQemu(image: Uint8Array): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'arm64-oracle-'));
  try {
    const path = join(folder, 'cases');
    writeFileSync(path, image);
    chmodSync(path, 0o755);
    const { stdout, stderr, status, signal, error } = spawnSync(QEMU, ['-cpu', 'max', path], { maxBuffer: 1 << 28 });
    if (error) throw error;
    if (status !== 0) throw new Error(`qemu ended with ${status ?? signal}: ${stderr}`);
    return stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
