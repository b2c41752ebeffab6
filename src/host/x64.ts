// Thunks, stubs and the signal handler of x86-64. Registers as in the `bpf` convention: R0 rax, R1 to R5 rdi rsi rdx rcx r8, R6 to R9
// rbx r13 r14 r15, R10 rbp, window base r12, fuel slice r9d; scratch r10 and r11.
//
// A stop: the reason pushed on the native stack (8 bytes), the slot in r10d, the activation in r11, call of the stop stub, which takes
// the return address for the place. A fuel check that finds the slice used up: the slot in r10d, the activation in r11, the place to go
// on at on top of the stack, jump to the fuel stub.
import { ACTIVATION, STOP } from '../jit/activation.ts';
import { CC } from '../jit/x64/forms.ts';
import { siteEncoder } from '../jit/x64/labels.ts';
import { REG } from '../jit/x64/registers.ts';
import type { BatchCopy, BatchLayout, LibraryPrototype, Span } from '../runtime/engines/host.ts';
import { assert } from '../util/error.ts';
import {
  CHUNK_BYTES,
  type Emitter,
  type EntryOptions,
  FAULT_TABLE,
  FUEL_SLICE,
  HOST_FIELD,
  RETURN,
  type SharedStubs,
  SIGNAL,
} from './stubs.ts';
import { X64Code } from './x64-code.ts';

const { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15 } = REG;
const A = ACTIVATION;
const H = HOST_FIELD;
const REGISTERS = [rax, rdi, rsi, rdx, rcx, r8, rbx, r13, r14, r15, rbp];
const ARGUMENTS = REGISTERS.slice(1, 6);
const CALLEE_SAVED = [rbx, rbp, r12, r13, r14, r15];

/** rsp when the entry function is called: 16 bytes below the chunk's end, so that it is aligned and finds the chunk. */
const STACK_AT_CALL = CHUNK_BYTES - 16;
const RETURN_ADDRESS_AT = STACK_AT_CALL - 8;

/** ucontext_t: uc_mcontext.gregs starts at byte 40, rsp is its 15th, rip its 16th [Linux uapi ucontext.h]. */
const UC_RSP = 160;
const UC_RIP = 168;
const SI_CODE = 8;
const SI_ADDR = 16;
const SYS = { rt_sigaction: 13, getpid: 39, gettid: 186, tgkill: 234 };
const CLOCK_MONOTONIC = 1;
/** Slots are 32-bit; this one says that the pc tells more. */
const NO_SLOT = 0xffff_ffff;

function findActivation(code: X64Code): void {
  code.move(r11, rsp);
  code.opImm('and', r11, -CHUNK_BYTES);
}

function enter(code: X64Code, { activation, base }: Omit<EntryOptions, 'places'>): void {
  for (const register of CALLEE_SAVED) code.push(register);
  code.lea(rsp, rsp, -8);
  code.moveImm(r11, activation);
  code.store(r11, A.savedStack, rsp);
  code.lea(rsp, r11, STACK_AT_CALL);
  code.moveImm(r12, base);
}

/** Expects the activation in r11. */
function leave(code: X64Code): void {
  code.load(rsp, r11, A.savedStack);
  code.lea(rsp, rsp, 8);
  for (const register of [...CALLEE_SAVED].reverse()) code.pop(register);
  code.ret();
}

/** Expects the activation in r11. */
function takeFuel(code: X64Code): void {
  code.load(rax, r11, H.fuelRest);
  code.load32(r9, r11, H.fuelSlice);
  code.store(r11, A.fuelTotal, rax);
}

/** Expects the activation in r11; R1 and R2 are set. */
function callEntry(code: X64Code, { entry, places }: EntryOptions): void {
  takeFuel(code);
  code.lea(rbp, r12, places.stackTop);
  for (const register of [rax, rdx, rcx, r8, rbx, r13, r14, r15]) code.zero(register);
  // And tailStacks.
  code.store(r11, A.tailCalls, rax);
  code.call(entry);
}

