// What the interpreter says of accesses that miss every live region, and of the other ways to stop.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunState } from '../../src/interpreter/machine.ts';
import { BpfStopped } from '../../src/util/stopped.ts';
import { machine, runState } from '../support/machine.ts';

function stopOf(run: () => unknown): BpfStopped {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof BpfStopped, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'the program did not stop' });
}

const EXIT = '9500000000000000';

test('an access is checked to the byte, and the message names the region and the distance', () => {
  const host = machine();
  // r0 = *(u32 *)(r1 + 1)
  const program = host.interpreter(`6110010000000000${EXIT}`);
  assert.equal(host.run(program, Uint8Array.of(0, 1, 2, 3, 4)), 0x04030201n);
  const stop = stopOf(() => host.run(program, new Uint8Array(4)));
  assert.equal(stop.reason, 'fault');
  assert.equal(stop.slot, 0);
  assert.deepEqual({ ...stop.access, address: 0 }, { kind: 'read', address: 0, size: 4, region: 'the memory', missedBy: 1 });
  assert.match(stop.message, /program test, slot 0: read of 4 bytes at 0x20001: 1 byte beyond the end of the memory/);
});

test('null, dirty upper halves, the stack', () => {
  const host = machine();
  assert.match(
    stopOf(() => host.run(host.interpreter(`b701000000000000 7910080000000000 ${EXIT}`))).message,
    /null pointer plus an offset/,
  );
  // r1 <<= 32
  assert.match(stopOf(() => host.run(host.interpreter(`6701000020000000 7910080000000000 ${EXIT}`))).message, /dirty upper 32 bits/);
  // *(u64 *)(r10 - 520) = 0, *(u64 *)(r10 - 4) = 0
  assert.match(stopOf(() => host.run(host.interpreter(`7a0af8fd00000000 ${EXIT}`))).message, /8 bytes before the start of the stack/);
  assert.match(stopOf(() => host.run(host.interpreter(`7a0afcff00000000 ${EXIT}`))).message, /4 bytes beyond the end of the stack/);
  // *(u64 *)(r10 - 512) = 7; r0 = *(u64 *)(r10 - 512)
  assert.equal(host.run(host.interpreter(`7a0a00fe07000000 79a000fe00000000 ${EXIT}`)), 7n);
});

test('read-only memory may be read and not written', () => {
  const host = machine();
  host.memory.writable = false;
  assert.equal(host.run(host.interpreter(`7910000000000000 ${EXIT}`), new Uint8Array(8).fill(1)), 0x0101010101010101n);
  assert.match(stopOf(() => host.run(host.interpreter(`7a01000000000000 ${EXIT}`), new Uint8Array(8))).message, /the memory is read-only/);
});

test('fuel is counted in slots at loop headers', () => {
  const host = machine();
  // r0 = 10; loop: r0 -= 1; if r0 != 0 goto loop; exit: the header is entered ten times, two slots each.
  const loop = host.interpreter(`b70000000a000000 17000000 01000000 5500feff00000000 ${EXIT}`);
  const state = runState(20);
  assert.equal(host.run(loop, undefined, state), 0n);
  assert.equal(state.fuel, 0);
  const stop = stopOf(() => host.run(loop, undefined, runState(19)));
  assert.equal(stop.reason, 'fuel');
  assert.equal(stop.slot, 1);
  assert.equal(stop.registers?.[0], 1n);
});

test('eight frames and no more; callee-saved registers and frames survive calls', () => {
  const host = machine();
  // f calls itself.
  const endless = host.interpreter(`8510000001000000 ${EXIT} 85100000ffffffff ${EXIT}`);
  assert.equal(stopOf(() => host.run(endless)).reason, 'stack');
  // r6 = 5; *(u64 *)(r10 - 8) = 3; call f; r0 = r6 + *(u64 *)(r10 - 8); f: r6 = 9; *(u64 *)(r10 - 8) = 1
  const saved = host.interpreter(
    `b706000005000000 7a0af8ff03000000 8510000003000000 79a0f8ff00000000 0f60000000000000 ${EXIT} b706000009000000 7a0af8ff01000000 ${EXIT}`,
  );
  assert.equal(host.run(saved), 8n);
});

test('callx takes handles of functions and nothing else; a helper may call back', () => {
  const host = machine({
    7: { kind: 'host', call: (caller) => void (caller.registers[0] = caller.callback(caller.registers[1]!, 4n, 0n, 0n, 0n, 0n) + 1n) },
  });
  // r1 = func f ll; call 7; exit; f: r0 = r1 * 2
  const f = `bf10000000000000 2700000002000000 ${EXIT}`;
  assert.equal(host.run(host.interpreter(`1841000003000000 0000000000000000 8500000007000000 ${EXIT} ${f}`)), 9n);
  // r2 = func f ll; r1 = 6; callx r2
  assert.equal(host.run(host.interpreter(`1842000004000000 0000000000000000 b701000006000000 8d02000000000000 ${EXIT} ${f}`)), 12n);
  assert.equal(stopOf(() => host.run(host.interpreter(`b702000000100000 8d02000000000000 ${EXIT}`))).reason, 'badCall');
});

test('coverage and trace see every instruction', () => {
  const host = machine();
  const counters = { hits: new Float64Array(4), taken: new Float64Array(4) };
  const loop = host.interpreter(`b700000003000000 1700000001000000 5500feff00000000 ${EXIT}`, {}, counters);
  const slots: number[] = [];
  const state: RunState = { ...runState(), trace: (slot) => slots.push(slot) };
  host.run(loop, undefined, state);
  assert.deepEqual([...counters.hits], [1, 3, 3, 1]);
  assert.deepEqual([...counters.taken], [0, 0, 2, 0]);
  assert.deepEqual(slots, [0, 1, 2, 1, 2, 1, 2, 3]);
  assert.equal(state.instructions, 8);
});
