// Thunks, stubs and the signal handler of arm64. Registers as in the `bpf` convention: R0 to R5 x0 to x5, R6 to R9 x19 to x22, R10
// x25, fuel slice w26, activation x27, window base x28.
//
// A stop: slot in w16, reason in w17, branch with link to the stop stub. A fuel check that finds the slice used up: slot in w16, the place to go
// on at in x17, jump to the fuel stub, which clobbers x15 to x17.

import { ACTIVATION, STOP } from '../jit/activation.ts';
import { TAIL_FRAME_RESUME } from '../jit/arm64/abi.ts';
import { enc } from '../jit/arm64/encode.ts';
import { siteEncoder } from '../jit/arm64/labels.ts';
import { cond } from '../jit/arm64/registers.ts';
import type { BatchLayout, LibraryPrototype, Span } from '../runtime/engines/host.ts';
import { assert } from '../util/error.ts';
import { Arm64Code, type Label } from './arm64-code.ts';
import {
  type Emitter,
  type EntryOptions,
  FAULT_TABLE,
  FAULT_WORDS,
  FUEL_SLICE,
  HOST_FIELD,
  RETURN,
  type SharedStubs,
  SIGNAL,
} from './stubs.ts';

const A = ACTIVATION;
const H = HOST_FIELD;
const X = 1;
const W = 0;
const SP = 31;
const ZR = 31;
const LR = 30;
const R10 = 25;
const FUEL = 26;
const ACT = 27;
const BASE = 28;
const REGISTERS = [0, 1, 2, 3, 4, 5, 19, 20, 21, 22, R10];
const ARGUMENTS = [1, 2, 3, 4, 5];
/** x19 to x30, in pairs. */
const SAVED_BYTES = 96;

/** ucontext_t: uc_mcontext.regs starts at byte 184, 8 bytes a register; then sp, pc [Linux uapi sigcontext.h]. */
const UC_X27 = 184 + 27 * 8;
const UC_PC = 440;
const SI_CODE = 8;
const SI_ADDR = 16;
const SYS = { rt_sigaction: 134, getpid: 172, gettid: 178, tgkill: 131 };
/** SVC #0 [ArmARM "SVC"]. */
const SVC = 0xd4000001 | 0;
const CLOCK_MONOTONIC = 1;

function enter(code: Arm64Code, { activation, base }: Omit<EntryOptions, 'places'>): void {
  code.word(enc.stpPre(X, 29, LR, SP, -SAVED_BYTES));
  for (let i = 19; i < 29; i += 2) code.word(enc.stp(X, i, i + 1, SP, 16 + (i - 19) * 8));
  code.moveImm(ACT, activation);
  code.word(enc.addImm(X, 9, SP, 0, 0));
  code.store(8, 9, ACT, A.savedStack);
  code.moveImm(BASE, base);
}

function leave(code: Arm64Code): void {
  for (let i = 19; i < 29; i += 2) code.word(enc.ldp(X, i, i + 1, SP, 16 + (i - 19) * 8));
  code.word(enc.ldpPost(X, 29, LR, SP, SAVED_BYTES));
  code.word(enc.ret(LR));
}

function takeFuel(code: Arm64Code): void {
  code.load(8, 9, ACT, H.fuelRest);
  code.load(4, FUEL, ACT, H.fuelSlice);
  code.store(8, 9, ACT, A.fuelTotal);
}

/** R1 and R2 are set. */
function callEntry(code: Arm64Code, { entry, places }: EntryOptions): void {
  takeFuel(code);
  code.add(R10, BASE, places.stackTop, 9);
  for (const register of [0, 3, 4, 5, 19, 20, 21, 22]) code.zero(register);
  // And tailStacks.
  code.store(8, ZR, ACT, A.tailCalls);
  code.call(entry, 16);
}

function setContinuation(code: Arm64Code, after: Label): void {
  code.to(after, (displacement) => enc.adr(9, displacement));
  code.store(8, 9, ACT, H.continuation);
  code.store(8, ZR, ACT, A.stopReason);
}