/** Spans up to this long are cleared by single stores. */
const UNROLLED_BYTES = 128;

function clear(code: X64Code, spans: readonly Span[]): void {
  for (const { at, bytes } of spans) {
    assert(bytes % 8 === 0 && bytes > 0, 'a span is a multiple of 8 bytes');
    if (bytes <= UNROLLED_BYTES) {
      for (let done = 0; done < bytes; done += 8) code.storeImm(r12, at + done, 0);
      continue;
    }
    code.lea(rdi, r12, at);
    code.moveImm(rcx, bytes / 8);
    code.zero(rax);
    code.repStosq();
  }
}

function copyTemplate(code: X64Code, { from, to, bytes }: { readonly from: number; readonly to: number; readonly bytes: number }): void {
  assert(bytes % 8 === 0, 'a template is a multiple of 8 bytes');
  for (let done = 0; done < bytes; done += 8) {
    code.load(rax, r12, from + done);
    code.store(r12, to + done, rax);
  }
}

/** Descriptor in r10. */
function copyIn(code: X64Code, { descriptor, window, bytes }: BatchCopy): void {
  if (bytes === 8) {
    code.load(rax, r10, descriptor);
    code.store(r12, window, rax);
  } else {
    code.load32(rax, r10, descriptor);
    code.store32(r12, window, rax);
  }
}

function copyOut(code: X64Code, { descriptor, window, bytes }: BatchCopy): void {
  if (bytes === 8) {
    code.load(rax, r12, window);
    code.store(r10, descriptor, rax);
  } else {
    code.load32(rax, r12, window);
    code.store32(r10, descriptor, rax);
  }
}

function trampoline(at: number, cell: number): Uint8Array {
  const code = new X64Code(at);
  code.moveImm(rax, cell);
  code.load(rax, rax, 0);
  code.jumpRegister(rax);
  return code.finish();
}

function run(at: number, options: EntryOptions): Uint8Array {
  const code = new X64Code(at);
  enter(code, options);
  clear(code, options.places.clear);
  code.load(rdi, r11, H.r1);
  code.load(rsi, r11, H.r2);
  code.storeImm(r11, A.stopReason, STOP.none);
  callEntry(code, options);
  code.lea(r11, rsp, -STACK_AT_CALL);
  code.store(r11, H.result, rax);
  code.store32(r11, H.fuel, r9);
  leave(code);
  return code.finish();
}

function call(at: number, options: Omit<EntryOptions, 'places'>): Uint8Array {
  const code = new X64Code(at);
  enter(code, options);
  code.storeImm(r11, A.stopReason, STOP.none);
  takeFuel(code);
  for (const [i, register] of ARGUMENTS.entries()) code.load(register, r11, H.arguments + 8 * i);
  code.load(rbp, r11, H.frame);
  for (const register of [rax, rbx, r13, r14, r15]) code.zero(register);
  code.call(options.entry);
  code.lea(r11, rsp, -STACK_AT_CALL);
  code.store(r11, H.result, rax);
  code.store32(r11, H.fuel, r9);
  leave(code);
  return code.finish();
}

