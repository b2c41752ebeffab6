// Helpers of every program type: time, numbers, text, memory, callbacks. Those of packets and of rings are in files of their own;
// lookups, updates and deletions of maps are routines.
import type { Caller, HelperFunction } from '../../interpreter/machine.ts';
import { MAX_LOOPS } from '../../spec/helpers.ts';
import { PLACE } from '../../window/window.ts';
import type { BpfMap } from '../maps/maps.ts';
import type { Home } from '../object/home.ts';
import { ERRNO } from './errno.ts';
import { formatText } from './format.ts';

/** What a helper gives back goes to R0, as 64 bits. */
export type Implementation = (caller: Caller, home: Home) => bigint | number;

export { ERRNO } from './errno.ts';

const { E2BIG, EFAULT, EINVAL, ERANGE } = ERRNO;

/** An argument that the kernel takes as u32. */
export function u32(caller: Caller, argument: number): number {
  return Number(caller.registers[argument]! & 0xffff_ffffn);
}

export function bytesAt(caller: Caller, argument: number, size: number, write = false): Uint8Array {
  const pointer = caller.pointer(argument, size, write);
  return size === 0 ? new Uint8Array(0) : caller.window.slice(pointer, size);
}

/** The string at that argument without its end, at most `limit` bytes. */
function stringAt(caller: Caller, argument: number, limit: number): Uint8Array {
  const text = caller.window.string(caller.pointer(argument, 1, false), limit);
  caller.pointer(argument, Math.min(text.length + 1, limit), false);
  return text;
}

export function mapOf(caller: Caller, home: Home, argument: number): BpfMap {
  const map = home.mapAt(caller.number(argument));
  if (map === undefined) caller.stop('helper', `argument ${argument} = 0x${caller.registers[argument]!.toString(16)} is no map`);
  return map;
}

/** Kernel addresses begin here. [Linux arch/x86/mm/maccess.c] */
const KERNEL_SPACE = 0xffff_8000_0000_0000n;

/** What a read of an address gives that is none: the kernel's readers refuse what cannot be the kernel's with an error of its own. */
function badAddress(caller: Caller, ofKernel: boolean): number {
  return ofKernel && caller.registers[3]! < KERNEL_SPACE ? ERANGE : EFAULT;
}

/** bpf_probe_read_*: a pointer into the window's live memory gives its bytes, anything else a negative errno and zeros. [DESIGN 2.1] */
export function probeRead(caller: Caller, home: Home, ofKernel = false): number {
  const size = u32(caller, 2);
  const out = bytesAt(caller, 1, size, true);
  const source = caller.registers[3]!;
  if (source > 0xffff_ffffn || !home.regions.find(Number(source), size, false, false)) {
    if (!(source <= 0xffff_ffffn && inStack(Number(source), size))) {
      out.fill(0);
      return badAddress(caller, ofKernel);
    }
  }
  out.set(caller.window.read(Number(source), size));
  return 0;
}

function inStack(pointer: number, size: number): boolean {
  return pointer >= PLACE.stackBottom && pointer + size <= PLACE.stackTop;
}

function probeReadString(caller: Caller, home: Home, ofKernel = false): number {
  const size = u32(caller, 2);
  const out = bytesAt(caller, 1, size, true);
  const source = caller.registers[3]!;
  if (size === 0) return 0;
  const pointer = Number(source);
  if (source > 0xffff_ffffn || !(home.regions.find(pointer, 1, false, false) || inStack(pointer, 1))) {
    out.fill(0);
    return badAddress(caller, ofKernel);
  }
  const text = caller.window.string(pointer, size - 1);
  out.set(text);
  out[text.length] = 0;
  return text.length + 1;
}

/** The text of a format whose arguments come from registers, or a negative errno. */
export function printFrom(caller: Caller, format: Uint8Array, values: readonly bigint[]): string | number {
  const end = format.indexOf(0);
  let index = 0;
  return formatText(caller.window, end < 0 ? format : format.subarray(0, end), () => values[index++]);
}

function trace(home: Home, text: string | number): number {
  if (typeof text === 'number') return text;
  home.trace.push(text.replace(/\n$/, ''));
  return text.length;
}

/** 64-bit words at argument `argument`, `bytes` long. */
export function words(caller: Caller, argument: number, bytes: number): bigint[] {
  if (bytes % 8 !== 0 || bytes > 96) return [];
  const pointer = caller.pointer(argument, bytes, false);
  return Array.from({ length: bytes / 8 }, (_, i) => caller.window.u64(pointer + 8 * i));
}

const SPACE = /^\s*/;

