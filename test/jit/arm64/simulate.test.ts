// The simulator: how runs stop, memory and its limits, host calls, and each kind of instruction by what one would expect of it. What
// instructions do to random states is compared with real execution by the oracle.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ASR, enc, LSL, LSR, SXTW, SXTX, UXTW, UXTX, W, X } from '../../../src/jit/arm64/encode.ts';
import { FORMS } from '../../../src/jit/arm64/forms.ts';
import { cond, LR, SP, ZR } from '../../../src/jit/arm64/registers.ts';
import { Simulator, type Stop } from '../../../src/jit/arm64/simulate.ts';
import { MEANINGS } from '../../../src/jit/arm64/simulator/meanings.ts';

const CODE = 0x20_0000_0000;
const WINDOW = 2 ** 40;
const STACK = 0x7f00_0000_0000;
const RETURN = 0x7000;

interface Ran {
  readonly stop: Stop;
  readonly simulator: Simulator;
  readonly window: DataView;
  readonly calls: string[];
}

/** Registers are given and read as bigint; x28 is the window, sp the stack's top. */
function run(words: readonly number[], registers: Readonly<Record<number, bigint>> = {}, limit = 10_000): Ran {
  const window = new Uint8Array(4096);
  for (let i = 0; i < 256; i++) window[i] = i ^ 0x80;
  const calls: string[] = [];
  const simulator = new Simulator({
    memory: [
      { base: WINDOW, bytes: window },
      { base: STACK, bytes: new Uint8Array(1024) },
      { base: 0x5000, bytes: new Uint8Array(16), writable: false },
    ],
    code: [{ base: CODE, bytes: new Uint8Array(Int32Array.from(words).buffer) }],
    returnAddress: RETURN,
    hostCall: (hi, lo, self) => {
      calls.push(`${(hi >>> 0).toString(16)}:${(lo >>> 0).toString(16)}`);
      self.x[0] = self.x[0]! + 1n;
      return self.linkAddress();
    },
  });
  simulator.setRegister(28, WINDOW);
  simulator.sp = STACK + 1024;
  for (const [register, value] of Object.entries(registers)) simulator.x[Number(register)] = value;
  return { stop: simulator.run(CODE, limit), simulator, window: new DataView(window.buffer), calls };
}

/** x0 after the words and a return. */
function result(words: readonly number[], registers: Readonly<Record<number, bigint>> = {}): bigint {
  const { stop, simulator } = run([...words, enc.ret(LR)], registers);
  assert.deepEqual(stop, { kind: 'returned' });
  return simulator.x[0]!;
}

const all = (2n ** 64n - 1n) as bigint;
const high = 1n << 63n;

test('every form has a meaning, and no other', () => {
  assert.deepEqual(Object.keys(MEANINGS).sort(), FORMS.map(({ name }) => name).sort());
});

test('ways to stop', () => {
  assert.deepEqual(run([enc.ret(LR)]).stop, { kind: 'returned' });
  assert.deepEqual(run([enc.nop(), enc.brk(7)]).stop, { kind: 'brk', pc: CODE + 4, imm16: 7 });
  assert.deepEqual(run([0x1e222820]).stop, { kind: 'undefined', pc: CODE, word: 0x1e222820 });
  assert.deepEqual(run([enc.udf(3)]).stop, { kind: 'undefined', pc: CODE, word: 3 });
  assert.deepEqual(run([enc.b(0)], {}, 100).stop, { kind: 'limit', pc: CODE });
  assert.equal(run([enc.b(0)], {}, 100).simulator.executed, 100);
  assert.deepEqual(run([enc.ldrImm(3, 0, 28, 4088)]).calls, [`20:4`], 'running off the end leaves the code');
});