function clear(code: Arm64Code, spans: readonly Span[]): void {
  for (const { at, bytes } of spans) {
    assert(bytes % 8 === 0 && bytes > 0, 'a span is a multiple of 8 bytes');
    code.add(9, BASE, at, 10);
    if (bytes % 16 !== 0) code.word(enc.strPost(3, ZR, 9, 8));
    const pairs = Math.floor(bytes / 16);
    if (pairs <= 8) {
      for (let i = 0; i < pairs; i++) code.word(enc.stp(X, ZR, ZR, 9, 16 * i));
      continue;
    }
    code.moveImm(10, pairs);
    const loop = code.label();
    code.bind(loop);
    code.word(enc.stpPost(X, ZR, ZR, 9, 16));
    code.word(enc.subsImm(X, 10, 10, 1, 0));
    code.jumpIf(cond.ne, loop);
  }
}

function copyTemplate(code: Arm64Code, { from, to, bytes }: { readonly from: number; readonly to: number; readonly bytes: number }): void {
  assert(bytes % 8 === 0 && bytes <= 4096, 'a template is a multiple of 8 bytes');
  code.add(9, BASE, from, 11);
  code.add(10, BASE, to, 11);
  for (let done = 0; done < bytes; done += 8) {
    code.load(8, 11, 9, done);
    code.store(8, 11, 10, done);
  }
}

function trampoline(at: number, cell: number): Uint8Array {
  const code = new Arm64Code(at);
  code.moveImm(9, cell);
  code.load(8, 9, 9, 0);
  code.word(enc.br(9));
  return code.finish();
}

function run(at: number, options: EntryOptions): Uint8Array {
  const code = new Arm64Code(at);
  const after = code.label();
  enter(code, options);
  clear(code, options.places.clear);
  setContinuation(code, after);
  code.load(8, 1, ACT, H.r1);
  code.load(8, 2, ACT, H.r2);
  callEntry(code, options);
  code.bind(after);
  code.store(8, 0, ACT, H.result);
  code.store(4, FUEL, ACT, H.fuel);
  leave(code);
  return code.finish();
}

function call(at: number, options: Omit<EntryOptions, 'places'>): Uint8Array {
  const code = new Arm64Code(at);
  const after = code.label();
  enter(code, options);
  setContinuation(code, after);
  takeFuel(code);
  for (const [i, register] of ARGUMENTS.entries()) code.load(8, register, ACT, H.arguments + 8 * i);
  code.load(8, R10, ACT, H.frame);
  for (const register of [0, 19, 20, 21, 22]) code.zero(register);
  code.call(options.entry, 16);
  code.bind(after);
  code.store(8, 0, ACT, H.result);
  code.store(4, FUEL, ACT, H.fuel);
  leave(code);
  return code.finish();
}

function batch(at: number, options: EntryOptions, layout: BatchLayout): Uint8Array {
  const code = new Arm64Code(at);
  const loop = code.label();
  const after = code.label();
  const out = code.label();
  enter(code, options);
  setContinuation(code, after);
  if (layout.pause !== undefined) {
    code.load(4, 10, BASE, layout.pause, 11);
    code.store(4, 10, ACT, H.batchWatched);
  }
  code.bind(loop);
  if (layout.template !== undefined) copyTemplate(code, layout.template);
  clear(code, layout.clear);
  code.load(8, 9, ACT, H.batchNext);
  for (const { descriptor, window, bytes } of layout.load) {
    code.load(bytes, 10, 9, descriptor, 11);
    code.store(bytes, 10, BASE, window, 11);
  }
  if (layout.legacy !== undefined) {
    code.load(4, 10, 9, layout.legacy.pointer, 11);
    code.store(4, 10, ACT, A.packet);
    code.load(4, 10, 9, layout.legacy.length, 11);
    code.store(4, 10, ACT, A.packetLength);
  }
  if (typeof layout.r1 === 'number') code.moveImm(1, layout.r1);
  else code.load(4, 1, 9, layout.r1.descriptor, 11);
  if (layout.r2 === undefined) code.zero(2);
  else code.load(4, 2, 9, layout.r2, 11);
  callEntry(code, options);
  code.bind(after);
  code.load(4, 10, ACT, A.stopReason);
  code.load(8, 9, ACT, H.batchNext);
  code.to(out, (displacement) => enc.cbnz(W, 10, displacement));
  code.store(8, 0, 9, layout.result, 11);
  for (const { descriptor, window, bytes } of layout.store) {
    code.load(bytes, 10, BASE, window, 11);
    code.store(bytes, 10, 9, descriptor, 11);
  }
  code.add(9, 9, layout.stride, 11);
  code.store(8, 9, ACT, H.batchNext);
  code.load(8, 10, ACT, H.batchLeft);
  code.word(enc.subsImm(X, 10, 10, 1, 0));
  code.store(8, 10, ACT, H.batchLeft);
  if (layout.pause === undefined) code.jumpIf(cond.ne, loop);
  else {
    code.jumpIf(cond.eq, out);
    code.load(4, 10, BASE, layout.pause, 11);
    code.load(4, 12, ACT, H.batchWatched);
    code.word(enc.subsReg(W, 31, 10, 12, 0, 0));
    code.jumpIf(cond.eq, loop);
  }
  code.bind(out);
  leave(code);
  return code.finish();
}

