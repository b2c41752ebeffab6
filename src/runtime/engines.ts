// The engines by name, and which of them this host can run.
import { BpfError } from '../util/error.ts';
import type { Engine } from './engine.ts';
import type { Host } from './host.ts';
import { interpreter } from './interpreter-engine.ts';

export const ENGINE_NAMES = ['interpreter', 'arm64', 'arm64-sim', 'x64', 'auto'] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

/** `host`: what runs images natively; undefined: nothing here does. */
export function engineByName(name: EngineName, host: Host | undefined): Engine {
  switch (name) {
    case 'interpreter':
      return interpreter;
    case 'auto':
      return host === undefined ? interpreter : engineByName(host.target, host);
    default:
      throw new BpfError('runtime/engine', { in: 'option', name: 'engine' }, `the engine ${name} cannot run here`);
  }
}
