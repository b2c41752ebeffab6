// Objects of others through the whole pipeline: every branch of every image lands on its label, every call arrives, decoded by hand.
// ALL=1 takes all objects; otherwise every sixteenth.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { arm64 } from '../../src/jit/arm64/target.ts';
import { compile, type Surroundings } from '../../src/jit/compile.ts';
import { dump } from '../../src/jit/listing.ts';
import { link } from '../../src/object/link.ts';
import { load } from '../../src/object/load.ts';
import { createProgram, type Program } from '../../src/program/program.ts';
import { BpfError } from '../../src/util/error.ts';
import { corpus, SKIP } from '../support/corpora.ts';
import { checkImage } from './support/units.ts';

const folder = corpus('objects');

/** Refused input gives nothing; anything else that is thrown is our mistake. */
function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof BpfError) return undefined;
    throw error;
  }
}

function* programsOf(file: string): Generator<Program> {
  const collection = attempt(() => load(readFileSync(file), file));
  if (collection?.littleEndian !== true) return;
  for (const { name } of collection.programs) {
    const program = attempt(() => createProgram({ ...link(collection, name), maps: collection.maps }));
    if (program !== undefined) yield program;
  }
}

test('arm64: images of other people’s objects do what their units mean', { skip: folder === undefined ? SKIP : false }, () => {
  const files = readdirSync(folder!, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.o'));
  const step = process.env['ALL'] === '1' ? 1 : 16;
  let symbols = 0;
  let images = 0;
  // Callees alternately near and far; other symbols are 32-bit values.
  const surroundings: Surroundings = {
    resolve({ kind }) {
      symbols++;
      if (kind === 'map' || kind === 'mapValue' || kind === 'function') return { hi: 0, lo: 0x12340 + 8 * symbols };
      return symbols % 2 === 0 ? { hi: 0x7f00, lo: 64 * symbols } : { hi: 0xffff8000 | 0, lo: 64 * symbols };
    },
    allocate: () => ({ hi: 0x7f00, lo: 0x1000 }),
  };
  for (const file of files.sort().filter((_, i) => i % step === 0)) {
    for (const program of programsOf(join(folder!, file))) {
      for (const options of [{}, { forceVeneers: true }, { forceLong: true }]) {
        const image = compile(program, arm64, surroundings, options);
        const { settled } = image;
        checkImage({ unit: settled.bounded.unit, bounded: settled.bounded, settled, image });
        if (settled.bounded.doubtful.length === 0) assert.equal(settled.rounds, 1);
        images++;
        if (images % 100 !== 0) continue;
        const { listing } = dump(program, image, arm64);
        assert.equal(
          listing.reduce((n, { code }) => code.reduce((m, { hex }) => m + hex.length / 2, n), 0),
          image.size,
          'the listing has every byte',
        );
      }
    }
  }
  assert.ok(images > 400, `${images} images`);
});
