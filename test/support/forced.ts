// FORCE_VENEERS=1 and FORCE_LONG=1 send every test that compiles with these options down the rare paths of layout.
import type { LayoutOptions } from '../../src/jit/target.ts';

export const forced: LayoutOptions = {
  forceVeneers: process.env['FORCE_VENEERS'] === '1',
  forceLong: process.env['FORCE_LONG'] === '1',
};