function batch(at: number, options: EntryOptions, layout: BatchLayout): Uint8Array {
  const code = new X64Code(at);
  enter(code, options);
  code.storeImm(r11, A.stopReason, STOP.none);
  const loop = code.label();
  const out = code.label();
  if (layout.pause !== undefined) {
    code.load32(rax, r12, layout.pause);
    code.store32(r11, H.batchWatched, rax);
  }
  code.bind(loop);
  if (layout.template !== undefined) copyTemplate(code, layout.template);
  clear(code, layout.clear);
  code.load(r10, r11, H.batchNext);
  for (const copy of layout.load) copyIn(code, copy);
  if (layout.legacy !== undefined) {
    code.load32(rax, r10, layout.legacy.pointer);
    code.store32(r11, A.packet, rax);
    code.load32(rax, r10, layout.legacy.length);
    code.store32(r11, A.packetLength, rax);
  }
  if (typeof layout.r1 === 'number') code.moveImm(rdi, layout.r1);
  else code.load32(rdi, r10, layout.r1.descriptor);
  if (layout.r2 === undefined) code.zero(rsi);
  else code.load32(rsi, r10, layout.r2);
  callEntry(code, options);
  code.lea(r11, rsp, -STACK_AT_CALL);
  code.compareMemory32(r11, A.stopReason, STOP.none);
  code.load(r10, r11, H.batchNext);
  code.jumpIf(CC.ne, out);
  code.store(r10, layout.result, rax);
  for (const copy of layout.store) copyOut(code, copy);
  code.lea(r10, r10, layout.stride);
  code.store(r11, H.batchNext, r10);
  code.opMemoryImm8('sub', r11, H.batchLeft, 1);
  if (layout.pause === undefined) code.jumpIf(CC.ne, loop);
  else {
    code.jumpIf(CC.e, out);
    code.load32(rax, r12, layout.pause);
    code.load32(rcx, r11, H.batchWatched);
    code.op('cmp', rax, rcx);
    code.jumpIf(CC.e, loop);
  }
  code.bind(out);
  leave(code);
  return code.finish();
}

function storeRegisters(code: X64Code): void {
  for (const [i, register] of REGISTERS.entries()) code.store(r11, H.registers + 8 * i, register);
}

/** Back into the thunk, behind its call of the entry function. */
function returnToThunk(code: X64Code): void {
  code.lea(rsp, r11, RETURN_ADDRESS_AT);
  code.zero(rax);
  code.ret();
}

function shared(at: number, clockGettime: number): SharedStubs {
  const code = new X64Code(at);
  const stopStub = code.label();
  code.bind(stopStub);
  storeRegisters(code);
  code.pop(rax);
  code.store(r11, A.faultPc, rax);
  code.pop(rax);
  code.store(r11, A.stopReason, rax);
  code.store(r11, A.stopSlot, r10);
  returnToThunk(code);

  const fault = code.offset;
  findActivation(code);
  code.store(r11, H.faultStack, rsp);
  storeRegisters(code);
  returnToThunk(code);

  const fuel = code.offset;
  const kept = [rax, rdi, rsi, rdx, rcx, r8];
  const stopWith = (reason: number): void => {
    for (const register of [...kept].reverse()) code.pop(register);
    // The fuel register is free from now on.
    code.pop(r9);
    code.pushImm8(reason);
    code.push(r9);
    code.jump(stopStub);
  };
  const empty = code.label();
  const aborted = code.label();
  const late = code.label();
  const refill = code.label();
  for (const register of kept) code.push(register);
  code.signExtend32(rax, r9);
  code.opMemory('add', rax, r11, A.fuelTotal);
  code.jumpIf(CC.s, empty);
  code.load(rcx, r11, H.stopFlag);
  code.compareMemory32(rcx, 0, 0);
  code.jumpIf(CC.ne, aborted);
  code.opMemoryImm8('cmp', r11, H.deadline, 0);
  code.jumpIf(CC.e, refill);
  code.store(r11, H.result, rax);
  code.store(r11, H.call, r10);
  code.move(rcx, rsp);
  code.load(rsp, r11, A.savedStack);
  code.push(rcx);
  code.push(r11);
  code.moveImm(rdi, CLOCK_MONOTONIC);
  code.lea(rsi, r11, H.time);
  code.moveImm(rax, clockGettime);
  code.callRegister(rax);
  code.pop(r11);
  code.pop(rsp);
  code.load(r10, r11, H.call);
  code.load(rax, r11, H.result);
  code.multiplyMemory(rcx, r11, H.time, 1_000_000_000);
  code.opMemory('add', rcx, r11, H.time + 8);
  code.opMemory('cmp', rcx, r11, H.deadline);
  code.jumpIf(CC.ge, late);
  code.bind(refill);
  code.moveImm(rcx, FUEL_SLICE);
  code.op('cmp', rax, rcx);
  code.conditionalMove(CC.l, rcx, rax);
  code.op('sub', rax, rcx);
  code.store(r11, A.fuelTotal, rax);
  code.move32(r9, rcx);
  for (const register of [...kept].reverse()) code.pop(register);
  code.ret();
  code.bind(empty);
  stopWith(STOP.fuel);
  code.bind(aborted);
  stopWith(STOP.aborted);
  code.bind(late);
  stopWith(STOP.deadline);
  return { code: code.finish(), stop: stopStub.offset, fuel, fault };
}

