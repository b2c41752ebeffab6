// Hand-assembled programs for both machines, and a window to run them in.
import assert from 'node:assert/strict';
import { Arm64Code } from '../../src/host/arm64-code.ts';
import { type NativeHost, openHost } from '../../src/host/host.ts';
import { MAP, PROT, readMappings } from '../../src/host/native.ts';
import { X64Code } from '../../src/host/x64-code.ts';
import { ACTIVATION } from '../../src/jit/activation.ts';
import { enc } from '../../src/jit/arm64/encode.ts';
import { cond } from '../../src/jit/arm64/registers.ts';
import { enc as x64 } from '../../src/jit/x64/encode.ts';
import { CC } from '../../src/jit/x64/forms.ts';
import { indexed, REG } from '../../src/jit/x64/registers.ts';
import type { CodeRoom, Executable, ExecutableOptions, Host, HostWindow, RunPlaces } from '../../src/runtime/engines/host.ts';
import { BpfError } from '../../src/util/error.ts';
import { PLACE, Window } from '../../src/window/window.ts';

const { rax, rcx, rdx, rbx, rsp, rsi, rdi, r8, r9, r10, r11, r12 } = REG;

/** The host, or the reason why there is none here. */
export async function tryHost(): Promise<Host | string> {
  try {
    return await openHost();
  } catch (error) {
    if (error instanceof BpfError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

/** `context` is mapped and zero, `null` and `beyond` fault. */
export const POINTER: Readonly<Record<'context' | 'null' | 'beyond', number>> = { context: PLACE.context, null: 4, beyond: 2 ** 32 - 8 };

export const places: RunPlaces = {
  stackTop: PLACE.stackTop,
  stackLimit: PLACE.stackBottom,
  routineStack: PLACE.routineStackTop,
  clear: [],
};

export interface Bench {
  readonly host: Host;
  readonly window: Window;
  readonly open: HostWindow;
  /** Places code; the address is that of its start. */
  put(x64: (code: X64Code) => void, arm64: (code: Arm64Code) => void): CodeRoom;
  executable(room: CodeRoom, more?: Partial<ExecutableOptions>): Executable;
  dispose(): void;
}

export const newWindow = (host: Host): Window => new Window({ accept: (memory) => host.accepts(memory) });

export function makeBench(host: Host, window: Window = newWindow(host)): Bench {
  const open = host.open(window);
  return {
    host,
    window,
    open,
    put(x64, arm64) {
      const room = open.reserve(512);
      const code = host.target === 'x64' ? new X64Code(room.address) : new Arm64Code(room.address);
      if (code instanceof X64Code) x64(code);
      else arm64(code);
      room.write(code.finish());
      return room;
    },
    executable: (room, more = {}) => open.executable({ entry: room.address, places, ...more }),
    dispose: () => open.dispose(),
  };
}

/** R0 = R1 + R2. */
export const sum = (bench: Bench): CodeRoom =>
  bench.put(
    (code) => {
      code.move(rax, rdi);
      code.op('add', rax, rsi);
      code.ret();
    },
    (code) => {
      code.word(enc.addReg(1, 0, 1, 2, 0, 0));
      code.word(enc.ret(30));
    },
  );

/** R0 = *(u32 *)R1. */
export const load = (bench: Bench): CodeRoom =>
  bench.put(
    (code) => {
      code.move32(r10, rdi);
      x64['mov r32, m32'](code, rax, indexed(r12, r10), 0);
      code.ret();
    },
    (code) => {
      code.word(enc.ldrReg(2, 0, 28, 1, 2, 0));
      code.word(enc.ret(30));
    },
  );

/** *(u32 *)(R1 + R2) = 1, where R2 is a signed displacement that is not truncated. */
export const store = (bench: Bench): CodeRoom =>
  bench.put(
    (code) => {
      code.move32(r10, rdi);
      code.signExtend32(r11, rsi);
      code.op('add', r10, r11);
      code.moveImm(rax, 1);
      x64['mov m32, r32'](code, indexed(r12, r10), 0, rax);
      code.ret();
    },
    (code) => {
      code.word(enc.addExt(1, 9, 28, 1, 2, 0));
      code.word(enc.sbfm(1, 10, 2, 0, 31));
      code.word(enc.addReg(1, 9, 9, 10, 0, 0));
      code.moveImm(0, 1);
      code.store(4, 0, 9, 0);
      code.word(enc.ret(30));
    },
  );

/** Fuel 1 at slot 7, R1 times; R0 = times round. Entry 64 bytes from the start. */
export function countdown(bench: Bench): { readonly room: CodeRoom; readonly entry: number } {
  const room = bench.put(
    (code) => {
      // common: the slow path of every check
      code.move(r11, rsp);
      code.opImm('and', r11, -16_384);
      x64['jmp m64'](code, r11, ACTIVATION.fuelStub);
      while (code.offset < 64) x64.int3(code);
      const loop = code.label();
      const cold = code.label();
      const back = code.label();
      const done = code.label();
      code.bind(loop);
      code.opImm32('sub', r9, 1);
      code.jumpIf(CC.s, cold);
      code.bind(back);
      code.test(rdi, rdi);
      code.jumpIf(CC.e, done);
      code.opImm('add', rax, 1);
      code.opImm('sub', rdi, 1);
      code.jump(loop);
      code.bind(done);
      code.ret();
      code.bind(cold);
      code.moveImm(r10, 7);
      code.call(code.at);
      code.jump(back);
    },
    (code) => {
      code.load(8, 15, 27, ACTIVATION.fuelStub);
      code.word(enc.br(15));
      while (code.offset < 64) code.word(enc.brk(0));
      const loop = code.label();
      const cold = code.label();
      const back = code.label();
      const done = code.label();
      code.bind(loop);
      code.word(enc.subsImm(0, 26, 26, 1, 0));
      code.jumpIf(cond.mi, cold);
      code.bind(back);
      code.to(done, (displacement) => enc.cbz(1, 1, displacement));
      code.add(0, 0, 1);
      code.word(enc.subImm(1, 1, 1, 1, 0));
      code.jump(loop);
      code.bind(done);
      code.word(enc.ret(30));
      code.bind(cold);
      code.to(back, (displacement) => enc.adr(17, displacement));
      code.moveImm(16, 7);
      code.jumpTo(code.at);
    },
  );
  return { room, entry: room.address + 64 };
}

/** R0 = f(R1, R2, 3, 4, 5) + R6, where R6 was 7 before the call. */
export const callThrough = (bench: Bench, target: number): CodeRoom =>
  bench.put(
    (code) => {
      code.moveImm(rbx, 7);
      code.moveImm(rdx, 3);
      code.moveImm(rcx, 4);
      code.moveImm(r8, 5);
      code.call(target);
      code.op('add', rax, rbx);
      code.ret();
    },
    (code) => {
      code.move(24, 30);
      code.moveImm(19, 7);
      for (const i of [3, 4, 5]) code.moveImm(i, i);
      code.call(target, 10);
      code.word(enc.addReg(1, 0, 0, 19, 0, 0));
      code.word(enc.ret(24));
    },
  );

/** Stops with reason helper at slot 21: shows all registers. */
export const stopNow = (bench: Bench): CodeRoom =>
  bench.put(
    (code) => {
      code.pushImm8(7);
      code.moveImm(r10, 21);
      code.move(r11, rsp);
      code.opImm('and', r11, -16_384);
      x64['call m64'](code, r11, ACTIVATION.stopStub);
    },
    (code) => {
      code.moveImm(16, 21);
      code.moveImm(17, 7);
      code.load(8, 15, 27, ACTIVATION.stopStub);
      code.word(enc.blr(15));
    },
  );

/** Takes address space that is free or reserved for a page that must stay as it is; undefined where something else lies there. */
function canary(bench: Bench, at: number): Uint8Array | undefined {
  const { native } = bench.host as NativeHost;
  const bytes = 65_536;
  const taken = readMappings().some(({ start, end, access }) => start < at + bytes && at < end && !access.startsWith('---'));
  if (taken) return undefined;
  assert.equal(native.map(at, bytes, PROT.read | PROT.write, MAP.private | MAP.anonymous | MAP.fixed, -1, 0), at);
  return new Uint8Array(native.view(at, bytes)).fill(0x5a);
}

/** Pages of 0x5a directly below and above everything that a program can name; they must stay so. */
export function placeCanaries(bench: Bench): readonly Uint8Array[] {
  const { base } = bench.open;
  const canaries = [base - 2 * 65_536, base + 2 ** 32 + 65_536].map((at) => canary(bench, at)).filter((bytes) => bytes !== undefined);
  // Only on x86-64 is the room around a memory known to be free or V8's.
  if (process.arch === 'x64') assert.equal(canaries.length, 2);
  return canaries;
}
