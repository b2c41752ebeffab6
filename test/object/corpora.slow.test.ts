// Other people's objects: each loads, or is one of the few that are broken on purpose; each program of the little-endian ones is one
// that engines accept. What libbpf made of them is compared by `npm run loader-oracle`.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { link } from '../../src/object/link.ts';
import { load } from '../../src/object/load.ts';
import { createProgram } from '../../src/program/program.ts';
import { BpfError } from '../../src/util/error.ts';
import { corpus, SKIP } from '../support/corpora.ts';

/** Refused, and why that is right. */
const BROKEN: readonly (readonly [string, RegExp])[] = [
  ['ebpf-samples/invalid/', /^elf\//],
  ['kernel-samples/tcp_dumpstats_kern.v3.o', /^object\/bad-map$/],
  ['selftests/test_pinning_invalid.o', /^object\/bad-map$/],
  ['selftests/test_subskeleton_lib.o', /^object\/bad-map$/],
];

test('objects of ebpf-samples, Debian, cilium/ebpf, kernel samples and selftests', (t) => {
  const folder = corpus('objects');
  if (folder === undefined) return t.skip(SKIP);
  const unexpected: string[] = [];
  let loaded = 0;
  let programs = 0;
  for (const name of readdirSync(folder, { recursive: true }).map(String).sort()) {
    const path = join(folder, name);
    if (!statSync(path).isFile()) continue;
    try {
      const collection = load(new Uint8Array(readFileSync(path)), relative(folder, path));
      loaded++;
      for (const program of collection.programs) {
        if (!collection.littleEndian) continue;
        try {
          createProgram({ ...link(collection, program.name), maps: collection.maps });
          programs++;
        } catch (error) {
          if (!(error instanceof BpfError)) unexpected.push(`${name} ${program.name}: ${String(error)}`);
        }
      }
    } catch (error) {
      const code = error instanceof BpfError ? error.code : '';
      if (!BROKEN.some(([prefix, expected]) => name.startsWith(prefix) && expected.test(code)))
        unexpected.push(`${name}: ${String(error)}`);
    }
  }
  assert.deepEqual(unexpected, []);
  assert(loaded > 800 && programs > 2900, `${loaded} objects, ${programs} programs`);
});