/** Runs C code on the host's stack: saves what the C convention does not. Expects the activation in r11. */
function onHostStack(code: X64Code, call: () => void): void {
  code.move(r10, rsp);
  code.load(rsp, r11, A.savedStack);
  code.push(r9);
  code.push(r10);
  call();
  code.pop(r10);
  code.pop(r9);
  code.move(rsp, r10);
}

/** Stops on behalf of a callee: reason in rax, activation in r11; the return address tells the place. */
function stopCaller(code: X64Code, stop: number): void {
  code.load(r10, rsp, 0);
  code.push(rax);
  code.push(r10);
  code.moveImm(r10, NO_SLOT);
  code.jumpTo(stop);
}

function jsCall(at: number, callback: number, number: number, stop: number): Uint8Array {
  const code = new X64Code(at);
  const stopped = code.label();
  const notReturned = code.label();
  findActivation(code);
  code.load(rax, rsp, 0);
  for (const [i, register] of ARGUMENTS.entries()) code.store(r11, H.arguments + 8 * i, register);
  code.storeImm32(r11, H.call, number);
  code.store(r11, H.callPc, rax);
  code.store(r11, H.frame, rbp);
  code.store32(r11, H.fuel, r9);
  onHostStack(code, () => {
    code.moveImm(rax, callback);
    code.callRegister(rax);
  });
  findActivation(code);
  code.test32(rax, rax);
  code.jumpIf(CC.ne, stopped);
  code.load(rax, r11, H.result);
  code.load32(r9, r11, H.fuel);
  code.ret();
  code.bind(stopped);
  code.move32(rax, rax);
  code.opImm32('cmp', rax, RETURN);
  code.jumpIf(CC.ne, notReturned);
  code.load(rax, r11, H.result);
  code.load32(r9, r11, H.fuel);
  code.load(rsp, r11, A.tailFrame);
  code.lea(rsp, rsp, -8);
  code.ret();
  code.bind(notReturned);
  stopCaller(code, stop);
  return code.finish();
}

function libraryCall(at: number, address: number, prototype: LibraryPrototype, stop: number): Uint8Array {
  const code = new X64Code(at);
  const bad = code.label();
  assert(prototype.arguments.length <= 5, 'a helper has five arguments');
  findActivation(code);
  let checked = false;
  for (const [i, argument] of prototype.arguments.entries()) {
    if (argument.kind === 'value') continue;
    const register = ARGUMENTS[i]!;
    const done = code.label();
    checked = true;
    // The stop at `bad` reports rax.
    code.move32(rax, register);
    code.zero(register);
    if (argument.nullable === true) {
      code.test32(rax, rax);
      code.jumpIf(CC.e, done);
    }
    code.opImm32('cmp', rax, 65_536);
    code.jumpIf(CC.b, bad);
    code.lea(register, rax, argument.bytes);
    code.opMemory('cmp', register, r11, H.windowEnd);
    code.jumpIf(CC.a, bad);
    code.move(register, rax);
    code.op('add', register, r12);
    code.bind(done);
  }
  onHostStack(code, () => {
    code.moveImm(rax, address);
    code.callRegister(rax);
  });
  switch (prototype.result) {
    case 'void':
      code.zero(rax);
      break;
    case 'i32':
      code.signExtend32(rax, rax);
      break;
    case 'u32':
      code.move32(rax, rax);
      break;
    default:
      break;
  }
  code.ret();
  if (checked) {
    code.bind(bad);
    code.op('add', rax, r12);
    code.store(r11, A.faultAddress, rax);
    code.moveImm(rax, STOP.fault);
    stopCaller(code, stop);
  }
  return code.finish();
}

