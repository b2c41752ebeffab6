// A run of the interpreter as text: each instruction with what it did, the lines of C in between.
import { printInstruction } from '../../asm/print.ts';
import { FIRST_HANDLE, type TraceHook } from '../../interpreter/machine.ts';
import { ATOMIC, KIND } from '../../isa/code.ts';
import { functionAt, lineAt } from '../../program/lines.ts';
import type { Line, Program } from '../../program/program.ts';
import { type HelperArgument, helperById, helperName } from '../../spec/helpers.ts';
import { FRAME_BYTES } from '../../spec/limits.ts';
import { toHex } from '../../util/bytes.ts';
import { PLACE, type Window } from '../../window/window.ts';
import type { LoadedObject } from '../object/object.ts';
import { plainName } from './coverage.ts';
import { meaningOf } from './meanings.ts';

/** How much of a run is shown, and how its sources are called. */
export interface TraceOptions {
  /** Instructions that are shown, of all runs; those after them are only counted. Default 10,000. */
  readonly limit?: number;
  /** The name under which a source file, named as the compiler did, is shown. Default: without `./` and `x/../`. */
  readonly sourceName?: (file: string) => string;
}

export const DEFAULT_TRACE_LIMIT = 10_000;
const TEXT_COLUMNS = 36;
/** Bytes of memory that are shown of an argument. */
const MAX_BYTES = 16;
const REGISTERS = 10;

/** Give `hook` to a run as its `trace`, and call `end` after it: the last instruction's effect is only known then. */
export class Tracer {
  readonly #object: LoadedObject;
  readonly #write: (line: string) => void;
  readonly #limit: number;
  readonly #sourceName: (file: string) => string;
  readonly #sourceNames = new Map<string, string>();
  readonly #before = new BigUint64Array(REGISTERS + 1);
  /** The instruction that is being executed. */
  #program: Program | undefined;
  #slot = 0;
  /** What was known before it ran: an address, an operand. */
  #note = '';
  #shown: Line | undefined;
  #inside: string | undefined;
  #shownCount = 0;
  #omitted = 0;
  /** Calls whose helper runs something of the program before it returns; innermost last. */
  readonly #calls: { readonly program: Program; readonly slot: number }[] = [];

  /** `write` gets lines without their ends. */
  constructor(object: LoadedObject, write: (line: string) => void, options: TraceOptions = {}) {
    this.#object = object;
    this.#write = write;
    this.#limit = options.limit ?? DEFAULT_TRACE_LIMIT;
    this.#sourceName = options.sourceName ?? plainName;
  }

  /** Instructions beyond the limit, which are not shown. */
  get omitted(): number {
    return this.#omitted;
  }

  readonly hook: TraceHook = (slot, registers, program) => {
    this.#finish(registers, program, slot);
    if (this.#shownCount === this.#limit) {
      this.#omitted++;
      return;
    }
    this.#shownCount++;
    this.#program = program;
    this.#slot = slot;
    for (let i = 0; i <= REGISTERS; i++) this.#before[i] = registers[i]!;
    this.#heading(program, slot);
    this.#note = this.#notice(program, slot);
  };