test('a fault says where and what, and changes nothing', () => {
  const beyond = run([enc.nop(), enc.ldrPre(3, 0, 28, 255), enc.ret(LR)], { 0: 5n, 28: BigInt(WINDOW) + 4096n - 261n });
  assert.deepEqual(beyond.stop, { kind: 'fault', why: 'unmapped', pc: CODE + 4, address: { hi: 0x100, lo: 4090 } });
  assert.equal(beyond.simulator.x[0], 5n);
  assert.equal(beyond.simulator.getRegister(28), WINDOW + 4096 - 261);
  assert.deepEqual(run([enc.ldur(0, 0, 28, -1)]).stop, {
    kind: 'fault',
    why: 'unmapped',
    pc: CODE,
    address: { hi: 0xff, lo: -1 },
  });
  assert.deepEqual(run([enc.ldrImm(0, 0, 1, 0)], { 1: 0xffff_8000_0000_0000n }).stop, {
    kind: 'fault',
    why: 'unmapped',
    pc: CODE,
    address: { hi: 0xffff8000 | 0, lo: 0 },
  });
  assert.deepEqual(run([enc.strImm(2, 0, 1, 0)], { 1: 0x5000n }).stop, {
    kind: 'fault',
    why: 'readonly',
    pc: CODE,
    address: { hi: 0, lo: 0x5000 },
  });
  assert.equal(run([enc.ldrImm(2, 0, 1, 0), enc.ret(LR)], { 1: 0x5000n }).stop.kind, 'returned');
  const pair = run([enc.stp(X, 28, 28, 28, 504)], { 28: BigInt(WINDOW) + 4096n - 512n });
  assert.equal(pair.stop.kind, 'fault', 'half a pair is not stored');
  assert.equal(pair.window.getBigUint64(4088, true), 0n);
});

test('ordinary accesses may be unaligned; ordered and atomic ones within 16 aligned bytes', () => {
  assert.equal(result([enc.ldrImm(3, 0, 1, 0)], { 1: BigInt(WINDOW) + 3n }), 0x8a89_8887_8685_8483n);
  assert.equal(result([enc.ldar(2, 0, 1)], { 1: BigInt(WINDOW) + 11n }), 0x8e8d8c8bn);
  const address = { hi: 0x100, lo: 13 };
  for (const word of [enc.ldar(2, 0, 1), enc.stlr(2, 0, 1), enc.ldxr(2, 0, 1), enc.ldadd(2, 0, 0, 2, 3, 1), enc.cas(2, 0, 0, 2, 3, 1)]) {
    assert.deepEqual(run([word], { 1: BigInt(WINDOW) + 13n }).stop, { kind: 'fault', why: 'alignment', pc: CODE, address });
  }
  assert.deepEqual(run([enc.subImm(X, SP, SP, 8, 0), enc.strImm(3, 0, SP, 0)]).stop.kind, 'fault', 'SP is checked');
});

test('host calls: far away, at 64-bit addresses, returning by the link register', () => {
  const { stop, simulator, calls } = run(
    [enc.orrReg(X, 19, ZR, LR, LSL, 0), enc.bl(0x100_0000), enc.blr(1), enc.br(2), enc.brk(1)],
    { 1: 0xffff_8000_0821_18f4n, 2: 0x9000n },
    100,
  );
  // The last is a tail jump, and returns to where the BLR came from.
  assert.equal(stop.kind, 'limit');
  assert.deepEqual(calls.slice(0, 3), ['20:1000004', 'ffff8000:82118f4', '0:9000']);
  assert.equal(simulator.getRegister(19), RETURN);
  assert.equal(simulator.executed + calls.length, 100, 'a host call counts towards the limit');
});

test('several code areas, calls between them, and a replaced one', () => {
  const bytes = (words: readonly number[]): Uint8Array => new Uint8Array(Int32Array.from(words).buffer);
  const simulator = new Simulator({
    memory: [{ base: WINDOW, bytes: new Uint8Array(64) }],
    code: [
      { base: 0x1000, bytes: bytes([enc.orrReg(X, 19, ZR, LR, LSL, 0), enc.bl(0xffc), enc.addImm(X, 0, 0, 1, 0), enc.ret(19)]) },
      { base: 0x2000, bytes: bytes([enc.movz(X, 0, 5, 0), enc.ret(LR)]) },
    ],
    returnAddress: RETURN,
    hostCall: () => assert.fail('no host call expected'),
  });
  assert.deepEqual(simulator.run(0x1000), { kind: 'returned' });
  assert.equal(simulator.x[0], 6n);
  assert.equal(simulator.executed, 6);
  simulator.addCode({ base: 0x2000, bytes: bytes([enc.movz(X, 0, 7, 0), enc.ret(LR)]) });
  simulator.run(0x1000);
  assert.equal(simulator.x[0], 8n);
  assert.deepEqual(simulator.run(0x1002), { kind: 'fault', why: 'alignment', pc: 0x1002, address: { hi: 0, lo: 0x1002 } });
});

test('a run that hits the limit can go on', () => {
  const words = [enc.movz(X, 0, 100, 0), enc.subsImm(X, 0, 0, 1, 0), enc.bcond(cond.ne, -4), enc.ret(LR)];
  const { stop, simulator } = run(words, {}, 50);
  assert.equal(stop.kind, 'limit');
  assert.deepEqual(simulator.resume(stop.kind === 'limit' ? stop.pc : 0), { kind: 'returned' });
  assert.equal(simulator.x[0], 0n);
  assert.equal(simulator.executed, 1 + 200 + 1);
});

