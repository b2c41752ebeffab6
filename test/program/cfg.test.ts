// Functions, fuel, depth and blocks of programs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from '../../src/asm/parse.ts';
import { controlFlow } from '../../src/program/cfg.ts';
import { createProgram, type Program, type ProgramInput } from '../../src/program/program.ts';
import { BpfError } from '../../src/util/error.ts';

function program(text: string, input: Partial<ProgramInput> = {}): Program {
  const { bytes, subprograms } = parse(text);
  return createProgram({ name: 'test', bytes, subprograms, ...input });
}

function refusal(text: string, input: Partial<ProgramInput> = {}): string {
  try {
    program(text, input);
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    return `${error.code} ${error.position.in === 'program' ? (error.position.slot ?? '') : ''}`;
  }
  return 'accepted';
}

test('functions are found from calls and references, and named where they have a name', () => {
  const { subprograms, subprogramOf } = program('call f\n r1 = function[g]\n exit\nf: exit\ng: exit');
  assert.deepEqual(subprograms, [
    { name: 'main', start: 0, end: 4 },
    { name: 'f', start: 4, end: 5 },
    { name: 'g', start: 5, end: 6 },
  ]);
  assert.deepEqual([...subprogramOf], [0, 0, 0, 0, 1, 2]);
  assert.equal(program('call pc+1\n exit\n exit').subprograms[1]?.name, 'function_2');
});

test('control stays inside its function', () => {
  assert.equal(refusal('r0 = 0'), 'program/falls-off-the-end 0');
  assert.equal(refusal('call f\n r0 = 1\nf: exit'), 'program/falls-off-the-end 1');
  assert.equal(refusal('r0 = 1 ll'), 'program/falls-off-the-end 0');
  assert.equal(refusal('call f\n goto inside\n exit\nf: r0 = 1\ninside: exit'), 'program/jump-out-of-function 1');
  assert.equal(refusal('exit\n r0 = 1'), 'accepted', 'what cannot be reached may run off the end');
  assert.equal(refusal('if r1 == 0 goto last\n exit\n last: r0 = 1'), 'program/falls-off-the-end 2');
  assert.equal(refusal('goto +0\n goto -2'), 'accepted');
});

test('references must be resolved', () => {
  const map = { name: 'm', type: 2, keySize: 4, valueSize: 4, maxEntries: 1, flags: 0 };
  assert.equal(refusal('r1 = map[0]\n exit'), 'program/unknown-map 0');
  assert.equal(refusal('r1 = map[0]\n exit', { maps: [map] }), 'accepted');
  assert.equal(refusal('r1 = map[1][0] + 4\n exit', { maps: [map] }), 'program/unknown-map 0');
  assert.equal(refusal('r1 = map_index[0]\n exit', { maps: [map] }), 'program/unlinked-map 0');
  assert.equal(refusal('call kfunc[0]\n exit'), 'program/unknown-kfunc 0');
  assert.equal(refusal('call kfunc[0]\n exit', { kfuncs: ['f'] }), 'accepted');
  assert.equal(refusal('exit', { bytes: new Uint8Array(0) }), 'program/empty ');
  assert.equal(refusal('exit', { subprograms: [{ name: 'x', start: 7, end: 8 }] }), 'program/bad-subprogram ');
});

test('the frame pointer is read-only', () => {
  for (const line of ['r10 = 1', 'r10 += r1', 'w10 = 0', 'r10 = *(u64 *)(r1 + 0)', 'r10 = be16 r10', 'r10 = 1 ll']) {
    assert.equal(refusal(`${line}\nexit`), 'program/frame-pointer-write 0', line);
  }
  assert.equal(refusal('r10 = xchg_64(r1 + 0, r10)\nexit'), 'program/frame-pointer-write 0');
  for (const line of ['r1 = r10', '*(u64 *)(r10 - 8) = r10', 'lock *(u64 *)(r10 - 8) += r10', 'r0 = cmpxchg_64(r10 - 8, r0, r10)']) {
    assert.equal(refusal(`${line}\nexit`), 'accepted', line);
  }
});

