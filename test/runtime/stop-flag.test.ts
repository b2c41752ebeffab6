// An endless run in a Worker ends when the main thread's AbortSignal does.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { stopFlagOf } from '../../src/index.ts';
import { nativeHost } from '../../src/node.ts';

const native = (await nativeHost()).host?.target;

const WORKER = `
  const { parentPort, workerData } = require('node:worker_threads');
  import(workerData.node).then(async ({ loadProgram, nativeHost }) => {
    // goto -1
    const bytes = Uint8Array.of(5, 0, 0xff, 0xff, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
    const object = loadProgram({ name: 'endless', bytes }, { host: (await nativeHost()).host });
    parentPort.postMessage('running');
    try {
      object.programs.endless.run({ engine: workerData.engine, fuel: 0, stopFlag: workerData.flag });
      parentPort.postMessage('came to its end');
    } catch (error) {
      parentPort.postMessage(error.reason ?? String(error));
    }
    object.dispose();
  });`;

for (const engine of ['interpreter', 'arm64-sim', ...(native === undefined ? [] : [native])]) {
  test(`${engine}: an AbortSignal ends a run in a Worker`, { timeout: 20_000 }, async () => {
    const controller = new AbortController();
    const flag = stopFlagOf(controller.signal);
    const node = new URL('../../src/node.js', import.meta.url).href;
    const worker = new Worker(WORKER, { eval: true, workerData: { node, engine, flag } });
    const messages: string[] = [];
    await new Promise<void>((resolve, reject) => {
      worker.on('error', reject);
      worker.on('message', (message: string) => {
        messages.push(message);
        if (message === 'running') setTimeout(() => controller.abort(), 50);
        else resolve();
      });
    });
    await worker.terminate();
    assert.deepEqual(messages, ['running', 'aborted']);
  });
}

test('a signal that is aborted already sets its flag at once', () => {
  assert.equal(stopFlagOf(AbortSignal.abort())[0], 1);
});