  /** The run is over: by its exit, or `stopped` at the last instruction. */
  end(stopped = false): void {
    if (this.#program !== undefined) this.#print(stopped ? 'stopped here' : this.#note);
    this.#program = undefined;
    this.#shown = undefined;
    this.#inside = undefined;
    this.#calls.length = 0;
  }

  get #indent(): string {
    const fp = Number(this.#before[REGISTERS]!);
    return '  '.repeat(fp > PLACE.stackTop ? 8 : Math.max(0, (PLACE.stackTop - fp) / FRAME_BYTES));
  }

  #heading(program: Program, slot: number): void {
    const name = functionAt(program, slot)!;
    const inside = name === program.name ? name : `${name} (${program.name})`;
    if (inside !== this.#inside) this.#write(`${this.#indent}${inside}:`);
    const line = lineAt(program, slot);
    if (line !== undefined && (inside !== this.#inside || line.line !== this.#shown?.line || line.file !== this.#shown.file))
      this.#write(`${this.#indent}; ${this.#nameOf(line.file)}:${line.line}  ${line.text?.trim() ?? ''}`.trimEnd());
    this.#inside = inside;
    this.#shown = line;
  }

  #nameOf(file: string): string {
    const known = this.#sourceNames.get(file) ?? this.#sourceName(file);
    this.#sourceNames.set(file, known);
    return known;
  }

  /** Prints the last instruction, after which `slot` of `next` is about to run. */
  #finish(registers: BigUint64Array, next: Program, slot: number): void {
    const program = this.#program;
    if (program === undefined) return;
    const kind = program.code.kind[this.#slot];
    const goesOn = next === program && slot === this.#slot + 1;
    if (kind === KIND.branch) this.#print(goesOn ? 'not taken' : `taken, to ${slot}`);
    else if (!goesOn && (kind === KIND.callHelper || kind === KIND.callKfunc)) {
      this.#print(this.#note);
      this.#calls.push({ program, slot: this.#slot });
    } else this.#print(this.#effect(program, this.#slot, registers));
    this.#program = undefined;
    const call = this.#calls.at(-1);
    if (kind !== KIND.exit || call?.program !== next || call.slot + 1 !== slot) return;
    this.#calls.pop();
    this.#write(
      `${this.#indent.slice(2)}${String(call.slot).padStart(6)}  ${'(returns)'.padEnd(TEXT_COLUMNS)}  r0 = ${this.#value(registers[0]!)}`,
    );
  }

  #print(effect: string): void {
    const { code, maps, subprograms, kfuncs } = this.#program!;
    const slot = this.#slot;
    const named = {
      label: (to: number) => subprograms.find(({ start }) => start === to && start > 0)?.name,
      map: (i: number) => maps[i]?.name,
    };
    let text = printInstruction(code, slot, named);
    if (code.kind[slot] === KIND.callHelper) text = `call ${helperName(code.imm[slot]!)}`;
    if (code.kind[slot] === KIND.callKfunc) text = `call ${kfuncs[code.imm[slot]!] ?? ''}`;
    this.#write(`${this.#indent}${String(slot).padStart(6)}  ${text.padEnd(effect === '' ? 0 : TEXT_COLUMNS)}  ${effect}`.trimEnd());
  }