test('fuel: a loop pays its length at its header, the longest one where several share it', () => {
  const { fuelCost } = program('r1 = 9\nloop: r1 += -1\n if r1 s> 5 goto loop\n if r1 s> 0 goto loop\n exit');
  assert.deepEqual([...fuelCost], [0, 3, 0, 0, 0]);
  assert.deepEqual([...program('loop: may_goto +1\n goto loop\n exit').fuelCost], [2, 0, 0]);
  assert.deepEqual([...program('loop: goto loop').fuelCost], [1]);
});

test('fuel: a function pays its length at its start, the entry only where it is called, a tail call 128', () => {
  assert.deepEqual([...program('call f\n exit\nf: r0 = 1\n exit').fuelCost], [0, 0, 2, 0]);
  assert.deepEqual([...program('call pc-1\n exit').fuelCost], [2, 0]);
  assert.deepEqual([...program('call f\n exit\nf: if r1 != 0 goto f\n exit').fuelCost], [0, 0, 3, 0]);
  assert.deepEqual([...program('call 12\n exit').fuelCost], [128, 0]);
});

/** main calls f1 calls f2 ... */
function chain(frames: number): string {
  let text = '';
  for (let i = 1; i < frames; i++) text += `${i === 1 ? 'main' : `f${i}`}: call f${i + 1}\n exit\n`;
  return `${text}f${frames}: exit`;
}

test('calls are checked as they run only where more than 8 frames cannot be ruled out', () => {
  assert.equal(program(chain(8)).checksDepth, false);
  assert.equal(program(chain(9)).checksDepth, true);
  assert.equal(program('call pc-1\n exit').checksDepth, true, 'recursion');
  assert.equal(program('call f\n exit\nf: call g\n exit\ng: call f\n exit').checksDepth, true, 'mutual recursion');
  assert.equal(program('r1 = function[f]\n callx r1\n exit\nf: exit').checksDepth, false);
  assert.equal(program('r1 = function[f]\n callx r1\n exit\nf: callx r1\n exit').checksDepth, true, 'a callee that may call itself');
  assert.equal(program('r2 = function[f]\n call 181\n exit\nf: call 181\n exit').checksDepth, true, 'nested bpf_loop');
  assert.equal(program('r2 = function[f]\n call 181\n exit\nf: call 5\n exit').checksDepth, false);
});

test('blocks partition the slots', () => {
  const flow = controlFlow(
    program(`
      r1 = 1 ll
    loop:
      r1 += 1
      if r1 > 9 goto out
      call f
      goto loop
    out:
      exit
    f:
      exit`),
  );
  assert.deepEqual([...flow.starts], [0, 2, 4, 6, 7, 8]);
  assert.deepEqual([...flow.blockOf], [0, 0, 1, 1, 2, 2, 3, 4]);
  const rows = (start: Int32Array, values: Int32Array): number[][] =>
    Array.from({ length: flow.blocks }, (_, block) => [...values.subarray(start[block], start[block + 1])]);
  assert.deepEqual(rows(flow.successorStart, flow.successors), [[1], [3, 2], [1], [], []]);
  assert.deepEqual(rows(flow.predecessorStart, flow.predecessors), [[], [0, 2], [1], [1], []]);
  assert.deepEqual([...flow.isLoopHeader], [0, 1, 0, 0, 0]);
});

test('linear: a million slots of calls, of branches', () => {
  const slots = 1_000_000;
  const chainOfCalls = new Uint8Array(slots * 8);
  const branches = new Uint8Array(slots * 8);
  const views = [new DataView(chainOfCalls.buffer), new DataView(branches.buffer)] as const;
  for (let slot = 0; slot < slots; slot++) {
    const calls = slot % 2 === 0 && slot < slots - 2;
    views[0].setUint16(slot * 8, calls ? 0x8510 : 0x9500);
    views[0].setInt32(slot * 8 + 4, calls ? 1 : 0, true);
    views[1].setUint16(slot * 8, slot < slots - 1 ? 0x5500 : 0x9500);
    views[1].setInt16(slot * 8 + 2, slot < slots - 1 ? (slot < 6 ? 1 : -5) : 0, true);
  }
  const calling = createProgram({ name: 'calls', bytes: chainOfCalls });
  assert.equal(calling.subprograms.length, slots / 2);
  assert.equal(calling.checksDepth, true);
  assert.equal(controlFlow(createProgram({ name: 'branches', bytes: branches })).blocks, slots);
});