/** void handler(int signal, siginfo_t *info, ucontext_t *context): rdi, rsi, rdx. */
function handler(at: number, table: number): Uint8Array {
  const T = FAULT_TABLE;
  const code = new X64Code(at);
  const loop = code.label();
  const hit = code.label();
  const chain = code.label();
  const toDefault = code.label();
  const raise = code.label();
  const jumpToPrevious = code.label();
  const done = code.label();
  code.moveImm(r8, table);
  code.load(rax, rdx, UC_RIP);
  code.load32(rcx, r8, T.count);
  code.lea(r9, r8, T.entries);
  code.bind(loop);
  code.test32(rcx, rcx);
  code.jumpIf(CC.e, chain);
  code.move(r10, rax);
  code.opMemory('sub', r10, r9, T.entryStart);
  code.opMemory('cmp', r10, r9, T.entrySize);
  code.jumpIf(CC.b, hit);
  code.opImm('add', r9, T.entryBytes);
  code.opImm32('sub', rcx, 1);
  code.jump(loop);

  code.bind(hit);
  code.load(r11, rdx, UC_RSP);
  code.opImm('and', r11, -CHUNK_BYTES);
  code.storeImm(r11, A.stopReason, STOP.fault);
  code.storeImm(r11, A.stopSlot, -1);
  code.store(r11, A.faultPc, rax);
  code.load(rcx, rsi, SI_ADDR);
  code.store(r11, A.faultAddress, rcx);
  code.load(rcx, r9, T.entryResume);
  code.store(rdx, UC_RIP, rcx);
  code.bind(done);
  code.ret();

  code.bind(chain);
  // previous[signal]: a handler, or 0 for the default action, or 1 for none.
  code.move32(rax, rdi);
  code.op('add', rax, rax);
  code.op('add', rax, rax);
  code.op('add', rax, rax);
  code.op('add', rax, r8);
  code.load(rax, rax, T.previous);
  code.opImm('cmp', rax, 1);
  code.jumpIf(CC.a, jumpToPrevious);
  code.jumpIf(CC.b, toDefault);
  // A signal that another process sent may be ignored, a fault of this thread may not.
  code.compareMemory32(rsi, SI_CODE, 0);
  code.jumpIf(CC.le, done);
  code.bind(toDefault);
  code.push(rdi);
  code.push(rsi);
  code.lea(rsi, r8, T.defaultAction);
  code.zero(rdx);
  code.moveImm(r10, 8);
  code.moveImm(rax, SYS.rt_sigaction);
  code.syscall();
  code.pop(rsi);
  code.pop(rdi);
  // A fault happens again when its instruction does; a trap, and what was sent, must be raised.
  code.compareMemory32(rsi, SI_CODE, 0);
  code.jumpIf(CC.le, raise);
  code.opImm32('cmp', rdi, SIGNAL.trap);
  code.jumpIf(CC.ne, done);
  code.bind(raise);
  code.push(rdi);
  code.moveImm(rax, SYS.getpid);
  code.syscall();
  code.push(rax);
  code.moveImm(rax, SYS.gettid);
  code.syscall();
  code.move(rsi, rax);
  code.pop(rdi);
  code.pop(rdx);
  code.moveImm(rax, SYS.tgkill);
  code.syscall();
  code.ret();
  code.bind(jumpToPrevious);
  code.jumpRegister(rax);
  return code.finish();
}

export const x64: Emitter = { trap: siteEncoder.trap, shared, trampoline, run, call, batch, jsCall, libraryCall, handler };
