// Faults of programs become stops: one signal handler for the process, made by our own emitter, looks the pc up in a table of code
// ranges and lets the program go on at its fault stub. Any other fault goes to the handler that was there before (V8's own).
//
// Handler and table are shared by all threads, and found again by the name of their mapping; neither is ever unmapped. The table only
// grows; an entry of a thread that has ended is taken over by a new one, code memory and all.
import { existsSync } from 'node:fs';
import { BpfError } from '../util/error.ts';
import { type CodeMemory, mapCodeMemory } from './code-space.ts';
import { MAP, type Native, PROT, readMappings } from './native.ts';
import { type Emitter, FAULT_TABLE, SIGNAL } from './stubs.ts';

/** The number is that of the layout below and in stubs.ts: two versions of this package may live in one process. */
const NAME = 'bpfjit-faults-1';
/** Code, then table; any page size of the two machines divides it. */
const PART_BYTES = 65_536;
const T = FAULT_TABLE;
const MAX_ENTRIES = Math.floor((PART_BYTES - T.entries) / T.entryBytes);

export interface FaultTable {
  /** Takes over the memory of a thread that has ended, or maps new memory. Faults in [start, start + imageBytes) are a program's. */
  claim(imageBytes: number): Claim;
}

export interface Claim {
  readonly memory: CodeMemory;
  /** From now on faults go on at `resume`. */
  activate(resume: number): void;
}

/** Finds or makes the handler. Throws BpfError `host/signals`. */
export function joinFaultTable(native: Native, emitter: Emitter): FaultTable {
  const current = native.signalHandler(SIGNAL.segv, 0);
  const known = readMappings().some(({ start, name }) => start === current && name.includes(`memfd:${NAME}`));
  return fromMemory(native, known ? current : install(native, emitter));
}

function install(native: Native, emitter: Emitter): number {
  const refuse = (): never => {
    throw new BpfError('host/no-executable-memory', { in: 'host' }, `no memory for the fault handler: error ${native.errno()}`);
  };
  const fd = native.memoryFile(NAME, 2 * PART_BYTES) ?? refuse();
  const code = native.map(0, 2 * PART_BYTES, PROT.none, MAP.private | MAP.anonymous, -1, 0) ?? refuse();
  const table = code + PART_BYTES;
  if (native.map(table, PART_BYTES, PROT.read | PROT.write, MAP.shared | MAP.fixed, fd, PART_BYTES) === undefined) refuse();
  // Written through a mapping that is gone before the executable one appears.
  const alias = native.map(0, PART_BYTES, PROT.read | PROT.write, MAP.shared, fd, 0) ?? refuse();
  native.write(alias, emitter.handler(code, table));
  native.unmap(alias, PART_BYTES);
  if (native.map(code, PART_BYTES, PROT.read | PROT.exec, MAP.shared | MAP.fixed, fd, 0) === undefined) refuse();
  native.closeFile(fd);
  native.flush(code, code + PART_BYTES);

  const previous = new BigUint64Array(native.view(table + T.previous, 8 * 12));
  for (const signal of Object.values(SIGNAL)) {
    // The way on must stand before the handler does.
    previous[signal] = BigInt(native.signalHandler(signal, 0));
    const before = native.signalHandler(signal, code);
    if (before !== code) previous[signal] = BigInt(before);
  }
  return code;
}

function fromMemory(native: Native, code: number): FaultTable {
  const buffer = native.view(code + PART_BYTES, PART_BYTES);
  const words = new Int32Array(buffer);
  const longs = new BigInt64Array(buffer);
  const alive = (thread: number): boolean => existsSync(`/proc/self/task/${thread}`);
  const me = native.threadId();

  const claimOf = (i: number, memory: CodeMemory, imageBytes: number): Claim => {
    const at = T.entries + i * T.entryBytes;
    return {
      memory,
      activate(resume) {
        longs[(at + T.entryStart) / 8] = BigInt(memory.start);
        longs[(at + T.entryResume) / 8] = BigInt(resume);
        longs[(at + T.entryAlias) / 8] = BigInt(memory.alias);
        longs[(at + T.entryChunks) / 8] = BigInt(memory.chunks);
        // The handler believes an entry once it has a size.
        Atomics.store(longs, (at + T.entrySize) / 8, BigInt(imageBytes));
        Atomics.store(words, (at + T.entryOwner) / 4, me);
      },
    };
  };

  return {
    claim(imageBytes) {
      const used = Math.min(Atomics.load(words, T.count / 4), MAX_ENTRIES);
      for (let i = 0; i < used; i++) {
        const at = T.entries + i * T.entryBytes;
        const owner = Atomics.load(words, (at + T.entryOwner) / 4);
        if (owner === 0 || owner === me || alive(owner)) continue;
        if (Atomics.compareExchange(words, (at + T.entryOwner) / 4, owner, me) !== owner) continue;
        const field = (offset: number): number => Number(longs[(at + offset) / 8]);
        return claimOf(i, { start: field(T.entryStart), alias: field(T.entryAlias), chunks: field(T.entryChunks) }, imageBytes);
      }
      const memory = mapCodeMemory(native);
      const i = Atomics.add(words, T.count / 4, 1);
      if (i >= MAX_ENTRIES) {
        Atomics.sub(words, T.count / 4, 1);
        throw new BpfError('host/too-many-threads', { in: 'host' }, `at most ${MAX_ENTRIES} threads can run native code at once`);
      }
      return claimOf(i, memory, imageBytes);
    },
  };
}
