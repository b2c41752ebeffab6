// A thread that runs native code: what `workerData` asks for, reported by one message.
import { parentPort, workerData } from 'node:worker_threads';
import { openHost } from '../../src/host/host.ts';
import { countdown, load, makeBench, POINTER } from './support.ts';

export interface Task {
  readonly what: 'faults' | 'endless';
  readonly count: number;
  readonly flag?: Int32Array;
}

const task = workerData as Task;
const bench = makeBench(await openHost());
if (task.what === 'faults') {
  const program = bench.executable(load(bench));
  let faults = 0;
  for (let i = 0; i < task.count; i++) {
    if (program.run(POINTER.null, 0) !== 0) faults++;
    if (program.run(POINTER.context, 0) !== 0) faults += 1000;
  }
  parentPort!.postMessage({ faults });
} else {
  const { entry, room } = countdown(bench);
  const program = bench.executable(room, { entry });
  program.setStopFlag(task.flag);
  parentPort!.postMessage('running');
  const reason = program.run(0xffff_ffff, 0);
  parentPort!.postMessage({ reason, slot: program.stopped().slot });
}