test('memory that has grown is seen after a host call', () => {
  const area = { base: WINDOW, bytes: new Uint8Array(16) };
  const simulator = new Simulator({
    memory: [area],
    code: [
      {
        base: CODE,
        bytes: new Uint8Array(
          Int32Array.from([enc.orrReg(X, 19, ZR, LR, LSL, 0), enc.blr(1), enc.strImm(3, 28, 28, 16), enc.ret(19)]).buffer,
        ),
      },
    ],
    returnAddress: RETURN,
    hostCall: (_hi, _lo, self) => {
      area.bytes = new Uint8Array(32);
      return self.linkAddress();
    },
  });
  simulator.setRegister(28, WINDOW);
  simulator.x[1] = 0x9000n;
  assert.deepEqual(simulator.run(CODE), { kind: 'returned' });
  assert.equal(area.bytes[21], 1);
});

test('carries cross the halves', () => {
  assert.equal(result([enc.addReg(X, 0, 1, 2, LSL, 0)], { 1: 0xffff_ffffn, 2: 1n }), 0x1_0000_0000n);
  assert.equal(result([enc.addReg(X, 0, 1, 2, LSL, 0)], { 1: all, 2: all }), all - 1n);
  assert.equal(result([enc.subReg(X, 0, 1, 2, LSL, 0)], { 1: 0n, 2: 1n }), all);
  assert.equal(result([enc.subImm(X, 0, 1, 1, 1)], { 1: 0n }), 2n ** 64n - 4096n);
  assert.equal(result([enc.addImm(W, 0, 1, 1, 0)], { 1: 0xff_ffff_ffffn }), 0n);
  assert.equal(result([enc.addReg(X, 0, 1, 2, ASR, 63)], { 1: 5n, 2: high }), 4n);
  assert.equal(result([enc.addReg(X, 0, 1, 2, LSR, 32)], { 1: 0n, 2: 0x7_0000_0000n }), 7n);
  assert.equal(result([enc.addExt(X, 0, 1, 2, SXTW, 2)], { 1: 8n, 2: 0xffff_ffffn }), 4n);
  assert.equal(result([enc.addExt(X, 0, 1, 2, UXTX, 4)], { 1: 0n, 2: 0x1_0000_0001n }), 0x10_0000_0010n);
});

test('flags and conditions', () => {
  const flags = (word: number, registers: Readonly<Record<number, bigint>>): number => run([word, enc.ret(LR)], registers).simulator.nzcv;
  assert.equal(flags(enc.subsReg(X, ZR, 1, 2, LSL, 0), { 1: 1n, 2: 1n }), 0b0110);
  assert.equal(flags(enc.subsReg(X, ZR, 1, 2, LSL, 0), { 1: 0n, 2: 1n }), 0b1000);
  assert.equal(flags(enc.subsReg(X, ZR, 1, 2, LSL, 0), { 1: high, 2: 1n }), 0b0011);
  assert.equal(flags(enc.addsReg(W, ZR, 1, 2, LSL, 0), { 1: 0x7fff_ffffn, 2: 1n }), 0b1001);
  assert.equal(flags(enc.addsImm(X, ZR, 1, 1, 0), { 1: all }), 0b0110);
  assert.equal(flags(enc.andsReg(X, ZR, 1, 2, LSL, 0), { 1: high, 2: all }), 0b1000);
  assert.equal(result([enc.subsImm(X, ZR, 1, 5, 0), enc.csinc(X, 0, ZR, ZR, cond.hs)], { 1: 5n }), 0n);
  assert.equal(result([enc.subsImm(X, ZR, 1, 5, 0), enc.csneg(X, 0, 1, 1, cond.eq)], { 1: 4n }), 2n ** 64n - 4n);
  assert.equal(
    result([enc.subsImm(X, ZR, 1, 5, 0), enc.ccmpImm(X, 1, 3, 0b0100, cond.ne), enc.csinc(W, 0, ZR, ZR, cond.ne)], { 1: 5n }),
    1n,
  );
});

