// Damaged input of every kind against every reader, the linker and the compilers: a result or a BpfError, in bounded time and memory.
//
//   npm run fuzz-input -- [--seconds N | --count N] [--seed S] [--kind NAME] [--save FOLDER]
//
// A thread does the work, so that a hang or an exhausted heap is a finding, too, and not the end. Case i of seed S is always the same
// input; exit status 1 where something was found.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { BpfError } from '../src/util/error.ts';
import { bounded } from '../test/robust/allocations.ts';
import { checkRefusal } from '../test/robust/outcome.ts';
import { kinds } from './inputs.ts';
import { random } from './random.ts';

/** One input. */
const MAX_MS = 2_000;
/** Without a sign of life: longer than any input may take on a busy machine. */
const HANG_MS = 20_000;
const HEAP_MIB = 512;
const ARRAY_LIMIT = 64 * 2 ** 20;
const MAX_FINDINGS = 20;

interface Task {
  readonly seed: number;
  readonly first: number;
  readonly end: number;
  readonly until: number;
  readonly kind: string | undefined;
  readonly progress: SharedArrayBuffer;
}

interface Finding {
  readonly case: number;
  readonly kind: string;
  readonly what: string;
  readonly input: Uint8Array;
}

interface Done {
  readonly cases: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly taken: Readonly<Record<string, number>>;
}

if (isMainThread) await main();
else work(workerData as Task);

function work({ seed, first, end, until, kind: only, progress }: Task): void {
  const words = new Int32Array(progress);
  const list = kinds().filter(({ name, seeds }) => seeds.length > 0 && (only === undefined || name === only));
  const refused: Record<string, number> = {};
  const taken: Record<string, number> = {};
  let at = first;
  for (; at < end && Date.now() < until; at++) {
    Atomics.store(words, 0, at);
    const source = random(seed * 1_000_003 + at);
    const kind = list[at % list.length]!;
    const input = kind.mutate(source.pick(kind.seeds), source.pick(kind.seeds), source);
    const report = (what: string): void => parentPort!.postMessage({ case: at, kind: kind.name, what, input } satisfies Finding);
    const started = performance.now();
    try {
      bounded(ARRAY_LIMIT, () => kind.take(input));
      taken[kind.name] = (taken[kind.name] ?? 0) + 1;
    } catch (error) {
      refused[kind.name] = (refused[kind.name] ?? 0) + 1;
      try {
        if (error instanceof BpfError) checkRefusal(error);
        else report(error instanceof Error ? (error.stack ?? String(error)) : String(error));
      } catch (poor) {
        report(String(poor));
      }
    }
    const spent = performance.now() - started;
    if (spent > MAX_MS) report(`it took ${Math.round(spent)} ms`);
  }
  parentPort!.postMessage({ cases: at - first, refused, taken } satisfies Done);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string' },
      count: { type: 'string' },
      seed: { type: 'string', default: '1' },
      kind: { type: 'string' },
      first: { type: 'string', default: '0' },
      save: { type: 'string' },
    },
  });
  const seed = Number(values.seed);
  const seconds = values.seconds === undefined ? (values.count === undefined ? 10 : Number.POSITIVE_INFINITY) : Number(values.seconds);
  const end = values.count === undefined ? Number.POSITIVE_INFINITY : Number(values.first) + Number(values.count);
  const until = Date.now() + seconds * 1000;
  const findings: Finding[] = [];
  const started = performance.now();
  let next = Number(values.first);
  const first = next;
  const total: Record<string, [refused: number, taken: number]> = {};
  while (next < end && Date.now() < until && findings.length < MAX_FINDINGS) {
    const done = await runWorker({ seed, first: next, end, until, kind: values.kind, progress: new SharedArrayBuffer(8) }, findings);
    next = done.next;
    for (const [name, n] of Object.entries(done.done?.refused ?? {})) (total[name] ??= [0, 0])[0] += n;
    for (const [name, n] of Object.entries(done.done?.taken ?? {})) (total[name] ??= [0, 0])[1] += n;
  }
  const seen = new Map<string, number>();
  for (const { case: number, kind, what, input } of findings) {
    // The same place is told once.
    const place = what.split('\n').slice(0, 3).join('\n').replaceAll(/\d+/g, 'N');
    seen.set(place, (seen.get(place) ?? 0) + 1);
    if (values.save !== undefined) {
      mkdirSync(values.save, { recursive: true });
      writeFileSync(join(values.save, `${kind}-${seed}-${number}`), input);
    }
    if (seen.get(place) === 1) {
      const again = `--seed ${seed} --first ${number} --count 1${values.kind === undefined ? '' : ` --kind ${values.kind}`}`;
      console.log(`FINDING ${kind}, ${input.length} bytes (${again})\n${what}\n`);
    }
  }
  const spent = (performance.now() - started) / 1000;
  const text = Object.entries(total).map(([name, [refused, taken]]) => `${name} ${refused} refused, ${taken} taken`);
  console.log(`seed ${seed}, cases ${first} to ${next - 1}, ${spent.toFixed(1)} s: ${text.join('; ')}`);
  console.log(`${findings.length} findings in ${seen.size} places`);
  process.exitCode = findings.length === 0 ? 0 : 1;
}

/** Runs until the thread is done, dies or hangs; `next`: the case to go on with. */
function runWorker(task: Task, findings: Finding[]): Promise<{ next: number; done: Done | undefined }> {
  const words = new Int32Array(task.progress);
  return new Promise((resolve) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: task, resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB } });
    let last = -1;
    let since = Date.now();
    const finish = (next: number, done?: Done): void => {
      clearInterval(timer);
      void worker.terminate().then(() => resolve({ next, done }));
    };
    const lost = (what: string): void => {
      const at = Atomics.load(words, 0);
      findings.push({ case: at, kind: task.kind ?? 'case', what, input: new Uint8Array(0) });
      finish(at + 1);
    };
    const timer = setInterval(() => {
      const at = Atomics.load(words, 0);
      if (at !== last) {
        last = at;
        since = Date.now();
      } else if (Date.now() - since > HANG_MS) lost(`no end within ${HANG_MS} ms`);
    }, 250);
    worker.on('error', (error) => lost(`the thread died: ${error.message}`));
    worker.on('message', (message: Finding | Done) => {
      if ('cases' in message) finish(task.first + message.cases, message);
      else {
        findings.push(message);
        if (findings.length >= MAX_FINDINGS) finish(message.case + 1);
      }
    });
  });
}