function parseNumber(caller: Caller, signed: boolean): number {
  const size = u32(caller, 2);
  const flags = Number(caller.registers[3]! & 0x1fn);
  const text = new TextDecoder('latin1').decode(bytesAt(caller, 1, size).slice());
  const out = caller.pointer(4, 8, true);
  if (size === 0 || (flags !== 0 && flags !== 8 && flags !== 10 && flags !== 16)) return EINVAL;
  let at = SPACE.exec(text)![0].length;
  const negative = text[at] === '-';
  if (negative && !signed) return EINVAL;
  if (negative) at++;
  let base = flags;
  const prefix = text.slice(at);
  if (base === 0) base = /^0[xX][0-9a-fA-F]/.test(prefix) ? 16 : /^0[0-7]/.test(prefix) ? 8 : 10;
  if (base === 16 && /^0[xX]/.test(prefix)) at += 2;
  const digits = (base === 16 ? /^[0-9a-fA-F]+/ : base === 8 ? /^[0-7]+/ : /^[0-9]+/).exec(text.slice(at))?.[0];
  if (digits === undefined) return EINVAL;
  const value = BigInt(base === 16 ? `0x${digits}` : base === 8 ? `0o${digits}` : digits) * (negative ? -1n : 1n);
  if (signed ? BigInt.asIntN(64, value) !== value : BigInt.asUintN(64, value) !== value) return ERANGE;
  caller.window.setU64(out, BigInt.asUintN(64, value));
  return at + digits.length;
}

/** bpf_for_each_map_elem(map, callback, context, flags). [uapi bpf.h] */
function forEachElement(caller: Caller, home: Home): number {
  const map = mapOf(caller, home, 1);
  const [, , handle, context, flags] = [...caller.registers.subarray(0, 5)];
  if (flags !== 0n) return EINVAL;
  const { window, regions } = home;
  // Keys are handed over in a place of their own: the element may be deleted by the callback.
  const at = window.allocate(map.keySize);
  const region = regions.add({ name: 'the key of the callback', start: at, end: at + map.keySize, writable: false });
  try {
    let count = 0;
    const isHash = map.row.kept === 'hash';
    const ofCpu = map.row.perCpu ? home.cpu * 8 * Math.ceil(map.valueSize / 8) : 0;
    // The callback may delete elements, this one or others, and put new ones in: those that were there at the start are visited, once.
    for (const [key, first] of isHash ? [...map.elements()] : map.elements()) {
      const found = isHash ? map.lookup(key) : first;
      if (found === undefined) continue;
      const pointer = found + ofCpu;
      count++;
      window.write(at, key);
      if (caller.callback(handle!, BigInt(map.pointer), BigInt(at), BigInt(pointer), context!, 0n) !== 0n) break;
    }
    return count;
  } finally {
    regions.remove(region);
    window.free(at, map.keySize);
  }
}

function loop(caller: Caller): number {
  const count = u32(caller, 1);
  const [, , handle, context, flags] = [...caller.registers.subarray(0, 5)];
  if (flags !== 0n) return EINVAL;
  if (count > MAX_LOOPS) return E2BIG;
  for (let i = 0; i < count; i++) {
    if (caller.callback(handle!, BigInt(i), context!, 0n, 0n, 0n) !== 0n) return i + 1;
  }
  return count;
}

function compareStrings(caller: Caller): number {
  const size = u32(caller, 2);
  const a = bytesAt(caller, 1, size);
  const b = size === 0 ? a : stringAt(caller, 3, size);
  for (let i = 0; i < size; i++) {
    const left = a[i]!;
    const right = b[i] ?? 0;
    if (left !== right) return left < right ? -1 : 1;
    if (left === 0) return 0;
  }
  return 0;
}

/** Helpers by id. */
export const COMMON_HELPERS: Readonly<Record<number, Implementation>> = {
  4: (caller, home) => probeRead(caller, home),
  5: (_, home) => home.clock.now(),
  6: (caller, home) => {
    const format = bytesAt(caller, 1, u32(caller, 2));
    return trace(home, printFrom(caller, format, [...caller.registers.subarray(3, 6)]));
  },
  7: (_, home) => home.random(),
  8: (_, home) => home.cpu,
  42: () => 0,
  45: (caller, home) => probeReadString(caller, home),
  93: () => 0,
  94: () => 0,
  105: (caller) => parseNumber(caller, true),
  106: (caller) => parseNumber(caller, false),
  112: (caller, home) => probeRead(caller, home),
  113: (caller, home) => probeRead(caller, home, true),
  114: (caller, home) => probeReadString(caller, home),
  115: (caller, home) => probeReadString(caller, home, true),
  118: (_, home) => home.clock.now() / 4_000_000n,
  125: (_, home) => home.clock.now(),
  148: (caller, home) => probeRead(caller, home),
  160: (_, home) => home.clock.now(),
  164: forEachElement,
  165: (caller) => {
    const size = u32(caller, 2);
    const out = bytesAt(caller, 1, size, true);
    const bytes = u32(caller, 5);
    const format = stringAt(caller, 3, 4096);
    const text = printFrom(caller, format, words(caller, 4, bytes));
    if (typeof text === 'number') return text;
    const encoded = new TextEncoder().encode(text);
    if (size > 0) {
      const fits = encoded.subarray(0, size - 1);
      out.set(fits);
      out[fits.length] = 0;
    }
    return encoded.length + 1;
  },
  177: (caller, home) => {
    const format = bytesAt(caller, 1, u32(caller, 2));
    return trace(home, printFrom(caller, format, words(caller, 3, u32(caller, 4))));
  },
  181: loop,
  182: compareStrings,
  208: (_, home) => home.clock.now(),
};

export function toHelper(home: Home, implementation: Implementation): HelperFunction {
  return (caller) => {
    home.batch?.enter();
    caller.registers[0] = BigInt.asUintN(64, BigInt(implementation(caller, home)));
  };
}