test('multiplication and division at their edges', () => {
  assert.equal(result([enc.madd(X, 0, 1, 2, 3)], { 1: all, 2: all, 3: all }), 0n);
  assert.equal(result([enc.msub(X, 0, 1, 2, ZR)], { 1: 3n, 2: 5n }), 2n ** 64n - 15n);
  assert.equal(result([enc.umulh(0, 1, 2)], { 1: all, 2: all }), all - 1n);
  assert.equal(result([enc.smulh(0, 1, 2)], { 1: high, 2: high }), 1n << 62n);
  assert.equal(result([enc.smaddl(0, 1, 2, ZR)], { 1: 0xffff_ffffn, 2: 2n }), all - 1n);
  assert.equal(result([enc.udiv(X, 0, 1, 2)], { 1: all, 2: 10n }), all / 10n);
  assert.equal(result([enc.udiv(X, 0, 1, 2)], { 1: all, 2: 0n }), 0n);
  assert.equal(result([enc.sdiv(X, 0, 1, 2)], { 1: high, 2: all }), high);
  assert.equal(result([enc.sdiv(W, 0, 1, 2)], { 1: 0x8000_0000n, 2: 0xffff_ffffn }), 0x8000_0000n);
  assert.equal(result([enc.sdiv(X, 0, 1, 2)], { 1: all - 6n, 2: 2n }), all - 2n);
});

test('bit fields, shifts and reversals', () => {
  const value = 0x0123_4567_89ab_cdefn;
  assert.equal(result([enc.ubfm(X, 0, 1, 60, 59)], { 1: value }), 0x1234_5678_9abc_def0n);
  assert.equal(result([enc.ubfm(X, 0, 1, 8, 47)], { 1: value }), 0x45_6789_abcdn);
  assert.equal(result([enc.sbfm(X, 0, 1, 0, 31)], { 1: value }), 0xffff_ffff_89ab_cdefn);
  assert.equal(result([enc.sbfm(W, 0, 1, 28, 3)], { 1: value }), 0xffff_fff0n);
  assert.equal(result([enc.bfm(X, 0, 1, 32, 15)], { 0: all, 1: 0n }), 0xffff_0000_ffff_ffffn);
  assert.equal(result([enc.extr(X, 0, 1, 1, 36)], { 1: value }), 0x789a_bcde_f012_3456n);
  assert.equal(result([enc.rorv(W, 0, 1, 2)], { 1: value, 2: 36n }), 0xf89a_bcden);
  assert.equal(result([enc.lslv(X, 0, 1, 2)], { 1: 1n, 2: 63n + 64n }), high);
  assert.equal(result([enc.rev(X, 0, 1)], { 1: value }), 0xefcd_ab89_6745_2301n);
  assert.equal(result([enc.rev16(X, 0, 1)], { 1: value }), 0x2301_6745_ab89_efcdn);
  assert.equal(result([enc.rbit(X, 0, 1)], { 1: 1n }), high);
  assert.equal(result([enc.clz(X, 0, 1)], { 1: 0n }), 64n);
});

test('addressing', () => {
  const base = { 1: 2n, 2: all, 28: BigInt(WINDOW) };
  assert.equal(result([enc.ldrReg(0, 0, 28, 1, UXTW, 0)], base), 0x82n);
  assert.equal(result([enc.ldrReg(1, 0, 28, 1, UXTX, 1)], base), 0x8584n);
  assert.equal(result([enc.addImm(X, 28, 28, 16, 0), enc.ldrReg(3, 0, 28, 2, SXTW, 1)], base), 0x8f8e_8d8c_8b8a_8988n);
  assert.equal(result([enc.addImm(X, 28, 28, 16, 0), enc.ldrReg(3, 0, 28, 2, SXTX, 1)], base), 0x8f8e_8d8c_8b8a_8988n);
  assert.equal(run([enc.ldrReg(0, 0, 28, 2, UXTW, 0)], base).stop.kind, 'fault');
  assert.equal(result([enc.ldursX(0, 0, 28, 5)], base), 0xffff_ffff_ffff_ff85n);
  assert.equal(result([enc.ldursW(1, 0, 28, 5)], base), 0xffff_8685n);
  assert.equal(result([enc.ldrPost(0, 3, 28, 9), enc.ldrImm(0, 0, 28, 0)], base), 0x89n);
  assert.equal(result([enc.stpPre(X, 1, 2, SP, -16), enc.ldpPost(X, 3, 0, SP, 16)], base), all);
  assert.equal(result([enc.adr(0, 4)]), BigInt(CODE) + 4n);
  assert.equal(result([enc.adrp(0, -1)]), BigInt(CODE) - 4096n);
});

