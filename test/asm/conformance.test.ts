// bpf_conformance's texts assemble to what that suite's own assembler gave, and its refused ones are refused.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseDataFile } from '../../src/asm/data-file.ts';
import { parse } from '../../src/asm/parse.ts';
import { print } from '../../src/asm/print.ts';
import { decode } from '../../src/isa/codec.ts';
import { toHex } from '../../src/util/bytes.ts';
import { BpfError } from '../../src/util/error.ts';
import { corpus, SKIP } from '../support/corpora.ts';

test('every text assembles to the same bytes, and prints as text that does', (t) => {
  const folder = corpus('bpf_conformance');
  if (folder === undefined) return t.skip(SKIP);
  const { tests } = JSON.parse(readFileSync(join(folder, 'assembled.json'), 'utf8')) as {
    tests: readonly { test: string; insns: readonly string[] }[];
  };
  for (const { test: name, insns } of tests) {
    const { program } = parseDataFile(readFileSync(join(folder, name), 'utf8'), name);
    assert.equal(toHex(program().bytes), insns.join(''), name);
    assert.equal(toHex(parse(print(decode(program().bytes, name))).bytes), insns.join(''), name);
  }
});

test('what must be refused is', (t) => {
  const folder = corpus('bpf_conformance/negative');
  if (folder === undefined) return t.skip(SKIP);
  let refused = 0;
  for (const name of readdirSync(folder).filter((file) => /^(unused-|invalid_|empty_instructions)/.test(file))) {
    const refuses = (): unknown => {
      const { program } = parseDataFile(readFileSync(join(folder, name), 'utf8'), name);
      return decode(program().bytes, name);
    };
    assert.throws(refuses, (error) => error instanceof BpfError, name);
    refused++;
  }
  assert.ok(refused >= 57, `${refused} files`);
});
