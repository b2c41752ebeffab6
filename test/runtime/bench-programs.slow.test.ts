// The bench programs on every engine that runs here: the digest, the memory that is left, and the digest of that.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { nativeHost } from '../../src/node.ts';
import { loadBytes } from '../../src/runtime/object/load.ts';
import { corpus, SKIP } from '../support/corpora.ts';

const GOLDEN = 0x9e3779b97f4a7c15n;
const { host } = await nativeHost();
const ENGINES = ['interpreter', 'arm64-sim', ...(host === undefined ? [] : [host.target])] as const;

for (const engine of ENGINES) {
  test(`bench programs on ${engine}`, (t) => {
    const folder = corpus('bench');
    if (folder === undefined) return t.skip(SKIP);
    const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Record<string, { digest: string; input: string }>;
    for (const [name, { digest, input }] of Object.entries(expected)) {
      const packet = readFileSync(join(folder, input));
      const left: Uint8Array[] = [];
      for (const variant of name === 'hashmap' || engine === 'arm64-sim'
        ? ['xdp.v3', 'xdp.v4']
        : ['raw.v3', 'raw.v4', 'xdp.v3', 'xdp.v4']) {
        const path = join(folder, 'objects', `${name}.${variant}.o`);
        using object = loadBytes(readFileSync(path), { path, engine, host });
        if (name === 'hashmap') for (let k = 0n; k < 1024n; k++) object.maps['bench_hash']!.set(k, (k * GOLDEN) & 0xffff_ffff_ffff_ffffn);
        const [program] = Object.values(object.programs);
        const first = program!.run({ packet });
        const again = program!.run({ packet: first.packet! });
        assert.equal(Number(first.r0 & 0xffff_ffffn), Number(digest), `${name}.${variant}`);
        assert.equal(Number(again.r0 & 0xffff_ffffn), Number(digest), `${name}.${variant}, again`);
        assert.equal(first.engine, engine);
        left.push(first.packet!);
      }
      for (const other of left) assert.deepEqual(other, left[0], name);
    }
  });
}