  /** What must be looked at before the instruction runs. */
  #notice({ code }: Program, slot: number): string {
    const q = this.#before;
    const offset = BigInt(code.offset[slot]!);
    switch (code.kind[slot]) {
      case KIND.load:
      case KIND.loadAcquire:
        return this.#place(q[code.src[slot]!]! + offset);
      case KIND.store:
      case KIND.storeRelease: {
        const bits = 8 * code.size[slot]!;
        const fromRegister = code.x[slot] === 1 || code.kind[slot] === KIND.storeRelease;
        const value = BigInt.asUintN(bits, fromRegister ? q[code.src[slot]!]! : BigInt(code.imm[slot]!));
        return `${this.#place(q[code.dst[slot]!]! + offset)} = ${bits === 64 ? this.#value(value) : number(value)}`;
      }
      case KIND.atomic:
        return this.#atomicNote(code.size[slot]!, q[code.dst[slot]!]! + offset);
      case KIND.callHelper:
        return this.#argumentsOf(code.imm[slot]!);
      case KIND.exit:
        return `r0 = ${this.#value(q[0]!)}`;
      default:
        return '';
    }
  }

  #atomicNote(size: number, address: bigint): string {
    const old = this.#read(address, size);
    return `${this.#place(address)}${old === undefined ? '' : ` was ${number(old)}`}`;
  }

  /** What became of it, now that the next one is about to run. */
  #effect(program: Program, slot: number, registers: BigUint64Array): string {
    const { code } = program;
    const written = (r: number): string => `r${r} = ${this.#value(registers[r]!)}`;
    const dst = code.dst[slot]!;
    switch (code.kind[slot]) {
      case KIND.load:
      case KIND.loadAcquire:
        return `${written(dst)}, from ${this.#note}`;
      case KIND.store:
      case KIND.storeRelease:
        return this.#note;
      case KIND.atomic: {
        const address = this.#before[dst]! + BigInt(code.offset[slot]!);
        const now = this.#read(address, code.size[slot]!);
        const fetched = code.op[slot] === ATOMIC.cmpxchg ? 0 : code.x[slot] === 1 ? code.src[slot]! : -1;
        return `${this.#note}, is ${now === undefined ? '?' : number(now)}${fetched < 0 ? '' : `, ${written(fetched)}`}`;
      }
      case KIND.packetLoad:
      case KIND.callKfunc:
        return written(0);
      case KIND.callHelper:
        return `${this.#note} -> ${written(0)}`;
      case KIND.exit:
        return this.#note;
      case KIND.branch:
      case KIND.callLocal:
      case KIND.callx:
      case KIND.jump:
      case KIND.mayGoto:
        return '';
      default:
        return written(dst);
    }
  }

  /** As the prototype has them; memory that is read is shown. */
  #argumentsOf(id: number): string {
    const kinds = helperById(id)?.arguments ?? (['x', 'x', 'x', 'x', 'x'] as const);
    return `(${kinds.map((kind, i) => this.#argument(kind, i + 1, kinds)).join(', ')})`;
  }

  #argument(kind: HelperArgument, index: number, kinds: readonly HelperArgument[]): string {
    const value = this.#before[index]!;
    if (kind === 'callback') return this.#program!.subprograms[Number(value) - FIRST_HANDLE]?.name ?? number(value);
    const size = this.#sizeOf(kind, kinds);
    const text = this.#value(value, kind !== 'x');
    if (size === undefined || size === 0 || value === 0n) return text;
    const bytes = this.#bytes(value, Math.min(size, MAX_BYTES));
    return bytes === undefined ? text : `${text}: ${toHex(bytes, ' ')}${size > MAX_BYTES ? '...' : ''}`;
  }

  /** Bytes that the helper reads there; undefined: none. */
  #sizeOf(kind: HelperArgument, kinds: readonly HelperArgument[]): number | undefined {
    if (kind.startsWith('r') && kind.length === 2) return Number(this.#before[Number(kind[1])]! & 0xffff_ffffn);
    if (kind !== 'key' && kind !== 'value') return undefined;
    const descriptor = this.#before[1 + kinds.indexOf('map')]!;
    const map = descriptor > 0xffff_ffffn ? undefined : this.#object.home.mapAt(Number(descriptor));
    return kind === 'key' ? map?.keySize : map?.valueSize;
  }

  get #window(): Window {
    return this.#object.home.window;
  }

  #bytes(pointer: bigint, size: number): Uint8Array | undefined {
    return pointer <= 0xffff_ffffn && this.#window.has(Number(pointer), size) ? this.#window.read(Number(pointer), size) : undefined;
  }

  #read(address: bigint, size: number): bigint | undefined {
    const bytes = this.#bytes(BigInt.asUintN(64, address), size);
    return bytes === undefined ? undefined : BigInt(`0x${toHex(bytes.reverse())}`);
  }

  #place(address: bigint): string {
    const pointer = BigInt.asUintN(64, address);
    return this.#meaning(pointer, true) ?? `0x${pointer.toString(16)}`;
  }

  #value(value: bigint, isShort = false): string {
    const meaning = this.#meaning(value);
    return meaning === undefined ? number(value) : isShort ? meaning : `${meaning} (0x${value.toString(16)})`;
  }

  #meaning(value: bigint, isAccess = false): string | undefined {
    if (value > 0xffff_ffffn) return undefined;
    const pointer = Number(value);
    const fp = Number(this.#before[REGISTERS]!);
    if (pointer > fp - FRAME_BYTES && pointer <= fp) return pointer === fp ? 'fp' : `fp - ${fp - pointer}`;
    if (pointer > fp && pointer <= PLACE.stackTop) {
      const up = Math.ceil((pointer - fp) / FRAME_BYTES);
      return `fp - ${fp + up * FRAME_BYTES - pointer} of ${up === 1 ? 'the caller' : `the frame ${up} up`}`;
    }
    return meaningOf(this.#object.home, pointer, isAccess);
  }
}

function number(value: bigint): string {
  const signed = BigInt.asIntN(64, value);
  if (signed < 0n && signed >= -65_536n) return `${signed} (0x${value.toString(16)})`;
  return value < 10n ? String(value) : `${value} (0x${value.toString(16)})`;
}
