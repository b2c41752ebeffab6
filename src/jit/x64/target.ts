// The x86-64 target: what compile, layout and dump need of it.
import type { Target } from '../target.ts';
import { siteEncoder } from './labels.ts';
import { lower } from './lower.ts';
import { printAt } from './print.ts';

export const x64: Target = { name: 'x64', ...siteEncoder, lower, printAt };
