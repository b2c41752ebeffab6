// Generated programs as trees: statements that can be dropped one by one, so that a failing program can be made small.
import type { ContextValues } from '../src/runtime/helpers/packet.ts';

export type Width = 32 | 64;
export type Bytes = 1 | 2 | 4 | 8;

/** A number that a call is given: constant, or what a register holds, cut to `mask` first where there is one. */
export type Operand =
  | { readonly imm: number; readonly hi?: number }
  | { readonly register: number; readonly mask?: number; readonly dirty?: number };

/** An argument of a helper. `stack`: address of the argument area, that many bytes in; `frame`: of the words that statements use. */
export type Argument = Operand | { readonly stack: number } | 'context' | { readonly map: number };

/** A scratch register that becomes `from` (R10, or a pointer) + `part`; it gets the number `refill` afterwards, unless it is what was loaded into. */
export interface Via {
  readonly register: number;
  readonly from: number;
  readonly part: number;
  readonly refill: number;
}

/** Where an access goes: `offset` bytes from R10, or from the pointer in `base`. */
interface Place {
  readonly offset: number;
  readonly base?: number | undefined;
}

/** After a call R1 to R5 hold nothing that may be read: they get these numbers. */
interface Call {
  readonly after: readonly number[];
}

/** Statements that run while `pointer` holds an address; it is the number `refill` behind them. */
interface Pointing {
  readonly pointer: number;
  readonly refill: number;
  readonly body: readonly Statement[];
}