test('write-back crosses the halves both ways', () => {
  const ran = run([enc.ldrPost(3, 0, 28, -8), enc.ret(LR)]);
  assert.equal(ran.simulator.getRegister(28), WINDOW - 8);
  const simulator = new Simulator({
    memory: [{ base: 0xffff_ff00, bytes: new Uint8Array(512).fill(3) }],
    code: [
      { base: CODE, bytes: new Uint8Array(Int32Array.from([enc.ldrPre(3, 0, 1, 16), enc.ldpPre(X, 2, 3, 1, -16), enc.ret(LR)]).buffer) },
    ],
    returnAddress: RETURN,
    hostCall: () => assert.fail('no host call expected'),
  });
  simulator.setRegister(1, 0xffff_fff4);
  assert.deepEqual(simulator.run(CODE), { kind: 'returned' });
  assert.equal(simulator.getRegister(1), 0xffff_fff4);
  assert.equal(simulator.x[0], 0x0303_0303_0303_0303n);
  simulator.setRegister(1, 0xffff_fff4);
  assert.deepEqual(simulator.resume(CODE, 1), { kind: 'limit', pc: CODE + 4 });
  assert.equal(simulator.getRegister(1), 0x1_0000_0004);
});

test('atomics and exclusives', () => {
  const at = BigInt(WINDOW);
  const old = 0x8786_8584_8382_8180n;
  const after = (words: readonly number[], registers: Readonly<Record<number, bigint>>): [bigint, bigint] => {
    const { stop, simulator, window } = run([...words, enc.ret(LR)], { 28: at, ...registers });
    assert.deepEqual(stop, { kind: 'returned' });
    return [simulator.x[0]!, window.getBigUint64(0, true)];
  };
  assert.deepEqual(after([enc.ldadd(3, 1, 1, 1, 0, 28)], { 1: 2n ** 63n }), [old, old - 2n ** 63n]);
  assert.deepEqual(after([enc.ldclr(2, 0, 0, 1, 0, 28)], { 1: all }), [0x8382_8180n, 0x8786_8584_0000_0000n]);
  assert.deepEqual(after([enc.ldset(0, 0, 0, 1, 0, 28)], { 1: 0x7fn }), [0x80n, old | 0xffn]);
  assert.deepEqual(after([enc.ldeor(3, 0, 0, 1, ZR, 28)], { 0: 9n, 1: all }), [9n, old ^ all]);
  assert.deepEqual(after([enc.swp(3, 0, 0, 1, 0, 28)], { 1: 1n }), [old, 1n]);
  assert.deepEqual(after([enc.cas(3, 1, 1, 0, 1, 28)], { 0: old, 1: 1n }), [old, 1n]);
  assert.deepEqual(after([enc.cas(3, 1, 1, 0, 1, 28)], { 0: 5n, 1: 1n }), [old, old]);
  assert.deepEqual(after([enc.cas(2, 1, 1, 0, 1, 28)], { 0: (all << 32n) | 0x8382_8180n, 1: 1n }), [0x8382_8180n, 0x8786_8584_0000_0001n]);
  assert.deepEqual(after([enc.ldaxr(3, 2, 28), enc.stlxr(3, 0, 1, 28)], { 1: 7n }), [0n, 7n]);
  assert.deepEqual(after([enc.ldaxr(3, 2, 28), enc.clrex(15), enc.stlxr(3, 0, 1, 28)], { 1: 7n }), [1n, old]);
  assert.deepEqual(after([enc.stlxr(3, 0, 1, 28)], { 1: 7n }), [1n, old]);
});

test('the zero register and the stack pointer', () => {
  assert.equal(result([enc.addReg(X, ZR, 1, 1, LSL, 0), enc.addReg(X, 0, ZR, 1, LSL, 0)], { 1: 3n }), 3n);
  assert.equal(result([enc.ldrImm(3, ZR, 28, 0), enc.orrReg(X, 0, ZR, ZR, LSL, 0)], { 0: 3n }), 0n);
  assert.equal(result([enc.movk(X, ZR, 5, 0), enc.orrReg(X, 0, ZR, ZR, LSL, 0)], { 0: 3n }), 0n);
  assert.equal(result([enc.addImm(X, 0, SP, 16, 0)]), BigInt(STACK) + 1040n);
  assert.equal(
    result([enc.addImm(X, 0, SP, 0, 0), enc.subImm(X, SP, SP, 32, 0), enc.addImm(X, 1, SP, 0, 0), enc.subReg(X, 0, 0, 1, LSL, 0)]),
    32n,
  );
});