function storeRegisters(code: Arm64Code): void {
  for (const [i, register] of REGISTERS.entries()) code.store(8, register, ACT, H.registers + 8 * i);
}

/** Back into the thunk, behind its call of the entry function. */
function returnToThunk(code: Arm64Code): void {
  code.load(8, 9, ACT, A.savedStack);
  code.word(enc.addImm(X, SP, 9, 0, 0));
  code.zero(0);
  code.load(8, 16, ACT, H.continuation);
  code.word(enc.br(16));
}

function shared(at: number, clockGettime: number): SharedStubs {
  const code = new Arm64Code(at);
  const stopStub = code.label();
  code.bind(stopStub);
  storeRegisters(code);
  code.store(8, LR, ACT, A.faultPc);
  code.move32(16, 16);
  code.move32(17, 17);
  code.store(8, 17, ACT, A.stopReason);
  code.store(8, 16, ACT, A.stopSlot);
  returnToThunk(code);

  const fault = code.offset;
  storeRegisters(code);
  // Above the program's frames lies the caller's stack: reading on is safe.
  code.store(8, LR, ACT, H.faultLink);
  for (let at = 8; at <= 8 * FAULT_WORDS; at += 8) {
    code.load(8, 9, SP, at - 8);
    code.store(8, 9, ACT, H.faultLink + at);
  }
  returnToThunk(code);

  const fuel = code.offset;
  const empty = code.label();
  const aborted = code.label();
  const look = code.label();
  const late = code.label();
  const refill = code.label();
  code.load(8, 15, ACT, A.fuelTotal);
  // UXTW is option 2, SXTW 6 [ArmARM DecodeRegExtend].
  code.word(enc.addExt(X, 15, 15, FUEL, 6, 0));
  code.to(empty, (displacement) => enc.tbnz(15, 63, displacement));
  code.store(8, 16, ACT, H.call);
  code.load(8, 16, ACT, H.stopFlag);
  code.load(4, 16, 16, 0);
  code.to(aborted, (displacement) => enc.cbnz(W, 16, displacement));
  code.load(8, 16, ACT, H.deadline);
  code.to(look, (displacement) => enc.cbnz(X, 16, displacement));
  code.bind(refill);
  code.moveImm(16, FUEL_SLICE);
  code.word(enc.subsReg(X, ZR, 15, 16, 0, 0));
  code.word(enc.csel(X, 16, 15, 16, cond.lt));
  code.word(enc.subReg(X, 15, 15, 16, 0, 0));
  code.store(8, 15, ACT, A.fuelTotal);
  code.move32(FUEL, 16);
  code.word(enc.br(17));

  // x0 to x17 and the return address: C code may use them all.
  code.bind(look);
  const frame = 160;
  const pairs = [0, 2, 4, 6, 8, 10, 12, 14];
  code.word(enc.subImm(X, SP, SP, frame, 0));
  for (const i of pairs) code.word(enc.stp(X, i, i + 1, SP, i * 8));
  code.word(enc.stp(X, 17, LR, SP, 128));
  code.moveImm(0, CLOCK_MONOTONIC);
  code.add(1, ACT, H.time);
  code.moveImm(16, clockGettime);
  code.word(enc.blr(16));
  code.load(8, 0, ACT, H.time);
  code.moveImm(1, 1_000_000_000);
  code.load(8, 2, ACT, H.time + 8);
  code.word(enc.madd(X, 0, 0, 1, 2));
  code.load(8, 1, ACT, H.deadline);
  code.word(enc.subsReg(X, ZR, 0, 1, 0, 0));
  for (const i of pairs) code.word(enc.ldp(X, i, i + 1, SP, i * 8));
  code.word(enc.ldp(X, 17, LR, SP, 128));
  code.word(enc.addImm(X, SP, SP, frame, 0));
  code.jumpIf(cond.ge, late);
  code.jump(refill);

  const stopWith = (reason: number): void => {
    code.move(LR, 17);
    code.moveImm(17, reason);
    code.jump(stopStub);
  };
  code.bind(empty);
  stopWith(STOP.fuel);
  code.bind(aborted);
  code.load(8, 16, ACT, H.call);
  stopWith(STOP.aborted);
  code.bind(late);
  code.load(8, 16, ACT, H.call);
  stopWith(STOP.deadline);
  return { code: code.finish(), stop: stopStub.offset, fuel, fault };
}