/** Registers are eBPF numbers. Every register holds a number between statements, but for the pointers of the blocks around. */
export type Statement =
  | {
      readonly do: 'alu';
      readonly op: number;
      readonly width: Width;
      readonly dst: number;
      readonly src: number | undefined;
      readonly imm: number;
    }
  | { readonly do: 'movsx'; readonly bits: 8 | 16 | 32; readonly width: Width; readonly dst: number; readonly src: number }
  | { readonly do: 'swap'; readonly op: number; readonly bits: 16 | 32 | 64; readonly dst: number }
  | { readonly do: 'lddw'; readonly dst: number; readonly lo: number; readonly hi: number }
  /** The address of a kernel variable: 0. */
  | { readonly do: 'kernelAddress'; readonly dst: number; readonly type: number }
  | { readonly do: 'cast'; readonly dst: number; readonly src: number; readonly spaces: number }
  /** Through R10, through a pointer, or through `via` = R10 + part of the offset. */
  | ({
      readonly do: 'load';
      readonly bytes: Bytes;
      readonly signed: boolean;
      readonly dst: number;
      readonly via: Via | undefined;
    } & Place)
  | ({
      readonly do: 'store';
      readonly bytes: Bytes;
      readonly src: number | undefined;
      readonly imm: number;
      readonly via: Via | undefined;
    } & Place)
  | ({
      readonly do: 'atomic';
      readonly op: number;
      readonly fetch: boolean;
      readonly bytes: 4 | 8;
      readonly src: number;
      /** A byte swap that changes nothing: what was fetched is then a number that the verifier knows nothing of, see docs/testing.md. */
      readonly forget: boolean;
      readonly via: Via | undefined;
    } & Place)
  | ({ readonly do: 'acquire'; readonly bytes: Bytes; readonly dst: number; readonly via: Via | undefined } & Place)
  | ({ readonly do: 'release'; readonly bytes: Bytes; readonly src: number; readonly via: Via | undefined } & Place)
  | {
      readonly do: 'if';
      readonly op: number;
      readonly width: Width;
      readonly dst: number;
      readonly src: number | undefined;
      readonly imm: number;
      readonly taken: readonly Statement[];
      readonly otherwise: readonly Statement[];
      readonly far: boolean;
    }
  /** `counter` counts from `times` down to 1; statements inside do not write it. `mayGoto`: the loop budget may end it, too. */
  | {
      readonly do: 'loop';
      readonly counter: number;
      readonly times: number;
      readonly mayGoto: boolean;
      readonly body: readonly Statement[];
    }
  /**
   * Blocks, each with a branch to any of them at its end: loops that overlap, and are entered in their middle. `counter` counts from
   * `times` down at the ends, and 0 leads out.
   */
  | { readonly do: 'tangle'; readonly counter: number; readonly times: number; readonly blocks: readonly TangleBlock[] }
  /** That many stores of a register, all over the words: branches around them need their longer forms. */
  | { readonly do: 'pad'; readonly src: number; readonly times: number }
  /** What a jump skips: nothing comes here. */
  | { readonly do: 'dead'; readonly body: readonly Statement[] }
  | ({ readonly do: 'call'; readonly callee: number } & Call)
  /** Through a handle in register `through`. */
  | ({ readonly do: 'callx'; readonly callee: number; readonly through: number } & Call)
  | { readonly do: 'exitEarly'; readonly op: number; readonly dst: number; readonly imm: number }
  /** A value looked up (`cpu`: of that CPU): `body` while the pointer is one, `miss` where there is no element. `checked`: false faults. */
  | ({
      readonly do: 'lookup';
      readonly map: number;
      /** A register that holds the map: `map` says what it is like. */
      readonly through: number | undefined;
      readonly key: readonly Operand[];
      readonly cpu: Operand | undefined;
      readonly checked: boolean;
      readonly miss: readonly Statement[];
    } & Call &
      Pointing)
  | ({ readonly do: 'mapValue'; readonly map: number; readonly offset: number } & Pointing)
  | ({
      readonly do: 'update';
      readonly map: number;
      readonly through: number | undefined;
      readonly key: readonly Operand[];
      readonly value: readonly Operand[];
      readonly flags: Operand;
    } & Call)
  | ({ readonly do: 'delete'; readonly map: number; readonly through: number | undefined; readonly key: readonly Operand[] } & Call)
  | ({ readonly do: 'push'; readonly map: number; readonly value: readonly Operand[]; readonly flags: Operand } & Call)
  /** What was popped (or peeked at) goes to `into`. */
  | ({ readonly do: 'pop'; readonly map: number; readonly peek: boolean; readonly into: number } & Call)
  /** A record of a ring buffer, submitted or discarded behind `body`. */
  | ({
      readonly do: 'reserve';
      readonly map: number;
      readonly bytes: number;
      readonly submit: boolean;
      readonly flags: number;
    } & Call &
      Pointing)
  /** A pointer further on by what `index` holds, cut to `mask`. */
  | ({ readonly do: 'step'; readonly from: number; readonly index: number; readonly mask: number } & Pointing)
  /** `bytes` of the packet, or of the metadata in front of it. */
  | ({ readonly do: 'packet'; readonly meta: boolean; readonly bytes: number; readonly miss: readonly Statement[] } & Call & Pointing)
  /** The legacy loads: R6 is the context. Beyond the packet they end the program with 0. */
  | ({
      readonly do: 'packetLoad';
      readonly bytes: 1 | 2 | 4;
      readonly offset: number;
      readonly index: Operand | undefined;
      readonly refill: number;
    } & Call)
  | ({ readonly do: 'kfunc'; readonly name: number; readonly refill: number } & Call)
  | { readonly do: 'contextLoad'; readonly offset: number; readonly bytes: Bytes; readonly dst: number }
  | { readonly do: 'contextStore'; readonly offset: number; readonly bytes: Bytes; readonly src: number; readonly through: number }
  /** The argument area is filled with `data` first, and its first word read into `into` afterwards. */
  | ({
      readonly do: 'helper';
      readonly id: number;
      readonly arguments: readonly Argument[];
      readonly data: readonly Operand[];
      readonly into: number | undefined;
    } & Call)
  | ({ readonly do: 'bpfLoop'; readonly callee: number; readonly count: Operand; readonly flags: number } & Call)
  | ({ readonly do: 'forEach'; readonly callee: number; readonly map: number; readonly flags: number } & Call)
  | ({ readonly do: 'tailCall'; readonly map: number; readonly index: Operand; readonly refill: number } & Call)
  /** An access that no memory answers: it stops the program. */
  | {
      readonly do: 'wild';
      readonly address: number;
      readonly offset: number;
      readonly bytes: Bytes;
      readonly write: boolean;
      readonly via: number;
    };

