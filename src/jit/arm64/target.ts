// The arm64 target: what compile, layout and dump need of it.
import type { Target } from '../target.ts';
import { siteEncoder } from './labels.ts';
import { lower } from './lower.ts';
import { print } from './print.ts';

export const arm64: Target = {
  name: 'arm64',
  ...siteEncoder,
  lower,
  printAt(code, offset, base) {
    if (offset + 4 > code.length)
      return { text: `.byte ${[...code.subarray(offset)].join(', ')}`, length: Math.max(1, code.length - offset) };
    const word = code[offset]! | (code[offset + 1]! << 8) | (code[offset + 2]! << 16) | (code[offset + 3]! << 24);
    const lo = (base.lo >>> 0) + offset;
    return { text: print(word, { hi: (base.hi + (lo > 0xffffffff ? 1 : 0)) | 0, lo: lo | 0 }), length: 4 };
  },
};