/** Calls C code; the convention keeps x19 to x28. */
function callC(code: Arm64Code, target: number): void {
  code.word(enc.stpPre(X, 29, LR, SP, -16));
  code.moveImm(16, target);
  code.word(enc.blr(16));
  code.word(enc.ldpPost(X, 29, LR, SP, 16));
}

/** Stops on behalf of a callee: reason in w17; the return address tells the place. */
function stopCaller(code: Arm64Code, stop: number): void {
  code.word(enc.movn(W, 16, 0, 0));
  code.jumpTo(stop);
}

function jsCall(at: number, callback: number, number: number, stop: number): Uint8Array {
  const code = new Arm64Code(at);
  const stopped = code.label();
  const notReturned = code.label();
  for (const [i, register] of ARGUMENTS.entries()) code.store(8, register, ACT, H.arguments + 8 * i);
  code.moveImm(9, number);
  code.store(4, 9, ACT, H.call);
  code.store(8, LR, ACT, H.callPc);
  code.store(8, R10, ACT, H.frame);
  code.store(4, FUEL, ACT, H.fuel);
  callC(code, callback);
  code.load(4, FUEL, ACT, H.fuel);
  code.to(stopped, (displacement) => enc.cbnz(W, 0, displacement));
  code.load(8, 0, ACT, H.result);
  code.word(enc.ret(LR));
  code.bind(stopped);
  code.move32(17, 0);
  code.word(enc.subsImm(W, ZR, 17, RETURN, 0));
  code.jumpIf(cond.ne, notReturned);
  code.load(8, 0, ACT, H.result);
  code.load(8, 9, ACT, A.tailFrame);
  code.word(enc.addImm(X, SP, 9, 0, 0));
  code.load(8, 16, SP, TAIL_FRAME_RESUME);
  code.word(enc.br(16));
  code.bind(notReturned);
  stopCaller(code, stop);
  return code.finish();
}

function libraryCall(at: number, address: number, prototype: LibraryPrototype, stop: number): Uint8Array {
  const code = new Arm64Code(at);
  const bad = code.label();
  assert(prototype.arguments.length <= 5, 'a helper has five arguments');
  let checked = false;
  for (const [i, argument] of prototype.arguments.entries()) {
    const from = ARGUMENTS[i]!;
    if (argument.kind === 'value') {
      code.move(i, from);
      continue;
    }
    checked = true;
    const done = code.label();
    code.move32(9, from);
    if (argument.nullable === true) {
      code.zero(i);
      code.to(done, (displacement) => enc.cbz(W, 9, displacement));
    }
    // 65,536, the lowest pointer.
    code.word(enc.subsImm(X, ZR, 9, 16, 1));
    code.jumpIf(cond.lo, bad);
    code.add(10, 9, argument.bytes, 11);
    code.load(8, 11, ACT, H.windowEnd);
    code.word(enc.subsReg(X, ZR, 10, 11, 0, 0));
    code.jumpIf(cond.hi, bad);
    code.word(enc.addReg(X, i, BASE, 9, 0, 0));
    code.bind(done);
  }
  callC(code, address);
  switch (prototype.result) {
    case 'void':
      code.zero(0);
      break;
    case 'i32':
      code.word(enc.sbfm(X, 0, 0, 0, 31));
      break;
    case 'u32':
      code.move32(0, 0);
      break;
    default:
      break;
  }
  code.word(enc.ret(LR));
  if (checked) {
    code.bind(bad);
    code.word(enc.addReg(X, 9, BASE, 9, 0, 0));
    code.store(8, 9, ACT, A.faultAddress);
    code.moveImm(17, STOP.fault);
    stopCaller(code, stop);
  }
  return code.finish();
}