export interface TangleBlock {
  readonly body: readonly Statement[];
  readonly op: number;
  readonly width: Width;
  readonly dst: number;
  readonly src: number | undefined;
  readonly imm: number;
  /** Number of a block; what there is not any more is the way out. */
  readonly target: number;
}

/** How a function is called, which says what its arguments are. */
export type Role =
  /** R1 is the context, or of bare programs the memory. */
  | 'main'
  /** R1 is the context. */
  | 'sub'
  /** R1 and R2 are numbers. */
  | 'leaf'
  /** Of bpf_loop: R1 is the index, R2 points at the caller's words. */
  | 'loop'
  /** Of bpf_for_each_map_elem: map, key, value, the caller's words. */
  | 'each';

export interface GeneratedFunction {
  readonly role: Role;
  readonly constants: readonly (readonly [lo: number, hi: number])[];
  /** 8-byte words that are written at entry, below the reserved bytes. */
  readonly words: number;
  readonly body: readonly Statement[];
  /** Of callbacks: registers that hold the pointer to the caller's words, and the value; with the numbers they get at the end. */
  readonly frame?: readonly [register: number, refill: number];
  readonly value?: readonly [register: number, refill: number];
  /** Of callbacks: may they return 1, which ends the iteration? */
  readonly stops?: boolean;
  /** Made small: begins with small numbers, and its result is what R0 holds. */
  readonly plain?: boolean;
}

export interface GeneratedMap {
  readonly name: string;
  /** BPF_MAP_TYPE_* */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** Of maps of maps: number of the map that its elements are, and their keys. */
  readonly inner?: number;
  readonly keys?: readonly number[];
}

export interface GeneratedProgram {
  readonly seed: number;
  readonly functions: readonly GeneratedFunction[];
  readonly maps: readonly GeneratedMap[];
  /** Of `ProgramInput.type`. */
  readonly type: 'raw' | 'xdp' | 'sched_cls';
}

export interface GeneratedRun {
  readonly packet: Uint8Array;
  /** Of programs that have a context. */
  readonly ctx?: ContextValues;
  readonly cpu?: number;
}

/** Programs that share maps; the first is run, the others are what its tail calls may reach. */
export interface GeneratedObject {
  readonly seed: number;
  readonly maps: readonly GeneratedMap[];
  readonly programs: readonly GeneratedProgram[];
  /** Of program arrays: map, index, number of the program. */
  readonly elements: readonly { readonly map: number; readonly index: number; readonly program: number }[];
  readonly runs: readonly GeneratedRun[];
}

/** Kernel functions that are called; they give nothing. */
export const KFUNCS = ['bpf_rcu_read_lock', 'bpf_rcu_read_unlock', 'bpf_preempt_disable', 'bpf_preempt_enable'] as const;

/** Bytes under R10 that calls use: the context's pointer, a key, and arguments or a value; statements' words lie below. */
export const RESERVED = { context: -8, key: -32, argument: -64 } as const;
export const RESERVED_BYTES = 64;
/** Argument bytes. */
export const ARGUMENT_BYTES = 32;
/** Words that statements may use at most. */
export const MAX_WORDS = 12;

/** Bytes under R10 that the words of a program's functions begin below. */
export function reservedBytes({ type }: GeneratedProgram): number {
  return type === 'raw' ? 0 : RESERVED_BYTES;
}

/** Where a program finds its packet in its context: data, data_end, data_meta. */
export const PACKET_FIELDS = { raw: [0, 4, 8], xdp: [0, 4, 8], sched_cls: [76, 80, 140] } as const;
