// What programs of each type may do with their context, asked of the running kernel: every offset and width, read and written, against
// src/spec/context-access.ts. `npm run context-oracle -- [--only PART]`; needs root. Exit status 1 where they differ: where something is
// refused that the kernel lets through, or, of structures whose fields are known here, the other way round.
import { parseArgs } from 'node:util';
import { ALU, KIND } from '../../src/isa/code.ts';
import { encode, newCode } from '../../src/isa/codec.ts';
import { contextRefusal } from '../../src/spec/context-access.ts';
import { ATTACH_TYPES, type AttachType, type ProgramType, programTypeNumber, SECTION_KINDS } from '../../src/spec/programs.ts';
import { type Kernel, openKernel } from '../support/kernel-bpf.ts';

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const opened = await openKernel();
if (typeof opened === 'string') {
  process.stderr.write(`skipped: the kernel cannot be asked: ${opened}\n`);
  process.exit(0);
}
const kernel: Kernel = opened;

/** Contexts without fields that are known: here more may be let through. */
const PLAIN: ReadonlySet<string> = new Set(['kprobe', 'perf_event', 'tracepoint', 'raw_tracepoint', 'raw_tracepoint_writable']);
/** What loading needs more for than a type and an attach type, or the kernel's configuration leaves out. */
const LEFT_OUT: ReadonlySet<string> = new Set(['tracing', 'lsm', 'ext', 'struct_ops', 'syscall', 'lirc_mode2', 'raw', 'unspec']);

/** One access, then `return value`. */
function programOf(offset: number, size: number, write: boolean, value: number): Uint8Array {
  const code = newCode(4);
  code.kind.set([KIND.alu, write ? KIND.store : KIND.load, KIND.alu, KIND.exit]);
  code.size.set([64, size, 64, 0]);
  code.op.set([ALU.mov, 0, ALU.mov, 0]);
  code.dst.set([2, write ? 1 : 3, 0, 0]);
  code.src[1] = write ? 2 : 1;
  code.x[1] = 1;
  code.offset[1] = offset;
  code.imm[2] = value;
  return encode(code);
}

/** Types differ in what a program may return. */
function accepts(type: ProgramType, attach: AttachType | undefined, offset: number, size: number, write: boolean): boolean {
  return [0, 1].some((value) => {
    const loaded = kernel.load({
      type: programTypeNumber(type),
      bytes: programOf(offset, size, write, value),
      expectedAttachType: attach === undefined ? 0 : ATTACH_TYPES.indexOf(attach),
    });
    if ('fd' in loaded) kernel.close(loaded.fd);
    return 'fd' in loaded;
  });
}

/** Bytes in front of the context and behind it are asked for, too. */
const [FROM, TO] = [-8, 248];
let differences = 0;
let asked = 0;

function compare(type: ProgramType, attach: AttachType | undefined): void {
  const name = attach === undefined ? type : `${type} ${attach}`;
  let allowed = 0;
  let wrong = 0;
  for (let offset = FROM; offset < TO; offset++) {
    for (const size of [1, 2, 4, 8]) {
      for (const write of [false, true]) {
        asked++;
        const theirs = accepts(type, attach, offset, size, write);
        const refusal = contextRefusal(type, attach, offset, size, write);
        if (theirs) allowed++;
        if (theirs === (refusal === undefined) || (PLAIN.has(type) && refusal === undefined)) continue;
        wrong++;
        const what = `${write ? 'write' : 'read'} of ${size} bytes at ${offset}`;
        process.stdout.write(`${name}: ${what}: the kernel ${theirs ? 'accepts' : 'refuses'}, here ${refusal ?? 'accepted'}\n`);
      }
    }
  }
  differences += wrong;
  process.stdout.write(`${name}: the kernel allows ${allowed} accesses, ${wrong} differences\n`);
}

const seen = new Set<string>();
for (const { type, attach } of SECTION_KINDS) {
  const key = `${type} ${attach ?? ''}`;
  if (seen.has(key) || LEFT_OUT.has(type) || (values.only !== undefined && !key.includes(values.only))) continue;
  seen.add(key);
  compare(type, attach);
}
process.stdout.write(`${seen.size} kinds of programs, ${asked} accesses, ${differences} differences\n`);
if (differences > 0) process.exitCode = 1;