/** void handler(int signal, siginfo_t *info, ucontext_t *context): x0, x1, x2. */
function handler(at: number, table: number): Uint8Array {
  const T = FAULT_TABLE;
  const code = new Arm64Code(at);
  const loop = code.label();
  const hit = code.label();
  const chain = code.label();
  const toDefault = code.label();
  const raise = code.label();
  const jumpToPrevious = code.label();
  const done = code.label();
  code.moveImm(3, table);
  code.load(8, 4, 2, UC_PC);
  code.load(4, 5, 3, T.count);
  code.add(6, 3, T.entries);
  code.bind(loop);
  code.to(chain, (displacement) => enc.cbz(W, 5, displacement));
  code.load(8, 7, 6, T.entryStart);
  code.load(8, 8, 6, T.entrySize);
  code.word(enc.subReg(X, 7, 4, 7, 0, 0));
  code.word(enc.subsReg(X, ZR, 7, 8, 0, 0));
  code.jumpIf(cond.lo, hit);
  code.add(6, 6, T.entryBytes);
  code.word(enc.subImm(W, 5, 5, 1, 0));
  code.jump(loop);

  code.bind(hit);
  code.load(8, 9, 2, UC_X27);
  code.moveImm(10, STOP.fault);
  code.store(8, 10, 9, A.stopReason);
  code.word(enc.movn(W, 10, 0, 0));
  code.store(8, 10, 9, A.stopSlot);
  code.store(8, 4, 9, A.faultPc);
  code.load(8, 10, 1, SI_ADDR);
  code.store(8, 10, 9, A.faultAddress);
  code.load(8, 10, 6, T.entryResume);
  code.store(8, 10, 2, UC_PC);
  code.bind(done);
  code.word(enc.ret(LR));

  code.bind(chain);
  // previous[signal]: a handler, or 0 for the default action, or 1 for none.
  code.word(enc.addReg(X, 4, 3, 0, 0, 3));
  code.load(8, 4, 4, T.previous);
  code.word(enc.subsImm(X, ZR, 4, 1, 0));
  code.jumpIf(cond.hi, jumpToPrevious);
  code.jumpIf(cond.lo, toDefault);
  // A signal that another process sent may be ignored, a fault of this thread may not.
  code.load(4, 5, 1, SI_CODE);
  code.word(enc.subsImm(W, ZR, 5, 0, 0));
  code.jumpIf(cond.le, done);
  code.bind(toDefault);
  code.move(9, 0);
  code.move(10, 1);
  code.add(1, 3, T.defaultAction);
  code.zero(2);
  code.moveImm(3, 8);
  code.moveImm(8, SYS.rt_sigaction);
  code.word(SVC);
  // A fault happens again when its instruction does; a trap, and what was sent, must be raised.
  code.load(4, 5, 10, SI_CODE);
  code.word(enc.subsImm(W, ZR, 5, 0, 0));
  code.jumpIf(cond.le, raise);
  code.word(enc.subsImm(W, ZR, 9, SIGNAL.trap, 0));
  code.jumpIf(cond.ne, done);
  code.bind(raise);
  code.moveImm(8, SYS.getpid);
  code.word(SVC);
  code.move(11, 0);
  code.moveImm(8, SYS.gettid);
  code.word(SVC);
  code.move(1, 0);
  code.move(0, 11);
  code.move(2, 9);
  code.moveImm(8, SYS.tgkill);
  code.word(SVC);
  code.word(enc.ret(LR));
  code.bind(jumpToPrevious);
  code.word(enc.br(4));
  return code.finish();
}

export const arm64: Emitter = { trap: siteEncoder.trap, shared, trampoline, run, call, batch, jsCall, libraryCall, handler };
